"""Downloads the URLs of a Spark DataFrame.

>>> import haulage.spark                                            # doctest: +SKIP
>>> files = haulage.spark.download(df, dest="/mnt/shared/images")   # doctest: +SKIP
>>> files.write.parquet("files.parquet")                            # doctest: +SKIP
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from haulage._cluster import check_options, folder, with_notice
from haulage._haulage import InputError, bytes_of
from haulage._hosts import host_of
from haulage._tables import distinct, download_batches, hashes_of, result_schema

try:
    from pyspark.sql import functions
    from pyspark.sql.types import (
        BinaryType,
        DataType,
        IntegerType,
        LongType,
        ShortType,
        StringType,
        StructField,
        StructType,
        TimestampType,
    )
except ImportError as error:
    raise ImportError("haulage.spark needs PySpark: pip install haulage[spark]") from error

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from typing_extensions import Unpack

    from haulage._options import Path, TableOptions

# The longest file that goes into a column: a value of Spark has less than 2 GiB, and so has a row.
# By default it is what an executor's memory can be expected to have room for.
MAX_CONTENT = 1 << 30
DEFAULT_CONTENT = 256 << 20


def download(
    df: DataFrame,
    url: str = "url",
    *,
    name: str | None = None,
    checksum: str | None = None,
    dest: Path | None = None,
    content: bool = False,
    prefix: str | None = None,
    partitions: int | None = None,
    **options: Unpack[TableOptions],
) -> DataFrame:
    """Downloads the URLs of a DataFrame, and gives a DataFrame with the results.

    The rows are divided by host, so each host has one caller in the whole cluster: ``per_host``,
    ``delay``, ``Retry-After`` and what else is counted for a host hold for all executors together.
    ``jobs`` and ``limit_rate`` count for each task that runs. A host with very many rows stays with
    one caller; the log of its executor says so from 100,000 rows on. Redirects to other hosts are
    followed by whoever meets them.

    Nothing runs before the result is used, and each use runs again: write it, or ``persist()`` it.

    A task that is lost is run again. Its files that are complete are ``skipped`` then, and each row
    is in the result once. Two attempts at one task at the same time (``spark.speculation``) write
    the same files, but double the requests to their hosts: switch that off.

    Args:
        df: Has a column of URLs.
        url: The column of the URLs.
        name: The column of file names, if any; they have to differ in the whole table.
        checksum: The column of checksums (``sha256=…``), if any.
        dest: A folder that all executors share under this path. By default files are in subfolders
            by host (``layout="tree"``), so that callers do not get in each other's way.
        content: Puts the files' bytes into a column ``content``; then there is no ``dest``. A file
            of more than ``max_size``, here by default 256 MiB and at most 1 GiB, fails: of kind
            ``refused``.
        prefix: Stands before a result's name that the DataFrame has already; ``"haul_"`` by
            default.
        partitions: The number of parts that the hosts are divided into; by default the cluster's
            parallelism. A task works on all hosts of its part at once, so more parts are not
            faster: they only make less work to repeat where one is lost.
        options: As for `haulage.download`. Files that they name have to be on all executors.

    Returns:
        The columns of ``df``, then those that `haulage.download_table` describes. The order of rows
        is not kept.

    Raises:
        InputError: A column is missing, or arguments contradict each other.
        TypeError: There is no such option.
    """
    if content == (dest is not None):
        raise InputError("give either dest, a folder, or content=True")
    check_columns(df, url, name, checksum)
    dest = folder(dest)
    given = check_options(dict(options), dest)
    if "checksum" in given:
        raise InputError("checksum is the name of a column here")
    if content:
        given["max_size"] = content_limit(given.get("max_size"))
    warn_of_speculation(df)
    results = result_schema(hashes_of(given), content)
    names = distinct_for_spark(df, results.names, prefix)
    fields = [StructField(name, spark_type(field)) for name, field in zip(names, results)]
    columns = {"url": url, "name": name, "checksum": checksum}
    task = Task(names, {**columns, "dest": dest}, content, given)
    return by_host(df, url, partitions).mapInArrow(task, StructType([*df.schema.fields, *fields]))


def by_host(df: DataFrame, url: str, partitions: int | None = None) -> DataFrame:
    """Returns a DataFrame with the same rows, those of a host in one partition."""
    (host,) = distinct_for_spark(df, ["host"], None)
    of_url = functions.udf(host_of, StringType(), useArrow=False)(functions.col(quoted(url)))
    divided = df.withColumn(host, of_url).repartition(partitions or parallelism(df), quoted(host))
    return divided.drop(host)


class Task:
    """Downloads the rows of a partition. It is sent to executors."""

    def __init__(
        self,
        names: Sequence[str],
        arguments: dict[str, Any],
        content: bool,
        options: dict[str, Any],
    ) -> None:
        self.names = list(names)
        self.arguments = arguments
        self.content = content
        self.options = options

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        batches = with_notice(batches, self.arguments["url"])
        results = download_batches(
            batches, content=self.content, prefix="haul_", **self.arguments, **self.options
        )
        return map(self.for_spark, results)

    def for_spark(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns a batch with the names and types of results that Spark knows."""
        import pyarrow as pa

        given = batch.num_columns - len(self.names)
        fields, columns = list(batch.schema), list(batch.columns)
        for at, name in enumerate(self.names, given):
            field = fields[at]
            # The JVM reads times in microseconds only.
            if pa.types.is_timestamp(field.type):
                columns[at] = columns[at].cast(pa.timestamp("us", "UTC"))
            fields[at] = pa.field(name, columns[at].type)
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def check_columns(df: DataFrame, url: str, name: str | None, checksum: str | None) -> None:
    """Raises InputError if a column is missing, or holds no text."""
    types = {field.name: field.dataType for field in df.schema.fields}
    if len(types) < len(df.columns):
        raise InputError("two columns have the same name; rename one")
    for column in (url, name, checksum):
        if column is None:
            continue
        if column not in types:
            raise InputError(f"there is no column {column!r}; there are {', '.join(types)}")
        if not isinstance(types[column], StringType):
            kind = types[column].simpleString()
            raise InputError(f"the column {column!r} is of type {kind}; it has to be string")


