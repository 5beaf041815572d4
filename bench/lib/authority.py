"""Authorities and the certificates that they issue, made with openssl."""

import subprocess

from bench.lib.errors import BenchError
from bench.lib.server import needs

# Before 3.4 openssl cannot be told the dates of a certificate that it signs as an authority does,
# except so.
DATES = {"past": ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z"),
         "future": ("-startdate", "20980101000000Z", "-enddate", "20990101000000Z"),
         "now": ("-days", "30")}
SERVER = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
OTHER_HOST = SERVER.replace("DNS:localhost,IP:127.0.0.1", "DNS:elsewhere.test")
CLIENT = "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n"
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
KEYS = {"ec": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        "rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        "rsa1024": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
        "ed25519": ("-algorithm", "ED25519",)}
CONFIG = """\
[ca]
default_ca = here
[here]
database = {folder}/index
new_certs_dir = {folder}
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
"""


def openssl(*arguments):
    command = [needs("openssl", "openssl"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)}: {done.stderr.decode().strip()}")
    return done.stdout


class Pair:
    """The files of a certificate and of its key, and one with both and all that is between it and the root."""

    def __init__(self, cert, key, chain):
        self.cert, self.key, self.chain = cert, key, chain


class Authority:
    """An authority below `parent`, or a root if there is none; `issue` makes certificates."""

    def __init__(self, folder, name, parent=None, extra="", key="ec"):
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        (self.folder / "index").write_text("")
        self.config = self.folder / "openssl.cnf"
        self.config.write_text(CONFIG.format(folder=self.folder))
        self.parents = []
        extensions = AUTHORITY + extra
        if parent is None:
            pair = self._make("root", extensions, name, key=key, signer=None)
        else:
            pair = parent.issue(f"below-{name}", extensions, common=name, key=key)
            self.parents = [pair.cert, *parent.parents]
        self.cert, self.key = pair.cert, pair.key

    def issue(self, name, extensions=SERVER, common="localhost", dates="now", digest="sha256", key="ec"):
        return self._make(name, extensions, common, dates, digest, key, signer=self)

    def _make(self, name, extensions, common, dates="now", digest="sha256", key="ec", signer=None):
        cert, private, request, text, chain = (
            self.folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext", "chain")
        )
        text.write_text(extensions)
        openssl("genpkey", *KEYS[key], "-out", private)
        openssl("req", "-new", "-key", private, "-subj", f"/CN={common}", "-out", request)
        sign = ["ca", "-batch", "-notext", "-config", self.config, "-extfile", text, *DATES[dates]]
        by = ("-selfsign", "-keyfile", private) if signer is None else ("-cert", self.cert, "-keyfile", self.key)
        openssl(*sign, *by, "-md", "default" if key == "ed25519" and signer is None else digest, "-in", request, "-out", cert)
        chain.write_text("".join(each.read_text() for each in (cert, *self.parents, private)))
        return Pair(cert, private, chain)
