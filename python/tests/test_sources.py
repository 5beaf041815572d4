"""What a source may be, and what becomes of rows that cannot be used."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import math
import os
from pathlib import Path

import pytest

import haulage

COUNT = 3


def lengths(run):
    return sorted((outcome.row, outcome.bytes) for outcome in run if outcome.ok)


EXPECTED = [(row, 100) for row in range(COUNT)]


class OnlyGetItem:
    """The old way to be iterable."""

    def __init__(self, urls):
        self.urls = urls

    def __getitem__(self, index):
        return self.urls[index]


def arrow_array(urls):
    import pyarrow as pa

    return pa.array(urls)


def chunked_array(urls):
    import pyarrow as pa

    return pa.chunked_array([urls[:1], urls[1:]])


def arrow_table(urls):
    import pyarrow as pa

    return pa.table({"id": list(range(len(urls))), "url": urls})


def arrow_reader(urls):
    return arrow_table(urls).to_reader(max_chunksize=2)


def duckdb_relation(urls):
    import duckdb

    table = arrow_table(urls)
    connection = duckdb.connect()
    return connection.from_arrow(table)


def of(module, name):
    def make(urls):
        return getattr(pytest.importorskip(module), name)(urls)

    return make


def frame_of(module):
    def make(urls):
        return pytest.importorskip(module).DataFrame({"url": urls, "other": range(len(urls))})

    return make


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        iter,
        dict.fromkeys,
        lambda urls: dict.fromkeys(urls).keys(),
        lambda urls: (url for url in urls),
        lambda urls: map(str, urls),
        OnlyGetItem,
        of("numpy", "array"),
        of("pandas", "Series"),
        of("polars", "Series"),
        frame_of("pandas"),
        frame_of("polars"),
        arrow_array,
        chunked_array,
        arrow_table,
        arrow_reader,
        duckdb_relation,
    ],
    ids=[
        "list",
        "tuple",
        "iterator",
        "dict",
        "keys",
        "generator",
        "map",
        "sequence",
        "numpy",
        "pandas",
        "polars",
        "pandas_frame",
        "polars_frame",
        "arrow_array",
        "chunked_array",
        "arrow_table",
        "arrow_reader",
        "duckdb",
    ],
)
def test_source_of_each_kind_is_read(origin, make):
    source = make(origin.urls(COUNT))
    if isinstance(source, dict):
        # A dict is a row; of URLs as its keys, it is a mistake.
        (outcome,) = haulage.download(source)
        assert "has no field" in outcome.error.message
        return
    assert lengths(haulage.download(source)) == EXPECTED


def test_single_url_is_one_row(origin):
    run = haulage.download(origin.url("/bytes/100"))
    assert len(run) == 1
    assert lengths(run) == [(0, 100)]


def test_single_request_or_dict_is_one_row(origin):
    for source in (
        haulage.Request(origin.url("/bytes/100")),
        {"url": origin.url("/bytes/100")},
    ):
        assert lengths(haulage.download(source)) == [(0, 100)]


def test_async_sources_are_read(origin):
    urls = origin.urls(COUNT)

    async def generator():
        for url in urls:
            await asyncio.sleep(0)
            yield url

    class Iterator:
        def __init__(self):
            self.urls = iter(urls)

        def __aiter__(self):
            return self

        async def __anext__(self):
            try:
                return next(self.urls)
            except StopIteration:
                raise StopAsyncIteration from None

    class Iterable:
        def __aiter__(self):
            return generator()

    async def main():
        for source in (generator(), Iterator(), Iterable()):
            outcomes = [outcome async for outcome in haulage.download(source)]
            assert lengths(outcomes) == EXPECTED

    asyncio.run(main())


def test_async_source_in_a_for_loop_is_refused(origin):
    async def source():
        yield origin.url("/bytes/1")

    with pytest.raises(haulage.InputError, match="async for"):
        list(haulage.download(source()))


def digest_of(origin, path):
    (outcome,) = haulage.download(origin.url(path))
    return hashlib.sha256(outcome.content).hexdigest()


@pytest.mark.parametrize("of_class", [dict, haulage.Request])
def test_fields_of_a_row_count(origin, tmp_path, of_class):
    digest = digest_of(origin, "/bytes/100")
    row = of_class(
        url=origin.url("/bytes/100?status=404"),
        name="a/b.bin",
        label="Bee",
        checksum=f"sha256={digest}",
        mirrors=[origin.url("/bytes/100")],
        headers={"X-One": "1"},
        size=100,
    )
    (outcome,) = haulage.download([row], tmp_path, retries=0)
    assert outcome.ok, outcome
    assert (outcome.label, outcome.path) == ("Bee", Path("a/b.bin"))
    assert (outcome.verified, outcome.final_url) == ("checksum", origin.url("/bytes/100"))
    assert outcome.file == tmp_path / "a/b.bin"
    assert outcome.file.stat().st_size == 100


def test_checksum_of_a_row_may_have_each_form(origin):
    digest = digest_of(origin, "/bytes/100")
    right = [f"sha256={digest}", [f"sha256={digest}"], {"sha256": digest}, {"SHA-256": digest}]
    wrong = ["sha256=" + "0" * 64, {"sha256": "0" * 64}]
    rows = [{"url": origin.url("/bytes/100"), "checksum": sum} for sum in right + wrong]
    rows.append(haulage.Request(origin.url("/bytes/100"), checksum={"sha256": digest}))
    outcomes = sorted(haulage.download(rows), key=lambda outcome: outcome.row)
    kinds = [outcome.error and outcome.error.kind for outcome in outcomes]
    assert kinds == [None] * 4 + ["checksum"] * 2 + [None]


def test_headers_of_a_row_are_sent(gates):
    # The origin of the tests says nothing of requests; a header that cannot be sent says enough.
    rows = [
        {"url": gates.url("/a"), "headers": {"X-One": "1"}},
        {"url": gates.url("/b"), "headers": {"X One": "1"}},
        {"url": gates.url("/c"), "headers": {"X-One": "1\r\nX-Two: 2"}},
    ]
    outcomes = {outcome.row: outcome for outcome in haulage.download(rows)}
    assert outcomes[0].ok
    assert "no name of a header" in outcomes[1].error.message
    assert "cannot be sent" in outcomes[2].error.message


def test_size_that_differs_fails_the_row(origin):
    row = {"url": origin.url("/bytes/100"), "size": 99}
    (outcome,) = haulage.download([row], retries=0)
    assert outcome.status == "failed", outcome


class Text(str):
    pass


class Broken:
    @property
    def url(self):
        raise ValueError("no luck")


class Unshowable:
    def __repr__(self):
        raise ValueError("no luck")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (None, "the URL is missing"),
        (math.nan, "the URL is missing"),
        (b"http://a.example/", "neither a str"),
        (7, "neither a str"),
        (["http://a.example/"], "neither a str"),
        (Unshowable(), "neither a str"),
        (Broken(), "no luck"),
        ("http://a.example/\ud800", "lone surrogates"),
        ("", ""),
        ("nothing", ""),
        ("ftp://a.example/", ""),
        ({}, 'it has no "url"'),
        ({"url": None}, 'it has no "url"'),
        ({"url": math.nan}, 'it has no "url"'),
        ({"url": 7}, 'its "url" is of type int, not a str'),
        ({"url": "http://a.example/\ud800"}, "lone surrogates in it"),
        ({"url": "http://a.example/", "named": "x"}, "no field 'named'"),
        ({"url": "http://a.example/", 7: "x"}, "no field 7"),
        ({"url": "http://a.example/", "name": 7}, 'its "name" is of type int'),
        ({"url": "http://a.example/", "name": "../x"}, ""),
        ({"url": "http://a.example/", "size": "much"}, "not a number of bytes"),
        ({"url": "http://a.example/", "size": -1}, "not a number of bytes"),
        ({"url": "http://a.example/", "checksum": "sha256=zz"}, ""),
        ({"url": "http://a.example/", "checksum": 7}, 'its "checksum" is of type int'),
        ({"url": "http://a.example/", "checksum": {"sha256": 7}}, 'its "checksum" has a value of type int'),
        ({"url": "http://a.example/", "checksum": {"nosum": "00"}}, ""),
        ({"url": "http://a.example/", "mirrors": 7}, 'its "mirrors" is of type int'),
        ({"url": "http://a.example/", "mirrors": [7]}, 'its "mirrors" has a value of type int'),
        ({"url": "http://a.example/", "headers": 7}, 'its "headers" is of type int'),
        ({"url": "http://a.example/", "headers": {"A": 7}}, 'its "headers" has a value of type int'),
    ],
)
def test_row_that_cannot_be_used_fails_alone(origin, row, message):
    rows = [origin.url("/bytes/100"), row, Text(origin.url("/bytes/100"))]
    outcomes = sorted(haulage.download(rows), key=lambda outcome: outcome.row)
    assert [outcome.row for outcome in outcomes] == [0, 1, 2]
    assert [outcome.status for outcome in outcomes] == ["done", "failed", "done"]
    error = outcomes[1].error
    assert error.kind in ("input", "name"), error
    assert message in error.message, error
    assert error.message and "\n" not in error.message
    assert outcomes[1].attempts == 0
    assert isinstance(outcomes[1].url, str) and isinstance(outcomes[1].as_dict(), dict)


@pytest.mark.parametrize("source", [7, None, 3.5, object(), b"http://a.example/", bytearray(b"x")])
def test_source_that_is_none_is_refused(source):
    with pytest.raises(haulage.InputError, match="the source is"):
        haulage.download(source)


def test_table_without_urls_is_refused():
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(haulage.InputError, match="there is no column 'url'; there are link"):
        haulage.download(pa.table({"link": ["http://a.example/"]}))


def test_table_gives_all_fields_of_a_row(origin, tmp_path):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"url": origin.urls(2), "name": ["x", "y"], "size": [100, 99], "k": [1, 2]})
    outcomes = {outcome.row: outcome for outcome in haulage.download(table, tmp_path, retries=0)}
    assert outcomes[0].path == Path("x")
    assert outcomes[1].status == "failed"


# Lists in files


@pytest.fixture
def list_file(origin, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# three\n" + "".join(f"{url}\tout={n}.bin\n" for n, url in enumerate(origin.urls(3))))
    return path


@pytest.mark.parametrize("as_path", [str, Path, os.fsencode], ids=["str", "path", "bytes_path"])
def test_path_of_a_list_is_read(list_file, tmp_path, as_path):
    source = as_path(list_file)
    if isinstance(source, bytes):
        with pytest.raises(haulage.InputError, match="bytes"):
            haulage.download(source)
        return
    run = haulage.download(source, tmp_path / "out")
    outcomes = list(run)
    assert lengths(outcomes) == EXPECTED
    first = min(outcomes, key=lambda outcome: outcome.row)
    assert (first.input, first.line) == (str(list_file), 2)
    assert len(run) == 3
    again = haulage.download(source, tmp_path / "out").wait()
    assert again.skipped == 3


def test_compressed_list_is_read(list_file, tmp_path):
    packed = tmp_path / "list.gz"
    packed.write_bytes(gzip.compress(list_file.read_bytes()))
    assert lengths(haulage.download(packed)) == EXPECTED


def test_list_of_checksums_is_read(origin, tmp_path):
    digest = digest_of(origin, "/bytes/100")
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{digest}  100\n{'0' * 64}  200\n")
    run = haulage.download(sums, base_url=origin.url("/bytes/"), retries=0)
    outcomes = {outcome.row: outcome for outcome in run}
    assert outcomes[0].verified == "checksum"
    assert outcomes[1].error.kind == "checksum"
    with pytest.raises(haulage.InputError, match="base_url"):
        haulage.download(sums)


def test_list_that_is_missing_or_broken_is_refused(list_file, tmp_path):
    with pytest.raises(haulage.InputError, match="No such file.*check the name of the list"):
        haulage.download(tmp_path / "none.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(haulage.InputError, match="names no file"):
        haulage.download(tmp_path / "empty")
    packed = tmp_path / "list.gz"
    packed.write_bytes(gzip.compress(list_file.read_bytes() * 100)[:-6])
    with pytest.raises(haulage.InputError, match="list.gz"):
        for _ in haulage.download(packed):
            pass


def test_line_that_cannot_be_used_fails_alone(list_file):
    list_file.write_text(list_file.read_text() + "nonsense\n")
    outcomes = list(haulage.download(list_file))
    assert lengths(outcomes) == EXPECTED
    (failed,) = (outcome for outcome in outcomes if not outcome.ok)
    assert (failed.line, failed.error.kind) == (5, "input")


# The option for the checksum of a single URL


def test_checksum_of_a_single_url_is_checked(origin):
    url = origin.url("/bytes/100")
    digest = digest_of(origin, "/bytes/100")
    for right in (f"sha256={digest}", [f"sha256={digest}"], {"sha256": digest}):
        (outcome,) = haulage.download(url, checksum=right)
        assert (outcome.status, outcome.verified) == ("done", "checksum")
    (outcome,) = haulage.download(url, checksum="sha256=" + "0" * 64)
    assert outcome.error.kind == "checksum"


def test_checksum_of_anything_else_is_refused(origin, list_file):
    url = origin.url("/bytes/100")
    for source in ([url], {"url": url}, haulage.Request(url), list_file, iter([url])):
        with pytest.raises(haulage.InputError, match="checksum is for a single URL"):
            haulage.download(source, checksum="sha256=" + "0" * 64)


def test_checksum_that_is_none_is_refused(origin):
    url = origin.url("/bytes/100")
    for wrong in ("sha256=zz", "nosum=00", ["sha256=zz"]):
        with pytest.raises(haulage.InputError, match="checksum"):
            haulage.download(url, checksum=wrong)
    assert haulage.download(url, checksum=None).wait().done == 1
