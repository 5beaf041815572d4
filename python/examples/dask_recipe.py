"""Downloads the URLs of a Dask DataFrame. Each host has one caller, so its limits hold.

    python dask_recipe.py urls.parquet downloads results.parquet
"""

from __future__ import annotations

import sys
from typing import Any

import dask.dataframe as dd
import pandas as pd

import haulage


def part(rows: pd.DataFrame, dest: str, options: dict[str, Any]) -> pd.DataFrame:
    """Downloads one part: in subfolders by host, so that parts do not get in each other's way."""
    return haulage.download_table(rows.drop(columns="host"), dest=dest, layout="tree", **options)


def download(df: dd.DataFrame, dest: str, *, parts: int, **options: Any) -> dd.DataFrame:
    """Adds the results to a DataFrame that has a column ``url``."""
    urls = df["url"]
    hosts = urls.map_partitions(
        lambda urls: pd.Series(haulage.host_of(urls).to_pylist(), index=urls.index, dtype=object),
        meta=("host", object),
    )
    by_host = df.assign(host=hosts.fillna("")).shuffle("host", npartitions=parts)
    # What the results look like: those of no rows.
    meta = part(by_host._meta, dest, options)
    return by_host.map_partitions(part, dest, options, meta=meta, enforce_metadata=False)


if __name__ == "__main__":
    source, dest, target = sys.argv[1:]
    # As many parts as workers: each works on all hosts of its part at once.
    download(dd.read_parquet(source), dest, parts=4).to_parquet(target)
