"""Tables of each library, and what is said of things that are none."""

from __future__ import annotations

import pytest

import haulage

pa = pytest.importorskip("pyarrow")


def tables_of(urls):
    """Returns the same table of each library that is there."""
    columns = {"id": [7, 8], "url": urls, "name": ["a.bin", "b.bin"]}
    yield "pyarrow", pa.table(columns)
    for library in ("polars", "pandas"):
        try:
            module = __import__(library)
        except ImportError:
            continue
        yield library, module.DataFrame(columns)


def values(table, name):
    column = table[name]
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


def test_table_comes_back_as_one_of_its_library(origin, tmp_path):
    urls = [origin.url("/bytes/10/one"), origin.url("/bytes/1?status=404")]
    for library, table in tables_of(urls):
        result = haulage.download_table(table, dest=tmp_path / library, retries=0)
        assert type(result) is type(table), library
        assert values(result, "id") == [7, 8]
        assert values(result, "status") == ["done", "failed"]
        # The column `name` counts only if it is given.
        assert values(result, "path")[0] == "one"
        result = haulage.download_table(table, name="name", dest=tmp_path / library, retries=0)
        assert values(result, "path")[0] == "a.bin"


def test_download_uses_the_columns_that_are_called_as_fields(origin, tmp_path):
    for library, table in tables_of(origin.urls(2)):
        outcomes = haulage.download(table, tmp_path / library)
        assert sorted(outcome.path.name for outcome in outcomes) == ["a.bin", "b.bin"]


def not_a_table(kind):
    if kind == "polars.LazyFrame":
        return pytest.importorskip("polars").DataFrame({"url": ["http://a/"]}).lazy()
    if kind == "polars.Series":
        return pytest.importorskip("polars").Series("url", ["http://a/"])
    if kind == "pandas.Series":
        return pytest.importorskip("pandas").Series(["http://a/"], name="url")
    if kind == "numpy":
        return pytest.importorskip("numpy").array(["http://a/"])
    return {
        "str": "table.parquet",
        "int": 7,
        "list of str": ["http://a/"],
        "list of dict": [{"url": "http://a/"}],
        "ragged dict": {"url": ["http://a/"], "id": []},
        "array": pa.array(["http://a/"]),
        "chunked array": pa.chunked_array([["http://a/"]]),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "given", "advice"),
    [
        ("polars.LazyFrame", "polars.LazyFrame", "call its collect() first"),
        ("polars.Series", "polars.Series", "haulage.download for an array"),
        ("pandas.Series", "pandas.Series", "haulage.download for an array"),
        ("numpy", "numpy.ndarray", "haulage.download for an array"),
        ("array", "pyarrow.StringArray", "haulage.download for an array"),
        ("chunked array", "pyarrow.ChunkedArray", "haulage.download for an array"),
        ("list of str", "an element of the table is of type str", "haulage.download for a list"),
        ("list of dict", "an element of the table is of type dict", "give a table of pyarrow"),
        ("ragged dict", "of type dict", "cannot be read as Arrow"),
        ("str", "of type str", "give a table of pyarrow"),
        ("int", "of type int", "give a table of pyarrow"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(kind, given, advice):
    table = not_a_table(kind)
    with pytest.raises(haulage.InputError) as raised:
        haulage.download_table(table, content=True)
    assert given in str(raised.value) and advice in str(raised.value)
    assert "\n" not in str(raised.value)
    if kind != "ragged dict":
        with pytest.raises(haulage.InputError, match="of type"):
            list(haulage.download_batches(table, content=True))


def test_column_of_a_list_is_no_option_of_a_table():
    with pytest.raises(haulage.InputError, match="url_column is for a list in a file; give url"):
        haulage.download_table({"url": ["http://a/"]}, content=True, url_column="url")


def test_lazy_frame_is_refused_as_a_source():
    with pytest.raises(haulage.InputError, match=r"call its collect\(\) first"):
        haulage.download(not_a_table("polars.LazyFrame"))


def test_column_that_is_there_twice_is_refused(origin):
    twice = pa.table([[origin.url("/bytes/1")]] * 2, names=["url", "url"])
    with pytest.raises(haulage.InputError, match="two columns have the name 'url'"):
        haulage.download_table(twice, content=True)
    with pytest.raises(haulage.InputError, match="two columns have the name 'url'"):
        haulage.download(twice)
    # One that is not used stands in nobody's way.
    unused = pa.table([[origin.url("/bytes/1")], [1], [2]], names=["url", "a", "a"])
    result = haulage.download_table(unused, content=True)
    assert result.column_names[:4] == ["url", "a", "a", "status"]


def test_column_that_pandas_has_twice_is_refused(origin):
    pandas = pytest.importorskip("pandas")
    twice = pandas.DataFrame([["http://a/", 1, 2]], columns=["url", "a", "a"])
    with pytest.raises(haulage.InputError, match="cannot be read as Arrow: .*[Dd]uplicate"):
        haulage.download_table(twice, content=True)
