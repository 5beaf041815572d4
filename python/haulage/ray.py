"""Downloads the URLs of a Ray Dataset.

>>> import haulage.ray                                              # doctest: +SKIP
>>> files = haulage.ray.download(ds, dest="/mnt/shared/images")     # doctest: +SKIP
>>> files.write_parquet("files")                                    # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from haulage._cluster import check_options, folder, with_notice
from haulage._engine import Engine
from haulage._hosts import host_of
from haulage._options import OF_ENGINE
from haulage._tables import Columns, check, download_batches

try:
    import ray.data
except ImportError as error:
    raise ImportError("haulage.ray needs Ray: pip install haulage[ray]") from error

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Unpack

    from haulage._options import Path, TableOptions

# The column by which rows are divided. It is gone again from the result.
HOST = "__haul_host"
# Options that an actor gives to its engine rather than to each run.
OF_ACTOR = OF_ENGINE | {"jobs"}


def download(
    ds: ray.data.Dataset,
    url: str = "url",
    *,
    name: str | None = None,
    checksum: str | None = None,
    dest: Path | None = None,
    content: bool = False,
    prefix: str | None = None,
    concurrency: int = 2,
    num_cpus: float = 0.25,
    partitions: int | None = None,
    **options: Unpack[TableOptions],
) -> ray.data.Dataset:
    """Downloads the URLs of a Dataset, and gives a Dataset with the results.

    The rows are divided by host, so each host has one caller in the whole cluster: ``per_host``,
    ``delay``, ``Retry-After`` and what else is counted for a host hold for all actors together.
    ``jobs`` and ``limit_rate`` count for each actor. A host with very many rows stays with one
    actor; its log says so from 100,000 rows on. Redirects to other hosts are followed by whoever
    meets them.

    Nothing runs before the result is used, and each use runs again, even ``schema()``: write it, or
    ``materialize()`` it. What an actor or a node has lost is run again; its files that are complete
    are ``skipped`` then, and each row is in the result once.

    Args:
        ds: Has a column of URLs.
        url: The column of the URLs.
        name: The column of file names, if any; they have to differ in the whole Dataset.
        checksum: The column of checksums (``sha256=…``), if any.
        dest: A folder that all nodes share under this path. By default files are in subfolders by
            host (``layout="tree"``), so that callers do not get in each other's way.
        content: Puts the files' bytes into a column ``content``; then there is no ``dest``.
        prefix: Stands before a result's name that the Dataset has already; ``"haul_"`` by default.
        concurrency: The number of actors. Each has an engine.
        num_cpus: What an actor takes of a node's CPUs in Ray's account. A downloader waits most of
            its time; and actors that together hold all CPUs leave none for the steps before them,
            which then wait for ever.
        partitions: The number of parts that the hosts are divided into; by default the number of
            actors. An actor works on all hosts of its part at once, so more parts are not faster:
            they only make less work to repeat where one is lost.
        options: As for `haulage.download`. Files that they name have to be on all nodes.

    Returns:
        The columns of ``ds``, then those that `haulage.download_table` describes. The order of rows
        is not kept.

    Raises:
        InputError: A column is missing, or arguments contradict each other.
        TypeError: There is no such option.
    """
    wanted = Columns(url, name, checksum)
    schema = ds.schema(fetch_if_missing=False)
    check(wanted, None if schema is None else schema.names, dest, content, options)
    dest = folder(dest)
    given = check_options(dict(options), dest)
    arguments = {
        "url": url,
        "name": name,
        "checksum": checksum,
        "dest": dest,
        "content": content,
        "prefix": prefix,
    }
    return by_host(ds, url, partitions or concurrency).map_batches(
        Downloader,
        fn_constructor_args=(arguments, given),
        batch_format="pyarrow",
        # All of a block, so that its hosts are worked on at once.
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=concurrency),
        num_cpus=num_cpus,
    )


def by_host(ds: ray.data.Dataset, url: str, partitions: int) -> ray.data.Dataset:
    """Returns a Dataset with the same rows and a column ``__haul_host``; the rows of a host are in
    one block."""
    divided = ds.map_batches(partial(with_host, url=url), batch_format="pyarrow")
    return divided.repartition(partitions, keys=[HOST])


def with_host(table: pa.Table, url: str) -> pa.Table:
    """Returns a table with a column of hosts; empty where there is none."""
    Columns(url, None, None).check(table.column_names)
    import pyarrow as pa

    hosts = pa.array([host_of(each) or "" for each in table.column(url).to_pylist()], pa.string())
    return table.append_column(HOST, hosts)


class Downloader:
    """An actor: it downloads blocks, one after another, with one engine."""

    def __init__(self, arguments: dict[str, Any], options: dict[str, Any]) -> None:
        self.arguments = arguments
        self.options = {key: value for key, value in options.items() if key not in OF_ACTOR}
        of_engine = {key: value for key, value in options.items() if key in OF_ACTOR}
        self.engine = Engine._of_options(of_engine)

    def __call__(self, table: pa.Table) -> Iterator[pa.Table]:
        import pyarrow as pa

        rows = table.drop_columns([HOST])
        results = download_batches(
            with_notice(rows.to_batches(), self.arguments["url"]),
            engine=self.engine,
            **self.arguments,
            **self.options,
        )
        for batch in results:
            yield pa.Table.from_batches([batch])
