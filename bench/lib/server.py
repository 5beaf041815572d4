"""An nginx of our own, on loopback, that serves one folder three ways; what is below `/limited/` slowly."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

from bench.lib import process
from bench.lib.errors import BenchError

HOST = "127.0.0.1"

# Debian keeps nginx out of an ordinary user's PATH.
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"

CERTIFICATE = """\
[req]
prompt = no
distinguished_name = name
x509_extensions = server
[name]
CN = localhost
[server]
basicConstraints = critical,CA:FALSE
subjectAltName = DNS:localhost,{addresses}
extendedKeyUsage = serverAuth
"""

CONFIG = """\
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 2048; }}
http {{
    log_format trips '$msec $connection $connection_requests $ssl_session_reused $uri';
    access_log {log};
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 600s;
    keepalive_requests 100000000;
    types {{ }}
    default_type application/octet-stream;
    client_body_temp_path tmp;
    proxy_temp_path tmp;
    fastcgi_temp_path tmp;
    uwsgi_temp_path tmp;
    scgi_temp_path tmp;
    ssl_certificate "{cert}";
    ssl_certificate_key "{key}";
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:10m;
    root "{root}";
    server {{
        listen {listen}:{plain};
        location = /.ready {{ return 200 "{token}"; }}
        location /rows/ {{ try_files /rows/one =404; }}
        location /limited/ {{ limit_rate 16m; }}
    }}
    server {{ listen {listen}:{tls} ssl; }}
    server {{ listen {listen}:{h2} ssl{h2_listen}; {h2_server} }}
}}
"""


def which(command):
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(command, path=f"{path}:{SBIN}")


def needs(command, package):
    found = which(command)
    if found is None:
        raise BenchError(f"{command} not found: install it, e.g. `apt-get install {package}`")
    return found


class Server:
    """`with Server(root, work) as server:` runs nginx; `server.url("tls", path)` names a file.

    `plain` is HTTP/1.1, `tls` is HTTP/1.1 over TLS (h2 is not offered), `h2` offers both. `addresses` are those that
    it can be reached at, if not loopback; `inside` are the words that put a command where they are. With `logs`,
    each request is a line in the file `requests`: when it was answered, and over which connection.
    """

    def __init__(self, root, work, addresses=(HOST,), inside=(), logs=False):
        self.root = Path(root)
        self.addresses = addresses
        self.inside = list(inside)
        self.prefix = (Path(work) / "nginx").resolve()
        self.cert = self.prefix / "cert.pem"
        self.requests = self.prefix / "requests.log"
        self.logs = logs
        self.ports = {}
        self.process = None
        self.nginx = needs("nginx", "nginx-light")
        self.openssl = needs("openssl", "openssl")
        text = subprocess.run([self.nginx, "-v"], capture_output=True, text=True, check=True).stderr
        self.version = re.search(r"(\d+)\.(\d+)\.(\d+)", text)

    def __enter__(self):
        (self.prefix / "tmp").mkdir(parents=True)
        self._make_certificate()
        # A port found free may be taken before nginx binds it: then try others.
        for attempt in range(5):
            try:
                self._start()
                return self
            except BenchError:
                self._stop()
                if attempt == 4:
                    raise

    def __exit__(self, *_):
        self._stop()

    def url(self, scheme, path, address=None):
        kind = "http" if scheme == "plain" else "https"
        return f"{kind}://{address or self.addresses[0]}:{self.ports[scheme]}/{path}"

    def _make_certificate(self):
        config = self.prefix / "openssl.cnf"
        addresses = ",".join(f"IP:{each}" for each in self.addresses)
        config.write_text(CERTIFICATE.format(addresses=addresses))
        command = [self.openssl, "req", "-x509", "-nodes", "-days", "30", "-config", config]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-keyout", self.prefix / "key.pem", "-out", self.cert]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"openssl made no certificate: {done.stderr.strip()}")

    def _start(self):
        self.ports = dict(zip(("plain", "tls", "h2"), free_ports(3)))
        token = secrets.token_hex(16)
        # nginx 1.25.1 made `http2` a directive of its own.
        modern = tuple(map(int, self.version.groups())) >= (1, 25, 1)
        config = CONFIG.format(
            user="user root;" if os.geteuid() == 0 else "",
            listen="0.0.0.0" if self.inside else HOST,
            root=self.root,
            log=f'"{self.requests}" trips' if self.logs else "off",
            cert=self.cert,
            key=self.prefix / "key.pem",
            token=token,
            h2_listen="" if modern else " http2",
            h2_server="http2 on;" if modern else "",
            **self.ports,
        )
        (self.prefix / "nginx.conf").write_text(config)
        command = [*self.inside, self.nginx, "-p", f"{self.prefix}/", "-c", "nginx.conf", "-e", "error.log"]
        self.process = process.start("nginx", command, self.prefix, lambda: self._answers(token), 10)

    def _answers(self, token):
        if self.inside:
            command = [*self.inside, needs("curl", "curl"), "-sm2", self.url("plain", ".ready", HOST)]
            return subprocess.run(command, capture_output=True, text=True, check=False).stdout == token
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(self.url("plain", ".ready"), timeout=2) as answer:
                return answer.read() == token.encode()
        except OSError:
            return False

    def _stop(self):
        if self.process is not None:
            process.stop(self.process)
        self.process = None


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