def content_limit(given: int | str | None) -> int | str:
    """Returns the longest file that goes into a column."""
    if given is None:
        return DEFAULT_CONTENT
    size = bytes_of(given) if isinstance(given, str) else given
    if size is not None and size > MAX_CONTENT:
        raise InputError(f"max_size is at most {MAX_CONTENT} with content=True; give dest instead")
    return given


def warn_of_speculation(df: DataFrame) -> None:
    if df.sparkSession.conf.get("spark.speculation", "false") == "true":
        warnings.warn(
            "spark.speculation is on: a host may get the requests of two attempts at once",
            stacklevel=3,
        )


def parallelism(df: DataFrame) -> int:
    """Returns how many tasks the cluster runs at once."""
    session = df.sparkSession
    try:
        return max(1, int(session.sparkContext.defaultParallelism))
    except Exception:
        # Spark Connect does not tell.
        return int(session.conf.get("spark.sql.shuffle.partitions") or 200)


def distinct_for_spark(df: DataFrame, names: Sequence[str], prefix: str | None) -> list[str]:
    """Returns names with a prefix before those that Spark, which ignores case, takes for columns
    of the DataFrame."""
    taken = [column.lower() for column in df.columns]
    return distinct(names, taken, prefix)


def quoted(column: str) -> str:
    return "`" + column.replace("`", "``") + "`"


def spark_type(field: pa.Field) -> DataType:
    """Returns the type of a result's column."""
    return SPARK_TYPES[str(field.type)]


SPARK_TYPES = {
    "string": StringType(),
    "int16": ShortType(),
    "int32": IntegerType(),
    "int64": LongType(),
    "timestamp[ms, tz=UTC]": TimestampType(),
    "large_binary": BinaryType(),
}
