"""How tasks wait for a descriptor of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Readable:
    """Lets tasks wait until a descriptor is readable. A loop has one reader for each descriptor,
    which all of its tasks share."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: dict[asyncio.AbstractEventLoop, set[asyncio.Future[None]]] = {}

    async def wait(self, seconds: float | None) -> None:
        """Waits until it is readable, or this time is over."""
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        waiting = self._waiting.setdefault(loop, set())
        if not waiting:
            loop.add_reader(self._descriptor, wake, waiting)
        waiting.add(future)
        timer = None if seconds is None else loop.call_later(seconds, wake, {future})
        try:
            await future
        finally:
            waiting.discard(future)
            if timer is not None:
                timer.cancel()
            if not waiting:
                self._waiting.pop(loop, None)
                if not loop.is_closed():
                    loop.remove_reader(self._descriptor)


def wake(waiting: set[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)
