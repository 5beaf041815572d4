"""A server that thinks for a while before each answer, as one that is far away or busy does."""

import asyncio
from pathlib import Path

from bench.lib.threaded import HOST, Threaded


class Delays(Threaded):
    """`with Delays(root, seconds) as server:` serves the files below `root`, each after `seconds`."""

    def __init__(self, root, seconds):
        super().__init__()
        self.root = Path(root)
        self.seconds = seconds

    def url(self, path):
        return f"http://{HOST}:{self.port}/{path}"

    async def answer(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = (self.root / head.split(b" ", 2)[1].decode().lstrip("/")).read_bytes()
                await asyncio.sleep(self.seconds)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
