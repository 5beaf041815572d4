"""Files as a column: the same bytes through polars and DuckDB, in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from scripted import Server

import haulage

QUICK = os.environ.get("HAULAGE_QUICK") == "1"
FILES = 2_000 if QUICK else 10_000
LENGTH = 100 << 10
# What a process may grow by while it goes through files of 1 GB, in bytes: 256 MiB are ahead, and a
# batch of 64 MiB is being made, looked at, and copied by a library. All would be twice as much.
MOST = 640 << 20
ENV = {**os.environ, "PYTHONPATH": str(Path(haulage.__file__).parents[1])}

# Goes through the files with one library, and prints how many there were, and how much memory more
# than at the start this took at most.
COMMON = """
import hashlib, resource, sys
import haulage, pyarrow as pa
{imports}

port, files, length = map(int, sys.argv[1:4])
paths = [f"/{length}/{row}" for row in range(files)]

def sum_of(path):
    seed = hashlib.sha256(f"127.0.0.1{path}".encode()).digest()
    return hashlib.md5((seed * (length // len(seed) + 1))[:length]).hexdigest()

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

urls = pa.table({"url": [f"http://127.0.0.1:{port}{path}" for path in paths]})
batches = haulage.download_batches(urls, content=True)
before = peak()
count = 0
"""

POLARS = """
for batch in batches:
    frame = pl.from_arrow(batch)
    for path, content in zip(paths[count:], frame["content"]):
        assert hashlib.md5(content).hexdigest() == sum_of(path)
        count += 1
print(count, peak() - before)
"""

# DuckDB reads the stream by itself, and computes the sums.
DUCKDB = """
duckdb.sql("set enable_progress_bar = false")
nothing = haulage.download_batches(urls.slice(0, 0), content=True)
schema = next(nothing).schema
stream = pa.RecordBatchReader.from_batches(schema, batches)
sums = dict(duckdb.sql("select url, md5(content) from stream").fetchall())
for path in paths:
    assert sums[f"http://127.0.0.1:{port}{path}"] == sum_of(path)
    count += 1
print(count, peak() - before)
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("library", "imports", "code"),
    [("polars", "import polars as pl", POLARS), ("duckdb", "import duckdb", DUCKDB)],
)
def test_same_bytes_in_bounded_memory(
    server: Server, library: str, imports: str, code: str
) -> None:
    pytest.importorskip(library)
    script = COMMON.replace("{imports}", imports)
    command = [sys.executable, "-c", script + code, str(server.port), str(FILES), str(LENGTH)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=ENV)
    count, growth = map(int, run.stdout.split())
    assert count == FILES
    print(library, growth >> 20, "MiB")
    assert growth < MOST, f"{growth >> 20} MiB"
