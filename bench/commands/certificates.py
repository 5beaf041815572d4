"""Tries certificates: those of nginx and of clients, made by openssl, with haul and with curl.

Each case is a server, options, and whether the file is to arrive. curl has to agree, and haul's message has to
say what is wrong. The exit status is 1 if one does not. At the end, 200 connections: how many resumed a session.
"""

import os
import subprocess

from bench.lib import files, measure, options, process
from bench.lib.authority import CLIENT, OTHER_HOST, SERVER, Authority, openssl
from bench.lib.errors import BenchError
from bench.lib.server import HOST, free_ports, needs

CONFIG = """\
{user}
daemon off;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
    log_format reused '$ssl_session_reused';
    access_log off;
    root "{root}";
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    ssl_session_cache shared:tls:10m;
{servers}
}}
"""
SERVER_BLOCK = """\
    server {{
        listen {host}:{port} ssl;
        ssl_certificate "{chain}"; ssl_certificate_key "{key}";
        ssl_protocols {protocols}; ssl_ciphers "{ciphers}";
        {extra}
    }}
"""
CONNECTIONS = 200


def add_arguments(parser):
    options.haul(parser)


class Site:
    """One server block."""

    def __init__(self, pair, protocols="TLSv1.2 TLSv1.3", extra="", ciphers="DEFAULT"):
        self.pair, self.protocols, self.extra, self.ciphers = pair, protocols, extra, ciphers
        self.port = None

    def block(self):
        return SERVER_BLOCK.format(
            host=HOST, port=self.port, chain=self.pair.chain, key=self.pair.key, protocols=self.protocols,
            extra=self.extra, ciphers=self.ciphers,
        )


class Nginx:
    """`with Nginx(folder, sites):` serves each site on a port of its own."""

    def __init__(self, folder, sites):
        self.folder, self.sites = folder / "nginx", sites
        self.root = folder / "served"

    def __enter__(self):
        (self.folder / "tmp").mkdir(parents=True)
        self.root.mkdir()
        for site, port in zip(self.sites, free_ports(len(self.sites))):
            site.port = port
        user = "user root;" if os.geteuid() == 0 else ""
        servers = "".join(site.block() for site in self.sites)
        (self.folder / "nginx.conf").write_text(CONFIG.format(user=user, root=self.root, servers=servers))
        command = [needs("nginx", "nginx-light"), "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", "error.log"]
        pid = self.folder / "nginx.pid"
        self.process = process.start("nginx", command, self.folder, lambda: pid.exists() and pid.read_text())
        return self

    def __exit__(self, *_):
        process.stop(self.process)


class Case:
    """A name, a site, options that haul and curl share, what haul's message says (`None`: the file arrives)."""

    def __init__(self, name, site, given, says=None, env=None, host=HOST, with_curl=True):
        self.name, self.site, self.given, self.says = name, site, given, says
        self.env, self.host, self.with_curl = env or {}, host, with_curl


def spki_hash(pair):
    der = openssl("pkey", "-in", pair.key, "-pubout", "-outform", "DER")
    digest = subprocess.run([needs("openssl", "openssl"), "dgst", "-sha256", "-binary"], input=der, capture_output=True, check=True)
    encoded = subprocess.run(["base64"], input=digest.stdout, capture_output=True, check=True)
    return f"sha256//{encoded.stdout.decode().strip()}"


