"""A long way to a server: what passes, in either direction, comes out later, and as fast as it went in."""

import asyncio
import threading

HOST = "127.0.0.1"
READ = 1 << 20


class Relay:
    """`with Relay(port, seconds) as relay:` leads from `relay.port` to `port`, and takes `seconds` each way."""

    def __init__(self, port, seconds):
        self.to = port
        self.seconds = seconds
        self.loop = asyncio.new_event_loop()
        self.port = None
        self.thread = None

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
        started = self.loop.run_until_complete(asyncio.start_server(self._lead, HOST, 0, limit=READ))
        self.port = started.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    async def _lead(self, reader, writer):
        there_reader, there_writer = await asyncio.open_connection(HOST, self.to, limit=READ)
        try:
            await asyncio.gather(self._later(reader, there_writer), self._later(there_reader, writer))
        except asyncio.CancelledError:
            # asyncio itself would call that an error.
            pass

    async def _later(self, reader, writer):
        under_way = asyncio.Queue()
        taking = asyncio.ensure_future(self._take(reader, under_way))
        try:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - self.loop.time())
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            taking.cancel()
            writer.close()

    async def _take(self, reader, under_way):
        data = b"."
        while data:
            try:
                data = await reader.read(READ)
            except ConnectionError:
                data = b""
            under_way.put_nowait((self.loop.time() + self.seconds, data))
