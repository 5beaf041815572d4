"""How far a source is read, and when its rows are."""

from __future__ import annotations

import asyncio
import os
import queue
import threading

import pytest

import haulage

# The engine reads at most 5 × 2048 rows ahead, and 256 wait for it.
AHEAD = 12_000


class Counted:
    """An endless source that counts how far it has been read."""

    def __init__(self, url, most):
        self.url, self.most, self.read = url, most, 0

    def __iter__(self):
        for row in range(self.most):
            self.read = row + 1
            yield f"{self.url}?seed={row}"


class CountedAsync(Counted):
    async def __aiter__(self):
        for url in Counted.__iter__(self):
            yield url


def test_generator_is_read_as_far_as_needed(origin):
    source = Counted(origin.url("/bytes/1"), 10**6)
    with haulage.download(source) as run:
        outcomes = iter(run)
        next(outcomes)
        assert source.read <= AHEAD
        with pytest.raises(TypeError):
            len(run)
        assert run.stats.rows is None
        for _ in range(3000):
            next(outcomes)
        assert 3000 <= source.read <= AHEAD + 3000
    read = source.read
    assert list(run) == []
    assert source.read <= read + 1


def test_async_generator_is_read_as_far_as_needed(origin):
    source = CountedAsync(origin.url("/bytes/1"), 10**6)

    async def main():
        async with haulage.download(source) as run:
            outcomes = aiter(run)
            await anext(outcomes)
            assert source.read <= AHEAD
            for _ in range(3000):
                await anext(outcomes)
            assert 3000 <= source.read <= AHEAD + 3000

    asyncio.run(main())


def test_next_url_may_depend_on_the_outcome_before(origin):
    ended = queue.SimpleQueue()

    def source():
        yield origin.url("/bytes/10")
        for _ in range(50):
            yield origin.url(f"/bytes/{ended.get() + 1}")

    lengths = []
    for outcome in haulage.download(source()):
        lengths.append(outcome.bytes)
        ended.put(outcome.bytes)
    assert lengths == list(range(10, 61))


def test_next_url_may_depend_on_the_outcome_before_async(origin):
    async def main():
        ended = asyncio.Queue()

        async def source():
            yield origin.url("/bytes/10")
            for _ in range(50):
                yield origin.url(f"/bytes/{await ended.get() + 1}")

        lengths = []
        async for outcome in haulage.download(source()):
            lengths.append(outcome.bytes)
            ended.put_nowait(outcome.bytes)
        assert lengths == list(range(10, 61))

    asyncio.run(main())


def test_blocking_source_may_wait_in_an_event_loop(origin):
    """A blocking generator is read on a thread, so that it does not block the loop."""
    ended = queue.SimpleQueue()

    def source():
        yield origin.url("/bytes/10")
        for _ in range(20):
            yield origin.url(f"/bytes/{ended.get() + 1}")

    async def main():
        lengths = []
        async for outcome in haulage.download(source()):
            lengths.append(outcome.bytes)
            ended.put(outcome.bytes)
        return lengths

    assert asyncio.run(main()) == list(range(10, 31))


def test_outcome_comes_without_waiting_for_later_rows(origin):
    """The source yields a row only when the test lets it, after the outcome before."""
    go = threading.Semaphore(1)
    asked = []

    def source():
        for row in range(5):
            assert go.acquire(timeout=30)
            asked.append(row)
            yield origin.url(f"/bytes/{row}")

    outcomes = iter(haulage.download(source()))
    for row in range(5):
        assert next(outcomes).row == row
        assert asked == list(range(row + 1))
        go.release()
    assert list(outcomes) == []


MEMORY = """
    import resource, sys
    import haulage

    def peak():
        lines = open("/proc/self/status").read().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    url, count = sys.argv[1], int(sys.argv[2])
    before = peak()
    run = haulage.download(f"{url}?seed={row}" for row in range(count))
    ended = sum(1 for outcome in run if outcome.ok)
    assert ended == count, (ended, run.stats)
    print((peak() - before) / 1024)
"""


def test_many_urls_need_little_memory(origin, run_script):
    mebibytes = float(run_script(MEMORY, origin.url("/bytes/1"), 20_000))
    assert mebibytes < 80


@pytest.mark.skipif(not os.environ.get("HAULAGE_SLOW"), reason="takes minutes: HAULAGE_SLOW=1")
@pytest.mark.timeout(1200)
def test_a_million_urls_need_little_memory(origin, run_script):
    mebibytes = float(run_script(MEMORY, origin.url("/bytes/1"), 10**6, timeout=1100))
    print(f"{mebibytes:.1f} MiB on top of the interpreter")
    assert mebibytes < 80


# Sources that raise


class Trouble(Exception):
    pass


def test_exception_of_a_source_comes_after_its_outcomes(gates):
    raises = threading.Event()

    def source():
        yield gates.url("/a")
        yield gates.url("/held/b")
        assert raises.wait(30)
        raise Trouble("no more")

    run = haulage.download(source(), timeout=60)
    seen = []
    with pytest.raises(Trouble, match="no more") as caught:
        for outcome in run:
            seen.append((outcome.row, outcome.status, outcome.error and outcome.error.kind))
            if len(seen) == 1:
                gates.wait_for("/held/b")
                raises.set()
    assert seen == [(0, "done", None), (1, "failed", "cancelled")]
    # Its traceback leads to the line.
    assert any(entry.name == "source" for entry in caught.traceback)
    with pytest.raises(haulage.HaulageError, match="stopped by Trouble"):
        list(run)
    assert (run.stats.done, run.stats.failed, run.stats.in_flight) == (1, 1, 0)


def test_exception_of_an_async_source_comes_after_its_outcomes(gates):
    async def main():
        raises = asyncio.Event()

        async def source():
            yield gates.url("/a")
            yield gates.url("/held/b")
            await raises.wait()
            raise Trouble("no more")

        run = haulage.download(source())
        seen = []
        with pytest.raises(Trouble, match="no more"):
            async for outcome in run:
                seen.append((outcome.row, outcome.status))
                if len(seen) == 1:
                    await asyncio.to_thread(gates.wait_for, "/held/b")
                    raises.set()
        assert seen == [(0, "done"), (1, "failed")]
        with pytest.raises(haulage.HaulageError, match="stopped by Trouble"):
            [outcome async for outcome in run]

    asyncio.run(main())


@pytest.mark.parametrize("exception", [Trouble, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_source_that_raises_at_once_raises_in_wait(exception):
    def source():
        raise exception("x")
        yield

    with pytest.raises(exception):
        haulage.download(source()).wait()

    async def wait():
        with pytest.raises(exception):
            await haulage.download(source())

    asyncio.run(wait())


def test_source_that_raises_when_iteration_starts_raises():
    class Source:
        def __iter__(self):
            raise Trouble("no iterator")

    with pytest.raises(Trouble):
        haulage.download(Source()).wait()
