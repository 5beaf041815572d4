"""A long way to a server: what passes, in either direction, comes out later, and as fast as it went in."""

import asyncio

from bench.lib.threaded import HOST, Threaded

READ = 1 << 20


class Relay(Threaded):
    """`with Relay(port, seconds) as relay:` leads from `relay.port` to `port`, and takes `seconds` each way."""

    def __init__(self, port, seconds):
        super().__init__(limit=READ)
        self.to = port
        self.seconds = seconds

    async def answer(self, reader, writer):
        there_reader, there_writer = await asyncio.open_connection(HOST, self.to, limit=READ)
        await asyncio.gather(self._later(reader, there_writer), self._later(there_reader, writer))

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
