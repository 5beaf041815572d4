"""Spark: two executors, one of which is killed halfway."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark")

from courtesy import (
    ROWS,
    assert_courteous,
    assert_every_row_once,
    assert_refuses_unusable_arguments,
    connected,
    courteous,
    find,
    killed_halfway,
    processes,
    split,
    urls,
)
from pyspark.sql import SparkSession
from scripted import Server, body

import haulage
import haulage.spark
from haulage import InputError

# A cluster starts, which takes its time on a machine that has other work.
pytestmark = pytest.mark.timeout(400)

PACKAGE = str(Path(haulage.__file__).parent.parent)


def session(master: str, **settings: str) -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    builder = (
        SparkSession.builder.master(master)
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.executorEnv.PYTHONPATH", os.pathsep.join([PACKAGE, *sys.path]))
        .config("spark.executorEnv.SPARK_LOCAL_IP", "127.0.0.1")
    )
    for key, value in settings.items():
        builder = builder.config(key.replace("_", "."), value)
    return builder.getOrCreate()


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    spark = session("local-cluster[2,1,1024]")
    yield spark
    spark.stop()


def jvm() -> int:
    """Returns the process of the driver's JVM."""
    (pid,) = find(os.getpid(), lambda line: "SparkSubmit" in line)
    return pid


def executors(server: Server) -> list[int]:
    """Returns the executors that download."""
    found = find(jvm(), lambda line: "CoarseGrainedExecutorBackend" in line)
    return [pid for pid in found if connected(list(processes(pid)), server.port)]


def workers(server: Server) -> list[int]:
    """Returns the Python processes that download."""
    return connected(find(jvm(), lambda line: "pyspark" in line), server.port)


def kill_executor(server: Server) -> None:
    os.kill(executors(server)[0], signal.SIGKILL)


def kill_worker(server: Server) -> None:
    os.kill(workers(server)[0], signal.SIGKILL)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kill", [kill_executor, kill_worker])
def test_every_row_once_though_a_process_is_killed(
    spark: SparkSession, server: Server, tmp_path: Path, kill: Any
) -> None:
    rows = ROWS if kill is kill_executor else 2_000
    wanted = list(enumerate(urls(server, rows)))
    df = haulage.spark.download(
        spark.createDataFrame(wanted, "id long, url string"),
        dest=tmp_path,
        **courteous(server),
    )
    got = killed_halfway(server, rows, df.collect, kill)
    assert_every_row_once(server, tmp_path, wanted, got)


@pytest.mark.timeout(200)
def test_content_survives_the_loss_of_an_executor(spark: SparkSession, server: Server) -> None:
    rows = 2_000
    wanted = list(enumerate(urls(server, rows)))
    df = haulage.spark.download(
        spark.createDataFrame(wanted, "id long, url string"),
        content=True,
        **courteous(server),
    )
    got = killed_halfway(server, rows, df.collect, kill_executor)

    assert sorted((row.id, row.url) for row in got) == wanted
    assert all(bytes(row.content) == body(*split(row.url)) for row in got)
    assert_courteous(server)


def test_hosts_have_one_caller_each(spark: SparkSession, server: Server) -> None:
    wanted = [(url.upper().replace("HTTP:", "http:"),) for url in urls(server, 1000)]
    df = haulage.spark.by_host(spark.createDataFrame(wanted, "url string"), "url", 7)
    assert df.columns == ["url"]
    parts = df.rdd.glom().collect()
    hosts = [{haulage.host_of(row.url) for row in part} for part in parts]
    assert len(hosts) == 7
    assert sum(map(len, hosts)) == len(set.union(*hosts)) == 50


def test_columns_are_those_of_the_contract(spark: SparkSession, server: Server) -> None:
    df = spark.createDataFrame([(server.url("a.test", "/10/7"), 1.5)], "url string, Status double")
    result = haulage.spark.download(
        df, content=True, hash="sha256", resolve=server.resolve, partitions=1
    )
    assert [(field.name, field.dataType.simpleString()) for field in result.schema] == [
        ("url", "string"),
        ("Status", "double"),
        ("haul_status", "string"),
        ("path", "string"),
        ("bytes", "bigint"),
        ("http_status", "smallint"),
        ("error_kind", "string"),
        ("error_message", "string"),
        ("final_url", "string"),
        ("attempts", "int"),
        ("started", "timestamp"),
        ("duration_ms", "bigint"),
        ("etag", "string"),
        ("last_modified", "string"),
        ("content_type", "string"),
        ("verified", "string"),
        ("sha256", "string"),
        ("content", "binary"),
    ]
    # Until now, nothing has run.
    assert server.requests == 0
    (row,) = result.collect()
    assert (row.haul_status, row.bytes, row.http_status) == ("done", 10, 200)
    assert bytes(row.content) == body("a.test", "/10/7")
    assert row.started.year >= 2024


def test_large_content_is_divided_and_too_large_is_refused(
    spark: SparkSession, server: Server
) -> None:
    large = [server.url("a.test", f"/{5 << 20}/{row}") for row in range(30)]
    wanted = [(url,) for url in [*large, server.url("a.test", f"/{(6 << 20) + 1}/99"), None, "no"]]
    df = haulage.spark.download(
        spark.createDataFrame(wanted, "url string"),
        content=True,
        max_size=6 << 20,
        resolve=server.resolve,
        partitions=1,
    )
    lengths = df.selectExpr("url", "error_kind", "length(content) as length").collect()
    assert sorted(row.length or 0 for row in lengths) == [0] * 3 + [5 << 20] * 30
    kinds = Counter(row.error_kind for row in lengths)
    assert kinds == {None: 30, "input": 2, "refused": 1}


def test_unusable_arguments_raise_at_once(spark: SparkSession) -> None:
    df = spark.createDataFrame([("http://a.test/", 1)], "url string, number int")
    assert_refuses_unusable_arguments(haulage.spark.download, df)
    with pytest.raises(InputError, match="of type int"):
        haulage.spark.download(df, "number", content=True)
    for size in (3 << 30, "3G"):
        with pytest.raises(InputError, match="max_size"):
            haulage.spark.download(df, content=True, max_size=size)
