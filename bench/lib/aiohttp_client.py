"""The script that people write to download a list: aiohttp, a semaphore, a bar.

Called by `bench compare` with the list, the folder, and how many connections there may be.
"""

import argparse
import asyncio
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from tqdm import tqdm

CHUNK = 64 << 10


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listing", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--cacert")
    return parser.parse_args()


async def fetch(session, semaphore, url, out):
    path = out / Path(urlsplit(url).path).name
    async with semaphore, session.get(url) as answer:
        answer.raise_for_status()
        with await asyncio.to_thread(open, path, "wb") as file:
            async for chunk in answer.content.iter_chunked(CHUNK):
                await asyncio.to_thread(file.write, chunk)


async def download(options):
    urls = options.listing.read_text().splitlines()
    semaphore = asyncio.Semaphore(options.connections)
    tls = ssl.create_default_context(cafile=options.cacert) if options.cacert else True
    connector = aiohttp.TCPConnector(limit=options.connections, ssl=tls)
    failed = 0
    async with aiohttp.ClientSession(connector=connector) as session:
        tasks = [asyncio.create_task(fetch(session, semaphore, url, options.out)) for url in urls]
        for task in tqdm(asyncio.as_completed(tasks), total=len(tasks), unit="file"):
            try:
                await task
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                failed += 1
                tqdm.write(f"{type(error).__name__}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(download(arguments())))
