"""Downloads a list of URLs, of one line or of a hundred million, into complete, verified files.

>>> import haulage
>>> for outcome in haulage.download(urls, folder, jobs=4):
...     print(outcome.label, outcome.status)
a.bin done

`download` takes a list and returns a `Run`, for ``for`` and for ``async for``. `download_table` and
`download_batches` do the same for tables. `haulage.spark` and `haulage.ray` run on a cluster.
"""

from haulage._engine import Engine
from haulage._haulage import (
    DestinationError,
    HaulageError,
    InputError,
    ItemError,
    Outcome,
    TlsError,
    __version__,
)
from haulage._hosts import host_of
from haulage._options import Options
from haulage._request import Request
from haulage._run import Run, Stats, Summary, download
from haulage._tables import download_batches, download_table

__all__ = [
    "DestinationError",
    "Engine",
    "HaulageError",
    "InputError",
    "ItemError",
    "Options",
    "Outcome",
    "Request",
    "Run",
    "Stats",
    "Summary",
    "TlsError",
    "__version__",
    "download",
    "download_batches",
    "download_table",
    "host_of",
]
