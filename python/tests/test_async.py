"""Runs in event loops: several tasks, several loops, tasks that are cancelled."""

from __future__ import annotations

import asyncio
import gc
import os
import threading

import pytest

import haulage


def held(gates, count):
    return [gates.url(f"/held/{row}") for row in range(count)]


async def until(gates, path):
    await asyncio.to_thread(gates.wait_for, path)


def test_async_for_await_and_async_with(origin, tmp_path):
    async def main():
        rows = [outcome.row async for outcome in haulage.download(origin.urls(5))]
        assert sorted(rows) == list(range(5))
        summary = await haulage.download(origin.rows(5), tmp_path)
        assert summary.done == 5
        async with haulage.download(origin.urls(5)) as run:
            async for outcome in run:
                break
            rest = [outcome.row async for outcome in run]
            assert sorted([outcome.row, *rest]) == list(range(5))
            assert (await run).done == 5

    asyncio.run(main())


def test_many_outcomes_come_to_one_loop(origin):
    async def main():
        run = haulage.download(origin.urls(3000, "/bytes/1"))
        assert sorted([outcome.row async for outcome in run]) == list(range(3000))

    asyncio.run(main())


def test_loop_goes_on_while_a_run_waits(gates):
    async def main():
        run = haulage.download(held(gates, 1))
        task = asyncio.ensure_future(run._wait_async())
        await until(gates, "/held/0")
        assert not task.done()
        gates.open()
        assert (await task).done == 1

    asyncio.run(main())


def test_tasks_share_what_comes(gates):
    """Each waits for the same descriptor."""

    async def main():
        run = haulage.download([*held(gates, 1), gates.url("/a")])
        rows = []

        async def receive():
            async for outcome in run:
                rows.append(outcome.row)

        tasks = [asyncio.create_task(receive()) for _ in range(3)]
        await until(gates, "/held/0")
        gates.open()
        await asyncio.gather(*tasks)
        assert sorted(rows) == [0, 1]

    asyncio.run(main())


def test_task_and_thread_share_what_comes(gates):
    run = haulage.download(held(gates, 1))
    rows = []
    thread = threading.Thread(target=lambda: rows.extend(outcome.row for outcome in run))
    thread.start()

    async def main():
        async def receive():
            async for outcome in run:
                rows.append(outcome.row)

        task = asyncio.create_task(receive())
        await until(gates, "/held/0")
        gates.open()
        await task

    asyncio.run(main())
    thread.join(30)
    assert rows == [0]


def test_several_runs_in_one_loop(origin):
    async def main():
        runs = [haulage.download(origin.urls(50)) for _ in range(10)]
        summaries = await asyncio.gather(*runs)
        assert [summary.done for summary in summaries] == [50] * 10

    asyncio.run(main())


def test_several_loops_at_once(origin):
    ended = []

    def loop():
        async def main():
            return await haulage.download(origin.urls(50))

        ended.append(asyncio.run(main()).done)

    threads = [threading.Thread(target=loop) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ended == [50] * 5


def test_second_loop_goes_on_after_the_first_was_closed(gates):
    run = haulage.download([gates.url("/a"), *held(gates, 2)])

    async def one():
        async for outcome in run:
            return outcome.row

    async def others():
        return sorted([outcome.row async for outcome in run])

    assert asyncio.run(one()) == 0
    gates.open()
    assert asyncio.run(others()) == [1, 2]


def test_source_whose_loop_has_ended_is_not_taken_for_complete(gates):
    async def source():
        yield gates.url("/a")
        await asyncio.Event().wait()

    run = haulage.download(source())

    async def one():
        async for outcome in run:
            return outcome.row

    async def others():
        return [outcome.row async for outcome in run]

    assert asyncio.run(one()) == 0
    with pytest.raises(haulage.InputError, match="event loop of the source"):
        asyncio.run(others())


def test_cancelled_task_stops_the_run(gates):
    async def main():
        run = haulage.download([gates.url("/a"), *held(gates, 3)])
        started = asyncio.Event()

        async def receive():
            async for _ in run:
                started.set()

        task = asyncio.create_task(receive())
        await started.wait()
        await until(gates, "/held/2")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (run.stats.done, run.stats.failed, run.stats.in_flight) == (1, 3, 0)
        with pytest.raises(haulage.HaulageError, match="stopped by CancelledError"):
            [outcome async for outcome in run]

    asyncio.run(main())


def test_timeout_stops_the_run(gates):
    async def main():
        run = haulage.download(held(gates, 1))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(run, 0.2)
        assert (run.stats.failed, run.stats.in_flight, run.stats.stopped) == (1, 0, True)
        with pytest.raises(haulage.HaulageError, match="call download again"):
            await run

    asyncio.run(main())


def test_timeout_of_one_outcome_is_not_taken_for_the_end(gates):
    async def main():
        run = haulage.download([gates.url("/a"), *held(gates, 1)])
        outcomes = aiter(run)
        assert (await anext(outcomes)).row == 0
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(outcomes), 0.2)
        for receive in (outcomes, run):
            with pytest.raises(haulage.HaulageError, match="stopped by CancelledError"):
                await anext(receive)
        with pytest.raises(haulage.HaulageError):
            run.wait()

    asyncio.run(main())


def test_other_tasks_are_told_of_an_interruption(gates):
    async def main():
        run = haulage.download(held(gates, 1))

        async def receive():
            return [outcome async for outcome in run]

        tasks = [asyncio.create_task(receive()) for _ in range(2)]
        await until(gates, "/held/0")
        tasks[0].cancel()
        with pytest.raises(haulage.HaulageError, match="stopped by CancelledError"):
            await asyncio.wait_for(tasks[1], 30)

    asyncio.run(main())


