"""The cases of `bench scorecard`, one a line. Cases of one kind share a number."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.lib import judge
from bench.lib.hostile import GOAWAY, HOLD, KEEP, PING, RESET, After, Repeat, frame, h2_data, h2_head, h2_reset

BODY = hashlib.sha256(b"the right file").hexdigest().encode() * 16
OTHER = BODY[::-1]
HALF = BODY[: len(BODY) // 2]
PAGE = b"<!doctype html><title>Log in</title><form method=post>\n"
SECRET = b"a file of this machine that no server may send a client to\n"
VICTIM = b"a file outside of the destination, which must stay as it is\n"
TO_FILE = "/file.bin"


@dataclass(frozen=True)
class Case:
    """One misbehaviour, and what is right in the face of it."""

    row: str
    what: str
    # Either the answers to the requests, one after another, or a dict of such by path.
    answers: tuple | dict
    # The files that should be there in the end: one's content, or all of them by name. None: none.
    wanted: bytes | dict | None = None
    urls: tuple = (TO_FILE,)
    judge: Callable = judge.whole
    # By client: further options; None if it has none for this.
    extra: dict = field(default_factory=dict)
    # What answers the second request on a connection.
    reused: tuple | None = None
    # The certificate, if over TLS.
    tls: str | None = None
    h2: bool = False
    # A second server, plain: {beside} in what is sent is its HOST:PORT.
    beside: tuple | None = None
    attempts: int = 1
    # Seconds of silence after which clients are told to give up.
    patience: int = 3
    # What stands in the destination before: called with the folder, and with a file outside of it.
    prepare: Callable | None = None
    # What a file with this content is called in the table.
    marks: dict = field(default_factory=dict)
    # Other contents that do no harm, and what they are called.
    harmless: dict = field(default_factory=dict)
    # What must not be in the name of a file, as a regular expression.
    bad_name: str = ""

    @property
    def files(self):
        if self.wanted is None or isinstance(self.wanted, dict):
            return self.wanted or {}
        return {self.urls[-1].rpartition("/")[2]: self.wanted}


def head(*headers, status=b"200 OK"):
    return b"\r\n".join((b"HTTP/1.1 " + status, *headers, b"", b""))


def ok(body=BODY, *headers):
    return head(b"Content-Length: %d" % len(body), *headers) + body, KEEP


def coded(body, coding):
    return ok(body, b"Content-Encoding: " + coding)


def transferred(body, codings):
    return head(b"Transfer-Encoding: " + codings) + chunk(body) + b"0\r\n\r\n", KEEP


def to(place, status=b"302 Found"):
    return head(b"Location: " + place, b"Content-Length: 0", status=status), KEEP


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def gzip_bomb(size):
    """`size` zeros, a thousandth of it long."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(size >> 20)) + packer.flush()


def zstd_bomb(size):
    """`size` zeros as blocks of 128 KiB, each of which is "this byte again" (RFC 8878 §3.1.1.2)."""
    block = 128 << 10
    count = size // block
    heads = (block << 3 | 1 << 1 | (nth == count - 1) for nth in range(count))
    return b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(head.to_bytes(3, "little") + b"\0" for head in heads)


def many_times(body, times):
    for _ in range(times):
        body = gzip.compress(body, mtime=0)
    return body