def cases(folder):
    root, other = Authority(folder, "root"), Authority(folder, "other")
    middle = Authority(folder, "middle", parent=root)
    bound = Authority(folder, "bound", parent=root, extra="nameConstraints=critical,permitted;DNS:elsewhere.test\n")
    clients = Authority(folder, "clients", key="rsa")
    demanding = f'ssl_client_certificate "{clients.cert}"; ssl_verify_client on;'
    good = root.issue("good")
    sites = {
        "good": Site(good),
        "chain": Site(middle.issue("server")),
        "rsa": Site(root.issue("rsa", key="rsa")),
        "bound": Site(bound.issue("server")),
        "expired": Site(root.issue("expired", dates="past")),
        "early": Site(root.issue("early", dates="future")),
        "other-host": Site(root.issue("other-host", OTHER_HOST)),
        "for-clients": Site(root.issue("for-clients", SERVER.replace("serverAuth", "clientAuth"))),
        "sha1": Site(root.issue("sha1", digest="sha1"), ciphers="DEFAULT@SECLEVEL=0"),
        "foreign": Site(other.issue("server")),
        "tls12": Site(good, protocols="TLSv1.2"),
        "tls13": Site(good, protocols="TLSv1.3"),
        "demanding": Site(good, extra=demanding),
        "demanding12": Site(good, protocols="TLSv1.2", extra=demanding),
        "short": Site(good, extra=f'keepalive_timeout 0; access_log "{folder}/reused.log" reused;'),
    }
    trust = ["--cacert", root.cert]
    keys = {name: clients.issue(name, CLIENT, common=name, key=key) for name, key in (("rsa", "rsa"), ("ec", "ec"))}
    pkcs1, sec1, locked = folder / "pkcs1.key", folder / "sec1.key", folder / "locked.key"
    openssl("rsa", "-in", keys["rsa"].key, "-traditional", "-out", pkcs1)
    openssl("ec", "-in", keys["ec"].key, "-out", sec1)
    openssl("pkcs8", "-topk8", "-in", keys["ec"].key, "-passout", "pass:secret", "-out", locked)
    stranger = other.issue("client", CLIENT, common="stranger")
    late = clients.issue("late", CLIENT, common="late", dates="past")
    bundle, hashed = folder / "bundle.pem", folder / "hashed"
    bundle.write_text(other.cert.read_text() + "\n# the right one\n" + root.cert.read_text())
    hashed.mkdir()
    (hashed / "root.pem").write_text(root.cert.read_text())
    (hashed / "README").write_text("Not a certificate.\n")
    openssl("rehash", hashed)
    right, wrong = spki_hash(good), spki_hash(sites["rsa"].pair)
    pem = folder / "public.pem"
    pem.write_bytes(openssl("pkey", "-in", good.key, "-pubout"))

    def case(name, site, given, says=None, **more):
        return Case(name, sites[site], given, says, **more)

    def client(name, cert, key=None, says=None, site="demanding", **more):
        given = [*trust, "--cert", cert, *(("--key", key) if key else ())]
        return case(f"client certificate: {name}", site, given, says, **more)

    return sites, [
        case("authority", "good", trust),
        case("authority, by name", "good", trust, host="localhost"),
        case("intermediate authority", "chain", trust),
        case("RSA", "rsa", trust),
        case("unknown authority", "foreign", trust, "not signed by a trusted authority"),
        case("expired", "expired", trust, "it has expired on"),
        case("not valid yet", "early", trust, "it is not valid yet"),
        case("other host", "other-host", trust, "it is for another name, elsewhere.test"),
        case("not for servers", "for-clients", trust, "it is not meant for servers"),
        case("name constraints", "bound", trust, "name constraints"),
        # curl accepts it at the security level of some builds of OpenSSL.
        case("SHA-1", "sha1", trust, "no longer safe (such as SHA-1)", with_curl=False),
        case("several authorities in a file", "good", ["--cacert", bundle]),
        case("folder", "good", ["--capath", hashed]),
        case("folder and file", "foreign", ["--capath", hashed, "--cacert", other.cert]),
        case("SSL_CERT_FILE", "good", [], env={"SSL_CERT_FILE": str(bundle)}),
        case("SSL_CERT_DIR", "good", [], env={"SSL_CERT_DIR": f"/none:{hashed}"}, with_curl=False),
        case("option before variable", "good", trust, env={"SSL_CERT_FILE": str(other.cert)}),
        case("wrong SSL_CERT_FILE", "good", [], "not signed by a trusted", env={"SSL_CERT_FILE": str(other.cert)}),
        case("missing SSL_CERT_FILE", "good", [], "SSL_CERT_FILE is /none", env={"SSL_CERT_FILE": "/none"}),
        case("pinned key", "good", [*trust, "--pinnedpubkey", f"{wrong};{right}"]),
        case("pinned key in a file", "good", [*trust, "--pinnedpubkey", pem]),
        case("other key pinned", "good", [*trust, "--pinnedpubkey", wrong], "--pinnedpubkey names"),
        case("other key pinned, insecure", "good", ["-k", "--pinnedpubkey", wrong], "--pinnedpubkey names"),
        case("TLS 1.2 at most", "tls12", [*trust, "--tls-max", "1.2"]),
        case("TLS 1.2 at most, server 1.3", "tls13", [*trust, "--tls-max", "1.2"], "--tls-max"),
        case("TLS 1.3 only", "tls13", [*trust, "--tlsv1.3"]),
        case("TLS 1.3 only, server 1.2", "tls12", [*trust, "--tlsv1.3"], "--tlsv1.3"),
        client("RSA, PKCS#8", keys["rsa"].cert, keys["rsa"].key),
        client("RSA, PKCS#1", keys["rsa"].cert, pkcs1),
        client("EC, PKCS#8", keys["ec"].cert, keys["ec"].key),
        client("EC, SEC1", keys["ec"].cert, sec1),
        client("in one file", keys["ec"].chain),
        client("over TLS 1.2", keys["rsa"].cert, pkcs1, site="demanding12"),
        client("not asked for", keys["ec"].chain, site="good"),
        case("client certificate: none", "demanding", trust, "with --cert FILE"),
        client("of another authority", stranger.chain, says="does not accept the client certificate"),
        client("expired", late.chain, says="does not accept the client certificate"),
        client("key of another", keys["ec"].cert, pkcs1, "is not that of the first certificate"),
        client("encrypted key", keys["ec"].cert, locked, "it is encrypted"),
        client("no key", keys["ec"].cert, says="name its file with --key"),
    ]


