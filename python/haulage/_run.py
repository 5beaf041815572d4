"""A run: a list that becomes files, for ``for`` and for ``async for``."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
import warnings
from collections import deque
from collections.abc import AsyncIterable, Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from haulage import _haulage
from haulage._engine import Engine, default_engine
from haulage._haulage import DestinationError, HaulageError, InputError, Outcome
from haulage._options import OF_ENGINE, pairs
from haulage._progress import Progress
from haulage._readable import Readable
from haulage._sources import PathOf, as_rows, feed, feed_async, length_of, with_checksum

if TYPE_CHECKING:
    import asyncio

    from typing_extensions import Self, Unpack

    from haulage._options import Options, Path
    from haulage._sources import Source

# asyncio is imported where it is used: it takes half of the time that importing all of this does.
log = logging.getLogger("haulage")

# Seconds between two looks at whether another run has let go of a folder.
BUSY = 0.2
# The longest time, in seconds, that a run which is left early has to stop.
GRACE = 5.0


@dataclass(frozen=True)
class Summary:
    """How a run ended: how many items in which way, and the bytes of their files.

    ``stopped`` tells whether it was stopped before all of its items had ended: by ``cancel()`` or
    ``close()``, ``fail_early`` or ``max_errors``, or an exception. Items that had not started then
    are counted nowhere.
    """

    done: int
    skipped: int
    unchanged: int
    failed: int
    bytes: int
    elapsed: timedelta
    stopped: bool


@dataclass(frozen=True)
class Stats(Summary):
    """How far a run is.

    ``received_bytes`` have come from the network; ``rows`` is how many the input has, ``None``
    before all of it has been read.
    """

    received_bytes: int
    in_flight: int
    rows: int | None


def download(
    source: Source,
    dest: Path | None = None,
    *,
    engine: Engine | None = None,
    progress: bool | Callable[[dict[str, Any]], object] = False,
    **options: Unpack[Options],
) -> Run:
    """Downloads a list, and gives an `Outcome` for each item as it ends.

    The result is for ``for`` and for ``async for``; ``.wait()`` and ``await`` give a `Summary`.
    Items never raise: one that fails has the status ``"failed"``, and an ``error``.

    Args:
        source: The URLs: an iterable, or an asynchronous one, of str, dict (``url``, ``name``,
            ``label``, ``checksum``, ``mirrors``, ``headers``, ``size``) or `Request`, read only as
            far ahead as needed; or the path of a list, as ``haul -i`` reads it; or a table with a
            column ``url``, whose columns that are called as fields of a row count too; or one URL.
        dest: The folder of the files, created if missing; ``None`` keeps them in memory
            (``outcome.content``).
        engine: Shares its limits; by default all runs of the process share one. ``per_host``,
            ``per_proxy``, ``delay``, ``limit_rate_per_host`` and more than 64 ``jobs`` give the run
            an engine of its own.
        progress: ``True`` shows a bar (with tqdm, if it is installed). A function is called with
            each event, a dict as ``haul --progress json`` shows it.
        options: The options of ``haul``, with ``_`` for ``-``: durations in seconds or as a
            `timedelta`, sizes in bytes or as ``"64M"``.

    Raises:
        InputError: An option or the source cannot be used.
        DestinationError: The folder cannot be used; raised while the run goes on if that is when
            it is found out.
        TypeError: There is no such option.

    >>> outcome = next(iter(haulage.download(urls)))
    >>> outcome.status, bytes(outcome.content[:4])
    ('done', b'haul')
    """
    return Run(source, dest, engine, progress, dict(options))


class Run:
    """A list that is being downloaded; `download` makes one.

    It goes on while its outcomes are received, and stops, where it can be resumed, when it is
    closed or no longer referred to. It is an iterator, and an asynchronous one: all who receive
    from it share its outcomes. After an exception in the middle, such as `KeyboardInterrupt` or the
    `TimeoutError` of `asyncio.wait_for`, it has stopped; what is received from it then raises
    `HaulageError`.
    """

    def __init__(
        self,
        source: Source,
        dest: Path | None,
        engine: Engine | None,
        progress: bool | Callable[[dict[str, Any]], object],
        options: dict[str, Any],
    ) -> None:
        if engine is not None and not isinstance(engine, Engine):
            raise TypeError(f"engine is a haulage.Engine, not {engine!r}")
        check_progress(progress)
        check_folder(dest)
        self._started = time.monotonic()
        checksum = options.get("checksum")
        self._source = as_rows(source if checksum is None else with_checksum(source, checksum))
        self._length = length_of(self._source)
        # What cannot be used is to start no engine.
        pairs(options)
        self._own_engine: Engine | None = None
        if engine is None:
            engine = self._choose_engine(options)
        elif of_engine := sorted(name for name in OF_ENGINE if options.get(name) is not None):
            raise TypeError(f"{of_engine[0]} is an option of the engine: give it to haulage.Engine")
        self._engine = engine
        self._dest = dest
        self._options = pairs(options)
        self._ready: deque[Outcome] = deque()
        self._progress = Progress.of(progress, self._length)
        self._observer = progress if callable(progress) else None
        self._feeder: asyncio.Task[None] | None = None
        self._is_over = False
        # What has ended it in the middle, in words.
        self._broken_by: str | None = None
        self._is_of_parent = False
        self._elapsed: float | None = None
        self._busy: Exception | None = None
        # A signal handler may stop the run while it is being opened.
        self._opening = threading.RLock()
        self._rows: _haulage.RowFeed | None = None
        self._handle: _haulage.RunHandle | None = None
        try:
            self._open()
            if self._handle is None and ("no-wait", None) in self._options:
                assert self._busy is not None
                raise self._busy
        except BaseException:
            if self._own_engine is not None:
                self._own_engine.close()
            raise
        engine._runs.add(self)

    def _choose_engine(self, options: dict[str, Any]) -> Engine:
        jobs = options.get("jobs")
        is_given = any(options.get(name) is not None for name in OF_ENGINE)
        if is_given or (isinstance(jobs, int) and jobs > 64):
            names = OF_ENGINE | {"jobs"}
            own = {name: options.pop(name) for name in names & options.keys()}
            self._own_engine = Engine._of_options(own)
            return self._own_engine
        return default_engine()

    # Starting

    def _open(self) -> _haulage.RunHandle | None:
        """Starts the run. Returns ``None`` while another one keeps it out of its folder."""
        with self._opening:
            if self._handle is None and not self._is_over:
                self._handle = self._start()
                if self._handle is not None and self._is_over:
                    self._handle.cancel()
            return self._handle

    def _start(self) -> _haulage.RunHandle | None:
        path = os.fspath(self._source) if isinstance(self._source, PathOf) else None
        dest = None
        if self._dest is not None:
            dest = os.path.expanduser(os.fsdecode(self._dest))
        try:
            handle, notes, promises = self._engine._core.open(
                dest,
                self._options,
                list=path,
                wants_events=self._observer is not None,
                wants_log=log.isEnabledFor(logging.DEBUG),
            )
        except _haulage.Busy as busy:
            self._busy = busy
            return None
        for note in notes:
            log.info("%s", note)
        for promise in promises:
            # The caller of `download`, in most cases.
            warnings.warn(promise, stacklevel=5)
        self._happened = Readable(handle.fileno())
        if path is not None:
            handle.feed_list(path, self._options)
            return handle
        self._rows = handle.feed_rows()
        if isinstance(self._source, Iterator):
            feeder = threading.Thread(
                target=feed, args=(self._source, self._rows), name="haulage-source", daemon=True
            )
            feeder.start()
        return handle

    def _opened(self) -> _haulage.RunHandle | None:
        """Waits until the run has started. Returns ``None`` if it was stopped before."""
        while (handle := self._handle or self._open()) is None and not self._is_over:
            self._say_busy()
            time.sleep(BUSY)
        return handle

    async def _opened_async(self) -> _haulage.RunHandle | None:
        import asyncio

        while (handle := self._handle or self._open()) is None and not self._is_over:
            self._say_busy()
            await asyncio.sleep(BUSY)
        return handle

    def _say_busy(self) -> None:
        if self._busy is not None:
            log.info("waiting: %s", self._busy)
            self._busy = None

    # Receiving

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Outcome:
        while (outcome := self._next()) is None:
            if not self._receive():
                raise StopIteration
        return outcome

    def _next(self) -> Outcome | None:
        """Returns an outcome that has been received. Other threads may take some too."""
        try:
            return self._ready.popleft()
        except IndexError:
            return None

    def _receive(self) -> bool:
        """Waits for outcomes. Returns whether there may be more."""
        self._check()
        if self._is_over:
            return False
        if isinstance(self._source, AsyncIterable):
            raise InputError("the source is asynchronous: receive with async for, or await")
        try:
            handle = self._opened()
            return self._take(handle and handle.receive(self._progress.period))
        except BaseException as error:
            self._note(error)
            self.close()
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        while (outcome := self._next()) is None:
            if not await self._receive_async():
                raise StopAsyncIteration
        return outcome

    async def _receive_async(self) -> bool:
        """Waits for outcomes. Returns whether there may be more."""
        import asyncio

        self._check()
        if self._is_over:
            return False
        try:
            handle = await self._opened_async()
            if handle is None:
                return self._take(None)
            self._start_feeder()
            if handle.rest:
                await asyncio.sleep(handle.rest)
            taken = handle.take()
            while taken == []:
                await self._happened.wait(self._progress.period)
                taken = handle.take()
                if self._progress.period is not None:
                    break
            return self._take(taken)
        except GeneratorExit:
            # The loop goes no further: nothing can be waited for.
            self.cancel()
            raise
        except BaseException as error:
            self._note(error)
            await self.aclose()
            raise

    def _check(self) -> None:
        """Raises an exception if there are outcomes that do not come any more."""
        if self._is_of_parent:
            raise RuntimeError("the run was made before this process was forked; make another here")
        if self._broken_by is not None:
            raise HaulageError(
                f"the run was stopped by {self._broken_by}; call download again to go on"
            )

    def _note(self, error: BaseException) -> None:
        """Keeps what has ended the run in the middle. The exception itself would keep its frames."""
        if self._broken_by is None:
            name = type(error).__name__
            self._broken_by = f"{name} ({error})" if isinstance(error, HaulageError) else name

    def _forget(self) -> None:
        """Makes the run of the parent of a fork raise in the child."""
        self._is_of_parent = True
        self._ready = deque()

    def _take(self, items: list[Any] | None) -> bool:
        """Takes what has happened. Returns whether there may be more."""
        if items is None:
            self._end()
            # Another thread or task may have been interrupted.
            self._check()
            return False
        if self._handle is not None and self._handle.has_more_than_outcomes:
            items = [item for item in items if self._is_outcome(item)]
        self._ready.extend(items)
        self._progress.update(self)
        return True

    def _is_outcome(self, item: Any) -> bool:
        """Returns whether it is an outcome; tells others whoever wants to know."""
        if isinstance(item, Outcome):
            return True
        if isinstance(item, tuple):
            level, text = item
            log.log(level, "%s", text)
        elif self._observer is not None:
            import json

            self._observer(json.loads(item))
        return False

    def _end(self) -> None:
        self._stop_feeder()
        if not self._is_over:
            self._is_over = True
            self._elapsed = time.monotonic() - self._started
            self._progress.close(self)
            if self._own_engine is not None:
                self._own_engine._core.close()

    # Feeding

    def _start_feeder(self) -> None:
        import asyncio

        if self._feeder is None and self._rows is not None and not self._is_over:
            if isinstance(self._source, AsyncIterable):
                self._feeder = asyncio.create_task(feed_async(self._source, self._rows))

    def _stop_feeder(self) -> None:
        """Stops reading an asynchronous source. Its loop may be another thread's, or closed."""
        feeder = self._feeder
        if feeder is not None and not feeder.done():
            with contextlib.suppress(RuntimeError):
                feeder.get_loop().call_soon_threadsafe(feeder.cancel)

    # Ending

    def wait(self) -> Summary:
        """Waits for the end, without looking at the outcomes that come until then."""
        self._ready.clear()
        while self._receive():
            self._ready.clear()
        return self._summary()

    def __await__(self) -> Generator[Any, None, Summary]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Summary:
        self._ready.clear()
        while await self._receive_async():
            self._ready.clear()
        return self._summary()

    def close(self) -> None:
        """Stops the run where it can be resumed, and waits until it has stopped."""
        if self._is_over or self._is_of_parent:
            return
        try:
            self.cancel()
            if self._handle is not None and self._handle.stop(GRACE):
                # The outcomes that come now are of no interest, but they are counted.
                while self._handle.receive(0):
                    pass
        except (HaulageError, RuntimeError):
            # What has ended it is told elsewhere, or this is the child of a fork.
            pass
        finally:
            self._ready.clear()
            self._end()

    def _stop(self) -> None:
        """Stops the run, and waits until it has. Outcomes until then can be received still."""
        self.cancel()
        if self._handle is not None:
            self._handle.stop(GRACE)

    async def aclose(self) -> None:
        """Stops the run where it can be resumed, and waits until it has stopped."""
        import asyncio

        if self._is_over or self._is_of_parent:
            return
        try:
            if self._handle is not None:
                self._handle.cancel()
                until = time.monotonic() + GRACE
                while (left := until - time.monotonic()) > 0:
                    taken = self._handle.take()
                    if taken is None:
                        break
                    if not taken:
                        await self._happened.wait(left)
        except (HaulageError, RuntimeError):
            pass
        finally:
            self._ready.clear()
            self._end()
        feeder = self._feeder
        if feeder is not None and feeder.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([feeder], timeout=GRACE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # Controls

    def pause(self) -> None:
        """Stops transfers where they can be resumed; their slots are free for other runs."""
        if (handle := self._opened()) is not None:
            handle.pause()

    def resume(self) -> None:
        """Lets a paused run go on, within the files that it has begun."""
        if (handle := self._opened()) is not None:
            handle.resume()

    def cancel(self) -> None:
        """Stops the run. What is under way ends as failed, of kind ``cancelled``; what had not
        started has no outcome."""
        with self._opening:
            if self._handle is None:
                self._end()
                return
        self._handle.cancel()

    def remove(self, row: int) -> None:
        """Removes a row by its number. Unless it has ended, it ends as failed, of kind
        ``cancelled``, and what was received of its file is discarded."""
        if (handle := self._opened()) is not None:
            handle.remove(row)

    def limit_rate(self, bytes_per_second: int | str | None) -> None:
        """Limits the run from now on, to ``1_000_000`` or ``"1M"`` bytes a second, for example;
        ``None`` and 0 lift the limit."""
        if isinstance(bytes_per_second, str):
            bytes_per_second = _haulage.bytes_of(bytes_per_second)
        if bytes_per_second is not None and bytes_per_second < 0:
            raise ValueError("a rate is 0 or more")
        if (handle := self._opened()) is not None:
            handle.limit_rate(bytes_per_second)

    @property
    def stats(self) -> Stats:
        """How far the run is."""
        handle = self._handle
        return Stats(
            *self._counts(),
            received_bytes=handle.received_bytes if handle is not None else 0,
            in_flight=handle.in_flight if handle is not None else 0,
            rows=self._length if handle is None or handle.rows is None else handle.rows,
        )

    def _summary(self) -> Summary:
        return Summary(*self._counts())

    def _counts(self) -> tuple[int, int, int, int, int, timedelta, bool]:
        none = (0, 0, 0, 0, 0)
        done, skipped, unchanged, failed, size = self._handle.counts if self._handle else none
        elapsed = self._elapsed
        if elapsed is None:
            elapsed = time.monotonic() - self._started
        if self._handle is not None:
            stopped = self._handle.is_stopped(self._length)
        else:
            # It was stopped before it started.
            stopped = self._is_over
        return done, skipped, unchanged, failed, size, timedelta(seconds=elapsed), stopped

    def __len__(self) -> int:
        length = self._length
        if length is None and self._handle is not None:
            length = self._handle.rows
        if length is None:
            raise TypeError("the length of the source is not known")
        return length

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Run belongs to its process; send its URLs, or its outcomes")

    def __repr__(self) -> str:
        done, skipped, unchanged, failed, *_, stopped = self._counts()
        state = "stopped" if stopped else "over" if self._is_over else "under way"
        ended = done + skipped + unchanged
        return f"<haulage.Run {state}: {ended} done, {failed} failed>"


def check_folder(dest: Path | None) -> None:
    """Raises DestinationError for a URL: it would be a folder called ``s3:``."""
    if dest is not None and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", os.fsdecode(dest)):
        raise DestinationError(f"dest {os.fsdecode(dest)!r} is a URL, and files go into folders")


def check_progress(progress: object) -> None:
    """Raises TypeError for what cannot show progress."""
    if isinstance(progress, bool):
        return
    if not callable(progress):
        raise TypeError(f"progress is True, False or a function, not {progress!r}")
    import inspect

    # An object of a class may be called too.
    called = progress if inspect.isroutine(progress) else type(progress).__call__
    if inspect.iscoroutinefunction(progress) or inspect.iscoroutinefunction(called):
        raise TypeError("progress is an async function, which nobody would await; give a plain one")
