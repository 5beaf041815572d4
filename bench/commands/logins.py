"""Downloads files behind logins from nginx (Basic) and Apache (Basic and Digest).

Each login is right once and wrong once, and is given with -u, --user-file, --netrc-file or in the URL; 200 files
behind Digest may cost one refusal. The exit status is 1 if a file is missing, a wrong login gets one, or a message is
not as it should be.
"""

import http.client
import itertools
import os
import subprocess

from bench.lib import files, measure, options, process
from bench.lib.errors import built
from bench.lib.server import HOST, free_ports, needs

FILES, SIZE = 200, 4 * files.KIB
USER, PASSWORD, WRONG = "me", 'right "one"', "wrong one"
# The first request of a login goes alone.
REFUSALS = 1

NGINX = """\
{user}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ }}
http {{
    access_log access.log;
    client_body_temp_path tmp;
    proxy_temp_path tmp;
    fastcgi_temp_path tmp;
    uwsgi_temp_path tmp;
    scgi_temp_path tmp;
    server {{
        listen {host}:{port};
        root "{root}";
        location /basic/ {{ alias "{root}/"; auth_basic "a realm"; auth_basic_user_file "{users}"; }}
    }}
}}
"""

APACHE = """\
ServerRoot "{folder}"
ServerName {host}
Listen {host}:{port}
PidFile "{folder}/pid"
DefaultRuntimeDir "{folder}"
Mutex file:{folder} default
ErrorLog "{folder}/error.log"
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authn_file_module {modules}/mod_authn_file.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule auth_basic_module {modules}/mod_auth_basic.so
LoadModule auth_digest_module {modules}/mod_auth_digest.so
LoadModule alias_module {modules}/mod_alias.so
CustomLog "{folder}/access.log" "%>s %U"
DocumentRoot "{root}"
Alias "/basic/" "{root}/"
Alias "/digest/" "{root}/"
Alias "/short/" "{root}/"
<Location "/basic/">
    AuthType Basic
    AuthName "a realm"
    AuthUserFile "{users}"
    Require valid-user
</Location>
<Location "/digest/">
    AuthType Digest
    AuthName "a realm"
    AuthUserFile "{digests}"
    Require valid-user
</Location>
<Location "/short/">
    AuthType Digest
    AuthName "a realm"
    AuthUserFile "{digests}"
    AuthDigestNonceLifetime 1
    Require valid-user
</Location>
"""

MODULES = "/usr/lib/apache2/modules"


def add_arguments(parser):
    options.haul(parser)


class Server:
    """A server on loopback that ends with the `with` statement."""

    def __init__(self, name, command, folder, port):
        self.name, self.command, self.folder, self.port = name, command, folder, port
        self.process = None

    def __enter__(self):
        self.process = process.start(self.name, self.command, self.folder, self._answers)
        return self

    def __exit__(self, *_):
        process.stop(self.process)

    def _answers(self):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/")
            connection.getresponse()
            return True
        except OSError:
            return False
        finally:
            connection.close()

    def refusals(self):
        """How many requests were answered with 401 so far."""
        lines = (self.folder / "access.log").read_text().splitlines()
        return sum(line.startswith("401 ") or '" 401 ' in line for line in lines)


def nginx(work, root, users):
    folder = work / "nginx"
    (folder / "tmp").mkdir(parents=True)
    [port] = free_ports(1)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(user=user, host=HOST, port=port, root=root, users=users))
    command = [needs("nginx", "nginx-light"), "-p", f"{folder}/", "-c", "nginx.conf", "-e", "error.log"]
    return Server("nginx", command, folder, port)


def apache(work, root, users, digests):
    folder = work / "apache"
    folder.mkdir()
    [port] = free_ports(1)
    # It does not serve files as root.
    user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
    if user:
        for each in (folder, *folder.parents[: len(folder.parents) - 2]):
            each.chmod(each.stat().st_mode | 0o055)
    config = APACHE.format(folder=folder, host=HOST, port=port, user=user, modules=MODULES, root=root, users=users,
                           digests=digests)
    (folder / "apache.conf").write_text(config)
    command = [needs("apache2", "apache2"), "-D", "FOREGROUND", "-f", folder / "apache.conf"]
    return Server("apache", command, folder, port)


def make_users(work):
    """Files with one user, for Basic and for Digest."""
    users, digests = work / "users", work / "digests"
    subprocess.run([needs("htpasswd", "apache2-utils"), "-cbm", users, USER, PASSWORD], check=True, capture_output=True)
    subprocess.run([needs("htdigest", "apache2-utils"), "-c", digests, "a realm", USER],
                   input=f"{PASSWORD}\n{PASSWORD}\n", text=True, check=True, capture_output=True)
    for each in (users, digests):
        each.chmod(0o644)
    return users, digests


def quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def given(how, password, folder):
    """The options that give a login, and what stands before the host of each URL."""
    secret = folder / "secret"
    if how == "-u":
        return ["-u", f"{USER}:{password}"], ""
    if how == "--user-file":
        secret.write_text(f"{USER}:{password}\n")
    elif how == "--netrc-file":
        secret.write_text(f'machine {HOST} login {USER} password "{quoted(password)}"\n')
    else:
        return [], f"{USER}:{password.replace(' ', '%20').replace(chr(34), '%22')}@"
    secret.chmod(0o600)
    return [how, str(secret)], ""


class Trial:
    """haul, and the files that it should get."""

    def __init__(self, haul, work, root):
        self.haul, self.work, self.root = haul, work, root
        self.numbers = itertools.count()

    def download(self, server, path, count, login):
        """Returns the exit status, what was said, and which files have arrived."""
        arguments, before = login
        folder = self.work / f"to{next(self.numbers)}"
        folder.mkdir()
        urls = [f"http://{before}{HOST}:{server.port}/{path}/{name}" for name in self.names(count)]
        (folder / "list").write_text("\n".join(urls))
        command = [self.haul, "-i", folder / "list", "-d", folder / "out", *arguments]
        ran = subprocess.run(command, cwd=folder, env=measure.environment(folder), stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=300, check=False)
        arrived = [name for name in self.names(count) if (folder / "out" / name).is_file()
                   and files.same_bytes(self.root / name, folder / "out" / name)]
        return ran.returncode, ran.stdout + ran.stderr, arrived

    def names(self, count):
        return [f"f{number}" for number in range(count)]

    def right(self, server, path, count, login, most):
        before = server.refusals()
        status, said, arrived = self.download(server, path, count, login)
        refusals = server.refusals() - before
        faults = []
        if status != 0 or len(arrived) != count:
            faults.append(f"exit status {status}, {len(arrived)} of {count} files: {said.strip()[-300:]}")
        if refusals > most:
            faults.append(f"{refusals} refusals, and {most} are allowed")
        return faults, f"{count} files, {refusals} refusals"

    def wrong(self, server, path, login, says):
        status, said, arrived = self.download(server, path, 3, login)
        faults = []
        if status != 1 or arrived:
            faults.append(f"exit status {status}, {len(arrived)} files")
        if says not in said:
            faults.append(f"{says!r} was not said: {said.strip()[-300:]}")
        if any(secret in said for secret in (PASSWORD, WRONG)):
            faults.append("a password was shown")
        return faults, said.strip().splitlines()[0].split(" (http")[0][-80:]


SAYS = {
    "-u": "it refused the user and password given with -u or --user-file",
    "--user-file": "it refused the user and password given with -u or --user-file",
    "--netrc-file": f"secret has for {HOST}",
    "URL": "it refused the user and password of the URL",
}


def run(arguments):
    haul = built(arguments.haul, "--haul")
    bad = 0
    with files.work_folder(None, 16 * files.MIB) as work:
        root = work / "root"
        root.mkdir()
        for number in range(FILES):
            (root / f"f{number}").write_bytes(os.urandom(SIZE))
        users, digests = make_users(work)
        trial = Trial(haul, work, root)

        def report(name, outcome):
            faults, shown = outcome
            print(f"{name:32} {'wrong' if faults else 'fine'}  {shown}", flush=True)
            for fault in faults:
                print(f"      {fault}", flush=True)
            return bool(faults)

        with nginx(work, root, users) as first, apache(work, root, users, digests) as second:
            places = [(first, "basic", 0), (second, "basic", 0), (second, "digest", REFUSALS)]
            for (server, path, most), how in itertools.product(places, SAYS):
                name = f"{server.name} {path} {how}"
                login = given(how, PASSWORD, work)
                bad += report(name, trial.right(server, path, FILES, login, most))
                login = given(how, WRONG, work)
                bad += report(f"{name}, wrong", trial.wrong(server, path, login, SAYS[how]))
            # A nonce is good for a second there, and each answer names the next one.
            slow = [*given("-u", PASSWORD, work)[0], "-j", "1", "--delay", "50ms"]
            bad += report("apache digest, short nonces", trial.right(second, "short", 60, (slow, ""), 1))
            bad += report("apache digest, no login", trial.wrong(second, "digest", ([], ""), "-u USER or --netrc"))
    return 1 if bad else 0
