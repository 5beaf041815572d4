"""The script that people write with httpx: a client, a semaphore, a task for each file."""

import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import _arguments
import httpx


async def fetch(client, semaphore, url, out):
    async with semaphore, client.stream("GET", url) as answer:
        answer.raise_for_status()
        with open(out / Path(urlsplit(url).path).name, "wb") as file:
            async for chunk in answer.aiter_bytes():
                file.write(chunk)


async def main(options):
    semaphore = asyncio.Semaphore(options.connections)
    limits = httpx.Limits(max_connections=options.connections)
    failed = 0
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        tasks = [asyncio.create_task(fetch(client, semaphore, url, options.out)) for url in options.urls]
        for task in asyncio.as_completed(tasks):
            try:
                await task
            except (httpx.HTTPError, OSError) as error:
                failed += 1
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return 1 if failed else 0

raise SystemExit(asyncio.run(main(_arguments.parse(__doc__))))
