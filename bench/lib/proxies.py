"""Real proxies, each a process of its own on a free port of loopback."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.lib import process
from bench.lib.server import HOST, free_ports, needs

USER, PASSWORD = "bench", "hush-hush"

SQUID = """\
{listen}
{auth}
http_access {who}
http_access deny all
cache deny all
memory_cache_shared off
pid_filename none
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
cache_store_log none
coredump_dir {folder}
netdb_filename none
{account}
shutdown_lifetime 0 seconds
max_filedescriptors 4096
server_persistent_connections on
"""

TINYPROXY = """\
Port {port}
Listen {host}
Timeout 60
MaxClients 256
LogFile "{folder}/access.log"
LogLevel Connect
{auth}
"""

DANTE = """\
logoutput: {folder}/access.log
internal: {host} port = {port}
external: lo
socksmethod: none
clientmethod: none
user.privileged: {account}
user.unprivileged: {account}
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect }}
"""


@dataclass
class Running:
    """A proxy that accepts connections."""

    scheme: str
    port: int
    log: object
    login: bool

    def url(self, scheme=None, password=PASSWORD):
        at = f"{USER}:{password}@" if self.login else ""
        return f"{scheme or self.scheme}://{at}{HOST}:{self.port}"

    def lines(self):
        """Lines of its log so far."""
        return len(self.log.read_text(errors="replace").splitlines()) if self.log.exists() else 0

    def has_logged_more_than(self, before):
        """Whether its log has, or soon gets, more lines: a tunnel is logged when it is closed."""
        return process.wait_until(lambda: self.lines() > before, 5)


def squid(folder, port, login):
    passwords = folder / "passwords"
    helper = "/usr/lib/squid/basic_ncsa_auth"
    auth, who = "", "allow all"
    if login:
        digest = subprocess.run([needs("openssl", "openssl"), "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True)
        passwords.write_text(f"{USER}:{digest.stdout.strip()}\n")
        auth = f"auth_param basic program {helper} {passwords}\nacl users proxy_auth REQUIRED"
        who = "allow users"
    listen = f"http_port {HOST}:{port}"
    account = ""
    if os.geteuid() == 0:
        # It refuses to be root, and needs its own way to its logs.
        account = "cache_effective_user proxy"
        shutil.chown(folder, "proxy")
        folder.parent.chmod(0o711)
    config = SQUID.format(listen=listen, auth=auth, who=who, folder=folder, account=account)
    (folder / "squid.conf").write_text(config)
    # Of its own name, since its shared memory is named after it.
    return [needs("squid", "squid"), "-N", "-n", f"bench{port}", "-f", folder / "squid.conf"]


def tinyproxy(folder, port, login):
    auth = f"BasicAuth {USER} {PASSWORD}" if login else ""
    (folder / "tinyproxy.conf").write_text(TINYPROXY.format(host=HOST, port=port, folder=folder, auth=auth))
    return [needs("tinyproxy", "tinyproxy"), "-d", "-c", folder / "tinyproxy.conf"]


def dante(folder, port, login):
    del login
    account = pwd.getpwuid(os.geteuid()).pw_name
    (folder / "danted.conf").write_text(DANTE.format(host=HOST, port=port, folder=folder, account=account))
    return [needs("danted", "dante-server"), "-f", folder / "danted.conf"]


def microsocks(folder, port, login):
    del folder
    flags = ["-u", USER, "-P", PASSWORD] if login else []
    return [needs("microsocks", "microsocks"), "-i", HOST, "-p", port, *flags]

KINDS = {"squid": (squid, "http"), "tinyproxy": (tinyproxy, "http"), "dante": (dante, "socks5h"), "microsocks": (microsocks, "socks5h")}


@contextlib.contextmanager
def running(kind, work, login=False):
    """Starts a proxy, and ends it at the end."""
    make, scheme = KINDS[kind]
    folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=work))
    (port,) = free_ports(1)
    started = process.start(kind, make(folder, port, login), folder, lambda: accepts(port))
    try:
        log = "output.log" if kind == "microsocks" else "access.log"
        yield Running(scheme, port, folder / log, login)
    finally:
        process.stop(started)


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False
