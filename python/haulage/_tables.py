"""Tables in, tables out: Arrow, from whichever library."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from haulage._haulage import InputError, Outcome, columns
from haulage._run import Run

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Unpack

    from haulage._engine import Engine
    from haulage._options import Path, TableOptions

# Bytes of files that a record batch holds at most, and one more file.
BATCH_BYTES = 64 << 20
# What may wait behind a row that takes long: rows that have ended, and the bytes of their files.
ROWS_AHEAD = 16_384
BYTES_AHEAD = 256 << 20


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
        name: The column of file names, if any.
        checksum: The column of checksums (``sha256=…``), if any.
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
    import pyarrow as pa

    if isinstance(table, dict):
        table = pa.table(table)
    reader = reader_of(table)
    batches = results(
        reader,
        Columns(url, name, checksum),
        dest,
        content,
        engine,
        progress,
        dict(options),
    )
    given = [reader.schema.names]
    schema = result_schema(hashes_of(options), content)
    answered = list(batches)
    result = pa.Table.from_batches([result for _, result in answered], schema)
    result = result.rename_columns(distinct(schema.names, given[0], prefix))
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
    is: it is read only as far ahead as needed, and a batch with large ``content`` is divided. This
    is what to call on a cluster, for each part of a table.

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
    import pyarrow as pa

    reader = reader_of(batches)
    wanted = Columns(url, name, checksum)
    answered = results(reader, wanted, dest, content, engine, progress, dict(options))
    names: list[str] | None = None
    for batch, result in answered:
        if names is None:
            names = distinct(result.schema.names, batch.schema.names, prefix)
        schema = pa.schema(
            [*batch.schema, *(field.with_name(name) for field, name in zip(result.schema, names))]
        )
        yield pa.RecordBatch.from_arrays([*batch.columns, *result.columns], schema=schema)


class Columns:
    """The columns that say what is wanted."""

    def __init__(self, url: str, name: str | None, checksum: str | None) -> None:
        self.url, self.name, self.checksum = url, name, checksum

    def check(self, names: Sequence[str]) -> None:
        """Raises InputError if a column is missing."""
        for column in (self.url, self.name, self.checksum):
            if column is not None and column not in names:
                raise InputError(f"there is no column {column!r}; there are {', '.join(names)}")

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
    """A batch of rows, and what has become of them."""

    def __init__(self, batch: pa.RecordBatch, first: int) -> None:
        self.batch = batch
        self.first = first
        self.outcomes: list[Outcome | None] = [None] * batch.num_rows
        # Rows that have been given on, and rows behind them that have ended without a gap.
        self.given = self.ended = 0


class Ahead:
    """Keeps the source from running ahead of what is given on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rows = 0
        self._bytes = 0
        self._is_over = False

    def add(self, rows: int, size: int) -> None:
        """Notes that so many rows and bytes are held; negative, that they have been given on."""
        with self._changed:
            self._rows += rows
            self._bytes += size
            self._changed.notify_all()

    def wait(self) -> None:
        """Waits until the next row may start."""
        with self._changed:
            while (self._rows >= ROWS_AHEAD or self._bytes >= BYTES_AHEAD) and not self._is_over:
                self._changed.wait()

    def end(self) -> None:
        with self._changed:
            self._is_over = True
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
    if content == (dest is not None):
        raise InputError("give either dest, a folder, or content=True")
    if "checksum" in options:
        raise InputError("checksum is the name of a column here")
    return _results(batches, wanted, dest, content, engine, progress, options)


def _results(
    batches: Iterable[pa.RecordBatch],
    wanted: Columns,
    dest: Path | None,
    content: bool,
    engine: Engine | None,
    progress: bool,
    options: dict[str, Any],
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    schema = result_schema(hashes_of(options), content)
    parts: deque[Part] = deque()
    ahead = Ahead()

    def rows() -> Iterator[Any]:
        first = 0
        for batch in batches:
            wanted.check(batch.schema.names)
            parts.append(Part(batch, first))
            first += batch.num_rows
            for row in wanted.rows(batch):
                ahead.wait()
                ahead.add(1, 0)
                yield row

    held = 0
    with Run(rows(), dest, engine, progress, options) as run:
        try:
            for outcome in run:
                part = part_of(parts, outcome.row)
                part.outcomes[outcome.row - part.first] = outcome
                if content:
                    ahead.add(0, outcome.bytes)
                    held += outcome.bytes
                if part is not parts[0] or outcome.row != part.first + part.ended:
                    continue
                for pair in complete(parts, schema, held if content else 0, ahead):
                    held -= sum_of(pair[1]) if content else 0
                    yield pair
            # Where a run was stopped, rows that had not started have no outcome.
            while parts:
                part = parts.popleft()
                if part.given < len(part.outcomes) or not part.outcomes:
                    yield piece(part, len(part.outcomes), schema)
        finally:
            ahead.end()


def part_of(parts: deque[Part], row: int) -> Part:
    """Returns the part of a row. Another thread may add parts meanwhile."""
    at = 0
    while row >= parts[at].first + len(parts[at].outcomes):
        at += 1
    return parts[at]


def complete(
    parts: deque[Part], schema: pa.Schema, held: int, ahead: Ahead
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yields what is complete: whole batches, or a piece of one that holds many bytes."""
    while parts:
        part = parts[0]
        size = sum(each.bytes for each in part.outcomes[part.given : part.ended] if each)
        while part.ended < len(part.outcomes) and (ended := part.outcomes[part.ended]) is not None:
            part.ended += 1
            size += ended.bytes
            if held and size >= BATCH_BYTES:
                yield give(part, schema, ahead, size)
                size = 0
        if part.ended < len(part.outcomes):
            return
        if part.given < part.ended or not part.outcomes:
            yield give(part, schema, ahead, size if held else 0)
        parts.popleft()


def give(
    part: Part, schema: pa.Schema, ahead: Ahead, size: int
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns the rows that have ended, and lets go of them."""
    ahead.add(part.given - part.ended, -size)
    return piece(part, part.ended, schema)


def piece(part: Part, end: int, schema: pa.Schema) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns the rows up to this one that have not been given on yet, and their results."""
    import pyarrow as pa

    start, part.given = part.given, end
    outcomes = part.outcomes[start:end]
    part.outcomes[start:end] = [None] * (end - start)
    lists = columns(outcomes, schema.names)
    arrays = [pa.array(values, field.type) for values, field in zip(lists, schema)]
    return part.batch.slice(start, end - start), pa.RecordBatch.from_arrays(arrays, schema=schema)


def sum_of(result: pa.RecordBatch) -> int:
    return sum(result.column("bytes").to_pylist())


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
    """Returns an iterable of record batches, with a schema if the table has one."""
    import pyarrow as pa

    if hasattr(table, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(table)
    if hasattr(table, "__arrow_c_array__"):
        return pa.Table.from_batches([pa.record_batch(table)]).to_reader()
    if isinstance(table, Iterable) and not isinstance(table, (str, bytes)):
        return table
    name = type(table).__name__
    raise InputError(f"the table is of type {name}, which is no Arrow table or stream of batches")


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
    """Returns the rows of a table that has a column ``url``, and perhaps others that a row knows."""
    reader = reader_of(table)
    known = [name for name in ROW if name in reader.schema.names]
    Columns("url", None, None).check(reader.schema.names)
    return (row for batch in reader for row in batch.select(known).to_pylist())


# The fields of a row.
ROW = ("url", "name", "label", "checksum", "mirrors", "headers", "size")