def attempt(command, case, folder):
    env = {**measure.environment(folder), **case.env}
    return subprocess.run(
        list(map(str, command)), cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False,
    )


def judge(haul, case, folder):
    """Returns what is wrong with how haul, or curl, takes a case."""
    url = f"https://{case.host}:{case.site.port}/file"
    ran = attempt([haul, "--retries", "0", "-o", "out", "--exists", "overwrite", *case.given, url], case, folder)
    wrong = []
    if case.says is None and ran.returncode != 0:
        wrong.append(f"it failed: {ran.stderr.strip()}")
    elif case.says is not None and (ran.returncode == 0 or case.says not in ran.stderr):
        wrong.append(f"its message has no {case.says!r}: {ran.stderr.strip()}")
    for unsafe in ("--insecure", "-k ", "http://"):
        if unsafe in ran.stderr:
            wrong.append(f"its message suggests {unsafe}")
    if case.with_curl:
        peer = attempt([needs("curl", "curl"), "-sSf", "-o", "out", *case.given, url], case, folder)
        if (peer.returncode == 0) != (case.says is None):
            wrong.append(f"curl does not agree: {peer.returncode} {peer.stderr.strip()}")
    return wrong


def resumed(haul, site, authority, folder):
    """Returns how many of many connections resumed a session."""
    urls = "".join(f"https://{HOST}:{site.port}/file?{number}\tout=many/{number}\n" for number in range(CONNECTIONS))
    (folder / "urls.txt").write_text(urls)
    command = [haul, "-q", "--cacert", authority, "-i", "urls.txt"]
    ran = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if ran.returncode != 0:
        raise BenchError(f"haul: {ran.stderr.strip()}")
    lines = (folder / "reused.log").read_text().split("\n")
    return lines.count("r"), lines.count(".")


def run(arguments):
    with files.work_folder(None, 1 << 20) as folder:
        sites, tried = cases(folder)
        with Nginx(folder, list(sites.values())) as nginx:
            (nginx.root / "file").write_text("file\n")
            failed = 0
            for case in tried:
                wrong = judge(arguments.haul, case, folder)
                failed += bool(wrong)
                print(f"{'WRONG' if wrong else 'right':5}  {case.name}")
                for line in wrong:
                    print(f"       {line}")
            again, full = resumed(arguments.haul, sites["short"], folder / "root" / "root.pem", folder)
    print(f"{len(tried) - failed} of {len(tried)} cases are right")
    print(f"{CONNECTIONS} files, each over a connection of its own: {again} resumed a session, {full} did not")
    return int(failed > 0 or again < CONNECTIONS / 2)
