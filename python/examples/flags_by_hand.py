"""What people write without haulage: asyncio, aiohttp, a semaphore, a thread for each write.

It does not resume, does not verify, does not wait when a server asks for it, and loses a flag when
its connection breaks. `flags.py` does the same job.
"""

import asyncio
import sys
import time
from pathlib import Path

import aiohttp
from tqdm import tqdm

BASE = sys.argv[1] if len(sys.argv) > 1 else "http://flupy.org"
CODES = "cn in us id br pk ng bd ru jp mx ph vn et eg de ir tr cd fr".split()
FOLDER = Path("downloads")


async def download_one(session, semaphore, code):
    url = f"{BASE}/data/flags/{code}/{code}.gif"
    async with semaphore:
        tqdm.write(f"start  {code}.gif")
        try:
            async with session.get(url) as response:
                response.raise_for_status()
                with await asyncio.to_thread(open, FOLDER / f"{code}.gif", "wb") as file:
                    async for chunk in response.content.iter_chunked(64 << 10):
                        await asyncio.to_thread(file.write, chunk)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return code, f"{type(error).__name__}: {error}"
        return code, None


async def main():
    FOLDER.mkdir(exist_ok=True)
    since = time.perf_counter()
    semaphore = asyncio.Semaphore(4)
    failed = 0
    async with aiohttp.ClientSession() as session:
        tasks = [asyncio.create_task(download_one(session, semaphore, code)) for code in CODES]
        for task in tqdm(asyncio.as_completed(tasks), total=len(tasks), unit="flag"):
            code, error = await task
            failed += error is not None
            tqdm.write(f"failed {code}.gif: {error}" if error else f"done   {code}.gif")
    print(f"{len(CODES) - failed} flags in {time.perf_counter() - since:.2f} s")


asyncio.run(main())
