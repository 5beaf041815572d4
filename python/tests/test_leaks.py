"""Threads, descriptors and memory: what is left of many engines and runs."""

from __future__ import annotations

import pytest

PREPARE = """
    import faulthandler, gc, os, sys, threading, time
    import haulage

    faulthandler.dump_traceback_later(100, exit=True)
    url = sys.argv[1]

    def left():
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    def settle(most):
        until = time.monotonic() + 15
        while (now := left()) > most and time.monotonic() < until:
            gc.collect()
            time.sleep(0.01)
        assert now[0] <= most[0] and now[1] <= most[1], (now, most)
"""


@pytest.mark.timeout(200)
def test_thousand_engines_leave_nothing(run_script, origin):
    run_script(
        PREPARE
        + """
    haulage.Engine(threads=1).close()
    before = left()
    for number in range(1000):
        engine = haulage.Engine(threads=1)
        if number % 10 == 0:
            assert haulage.download(url, engine=engine).wait().done == 1
        if number % 2:
            engine.close()
        del engine
    settle(before)
    """,
        origin.url("/bytes/1"),
        timeout=150,
    )


@pytest.mark.timeout(200)
def test_thousand_runs_leave_nothing(run_script, origin, tmp_path):
    run_script(
        PREPARE
        + """
    folder = sys.argv[2]
    for _ in range(5):
        haulage.download(url, folder).wait()
    before = left()
    for number in range(1000):
        if number % 4 == 0:
            assert haulage.download([url, url + "&seed=2"]).wait().done == 2
        elif number % 4 == 1:
            for outcome in haulage.download(url for _ in range(3)):
                break
        elif number % 4 == 2:
            with haulage.download(iter([url]), folder) as run:
                next(iter(run))
        else:
            run = haulage.download(url)
    del run
    settle((before[0], before[1] + 4))
    """,
        origin.url("/bytes/1?seed=1"),
        tmp_path,
        timeout=150,
    )


@pytest.mark.timeout(200)
def test_runs_in_an_event_loop_leave_nothing(run_script, origin):
    run_script(
        PREPARE
        + """
    import asyncio

    async def source():
        for _ in range(3):
            yield url

    async def some(count):
        for number in range(count):
            if number % 3 == 0:
                assert (await haulage.download(source())).done == 3
            elif number % 3 == 1:
                async with haulage.download(source()) as run:
                    async for outcome in run:
                        break
            else:
                async for outcome in haulage.download([url, url]):
                    break
        await asyncio.sleep(0)
        return len(asyncio.get_running_loop()._selector.get_map())

    asyncio.run(some(9))
    before = left()
    for _ in range(10):
        assert asyncio.run(some(30)) == 1
    settle((before[0], before[1] + 4))
    """,
        origin.url("/bytes/1?seed=1"),
        timeout=150,
    )


def test_memory_of_runs_is_freed(run_script, origin):
    out = run_script(
        PREPARE
        + """
    def resident():
        lines = open("/proc/self/status").read().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    for _ in range(5):
        outcomes = list(haulage.download([url + str(row) for row in range(4)]))
    before = resident()
    for _ in range(30):
        outcomes = list(haulage.download([url + str(row) for row in range(4)]))
        contents = [outcome.content for outcome in outcomes]
    print((resident() - before) / 1024)
    """,
        origin.url("/bytes/5M?seed="),
    )
    # Each turn takes 20 MiB.
    assert float(out) < 100
