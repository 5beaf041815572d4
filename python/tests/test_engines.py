"""Engines: limits that runs share, and their end."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import threading
import time

import pytest

import haulage


def threads():
    return set(os.listdir("/proc/self/task"))


def held(gates, count, name="held"):
    return [gates.url(f"/held/{name}{row}") for row in range(count)]


def test_per_host_is_kept_across_runs(start_origin):
    origin = start_origin("--at-once", "3")
    with haulage.Engine(per_host=3) as engine:
        runs = [
            haulage.download(origin.urls(30, "/bytes/10K"), engine=engine, retries=0)
            for _ in range(3)
        ]
        for run in runs:
            for outcome in run:
                assert outcome.ok and outcome.attempts == 1, outcome


def test_per_host_of_a_run_is_kept(start_origin):
    origin = start_origin("--at-once", "2")
    for outcome in haulage.download(origin.urls(50, "/bytes/10K"), per_host=2, retries=0):
        assert outcome.ok and outcome.attempts == 1, outcome


def test_jobs_of_a_run_are_kept(start_origin):
    origin = start_origin("--at-once", "2")
    for outcome in haulage.download(origin.urls(50, "/bytes/10K"), jobs=2, retries=0):
        assert outcome.ok and outcome.attempts == 1, outcome


def test_delay_is_kept(gates):
    started = time.monotonic()
    with haulage.Engine(delay=0.1) as engine:
        haulage.download([gates.url(f"/{row}") for row in range(4)], engine=engine).wait()
    assert time.monotonic() - started >= 0.3


def test_options_of_an_engine_are_not_those_of_its_runs(origin):
    with haulage.Engine() as engine:
        for option in ("per_host", "per_proxy", "delay", "limit_rate_per_host"):
            with pytest.raises(TypeError, match=f"{option} is an option of the engine"):
                haulage.download(origin.urls(1), engine=engine, **{option: 1})
        # Without a value, none was given.
        run = haulage.download(origin.urls(1), engine=engine, per_host=None, jobs=100)
        assert run.wait().done == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs"),
        ({"per_host": -1}, "per_host"),
        ({"delay": "soon"}, "delay"),
        ({"limit_rate": "much"}, "limit_rate"),
        ({"threads": 0}, "threads"),
    ],
)
def test_wrong_options_of_an_engine_are_refused(options, message):
    with pytest.raises(haulage.InputError, match=message):
        haulage.Engine(**options)


def test_engine_that_is_closed_stops_its_runs(gates):
    before = threads()
    engine = haulage.Engine(threads=2)
    assert len(threads() - before) >= 2
    one = haulage.download(held(gates, 2), engine=engine)
    two = haulage.download(iter([gates.url("/held/x")]), engine=engine)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.extend(one))
    thread.start()
    gates.wait_for_requests(3)
    engine.close()
    thread.join(30)
    assert {outcome.error.kind for outcome in outcomes} == {"cancelled"}
    assert len(outcomes) == 2
    # What nobody received meanwhile is there still.
    assert [outcome.error.kind for outcome in two] == ["cancelled"]
    with pytest.raises(RuntimeError, match="engine is closed"):
        haulage.download(held(gates, 1), engine=engine)
    engine.close()
    wait_until_ended(before)


def wait_until_ended(before):
    """Threads that have been joined may be in the list for a moment."""
    until = time.monotonic() + 5
    while names_that_are_left(before) and time.monotonic() < until:
        time.sleep(0.01)
    assert names_that_are_left(before) == []


def names_that_are_left(before):
    left = []
    for thread in threads() - before:
        try:
            with open(f"/proc/self/task/{thread}/comm") as file:
                name = file.read().strip()
        except OSError:
            continue
        # Threads of Python: those of the tests, and what reads a source.
        if not name.startswith(("Thread-", "python", "pytest", "haulage-source")):
            left.append(name)
    return left


def test_threads_of_an_engine_of_a_run_end_with_it(origin, tmp_path):
    assert haulage.download(origin.urls(1)).wait().done == 1
    before = threads()
    run = haulage.download(origin.rows(3), tmp_path, per_host=1)
    outcomes = iter(run)
    next(outcomes)
    assert len(threads() - before) > 0
    assert len(list(outcomes)) == 2
    # The run lives, its engine does not.
    wait_until_ended(before)
    assert run.stats.done == 3 and run.stats.received_bytes >= 300 and len(run) == 3
    run.cancel()
    run.pause()
    run.limit_rate(1)


def test_threads_of_an_engine_of_a_run_end_when_it_is_closed(gates):
    haulage.download(gates.url("/a")).wait()
    before = threads()
    with haulage.download(held(gates, 2), per_host=1):
        gates.wait_for_requests(2)
    wait_until_ended(before)
    # Nor does one that could not start leave threads.
    with pytest.raises(haulage.InputError):
        haulage.download(held(gates, 2), per_host=1, exists="nonsense")
    with pytest.raises(haulage.DestinationError):
        haulage.download(held(gates, 2), "/proc/nothing", per_host=1)
    wait_until_ended(before)


def test_threads_of_a_dropped_run_end_while_its_source_blocks(gates):
    go_on = threading.Event()

    def source():
        yield gates.url("/a")
        go_on.wait(60)

    haulage.download(gates.url("/a")).wait()
    before = threads()
    run = haulage.download(source(), per_host=1)
    assert next(iter(run)).ok
    del run
    gc.collect()
    wait_until_ended(before)
    go_on.set()


def test_engine_may_be_closed_while_runs_are_added(origin):
    engine = haulage.Engine()
    stop = threading.Event()
    errors = []

    def add():
        while not stop.is_set():
            try:
                haulage.download(origin.urls(1), engine=engine).wait()
            except RuntimeError as error:
                errors.append(str(error))
                return

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    engine.close()
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert set(errors) <= {"the engine is closed"}


def test_run_keeps_its_engine(origin):
    run = haulage.download(origin.urls(5), engine=haulage.Engine(per_host=1))
    assert run.wait().done == 5


def test_rate_of_an_engine_is_shared(origin):
    started = time.monotonic()
    with haulage.Engine(limit_rate="1M") as engine:
        runs = [haulage.download(origin.url("/bytes/512K"), engine=engine) for _ in range(3)]
        assert all(run.wait().done == 1 for run in runs)
    assert time.monotonic() - started > 0.3


@pytest.mark.parametrize("threads", [0, -1, 257, 100_000, 10**30])
def test_number_of_threads_has_bounds(threads):
    with pytest.raises(haulage.InputError, match="threads must be 1 to 256"):
        haulage.Engine(threads=threads)


def test_number_of_threads_is_a_number():
    with pytest.raises(TypeError):
        haulage.Engine(threads="4")


@pytest.mark.parametrize("use", [copy.copy, copy.deepcopy, pickle.dumps])
def test_engine_and_run_belong_to_their_process(origin, use):
    with haulage.Engine() as engine:
        with pytest.raises(TypeError, match="an Engine belongs to its process"):
            use(engine)
    with haulage.download(origin.urls(1)) as run:
        with pytest.raises(TypeError, match="a Run belongs to its process"):
            use(run)
