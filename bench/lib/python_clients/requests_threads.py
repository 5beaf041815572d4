"""The script that people write with requests: a thread pool, a session for each thread."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import _arguments
import requests

local = threading.local()


def fetch(url, out):
    if not hasattr(local, "session"):
        local.session = requests.Session()
    try:
        with local.session.get(url, stream=True, timeout=60) as answer:
            answer.raise_for_status()
            with open(out / Path(urlsplit(url).path).name, "wb") as file:
                for chunk in answer.iter_content(64 << 10):
                    file.write(chunk)
    except (requests.RequestException, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0

options = _arguments.parse(__doc__)
with ThreadPoolExecutor(options.connections) as pool:
    failed = sum(pool.map(lambda url: fetch(url, options.out), options.urls))
raise SystemExit(1 if failed else 0)
