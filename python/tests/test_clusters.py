"""What clusters rely on, without one."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest
from scripted import Server, body

import haulage
from haulage import InputError, _cluster

pa = pytest.importorskip("pyarrow")

ROOT = str(Path(haulage.__file__).parents[1])


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(lambda path: 0.02) as server:
        yield server


def attempt(urls: list[str], dest: str, resolve: list[str]) -> list[tuple[str, str]]:
    batch = pa.record_batch({"url": urls})
    results = haulage.download_batches([batch], dest=dest, layout="tree", resolve=resolve)
    return [(row["status"], row["path"]) for batch in results for row in batch.to_pylist()]


def test_two_attempts_at_once_write_the_same_files(server: Server, tmp_path: Path) -> None:
    paths = [f"/{1000 + row}/{row % 100}/{row}.bin?q={row % 3}" for row in range(600)]
    urls = [server.url(f"h{row % 3}.test", path) for row, path in enumerate(paths)]
    arguments = (urls, str(tmp_path), server.resolve)
    with get_context("spawn").Pool(2) as pool:
        one, two = pool.starmap(attempt, [arguments, arguments], chunksize=1)
    assert [path for _, path in one] == [path for _, path in two]
    assert {status for status, _ in one + two} <= {"done", "skipped"}
    for row, (_, path) in enumerate(one):
        assert (tmp_path / path).read_bytes() == body(f"h{row % 3}.test", paths[row])
    files = [path for path in tmp_path.rglob("*") if path.is_file() and ".haul" not in path.parts]
    assert len(files) == 600
    # Both were at it.
    assert server.requests > 600


def test_host_with_many_rows_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_cluster, "LARGE_HOST", 5)
    batch = pa.record_batch({"url": ["http://a.test/1", "http://a.test/2", "http://b.test/", None]})
    with caplog.at_level(logging.WARNING, "haulage"):
        assert list(_cluster.with_notice([batch] * 5, "url")) == [batch] * 5
    (record,) = caplog.records
    assert record.getMessage().startswith("http://a.test has more than 5 rows")


def test_folders_are_absolute_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert _cluster.folder("a") == str(tmp_path / "a")
    assert _cluster.folder(None) is None
    with pytest.raises(InputError, match="all machines share"):
        _cluster.folder("s3://bucket/a")


@pytest.mark.parametrize(("module", "what"), [("spark", "pyspark"), ("ray", "ray.data")])
def test_missing_library_says_what_to_install(module: str, what: str) -> None:
    code = f"""
import sys
import haulage
assert not {{"pyspark", "ray", "pyarrow", "pandas", "dask"}} & set(sys.modules)
sys.modules[{what.partition(".")[0]!r}] = None
try:
    import haulage.{module}
except ImportError as error:
    print(error)
"""
    env = {**os.environ, "PYTHONPATH": ROOT}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    assert f"pip install haulage[{module}]" in run.stdout
