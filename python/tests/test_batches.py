"""`download_batches` where rows are many, late, empty, or never start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import Server, body

import haulage
from haulage import InputError, _tables

pa = pytest.importorskip("pyarrow")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def batch(urls: list[str | None]) -> pa.RecordBatch:
    return pa.record_batch({"url": pa.array(urls, pa.string())})


def test_long_batch_is_divided(tmp_path: Path) -> None:
    # More rows than the source may be ahead: they are given on although the batch has not ended.
    rows = 3 * _tables.ROWS_AHEAD
    results = haulage.download_batches([batch(["no"] * rows)], dest=tmp_path)
    lengths = [result.num_rows for result in results]
    assert sum(lengths) == rows
    assert max(lengths) <= _tables.BATCH_ROWS


def test_empty_batches_hold_up_nothing(tmp_path: Path) -> None:
    empty = batch([])
    rows = 2 * _tables.ROWS_AHEAD
    results = haulage.download_batches([empty, batch(["no"] * rows), empty], dest=tmp_path)
    assert sum(result.num_rows for result in results) == rows


def test_empty_stream_tells_its_columns(tmp_path: Path) -> None:
    (result,) = haulage.download_batches([batch([]), batch([])], dest=tmp_path)
    assert result.num_rows == 0
    assert result.schema.names[:3] == ["url", "status", "path"]
    table = pa.Table.from_batches([], batch([]).schema)
    (result,) = haulage.download_batches(table, dest=tmp_path)
    assert result.schema.names[:2] == ["url", "status"]
    assert list(haulage.download_batches([], dest=tmp_path)) == []


def test_single_rows_are_given_in_order(server: Server) -> None:
    urls = [f"http://127.0.0.1:{server.port}/{10 + row % 7}/{row}" for row in range(5_000)]
    results = list(haulage.download_batches([batch([url]) for url in urls], content=True))
    assert [result["url"].to_pylist() for result in results] == [[url] for url in urls]
    assert results[17]["content"].to_pylist() == [body("127.0.0.1", "/13/17")]


def test_stopped_run_gives_every_row(server: Server) -> None:
    refused = f"http://127.0.0.1:{server.port}/100000/x"
    source = (batch([f"{refused}{row}"] * 3) for row in range(5_000))
    results = haulage.download_batches(
        source, content=True, max_size=10, max_errors=5, retries=0
    )
    kinds = [kind for result in results for kind in result["error_kind"].to_pylist()]
    assert len(kinds) == 15_000
    assert set(kinds) == {"refused", "cancelled"}
    table = haulage.download_table(
        {"url": [f"{refused}{row}" for row in range(50_000)]},
        content=True,
        max_size=10,
        max_errors=5,
    )
    assert table.num_rows == 50_000


def test_large_files_bound_what_is_read_ahead(server: Server) -> None:
    size = 8 << 20
    read = 0

    def source() -> Iterator[pa.RecordBatch]:
        nonlocal read
        for row in range(1_000):
            read += 1
            yield batch([f"http://127.0.0.1:{server.port}/{size}/{row}"])

    results = haulage.download_batches(source(), content=True)
    for result in results:
        assert result.num_rows == 1
        break
    # What was begun before it was known how large files are.
    most = _tables.BYTES_AHEAD // _tables.EXPECTED_BYTES + 2
    assert read <= most
    results.close()


def test_source_that_waits_for_results_does_not_hang(server: Server) -> None:
    received = threading.Semaphore(0)
    urls = [f"http://127.0.0.1:{server.port}/5/{row}" for row in range(20)]

    def source() -> Iterator[pa.RecordBatch]:
        for url in urls:
            yield batch([url])
            assert received.acquire(timeout=30)

    for result in haulage.download_batches(source(), content=True):
        assert result["status"].to_pylist() == ["done"]
        received.release()


def test_source_that_raises_is_heard(tmp_path: Path) -> None:
    def source() -> Iterator[pa.RecordBatch]:
        yield batch(["no"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(haulage.download_batches(source(), dest=tmp_path))


def test_unusable_arguments_raise_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="either dest"):
        haulage.download_batches([])
    with pytest.raises(InputError, match="there is no column 'uri'"):
        haulage.download_batches(pa.table({"url": ["a"]}), url="uri", dest=tmp_path)
