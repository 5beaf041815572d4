"""A server that thinks for a while before each answer, as one that is far away or busy does."""

import asyncio
import threading
from pathlib import Path

HOST = "127.0.0.1"


class Delays:
    """`with Delays(root, seconds) as server:` serves the files below `root`, each after `seconds`."""

    def __init__(self, root, seconds):
        self.root = Path(root)
        self.seconds = seconds
        self.loop = asyncio.new_event_loop()
        self.port = None

    def __enter__(self):
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)

    def url(self, path):
        return f"http://{HOST}:{self.port}/{path}"

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        started = self.loop.run_until_complete(asyncio.start_server(self._serve, HOST, 0, backlog=1000))
        self.port = started.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
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
