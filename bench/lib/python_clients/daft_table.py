"""Daft, which downloads a column of URLs to memory; its files are written as their batches come."""

from pathlib import Path
from urllib.parse import urlsplit

import _arguments
import daft
from daft.functions import download

options = _arguments.parse(__doc__)
failed = 0
frame = daft.from_pydict({"url": options.urls})
frame = frame.with_column(
    "content", download(daft.col("url"), max_connections=options.connections, on_error="null")
)
for batch in frame.to_arrow_iter():
    for url, content in zip(batch.column("url").to_pylist(), batch.column("content")):
        if content.is_valid:
            (options.out / Path(urlsplit(url).path).name).write_bytes(content.as_buffer())
        else:
            failed += 1
raise SystemExit(1 if failed else 0)