CHUNKED = b"Transfer-Encoding: chunked"
ZIPPED = gzip.compress(BODY, mtime=0)
BROKEN = ZIPPED[:-8] + bytes(8)
BOMB = 256 << 20
ZSTD = zstd_bomb(BOMB)
TWELVE = many_times(BODY, 12)
UNPACK = {
    "haul": ("--compressed",), "curl": ("--compressed",), "wget2": (), "aria2c": ("--http-accept-gzip=true",)
}
BOUNDED = UNPACK | {
    "haul": ("--compressed", "--max-size=10M"), "curl": ("--compressed", "--max-filesize", "10M"),
}
ONE_AT_A_TIME = {"haul": ("--jobs=1",), "wget2": ("--max-threads=1",), "aria2c": ("-j1",)}
SUM = hashlib.sha256(BODY).hexdigest()
CHECKSUM = {
    "haul": (f"--checksum=sha256={SUM}",), "aria2c": (f"--checksum=sha-256={SUM}",),
    "curl": None, "wget2": None,
}
NO_H2 = {"aria2c": None}
SERVER_NAMES = {
    "haul": ("--content-disposition",), "curl": ("-J",), "wget2": ("--content-disposition",)
}
LOWEST_SPEED = {"haul": ("--lowest-speed=100",)}
TOGETHER = {"curl": ("-Z",)}
OVERWRITE = {"haul": ("--exists=overwrite",), "aria2c": ("--allow-overwrite=true",)}
# Names that other systems do not take are kept where they can be, unless this is asked for.
PORTABLE = {"haul": ("--portable-names",)}
HAUL_ONLY = {"curl": None, "wget2": None, "aria2c": None}
TWO = {"first.bin": BODY, "file.bin": OTHER}
TWO_URLS = ("/first.bin", TO_FILE)
BUSY = head(b"Retry-After: 2", b"Content-Length: 0", status=b"503 Busy"), KEEP
ABSURD = head(b"Retry-After: 864000", b"Content-Length: 0", status=b"503 Busy"), KEEP
LIMITED = head(b"Retry-After: 2", b"Content-Length: 0", status=b"403 Limited"), KEEP
MOVED = head(b"Retry-After: 2", b"Content-Length: 0", b"Location: /there.bin", status=b"302 Found"), KEEP
SMUGGLED = head(b"Content-Length: 5") + b"EVIL!"
REFUSED = 7
OK_H2 = h2_head(len(BODY)), h2_data(BODY, end=True), KEEP
LONG = "n" * 300
DISPOSED = ok(BODY, b'Content-Disposition: attachment; filename="../../escape.bin"')


def names(row, what, path, bad_name="", **more):
    """A URL whose last part is no good name; the file is to be saved, under a plain one."""
    return Case(row, what, (ok(),), BODY, (path,), judge.names, bad_name=bad_name, **more)


def obstacle(what, prepare):
    """Something stands where the file belongs, and clients are told to overwrite."""
    what = f"{what} stands there"
    return Case("57", what, (ok(),), BODY, judge=judge.obstacle, prepare=prepare, extra=OVERWRITE)


def symlink(target, outside):
    target.symlink_to(outside)


def dangling(target, outside):
    target.symlink_to(outside.with_name("nothing-here-yet"))


def hard_link(target, outside):
    os.link(outside, target)


def folder(target, outside):
    del outside
    target.mkdir()


def fifo(target, outside):
    del outside
    os.mkfifo(target)

