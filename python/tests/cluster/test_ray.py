"""Ray: two nodes, of which an actor or all is killed halfway."""

from __future__ import annotations

import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Else `ray.init` takes another address of the machine for 127.0.0.1, on Linux.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

import pytest

pytest.importorskip("ray.data")

import ray
import ray.data
from courtesy import (
    PER_HOST,
    ROWS,
    assert_every_row_once,
    assert_refuses_unusable_arguments,
    connected,
    courteous,
    find,
    killed_halfway,
    split,
    urls,
)
from ray.cluster_utils import Cluster
from scripted import Server, body

import haulage
import haulage.ray

# A cluster starts, which takes its time on a machine that has other work.
pytestmark = pytest.mark.timeout(400)

# The package may be a checkout that is not installed: for the processes of the nodes.
os.environ["PYTHONPATH"] = str(Path(haulage.__file__).parents[1])
NODE = {
    "node_ip_address": "127.0.0.1",
    "include_dashboard": False,
    "object_store_memory": 150 << 20,
}


def dataset(rows: list[dict[str, Any]]) -> ray.data.Dataset:
    # By default, it would be a task for each few rows.
    return ray.data.from_items(rows, override_num_blocks=4)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # The head has the driver, and no tasks.
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    for _ in range(2):
        cluster.add_node(**NODE, num_cpus=2)
    ray.init(
        address=cluster.address,
        _node_ip_address="127.0.0.1",
        logging_level=logging.ERROR,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def kill_actor(cluster: Cluster, server: Server) -> None:
    downloading = connected(find(os.getpid(), lambda line: "ray::" in line), server.port)
    os.kill(downloading[0], signal.SIGKILL)


def kill_node(cluster: Cluster, server: Server) -> None:
    for node in cluster.worker_nodes:
        raylet = node.all_processes["raylet"][0].process.pid
        if connected(find(raylet, lambda line: "ray::" in line), server.port):
            cluster.remove_node(node, allow_graceful=False)
            cluster.add_node(**NODE, num_cpus=2)
            return
    raise AssertionError("no node downloads")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kill", [kill_actor, kill_node])
def test_every_row_once_though_something_is_killed(
    cluster: Cluster, server: Server, tmp_path: Path, kill: Any
) -> None:
    rows = ROWS if kill is kill_node else 2_000
    wanted = list(enumerate(urls(server, rows)))
    ds = haulage.ray.download(
        dataset([{"id": row, "url": url} for row, url in wanted]),
        dest=tmp_path,
        **courteous(server),
    )
    got = killed_halfway(server, rows, ds.take_all, partial(kill, cluster))
    assert_every_row_once(server, tmp_path, wanted, got)
    assert "__haul_host" not in got[0]


def test_content_and_columns(cluster: Cluster, server: Server) -> None:
    wanted = [*urls(server, 300), "no", None]
    ds = haulage.ray.download(
        dataset([{"url": url, "status": 1} for url in wanted]),
        content=True,
        hash=["sha256"],
        per_host=PER_HOST,
        resolve=server.resolve,
        partitions=3,
    )
    # Until now, nothing has run.
    assert server.requests == 0
    got = ds.take_all()
    assert list(got[0])[:4] == ["url", "status", "haul_status", "path"]
    assert list(got[0])[-2:] == ["sha256", "content"]
    assert Counter(row["url"] for row in got) == Counter(wanted)
    for row in got:
        if row["url"] in (None, "no"):
            assert row["error_kind"] == "input"
        else:
            assert row["content"] == body(*split(row["url"])), row


def test_hosts_have_one_block_each(cluster: Cluster, server: Server) -> None:
    # More than a block of Ray's usual size, in one partition.
    ray.data.DataContext.get_current().target_max_block_size = 10_000
    ds = dataset([{"url": url} for url in urls(server, 2_000)])
    blocks = haulage.ray.by_host(ds, "url", 3).map_batches(
        lambda table: {"hosts": [",".join(sorted(set(table["__haul_host"].to_pylist())))]},
        batch_format="pyarrow",
        batch_size=None,
    )
    hosts = [host for row in blocks.take_all() for host in row["hosts"].split(",") if host]
    assert len(hosts) == len(set(hosts)) == 50


def test_unusable_arguments_raise_at_once(cluster: Cluster) -> None:
    assert_refuses_unusable_arguments(haulage.ray.download, dataset([{"url": "http://a.test/"}]))
