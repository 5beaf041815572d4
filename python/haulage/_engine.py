"""The engine that runs share: to every server, a process is one client."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, NoReturn

from haulage import _haulage
from haulage._options import Duration, Size, pairs

if TYPE_CHECKING:
    from haulage._run import Run


class Engine:
    """What several runs have in common: limits for each host, and for all hosts together.

    Without one, all runs of a process share an engine with the defaults.

    Args:
        jobs: Most requests at once, in all.
        per_host: Most requests at once to one host; by default 16 over HTTP/1.1, and more over
            HTTP/2. The engine keeps below it where a server asks for that.
        delay: Seconds between two requests to one host.
        limit_rate: Bytes per second, in all.
        limit_rate_per_host: Bytes per second from one host.
        threads: Number of network threads, 1 to 256; by default as many as fit the machine.

    Raises:
        InputError: A value cannot be used.

    >>> with haulage.Engine(per_host=2) as engine:
    ...     summary = haulage.download(urls, folder, engine=engine).wait()
    >>> summary.done
    1
    """

    def __init__(
        self,
        *,
        jobs: int = 64,
        per_host: int | None = None,
        delay: Duration = 0,
        limit_rate: Size | None = None,
        limit_rate_per_host: Size | None = None,
        threads: int | None = None,
    ) -> None:
        options = {
            "jobs": jobs,
            "per_host": per_host,
            "delay": delay,
            "limit_rate": limit_rate,
            "limit_rate_per_host": limit_rate_per_host,
        }
        self._start(options, threads)

    @classmethod
    def _of_options(cls, options: dict[str, Any]) -> Engine:
        """Returns an engine for one run, with these options of the command."""
        engine = cls.__new__(cls)
        engine._start(options, None)
        return engine

    def _start(self, options: dict[str, Any], threads: int | None) -> None:
        self._core = _haulage.Engine(pairs(options), threads)
        self._process = os.getpid()
        self._runs: weakref.WeakSet[Run] = weakref.WeakSet()
        _engines.add(self)

    def close(self) -> None:
        """Stops the runs of the engine where they can be resumed, and ends its threads."""
        if self._process != os.getpid():
            # The child of a fork has nothing of it.
            return
        for run in alive(self._runs):
            run._stop()
        self._core.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def aclose(self) -> None:
        """Does what `close` does, without holding up the event loop."""
        import asyncio

        await asyncio.to_thread(self.close)

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Engine belongs to its process; make another one where it is needed")


def alive(objects: weakref.WeakSet[Any]) -> list[Any]:
    """Returns the objects of a set, to which other threads may add some meanwhile."""
    while True:
        try:
            return list(objects)
        except RuntimeError:
            continue


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_lock = threading.Lock()
_default: Engine | None = None


def default_engine() -> Engine:
    """Returns the engine that all runs of this process share."""
    global _default
    with _lock:
        if _default is None:
            _default = Engine()
        return _default


def _forget() -> None:
    """Forgets, in the child of a fork, the engines of its parent: their threads are not here."""
    global _default, _lock, _engines
    for engine in alive(_engines):
        for run in alive(engine._runs):
            run._forget()
    _default, _lock, _engines = None, threading.Lock(), weakref.WeakSet()


def _close_all() -> None:
    for engine in alive(_engines):
        for run in alive(engine._runs):
            run.close()
        engine.close()


os.register_at_fork(after_in_child=_forget)
atexit.register(_close_all)
