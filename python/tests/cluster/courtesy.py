"""What the tests of clusters share: a list over many hosts, and what those have to see."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from scripted import Server, body

from haulage import InputError

QUICK = os.environ.get("HAULAGE_QUICK") == "1"

# How many rows the long tests have, over how many hosts.
ROWS = 2_000 if QUICK else 20_000
HOSTS = 50
# What each host is asked for at most: PER_HOST requests at once, and one each DELAY seconds.
PER_HOST = 2
DELAY = 0.05
# What a machine with much else to do may be late by, in seconds.
TOLERANCE = 0.5


def urls(server: Server, rows: int) -> list[str]:
    """Returns the URLs of a list over many hosts, which all have files of the same names and
    lengths."""
    return [
        server.url(f"h{row % HOSTS}.test", f"/{row // HOSTS % 100 * 50}/{row // HOSTS}.bin")
        for row in range(rows)
    ]


def latency(path: str) -> float:
    """Returns the seconds that a host takes to answer. It is quick, so that the delay counts; but
    two files in a row are so slow that a third request would come if there was no limit."""
    number = int(path.split("/")[2].partition(".")[0])
    return 6 * DELAY if number % 32 < 2 else DELAY / 2


def split(url: str) -> tuple[str, str]:
    """Returns the host and the path of a URL."""
    host, _, path = url.removeprefix("http://").partition("/")
    return host.partition(":")[0], "/" + path


def assert_courteous(server: Server) -> None:
    """Checks what the hosts have seen."""
    assert len(server.peak) == HOSTS
    at_once = max(server.peak.values())
    assert at_once <= PER_HOST, f"{at_once} requests at once to one host"
    lead = server.lead(DELAY)
    assert lead <= TOLERANCE, f"requests came {lead} s too early"


def assert_files(folder: Path, rows: list[tuple[str, str]]) -> None:
    """Checks that each of these URLs has its file, and that there are no others."""
    for url, path in rows:
        assert (folder / path).read_bytes() == body(*split(url)), url
    found = [path for path in folder.rglob("*.bin") if ".haul" not in path.parts]
    assert len(found) == len({path for _, path in rows})


def courteous(server: Server) -> dict[str, Any]:
    """Returns the options by which hosts get no more than they should."""
    return {"per_host": PER_HOST, "delay": DELAY, "resolve": server.resolve}


def killed_halfway(
    server: Server, rows: int, job: Callable[[], Any], kill: Callable[[Server], None]
) -> Any:
    """Runs a job, and kills something when half of the requests have come. Nothing is answered
    meanwhile, so that what is killed has not ended before."""
    server.hold_from(rows // 2)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(job)
        try:
            server.wait_for(rows // 2, 240)
            kill(server)
        finally:
            server.release()
        return running.result()


def assert_every_row_once(
    server: Server, folder: Path, wanted: list[tuple[int, str]], got: Sequence[Any]
) -> None:
    """Checks the results of a job whose half was lost: rows with an ``id``."""
    assert sorted((row["id"], row["url"]) for row in got) == wanted
    states = Counter(row["status"] for row in got)
    assert states["done"] + states["skipped"] == len(wanted), states
    assert_courteous(server)
    assert_files(folder, [(row["url"], row["path"]) for row in got])
    # Something had to be done again, or nothing was killed.
    assert server.requests > len(wanted)


def assert_refuses_unusable_arguments(download: Callable[..., Any], table: Any) -> None:
    """Checks what is said before anything runs. The table has a column ``url``."""
    with pytest.raises(InputError, match="there is no column 'URL'"):
        download(table, "URL", content=True)
    with pytest.raises(InputError, match="either dest"):
        download(table)
    with pytest.raises(InputError, match="all machines share"):
        download(table, dest="s3://bucket/x")
    with pytest.raises(TypeError, match="did you mean delay"):
        download(table, content=True, dela=1)


def processes(parent: int) -> dict[int, str]:
    """Returns the processes that descend from one: their command lines."""
    parents, lines = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
            lines[int(folder.name)] = line
    found: dict[int, str] = {}
    reached = {parent}
    while reached:
        reached = {pid for pid, above in parents.items() if above in reached} - found.keys()
        found.update((pid, lines[pid]) for pid in reached)
    return found


def find(parent: int, is_it: Callable[[str], bool]) -> list[int]:
    """Returns the descendants of a process with such a command line."""
    return [pid for pid, line in processes(parent).items() if is_it(line)]


def connected(pids: list[int], port: int) -> list[int]:
    """Returns those of these processes that have a connection to a port."""
    wanted = f":{port:04X}"
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{fields[9]}]" for fields in table if fields[2].endswith(wanted)}
    return [pid for pid in pids if inodes & sockets(pid)]


def sockets(pid: int) -> set[str]:
    try:
        return {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return set()
