"""What a run reads its rows from: what a source may be, and how it is fed to the engine."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from haulage._haulage import InputError
from haulage._options import several
from haulage._readable import Readable
from haulage._request import Request

if TYPE_CHECKING:
    from typing import TypeAlias

    from haulage._haulage import RowFeed
    from haulage._options import Path

    Row: TypeAlias = str | Mapping[str, object] | Request
    Source: TypeAlias = Row | Path | Iterable[Row] | AsyncIterable[Row] | Any


def as_rows(source: Any) -> Any:
    """Returns what a source is: an iterator or an asynchronous iterable of rows, or the path of a
    list."""
    if isinstance(source, str) and "://" in source:
        return Sized([source])
    if isinstance(source, (Mapping, Request)):
        return Sized([source])
    if isinstance(source, (str, os.PathLike)):
        return PathOf(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        raise InputError("the source is bytes; decode it: URLs are str")
    if hasattr(source, "to_pylist") and hasattr(source, "type"):
        # An array of pyarrow, whose values are objects of its own.
        return Sized(value.as_py() for value in source)
    # A Series has the interface of tables too, but no columns.
    if hasattr(source, "__arrow_c_stream__") and (
        hasattr(source, "columns") or hasattr(source, "schema")
    ):
        from haulage._tables import rows_of

        return rows_of(source)
    if type(source).__name__ == "LazyFrame":
        raise InputError("the source is a LazyFrame; call its collect() first")
    if isinstance(source, AsyncIterable):
        return source
    try:
        return Sized(source)
    except TypeError:
        name = type(source).__name__
        what = "an iterable of URLs, the path of a list, or a table"
        raise InputError(f"the source is of type {name}; it has to be {what}") from None


class PathOf(os.PathLike[str]):
    """The path of a list."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return os.path.expanduser(os.fsdecode(self.path))


class Sized(Iterator[Any]):
    """An iterator that knows the length of what it iterates over; ``None`` if that has none."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = iter(rows)
        try:
            self.length: int | None = len(rows)  # type: ignore[arg-type]
        except TypeError:
            self.length = None

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def __next__(self) -> Any:
        return next(self._rows)


def length_of(source: Any) -> int | None:
    return getattr(source, "length", None)


def with_checksum(source: Any, checksum: object) -> dict[str, object]:
    """Returns the row of a single URL with the checksums of an option."""
    if not (isinstance(source, str) and "://" in source):
        raise InputError("checksum is for a single URL; give each row its own")
    return {"url": source, "checksum": list(several("checksum", checksum))}


def feed(source: Iterator[Any], rows: RowFeed) -> None:
    """Feeds a run, as far as it has room, on a thread of its own: a source that takes long for its
    next row, or waits for an outcome, holds up nothing else."""
    try:
        for row in source:
            if not rows.add(row) and not rows.wait_for_room():
                break
    except BaseException as error:
        rows.fail(error)
    else:
        rows.close()


async def feed_async(source: AsyncIterable[Any], rows: RowFeed) -> None:
    """Feeds a run, as far as it has room."""
    import asyncio

    has_room = Readable(rows.fileno())
    try:
        async for row in source:
            if not rows.add(row):
                await has_room.wait(None)
                if rows.is_closed:
                    break
    except asyncio.CancelledError:
        if not rows.is_closed:
            rows.fail(InputError("the event loop of the source has ended before the source"))
        raise
    except BaseException as error:
        rows.fail(error)
    else:
        rows.close()