def test_anext_gives_one_outcome_after_another(origin):
    async def main():
        run = haulage.download(origin.urls(3))
        rows = [(await anext(run)).row]
        async for outcome in run:
            rows.append(outcome.row)
            break
        rows.append((await anext(run)).row)
        assert sorted(rows) == [0, 1, 2]
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(run)
        assert await anext(run, None) is None
        assert not (await run).stopped

    asyncio.run(main())


def test_engine_is_for_async_with(gates):
    async def main():
        async with haulage.Engine(per_host=2) as engine:
            run = haulage.download([gates.url("/a"), *held(gates, 1)], engine=engine)
            assert (await anext(run)).row == 0
            await until(gates, "/held/0")
        # It has stopped its runs.
        assert [outcome.error.kind async for outcome in run] == ["cancelled"]
        with pytest.raises(RuntimeError, match="closed"):
            haulage.download(gates.url("/a"), engine=engine)
        await engine.aclose()

    asyncio.run(main())


def test_cancelled_task_leaves_a_file_that_is_resumed(origin, tmp_path):
    url = origin.url("/bytes/6M/cancelled.bin?ranges&etag=one&stall_at=5M&times=1")

    async def main():
        run = haulage.download(url, tmp_path)

        async def enough():
            while run.stats.received_bytes < 5 << 20:
                await asyncio.sleep(0.01)

        task = asyncio.ensure_future(run._wait_async())
        await enough()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not (tmp_path / "cancelled.bin").exists()
        async for outcome in haulage.download(url, tmp_path):
            assert outcome.ok and outcome.resumed > 0

    asyncio.run(main())


def test_async_source_is_closed_with_its_run(gates):
    async def main():
        closed = []

        async def source():
            try:
                yield gates.url("/a")
                await asyncio.Event().wait()
            finally:
                closed.append(True)

        async with haulage.download(source()) as run:
            async for _ in run:
                break
        assert closed == [True]

    asyncio.run(main())


def test_async_source_of_a_run_that_is_dropped_ends(origin):
    async def main():
        read = []

        async def source():
            for row in range(10**6):
                read.append(row)
                yield origin.url(f"/bytes/1?seed={row}")

        run = haulage.download(source())
        outcomes = aiter(run)
        await anext(outcomes)
        feeder = run._feeder
        await outcomes.aclose()
        del run, outcomes
        gc.collect()
        await asyncio.wait_for(asyncio.wait([feeder]), 30)
        assert len(read) < 20_000

    asyncio.run(main())


def test_async_source_of_a_failed_early_run_ends(origin):
    async def main():
        async def source():
            yield origin.url("/bytes/1?status=404")
            await asyncio.Event().wait()

        run = haulage.download(source(), fail_early=True)
        outcomes = [outcome async for outcome in run]
        assert [outcome.error.kind for outcome in outcomes] == ["http"]
        await asyncio.wait_for(asyncio.wait([run._feeder]), 30)

    asyncio.run(main())


def test_loop_that_is_closed_early_leaves_nothing(run_script, gates):
    """Nothing is told on standard error, and nothing hangs."""
    run_script(
        """
        import asyncio, gc, sys
        import haulage

        run = haulage.download([sys.argv[1]])
        loop = asyncio.new_event_loop()
        coroutine = run._wait_async()

        async def some():
            task = asyncio.ensure_future(coroutine)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return task

        task = loop.run_until_complete(some())
        task._log_destroy_pending = False
        loop.close()
        del task
        coroutine.close()
        gc.collect()
        for outcome in run:
            print(outcome.error.kind)
        """,
        gates.url("/held/a"),
    )


def test_coroutine_that_is_closed_stops_the_run(gates):
    async def main():
        run = haulage.download(held(gates, 1))
        coroutine = run._wait_async()
        coroutine.send(None)
        await until(gates, "/held/0")
        # Nothing can be awaited in it any more.
        coroutine.close()
        assert [outcome.error.kind async for outcome in run] == ["cancelled"]

    asyncio.run(main())


def test_no_reader_is_left_in_a_loop(gates):
    async def main():
        loop = asyncio.get_running_loop()
        before = set(loop._selector.get_map())
        run = haulage.download([gates.url("/a"), *held(gates, 1)])
        async for _ in run:
            break
        assert set(loop._selector.get_map()) == before
        await run.aclose()
        assert set(loop._selector.get_map()) == before

    asyncio.run(main())


def test_descriptors_are_closed_with_a_run(origin):
    def count():
        return len(os.listdir("/proc/self/fd"))

    async def main():
        await haulage.download(origin.urls(3))
        before = count()
        for _ in range(20):
            await haulage.download(origin.urls(3))
        gc.collect()
        assert count() <= before

    asyncio.run(main())


def test_close_works_within_a_loop(gates):
    async def main():
        async def source():
            yield gates.url("/a")
            await asyncio.Event().wait()

        run = haulage.download(source())
        async for _ in run:
            break
        run.close()
        await asyncio.wait_for(asyncio.wait([run._feeder]), 30)
        assert [outcome async for outcome in run] == []

    asyncio.run(main())


def test_close_from_another_thread_wakes_a_loop(gates):
    run = haulage.download(held(gates, 1))

    async def main():
        rows = []

        async def receive():
            async for outcome in run:
                rows.append(outcome.row)

        task = asyncio.create_task(receive())
        await until(gates, "/held/0")
        await asyncio.to_thread(run.close)
        await asyncio.wait_for(task, 30)

    asyncio.run(main())
