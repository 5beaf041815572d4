"""Downloads a list of URLs in several processes. Each host has one caller, so its limits hold.

    python multiprocessing_recipe.py urls.txt downloads

One process is enough for most lists. Several are for a list whose hosts are many and fast.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from multiprocessing import get_context
from typing import Any

import pyarrow as pa

import haulage

Result = dict[str, Any]


def part(urls: list[str], dest: str, options: dict[str, Any]) -> list[Result]:
    """Downloads one part: in subfolders by host, so that parts do not get in each other's way."""
    batch = pa.record_batch({"url": pa.array(urls, pa.string())})
    results = haulage.download_batches([batch], dest=dest, layout="tree", **options)
    return [row for batch in results for row in batch.to_pylist()]


def by_host(urls: Iterable[str], parts: int) -> list[list[str]]:
    """Divides URLs, those of a host into one part."""
    divided: list[list[str]] = [[] for _ in range(parts)]
    for url in urls:
        divided[zlib.crc32((haulage.host_of(url) or "").encode()) % parts].append(url)
    return divided


def download(
    urls: Iterable[str], dest: str, *, processes: int = 2, **options: Any
) -> Iterator[Result]:
    """Yields a result for each URL, in any order."""
    work = partial(part, dest=dest, options=options)
    with get_context("spawn").Pool(processes) as pool:
        for results in pool.imap_unordered(work, by_host(urls, processes)):
            yield from results


if __name__ == "__main__":
    source, dest = sys.argv[1:]
    with open(source) as lines:
        for result in download(lines.read().split(), dest):
            print(result["status"], result["url"], result["path"] or result["error_message"])
