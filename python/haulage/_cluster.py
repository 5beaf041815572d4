"""What Spark and Ray have in common: which options a cluster takes, and hosts with many rows."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from haulage._haulage import InputError
from haulage._hosts import host_of
from haulage._options import pairs

if TYPE_CHECKING:
    import pyarrow as pa

    from haulage._options import Path

log = logging.getLogger("haulage")

# Rows of one host beyond which a log says that it has only one caller.
LARGE_HOST = 100_000


def folder(dest: Path | None) -> str | None:
    """Returns a folder as every machine has to see it, wherever it is started."""
    if dest is None:
        return None
    path = os.fspath(dest)
    if "://" in path or path.startswith("dbfs:"):
        raise InputError(f"dest {path!r} is not a folder; give a path that all machines share")
    return os.path.abspath(path)


def check_options(options: dict[str, Any], dest: str | None) -> dict[str, Any]:
    """Returns the options of each caller.

    Raises:
        InputError: One of them makes no sense on a cluster.
        TypeError: There is no such option.
    """
    for name in ("engine", "progress"):
        if name in options:
            raise TypeError(f"{name} cannot be given on a cluster: each caller has its own")
    pairs({name: value for name, value in options.items() if name != "checksum"})
    # Files of different hosts are written by different callers. In one folder, a caller would take
    # the file of another one that has the same name and size for its own.
    if dest is not None:
        options.setdefault("layout", "tree")
    return options


def with_notice(batches: Iterable[pa.RecordBatch], url: str) -> Iterator[pa.RecordBatch]:
    """Yields batches, and logs it when a host turns out to have very many rows."""
    rows: Counter[str] = Counter()
    for batch in batches:
        yield batch
        hosts = Counter(map(host_of, batch.column(url).to_pylist()))
        for host, count in hosts.items():
            if host is None:
                continue
            before = rows[host]
            rows[host] = before + count
            if before <= LARGE_HOST < rows[host]:
                log.warning(
                    "%s has more than %d rows; all of them go to this one caller", host, LARGE_HOST
                )
