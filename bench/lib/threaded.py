"""A server of ours that runs on a thread of its own while others are measured."""

import asyncio
import threading

HOST = "127.0.0.1"


class Threaded:
    """`with` it, each connection to `port` is answered by `answer`."""

    def __init__(self, **limits):
        self.limits = limits
        self.loop = asyncio.new_event_loop()
        self.port = None
        self.thread = None

    async def answer(self, reader, writer):
        raise NotImplementedError

    def __enter__(self):
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        started = self.loop.run_until_complete(asyncio.start_server(self._guarded, HOST, 0, backlog=1000, **self.limits))
        self.port = started.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    async def _guarded(self, reader, writer):
        try:
            await self.answer(reader, writer)
        except asyncio.CancelledError:
            # asyncio itself would call that an error.
            pass
