"""Tables in, tables out: Arrow, from whichever library."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

from haulage._arrow import arrow
from haulage._haulage import InputError, Outcome, columns
from haulage._run import Run

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Unpack

    from haulage._engine import Engine
    from haulage._options import Path, TableOptions

# What a record batch of results has at most: rows, and bytes of files, and one more file.
BATCH_ROWS = 8_192
BATCH_BYTES = 64 << 20
# What may be under way, or wait behind a row that takes long: rows, and the bytes of their files.
ROWS_AHEAD = 16_384
BYTES_AHEAD = 256 << 20
# Rows that may be under way however large their files are.
ROWS_AT_LEAST = 4
# The size of a file that is expected before the first one has ended.
EXPECTED_BYTES = 4 << 20


def download_table(
    table: Any,
    *,
    url: str = "url",
    name: str | None = None,
    checksum: str | None = None,
    dest: Path | None = None,
    content: bool = False,
    prefix: str | None = None,
    engine: Engine | None = None,
    progress: bool = False,
    **options: Unpack[TableOptions],
) -> Any:
    """Downloads the URLs of a table, and gives the table with the results.

    Args:
        table: A table of pyarrow, polars, pandas, DuckDB, or whatever has the Arrow PyCapsule
            interface (``__arrow_c_stream__``).
        url: The column of the URLs.
        name: The column of file names. ``None``, the default: files are named after their URLs, also
            if there is a column ``name``. (`download` uses the columns of a table that are called
            as fields of a row.)
        checksum: The column of checksums (``sha256=…``). ``None``, the default: there are none, also
            if there is a column ``checksum``.
        dest: The folder of the files.
        content: Puts the files' bytes into a column ``content``; then there is no ``dest``.
        prefix: Stands before a result's name that the table has already; ``"haul_"`` by default.
        engine, progress, options: As for `download`.

    Returns:
        The table's columns, then ``status``, ``path``, ``bytes``, ``http_status``, ``error_kind``,
        ``error_message``, ``final_url``, ``attempts``, ``started``, ``duration_ms``, ``etag``,
        ``last_modified``, ``content_type``, ``verified``, requested hashes, and ``content`` if that
        is wanted. The rows are those of the table, in its order. A polars or pandas DataFrame for
        one of these, else a `pyarrow.Table`.

    >>> table = haulage.download_table({"url": urls}, dest=folder)
    >>> table["status"].to_pylist()
    ['done']
    """
    pa = arrow()
    if isinstance(table, dict):
        table = as_arrow(pa.table, table)
    reader = reader_of(table)
    if not hasattr(reader, "schema"):
        batches = list(reader)
        if not batches:
            raise InputError("there is no batch, so there is no column of URLs")
        reader = pa.Table.from_batches(batches).to_reader()
    wanted = Columns(url, name, checksum)
    check(wanted, reader.schema.names, dest, content, options)
    schema = result_schema(hashes_of(options), content)
    names = distinct(schema.names, reader.schema.names, prefix)
    answered = list(results(reader, wanted, dest, content, engine, progress, dict(options)))
    result = pa.Table.from_batches([result for _, result in answered], schema)
    result = result.rename_columns(names)
    return joined(table, [batch for batch, _ in answered], reader.schema, result)


def download_batches(
    batches: Any,
    *,
    url: str = "url",
    name: str | None = None,
    checksum: str | None = None,
    dest: Path | None = None,
    content: bool = False,
    prefix: str | None = None,
    engine: Engine | None = None,
    progress: bool = False,
    **options: Unpack[TableOptions],
) -> Iterator[pa.RecordBatch]:
    """Downloads the URLs of a stream of record batches, and gives record batches with the results.

    The rows keep their order, and each has exactly one. Memory is bounded however long the stream
    is: it is read only as far ahead as needed, and batches are divided that are long or have large
    ``content``. A run that is stopped, by ``max_errors`` for example, still gives every row: those
    that had not started are failed, of kind ``cancelled``. This is what to call on a cluster, for
    each part of a table.

    Args:
        batches: An iterable of `pyarrow.RecordBatch`, or whatever has the Arrow PyCapsule interface
            (``__arrow_c_stream__``).

    The other arguments and the columns are as for `download_table`.

    >>> import pyarrow as pa
    >>> batch = pa.record_batch({"url": urls})
    >>> for result in haulage.download_batches([batch], content=True):
    ...     print(result["bytes"].to_pylist())
    [4096]
    """
    reader = reader_of(batches)
    wanted = Columns(url, name, checksum)
    check(wanted, getattr(reader, "schema", None) and reader.schema.names, dest, content, options)
    answered = results(reader, wanted, dest, content, engine, progress, dict(options))
    return beside(answered, prefix)


def beside(
    answered: Iterable[tuple[pa.RecordBatch, pa.RecordBatch]], prefix: str | None
) -> Iterator[pa.RecordBatch]:
    """Yields record batches that have the columns of the input, and those of the results."""
    import pyarrow as pa

    for batch, result in answered:
        names = distinct(result.schema.names, batch.schema.names, prefix)
        fields = [field.with_name(name) for field, name in zip(result.schema, names)]
        schema = pa.schema([*batch.schema, *fields])
        yield pa.RecordBatch.from_arrays([*batch.columns, *result.columns], schema=schema)


def check(
    wanted: Columns,
    names: Sequence[str] | None,
    dest: Path | None,
    content: bool,
    options: Any,
) -> None:
    """Raises what is wrong before anything is read.

    Args:
        names: The columns of the input, where they are known.
    """
    if content == (dest is not None):
        raise InputError("give either dest, a folder, or content=True")
    if "checksum" in options:
        raise InputError("checksum is the name of a column here")
    for option in ("url_column", "name_column", "checksum_column"):
        if option in options:
            raise InputError(f"{option} is for a list in a file; give {option[:-7]} here")
    if names is not None:
        wanted.check(names)


class Columns:
    """The columns that say what is wanted."""

    def __init__(self, url: str, name: str | None, checksum: str | None) -> None:
        self.url, self.name, self.checksum = url, name, checksum

    def check(self, names: Sequence[str]) -> None:
        """Raises InputError if a column is missing, or if there are two of it."""
        for column in (self.url, self.name, self.checksum):
            if column is not None and column not in names:
                raise InputError(f"there is no column {column!r}; there are {', '.join(names)}")
            if column is not None and names.count(column) > 1:
                raise InputError(f"two columns have the name {column!r}; rename one")

    def rows(self, batch: pa.RecordBatch) -> list[Any]:
        """Returns a row for each of a batch's."""
        urls: list[Any] = batch.column(self.url).to_pylist()
        if self.name is None and self.checksum is None:
            return urls
        nothing = [None] * len(urls)
        names = nothing if self.name is None else batch.column(self.name).to_pylist()
        sums = nothing if self.checksum is None else batch.column(self.checksum).to_pylist()
        return [
            {"url": url, "name": name, "checksum": checksum}
            for url, name, checksum in zip(urls, names, sums)
        ]


