"""Certificates for loopback, good and bad ones, made with openssl."""

import subprocess

from bench.lib.errors import BenchError
from bench.lib.server import needs

HOSTS = {"good": "DNS:localhost,IP:127.0.0.1", "wrong-host": "DNS:elsewhere.test"}
PAST = ("-not_before", "20200101000000Z", "-not_after", "20200102000000Z")


def make(folder, kind):
    """The files of a certificate of this kind and of its key.

    `good`, `expired` (the only thing wrong with it), `wrong-host` and `unknown` (nobody is told to
    trust it). Each is its own authority.
    """
    openssl = needs("openssl", "openssl")
    folder.mkdir(parents=True, exist_ok=True)
    cert, key, request, names = (folder / f"{kind}.{end}" for end in ("pem", "key", "csr", "ext"))
    names.write_text(
        f"basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"
        f"subjectAltName={HOSTS.get(kind, HOSTS['good'])}\n"
    )
    ask = [openssl, "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    run([*ask, "-subj", "/CN=localhost", "-keyout", key, "-out", request])
    sign = [openssl, "x509", "-req", "-in", request, "-signkey", key, "-extfile", names, "-out", cert]
    if kind != "expired":
        run([*sign, "-days", "30"])
    else:
        # Before 3.4 openssl cannot be told the dates, but takes a negative number of days.
        try:
            run([*sign, *PAST])
        except BenchError:
            run([*sign, "-days", "-1"])
    return cert, key


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"openssl made no certificate: {done.stderr.strip()}")
