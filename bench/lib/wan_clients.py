"""The clients of `bench wan` and `bench round-trips`: each row of their tables is a client with some flags."""

from dataclasses import dataclass
from pathlib import Path

from bench.lib import clients

SCHEMES = {"plain": "HTTP/1.1", "tls": "HTTP/1.1 over TLS", "h2": "HTTP/2"}
USUAL = ("haul", "haul-s1", "haul-64", "curl", "curl-16", "curl-64", "wget2-16", "aria2c-16", "aria2c-64")
KNOWN = (*USUAL, "haul-s16", "wget2-64", "aria2c-4")
# Rows that `--vs` adds.
BEFORE = ("haul-before", "haul-before-s1", "haul-before-64")


@dataclass(frozen=True)
class Runner:
    """A client with the flags of one row."""

    client: clients.Client
    arguments: tuple
    # Works of `bench wan` that this row is left out of.
    without: frozenset = frozenset()
    h2: bool = True

    def command(self, urls, out, scratch, cacert):
        job = clients.Job(urls=urls, out=out, scratch=scratch, connections=0, cacert=cacert)
        listing = scratch / f"{self.client.name}.list"
        listing.write_text("".join(f"{self.client.line(url, job)}\n" for url in urls))
        return [self.client.program, *self.client.base(listing, job), *self.arguments]


class Flags:
    """How a program is called without a word about connections; `trust` is its option for a certificate."""

    def __init__(self, name, program, trust, fixed):
        self.name, self.program, self.trust, self.fixed = name, program, trust, fixed

    def line(self, url, job):
        if self.name == "curl":
            return f'url = "{url}"\noutput = "{job.out / Path(url).name}"'
        return f"{url}\n  out={Path(url).name}" if self.name == "aria2c" else url

    def base(self, listing, job):
        trust = self.trust.format(job.cacert).split(" ") if job.cacert else []
        return [str(word).format(listing=listing, out=job.out) for word in self.fixed] + trust


def runners(haul, before):
    """Returns the rows by name, but for those of clients that are not installed."""
    which = clients.which
    ours = ("-i", "{listing}", "-d", "{out}", "--progress", "none", "-q")
    curl = Flags("curl", which("curl"), "--cacert {}", ("-q", "-s", "-S", "-f", "-Z", "-K", "{listing}"))
    wget2 = Flags("wget2", which("wget2"), "--ca-certificate={}",
                  ("--no-config", "-q", "--no-hsts", "--no-ocsp", "--no-directories", "-P", "{out}", "-i", "{listing}"))
    aria2 = Flags("aria2c", which("aria2c"), "--ca-certificate={}",
                  ("--no-conf", "--quiet", "--summary-interval=0", "--download-result=hide", "--file-allocation=none",
                   "-d", "{out}", "-i", "{listing}"))
    one_file = frozenset({"large"})
    small_files = frozenset({"small", "first", "hosts"})
    many_files = frozenset({"medium", "small", "mixed", "first", "hosts"})
    found = {}
    for name, program in (("haul", haul), ("haul-before", before)):
        if program:
            flags = Flags("haul", str(Path(program).resolve()), "--cacert={}", ours)
            found[name] = Runner(flags, ())
            found[f"{name}-s1"] = Runner(flags, ("-s", "1"), small_files)
            found[f"{name}-s16"] = Runner(flags, ("-s", "16", "--min-split-size", "1M"), many_files)
            found[f"{name}-64"] = Runner(flags, ("-j", "64", "--per-host", "64"), one_file)
    found |= {
        "curl": Runner(curl, (), many_files),
        "curl-16": Runner(curl, ("--parallel-max", "16"), one_file),
        "curl-64": Runner(curl, ("--parallel-max", "64"), one_file),
        "wget2-16": Runner(wget2, ("--max-threads", "16")),
        "wget2-64": Runner(wget2, ("--max-threads", "64"), one_file),
        "aria2c-4": Runner(aria2, ("-j4", "-x4", "-s4", "-k1M"), many_files, h2=False),
        "aria2c-16": Runner(aria2, ("-j16", "-x16", "-s16", "-k1M"), h2=False),
        "aria2c-64": Runner(aria2, ("-j64", "-x1"), one_file, h2=False),
    }
    return {name: runner for name, runner in found.items() if runner.client.program}