class Part:
    """Rows that follow each other, and what has become of them."""

    def __init__(self, batch: pa.RecordBatch, first: int) -> None:
        self.batch = batch
        self.first = first
        self.outcomes: list[Outcome | None] = [None] * batch.num_rows
        # Rows that have been given on, and rows behind them that have ended without a gap.
        self.given = self.ended = 0
        # Bytes of the files of the rows between the two.
        self.size = 0

    def on_end(self, outcome: Outcome) -> None:
        self.outcomes[outcome.row - self.first] = outcome


class Ahead:
    """Keeps the source from running ahead of what is given on.

    A row that starts has to have room, and its file too, whose size is known when it ends. Until
    then it is taken to be as large as the last ones.
    """

    def __init__(self, counts_bytes: bool) -> None:
        self._counts_bytes = counts_bytes
        self._changed = threading.Condition()
        self._rows = 0
        self._under_way = 0
        self._bytes = 0
        self._expected = float(EXPECTED_BYTES)
        self.is_over = False

    def start(self) -> None:
        """Waits until the next row may start, and notes that it does."""
        with self._changed:
            while self._is_full() and not self.is_over:
                self._changed.wait()
            self._rows += 1
            self._under_way += 1

    def _is_full(self) -> bool:
        if self._rows >= ROWS_AHEAD:
            return True
        if not self._counts_bytes:
            return False
        # Where this is so, a row is under way that the others wait for, or some can be given on: so
        # this ends.
        if self._bytes >= BYTES_AHEAD:
            return True
        expected = self._bytes + self._under_way * self._expected
        return self._under_way >= ROWS_AT_LEAST and expected >= BYTES_AHEAD

    def on_end(self, size: int) -> None:
        """Notes that a row has ended, with so many bytes."""
        with self._changed:
            self._under_way -= 1
            self._bytes += size
            self._expected += (size - self._expected) / 16
            self._changed.notify_all()

    def on_give(self, rows: int, size: int) -> None:
        """Notes that so many rows and bytes have been given on."""
        with self._changed:
            self._rows -= rows
            self._bytes -= size
            self._changed.notify_all()

    def end(self) -> None:
        """Lets the source go on: nothing that it gives starts any more."""
        with self._changed:
            self.is_over = True
            self._changed.notify_all()