CASES = (
    Case("1", "reset in the middle", ((head(b"Content-Length: 1024") + HALF, RESET),)),
    Case("2", "shorter than Content-Length", ((head(b"Content-Length: 1024") + HALF,),)),
    Case("3", "a byte more than Content-Length", ((ok()[0] + b"x",),), BODY),
    Case("3", "a second response after the first",
         {"/first.bin": ((ok()[0] + SMUGGLED, KEEP),), "": (ok(OTHER),)}, TWO, TWO_URLS, extra=ONE_AT_A_TIME),
    Case("4", "no length, clean close", ((head() + BODY,),), BODY),
    Case("4", "no length, TLS cut without close_notify", ((head() + HALF,),), tls="good"),
    Case("5", "chunked, no last chunk", ((head(CHUNKED) + chunk(HALF),),)),
    Case("6", "chunked and Content-Length",
         ((head(CHUNKED, b"Content-Length: 5") + chunk(BODY) + chunk(b""),),), BODY),
    Case("6", "Content-Length twice, the same",
         ((head(b"Content-Length: 1024", b"Content-Length: 1024") + BODY, KEEP),), BODY),
    Case("6", "Content-Length twice, differing",
         ((head(b"Content-Length: 512", b"Content-Length: 1024") + BODY, HOLD),)),
    Case("6", "Content-Length `+512`", ((head(b"Content-Length: +512") + BODY, HOLD),)),
    Case("6", "Content-Length `-1`", ((head(b"Content-Length: -1") + BODY,),)),
    Case("7", "endless header lines", ((b"HTTP/1.1 200 OK\r\n", Repeat(b"X-Flood: flood\r\n")),)),
    Case("7", "an endless header line", ((b"HTTP/1.1 200 OK\r\nX-Flood: ", Repeat(b"flood")),)),
    Case("7", "endless trailers", ((head(CHUNKED) + chunk(BODY) + b"0\r\n", Repeat(b"X-Flood: flood\r\n")),)),
    Case("7", "endless 103 responses", ((Repeat(head(status=b"103 Early Hints")),),)),
    Case("8", "204", ((head(status=b"204 No Content"), KEEP),)),
    Case("8", "205", ((head(b"Content-Length: 0", status=b"205 Reset Content"), KEEP),)),
    Case("8", "200 of no bytes", (ok(b""),), b""),
    Case("9", "HTTP/2: RST_STREAM in the middle", ((h2_head(1024), h2_data(HALF), h2_reset(2), HOLD),),
         tls="good", h2=True, extra=NO_H2),
    Case("9", "HTTP/2: ends before Content-Length", ((h2_head(1024), h2_data(HALF, end=True), HOLD),),
         tls="good", h2=True, extra=NO_H2),
    Case("9", "HTTP/2: GOAWAY, not processed, then served", ((frame(GOAWAY, bytes(8)),), OK_H2), BODY,
         tls="good", h2=True, extra=NO_H2),
    Case("9", "HTTP/2: REFUSED_STREAM, then served", ((h2_reset(REFUSED), KEEP), OK_H2), BODY,
         tls="good", h2=True, extra=NO_H2),
    Case("9", "HTTP/2: endless PING", ((Repeat(frame(PING, bytes(8))),),), tls="good", h2=True, extra=NO_H2),
    Case("10", "closed just as it is used again", {"/first.bin": (ok(),), "": (ok(OTHER),)}, TWO, TWO_URLS,
         reused=(), extra=ONE_AT_A_TIME),
    Case("11", "a login page with 200, checksum given", (ok(PAGE),), extra=CHECKSUM),
    Case("11a", "Transfer-Encoding: gzip, chunked", (transferred(ZIPPED, b"gzip, chunked"),), BODY, marks={ZIPPED: "saves it coded"}),
    Case("11a", "Transfer-Encoding: deflate, chunked", (transferred(zlib.compress(BODY), b"deflate, chunked"),), BODY,
         marks={zlib.compress(BODY): "saves it coded"}),
    Case("11a", "Transfer-Encoding: br, chunked", (transferred(ZIPPED, b"br, chunked"),), marks={ZIPPED: "saves it coded"}),
    Case("11b", "a folded header line", (ok(BODY, b"Content-Security-Policy: default-src 'self';\r\n\timg-src *"),), BODY),
    Case("11b", "a control character in a value", (ok(BODY, b"X-Control: a\x01b"),), BODY),
    Case("11b", "a header line without a colon", (ok(BODY, b"no colon"),), BODY),
    Case("11b", "`Content-Length : 5`, chunked beside it",
         ((head(b"Content-Length : 5", CHUNKED) + chunk(BODY) + b"0\r\n\r\n", KEEP),), BODY),
    Case("11b", "trailers that end with LF", ((head(CHUNKED) + chunk(BODY) + b"0\r\nX: y\n\n", KEEP),), BODY),
    Case("11c", "202, then the file", ((head(b"Content-Length: 4", status=b"202 Accepted") + b"wait", KEEP), ok()), BODY,
         attempts=2, marks={b"wait": "saves the 202"}),
    Case("11c", "201", ((head(b"Content-Length: 4", status=b"201 Created") + b"made", KEEP),), marks={b"made": "saves it"}),
    Case("11c", "226", ((head(b"Content-Length: 4", status=b"226 IM Used") + b"diff", KEEP),), marks={b"diff": "saves it"}),
    Case("15", "206 of a part that nobody asked for",
         ((head(b"Content-Range: bytes 0-511/1024", b"Content-Length: 512", status=b"206 Partial Content") + HALF, KEEP),)),
    Case("15", "206 of the whole that nobody asked for",
         ((head(b"Content-Range: bytes 0-1023/1024", b"Content-Length: 1024", status=b"206 Partial Content") + BODY, KEEP),), BODY),
    Case("26", "gzip bomb, 256 MiB", (coded(gzip_bomb(BOMB), b"gzip"),), judge=judge.bomb, extra=BOUNDED),
    Case("26", "zstd bomb, 256 MiB", (coded(ZSTD, b"zstd"),), judge=judge.bomb,
         extra=BOUNDED | {"aria2c": None}, harmless={ZSTD: "as sent"}),
    Case("27", "gzip twelve times", (coded(TWELVE, b", ".join([b"gzip"] * 12)),),
         extra=UNPACK, marks={BODY: "undoes all"}, harmless={TWELVE: "as sent"}),
    Case("28", ".tar.gz as Content-Encoding: gzip", (coded(ZIPPED, b"gzip"),), ZIPPED, ("/file.tar.gz",),
         marks={BODY: "unpacked"}),
    Case("29", "gzip, cut off", (coded(ZIPPED[:-20], b"gzip"),), extra=UNPACK),
    Case("29", "gzip, wrong checksum", (coded(BROKEN, b"gzip"),), extra=UNPACK, marks={BODY: "not noticed"}),
    Case("30", "redirected to itself", (to(TO_FILE.encode()),)),
    Case("30", "redirected on and on", (to(b"on/file.bin"),)),
    Case("31", "https → http", (to(b"http://{beside}/file.bin"),), tls="good", beside=(ok(),),
         marks={BODY: "follows"}),
    Case("32", "redirected to file:", (to(b"file://{secret}"),), marks={SECRET: "copies it"}),
    Case("32", "redirected to ftp:", (to(b"ftp://{beside}/file.bin"),), beside=((HOLD,),),
         judge=judge.elsewhere),
    Case("32", "redirected to data:", (to(b"data:,hello"),), marks={b"hello": "follows"}),
    Case("32", "redirected to javascript:", (to(b"javascript:1"),)),
    Case("35", "CR in Location", {TO_FILE: (to(b"/a\rX-Evil: 1.bin"),), "": (ok(),)},
         marks={BODY: "follows"}),
    Case("35", "NUL in Location", {TO_FILE: (to(b"/a\0.bin"),), "": (ok(),)}, marks={BODY: "follows"}),
    Case("35", "raw UTF-8 in Location",
         {"/caf%C3%A9.bin": (ok(),), "/caf%c3%a9.bin": (ok(),), "": (to("/café.bin".encode()),)}, BODY),
    Case("36", "redirected to `evil.sh`", {"/evil.sh": (ok(),), "": (to(b"/evil.sh"),)}, BODY),
    Case("36", "Content-Disposition: `evil.sh`",
         (ok(BODY, b'Content-Disposition: attachment; filename="evil.sh"'),), BODY),
    Case("44", "no response", ((HOLD,),)),
    Case("44", "half a body, then silence", ((head(b"Content-Length: 1024") + HALF, HOLD),)),
    Case("44", "a header line a second", ((b"HTTP/1.1 200 OK\r\n", Repeat(b"X: y\r\n", 1)),)),
    Case("44", "a byte a second", ((head(b"Content-Length: 1024"), Repeat(b"x", 1)),), extra=LOWEST_SPEED),
    Case("45", "503, Retry-After: 2, one repetition", (BUSY, (After(1.9, BUSY, ok()),)), BODY, attempts=2),
    Case("45", "503, Retry-After: ten days", (ABSURD, ok()), attempts=2, marks={BODY: "asks at once"}),
    Case("45", "403, Retry-After: 2, one repetition", (LIMITED, (After(1.9, LIMITED, ok()),)), BODY, attempts=2),
    Case("45", "302, Retry-After: 2", {"/there.bin": ((After(1.9, LIMITED, ok()),),), "": (MOVED,)}, BODY),
    Case("49", "expired certificate", (ok(),), tls="expired", marks={BODY: "accepts it"}),
    Case("49", "unknown certificate", (ok(),), tls="unknown", marks={BODY: "accepts it"}),
    Case("49", "certificate of another host", (ok(),), tls="wrong-host", marks={BODY: "accepts it"}),
    Case("51", "100 URLs of a silent host, then a good one", ((HOLD,),), BODY,
         tuple(f"/{n}.bin" for n in range(100)) + ("http://{beside}/file.bin",),
         judge.goes_on, beside=(ok(),), patience=60, extra=TOGETHER),
    names("52", "name `../../escape.bin`, encoded", "/a/..%2f..%2fescape.bin"),
    names("52", "the same with `%2e` and `\\`", "/a/%2e%2e%5c%2e%2e%5cescape.bin", r"\\", extra=PORTABLE),
    names("52", "an absolute name, encoded", "/{escape}"),
    names("52", "`C:escape.bin`", "/C:escape.bin", ":", extra=PORTABLE),
    names("52", "`%00` in the name", "/file.bin%00.txt"),
    Case("52", "Content-Disposition: `../../escape.bin`", (DISPOSED,), BODY, judge=judge.names,
         extra=SERVER_NAMES),
    names("53", "terminal escape in the name", "/%1b%5b31mred.bin", "[\x00-\x1f]"),
    names("53", "right-to-left override in the name", "/%e2%80%aegpj.exe", "\u202e"),
    Case("53", "terminal escape in the reason of a 404",
         ((head(b"Content-Length: 0", status=b"404 \x1b[31mred"), KEEP),), judge=judge.quiet),
    names("54", "`NUL`", "/NUL", "^NUL$", extra=PORTABLE),
    names("54", "`con.txt`", "/con.txt", "(?i)^con\\b", extra=PORTABLE),
    names("54", "a dot at the end", "/file.", r"\.$", extra=PORTABLE),
    names("54", "a space at the end", "/file%20", " $", extra=PORTABLE),
    names("55", "a name of 304 bytes", f"/{LONG}.bin", r"(?<!\.bin)$"),
    Case("56", "two rows, one name", {"/a/file.bin": (ok(),), "": (ok(OTHER),)}, {"a": BODY, "b": OTHER},
         ("/a/file.bin", "/b/file.bin"), judge.names, extra=ONE_AT_A_TIME),
    names("56a", "a row named `.haul`", "/.haul", r"^\.haul$", extra=HAUL_ONLY),
    obstacle("a symlink to a file outside", symlink),
    obstacle("a dangling symlink", dangling),
    obstacle("a hard link to a file outside", hard_link),
    obstacle("a folder", folder),
    obstacle("a FIFO", fifo),
)

# What belongs here and no case shows, and why.
NOT_SHOWN = {
    "9 (floods of SETTINGS, CONTINUATION)": "only PING is played",
    "26 (br)": "nothing here makes a br bomb",
    "46": "a matter of many requests over minutes",
    "47, 48": "need names of their own in the resolver",
    "50": "needs the machine's clock",
    "56 (case, normalisation)": "only the same name twice is played",
}
