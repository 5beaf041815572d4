"""The compiled part of `haulage`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, final

__version__: str

class HaulageError(Exception):
    """Something that a run cannot go on with. Items never raise."""

class InputError(HaulageError):
    """An option, a list or a source that cannot be used."""

class DestinationError(HaulageError):
    """A destination that cannot be used: not writable, full, or in use by another run."""

class Busy(DestinationError):
    """A destination that another run uses, which records the rows of a list."""

class TlsError(HaulageError):
    """Certificates or keys that cannot be used."""

@final
class ItemError:
    """Why an item failed."""

    @property
    def kind(self) -> str:
        """``input``, ``name``, ``dns``, ``connect``, ``tls``, ``timeout``, ``reset``,
        ``protocol``, ``incomplete``, ``http``, ``redirect``, ``refused``, ``changed``,
        ``checksum``, ``decode``, ``disk``, ``exists`` or ``cancelled``."""

    @property
    def message(self) -> str:
        """What happened and what to do, in one line."""

@final
class Outcome:
    """How one item ended. Every row of the input gets exactly one outcome."""

    @property
    def row(self) -> int:
        """The number of the row in the input, from 0."""

    @property
    def input(self) -> str | None:
        """The list in which the row was read, if it was in one."""

    @property
    def line(self) -> int | None:
        """The line of that list."""

    @property
    def url(self) -> str:
        """The URL as given, without user and password."""

    @property
    def final_url(self) -> str | None:
        """The URL of the last response, after redirects."""

    @property
    def label(self) -> str:
        """A name for people: the row's label, else the file's name, else the URL."""

    @property
    def status(self) -> str:
        """``done``, ``skipped`` (already there), ``unchanged`` (confirmed by the server), or
        ``failed``; ``planned`` in a dry run."""

    @property
    def ok(self) -> bool:
        """Whether there is a file: the status is not ``failed``."""

    @property
    def path(self) -> Path | None:
        """The path of the file, relative to the destination."""

    @property
    def file(self) -> Path | None:
        """The path of the file, with the destination before it."""

    @property
    def bytes(self) -> int:
        """The length of the file; 0 when the item failed."""

    @property
    def http_status(self) -> int | None:
        """The status of the last response."""

    @property
    def error(self) -> ItemError | None:
        """Why the item failed."""

    @property
    def attempts(self) -> int:
        """Requests sent for the item, without redirects."""

    @property
    def segments(self) -> int | None:
        """Requests that delivered bytes of the file."""

    @property
    def resumed(self) -> int | None:
        """Bytes taken over from an earlier attempt or run."""

    @property
    def started(self) -> datetime:
        """When the first request was about to be sent, in UTC."""

    @property
    def duration(self) -> timedelta:
        """The time from then until the item ended."""

    @property
    def etag(self) -> str | None: ...
    @property
    def last_modified(self) -> str | None: ...
    @property
    def content_type(self) -> str | None: ...
    @property
    def verified(self) -> str:
        """What confirms the bytes: ``checksum``, ``digest``, ``length`` or ``none``."""

    @property
    def hashes(self) -> dict[str, str]:
        """The hashes that were asked for: names, and hex digits."""

    @property
    def content(self) -> memoryview | None:
        """The bytes of the file, where there is no destination: a view, not a copy."""

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as values that JSON has too: a row of ``haul --results``."""

@final
class Engine:
    def __new__(cls, options: Sequence[tuple[str, str | None]], threads: int | None = None) -> Engine: ...
    def open(
        self,
        folder: str | None,
        options: Sequence[tuple[str, str | None]],
        *,
        list: str | None,
        wants_events: bool,
        wants_log: bool,
    ) -> tuple[RunHandle, list[str], list[str]]: ...
    def close(self) -> None: ...

@final
class RunHandle:
    def feed_list(self, path: str, options: Sequence[tuple[str, str | None]]) -> None: ...
    def feed_rows(self) -> RowFeed: ...
    def take(self) -> list[Any] | None: ...
    def receive(self, seconds: float | None = None) -> list[Any] | None: ...
    @property
    def rest(self) -> float: ...
    @property
    def counts(self) -> tuple[int, int, int, int, int]: ...
    def is_stopped(self, length: int | None) -> bool: ...
    @property
    def has_more_than_outcomes(self) -> bool: ...
    def fileno(self) -> int: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def cancel(self) -> None: ...
    def stop(self, seconds: float) -> bool: ...
    def remove(self, row: int) -> None: ...
    def limit_rate(self, bytes_per_second: int | None) -> None: ...
    @property
    def received_bytes(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def rows(self) -> int | None: ...

@final
class RowFeed:
    def add(self, item: Any) -> bool: ...
    def wait_for_room(self) -> bool: ...
    @property
    def is_closed(self) -> bool: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...
    def fail(self, error: BaseException) -> None: ...

def restored_error(kind: str, message: str) -> ItemError: ...
def restored_outcome(state: dict[str, Any]) -> Outcome: ...
def with_keywords(message: str) -> str: ...
def bytes_of(size: str) -> int | None: ...
def host_of(url: str) -> str | None: ...
def option_names() -> list[tuple[str, str]]: ...
def columns(outcomes: Sequence[Outcome | None], names: Sequence[str]) -> list[list[Any]]: ...