def results(
    batches: Iterable[pa.RecordBatch],
    wanted: Columns,
    dest: Path | None,
    content: bool,
    engine: Engine | None,
    progress: bool,
    options: dict[str, Any],
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Downloads the rows of record batches. Yields pairs of record batches: input, and results."""
    import pyarrow as pa

    schema = result_schema(hashes_of(options), content)
    unread = iter(batches)
    # Those that are not complete yet, in order; and the one of each row that has not ended. The
    # thread that reads the source adds to both.
    parts: deque[Part] = deque()
    part_of: dict[int, Part] = {}
    empty: list[pa.RecordBatch] = []
    ahead = Ahead(content)

    def read() -> Iterator[Part]:
        first = 0
        for batch in unread:
            wanted.check(batch.schema.names)
            # An empty one waits for nothing that would let it be given on.
            if not batch.num_rows and not empty:
                empty.append(batch)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                part = Part(batch.slice(start, BATCH_ROWS), first)
                first += part.batch.num_rows
                yield part

    unstarted = read()
    reading = threading.Lock()

    def next_part() -> Part | None:
        with reading:
            part = None if ahead.is_over else next(unstarted, None)
            if part is not None:
                parts.append(part)
            return part

    def rows() -> Iterator[Any]:
        while (part := next_part()) is not None:
            for number, row in enumerate(wanted.rows(part.batch), part.first):
                ahead.start()
                part_of[number] = part
                yield row

    has_rows = False
    with Run(rows(), dest, engine, progress, options) as run:
        try:
            for outcome in run:
                part = part_of.pop(outcome.row)
                part.on_end(outcome)
                ahead.on_end(outcome.bytes)
                if part is parts[0] and outcome.row == part.first + part.ended:
                    for pair in complete(parts, schema, content, ahead):
                        has_rows = True
                        yield pair
                        # In the child of a fork, what is complete is not given either.
                        run._check()
        finally:
            ahead.end()
    # A run that was stopped leaves rows without an outcome: some that were read, and the rest, to
    # be read here as soon as the other thread has let go of the source.
    with reading:
        for part in chain(parts, unstarted):
            has_rows = True
            yield from pieces(part, schema, content)
    # Without rows, an empty batch tells what the columns are.
    given = empty[0].schema if empty else getattr(batches, "schema", None)
    if not has_rows and given is not None:
        nothing = pa.RecordBatch.from_pylist([], schema=given)
        yield piece(Part(nothing, 0), 0, schema)


def complete(
    parts: deque[Part], schema: pa.Schema, content: bool, ahead: Ahead
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yields what is complete: whole parts, or a piece of one that has large files."""
    while parts:
        part = parts[0]
        while part.ended < len(part.outcomes) and (ended := part.outcomes[part.ended]) is not None:
            part.ended += 1
            part.size += ended.bytes
            if content and part.size >= BATCH_BYTES:
                yield give(part, schema, ahead)
        if part.ended < len(part.outcomes):
            return
        if part.given < part.ended:
            yield give(part, schema, ahead)
        parts.popleft()


def give(part: Part, schema: pa.Schema, ahead: Ahead) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns the rows that have ended, and lets go of them."""
    ahead.on_give(part.ended - part.given, part.size)
    part.size = 0
    return piece(part, part.ended, schema)


def pieces(
    part: Part, schema: pa.Schema, content: bool
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yields what is left of a part when the run is over, also rows without an outcome."""
    size = 0
    for number in range(part.given, len(part.outcomes)):
        outcome = part.outcomes[number]
        size += outcome.bytes if content and outcome is not None else 0
        if size >= BATCH_BYTES:
            size = 0
            yield piece(part, number + 1, schema)
    if part.given < len(part.outcomes):
        yield piece(part, len(part.outcomes), schema)


def piece(part: Part, end: int, schema: pa.Schema) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns the rows up to this one that have not been given on yet, and their results."""
    import pyarrow as pa

    start, part.given = part.given, end
    outcomes = part.outcomes[start:end]
    part.outcomes[start:end] = [None] * (end - start)
    lists = columns(outcomes, schema.names)
    arrays = [
        of_buffers(values) if field.name == "content" else pa.array(values, field.type)
        for values, field in zip(lists, schema)
    ]
    return part.batch.slice(start, end - start), pa.RecordBatch.from_arrays(arrays, schema=schema)


def of_buffers(values: Sequence[memoryview | None]) -> pa.Array:
    """Returns an array of type large_binary.

    `pyarrow.array` of memoryviews never lets go of them (pyarrow 26.0.1): every file would stay in
    memory.
    """
    import pyarrow as pa

    ends = accumulate((0 if value is None else len(value) for value in values), initial=0)
    buffers = [
        pa.array([value is not None for value in values], pa.bool_()).buffers()[1],
        pa.array(list(ends), pa.int64()).buffers()[1],
        pa.py_buffer(b"".join(value for value in values if value is not None)),
    ]
    return pa.Array.from_buffers(pa.large_binary(), len(values), buffers)


def result_schema(hashes: Sequence[str], content: bool) -> pa.Schema:
    """Returns the schema of the results."""
    import pyarrow as pa

    fields = [
        ("status", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("http_status", pa.int16()),
        ("error_kind", pa.string()),
        ("error_message", pa.string()),
        ("final_url", pa.string()),
        ("attempts", pa.int32()),
        ("started", pa.timestamp("ms", "UTC")),
        ("duration_ms", pa.int64()),
        ("etag", pa.string()),
        ("last_modified", pa.string()),
        ("content_type", pa.string()),
        ("verified", pa.string()),
        *((name, pa.string()) for name in hashes),
    ]
    if content:
        fields.append(("content", pa.large_binary()))
    return pa.schema(fields)


def hashes_of(options: Any) -> list[str]:
    """Returns the names of the hashes that options ask for, as results have them."""
    given = options.get("hash") or options.get("hashes") or ()
    given = [given] if isinstance(given, str) else given
    return [str(name).lower().replace("-", "") for name in given]


def distinct(names: Sequence[str], taken: Sequence[str], prefix: str | None) -> list[str]:
    """Returns names with a prefix before those that are taken."""
    prefix = "haul_" if prefix is None else prefix
    result = []
    for name in names:
        while name in taken or name in result:
            if not prefix:
                raise InputError(f"the table has a column {name!r} already; give a prefix")
            name = prefix + name
        result.append(name)
    return result


def reader_of(table: Any) -> Any:
    """Returns an iterable of record batches, with a schema if the table has one.

    Raises:
        InputError: It is no table.
    """
    pa = arrow()
    if (advice := advice_for(table)) is not None:
        raise InputError(f"the table is {article(table)}; {advice}")
    if hasattr(table, "__arrow_c_stream__"):
        return as_arrow(pa.RecordBatchReader.from_stream, table)
    if hasattr(table, "__arrow_c_array__"):
        return pa.Table.from_batches([as_arrow(pa.record_batch, table)]).to_reader()
    if isinstance(table, Iterable) and not isinstance(table, (str, bytes)):
        return map(checked_batch, table)
    raise InputError(f"the table is {article(table)}; {GIVE_A_TABLE}")


GIVE_A_TABLE = "give a table of pyarrow, polars, pandas or DuckDB"


def article(value: Any) -> str:
    """Returns the library and the type of an object: ``of type polars.LazyFrame``."""
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    return f"of type {kind.__name__ if library == 'builtins' else f'{library}.{kind.__name__}'}"


def advice_for(table: Any) -> str | None:
    """Returns what to do with an object that looks like a table and is none."""
    library = type(table).__module__.partition(".")[0]
    name = type(table).__name__
    if name == "LazyFrame":
        return "call its collect() first"
    if library == "pyspark":
        return "call haulage.spark.download, or its toArrow() first"
    if library == "ray":
        return "call haulage.ray.download"
    # A Series of polars has the interface of Arrow too, but no columns.
    is_array = hasattr(table, "to_pylist") and hasattr(table, "type")
    if is_array or name in ("Series", "Index") or library == "numpy":
        return f"{GIVE_A_TABLE}, or call haulage.download for an array of URLs"
    return None


def as_arrow(convert: Callable[[Any], Any], table: Any) -> Any:
    """Returns what pyarrow makes of a table.

    Raises:
        InputError: It cannot.
    """
    import pyarrow as pa

    try:
        return convert(table)
    except (pa.ArrowException, TypeError, ValueError) as error:
        what = f"the table, {article(table)}, cannot be read as Arrow: {error}"
        raise InputError(what) from error


def checked_batch(batch: Any) -> pa.RecordBatch:
    """Returns an element of a stream of record batches.

    Raises:
        InputError: It is something else.
    """
    import pyarrow as pa

    if isinstance(batch, pa.RecordBatch):
        return batch
    what = f"an element of the table is {article(batch)}, and no record batch"
    raise InputError(f"{what}; {GIVE_A_TABLE}, or call haulage.download for a list of URLs")


def joined(table: Any, batches: list[pa.RecordBatch], schema: pa.Schema, result: pa.Table) -> Any:
    """Returns a table with the results, of the library that it is of."""
    import pyarrow as pa

    polars, pandas = sys.modules.get("polars"), sys.modules.get("pandas")
    if polars is not None and isinstance(table, polars.DataFrame):
        return table.hstack(polars.from_arrow(result))
    if pandas is not None and isinstance(table, pandas.DataFrame):
        results = result.to_pandas()
        results.index = table.index
        return pandas.concat([table, results], axis=1)
    given = pa.Table.from_batches(batches, schema)
    for field, column in zip(result.schema, result.columns):
        given = given.append_column(field, column)
    return given


def rows_of(table: Any) -> Iterator[Any]:
    """Returns the rows of a table that has a column ``url``, and perhaps others of a row."""
    reader = reader_of(table)
    known = [name for name in ROW if name in reader.schema.names]
    Columns("url", None, None).check(reader.schema.names)
    return (row for batch in reader for row in batch.select(known).to_pylist())


# The fields of a row.
ROW = ("url", "name", "label", "checksum", "mirrors", "headers", "size")
