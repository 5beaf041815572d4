"""Ctrl-C, and the end of the interpreter: nothing hangs, and what is incomplete is resumed."""

from __future__ import annotations

import signal
import time

import pytest

import haulage

# Each script prints "ready" when its requests are under way.
LOOPS = {
    "for": """
        import sys, haulage
        for outcome in haulage.download(sys.argv[1:-1], sys.argv[-1]):
            print("ready", flush=True)
    """,
    "list": """
        import sys, haulage
        print("ready", flush=True)
        list(haulage.download(sys.argv[1:-1], sys.argv[-1]))
    """,
    "with": """
        import sys, haulage
        with haulage.download(sys.argv[1:-1], sys.argv[-1]) as run:
            for outcome in run:
                print("ready", flush=True)
    """,
    "wait": """
        import sys, haulage
        print("ready", flush=True)
        haulage.download(sys.argv[1:-1], sys.argv[-1]).wait()
    """,
    "progress": """
        import sys, haulage
        print("ready", flush=True)
        haulage.download(sys.argv[1:-1], sys.argv[-1], progress=True).wait()
    """,
    "async": """
        import asyncio, sys, haulage
        async def main():
            async for outcome in haulage.download(sys.argv[1:-1], sys.argv[-1]):
                print("ready", flush=True)
        asyncio.run(main())
    """,
    "await": """
        import asyncio, sys, haulage
        async def main():
            print("ready", flush=True)
            await haulage.download(sys.argv[1:-1], sys.argv[-1])
        asyncio.run(main())
    """,
    "async_source": """
        import asyncio, sys, haulage
        async def source():
            for url in sys.argv[1:-1]:
                yield url
            await asyncio.Event().wait()
        async def main():
            async for outcome in haulage.download(source(), sys.argv[-1]):
                print("ready", flush=True)
        asyncio.run(main())
    """,
    "blocked_source": """
        import queue, sys, haulage
        def source():
            yield from sys.argv[1:-1]
            queue.Queue().get()
        for outcome in haulage.download(source(), sys.argv[-1]):
            print("ready", flush=True)
    """,
    "busy_loop": """
        import sys, haulage
        def source():
            yield from sys.argv[1:-1]
            yield from ("nonsense" for _ in iter(int, 1))
        for outcome in haulage.download(source(), sys.argv[-1]):
            if outcome.ok:
                print("ready", flush=True)
    """,
    "download_batches": """
        import sys, haulage, pyarrow
        batch = pyarrow.record_batch({"url": sys.argv[1:-1]})
        print("ready", flush=True)
        list(haulage.download_batches([batch], dest=sys.argv[-1]))
    """,
}


@pytest.mark.parametrize("loop", LOOPS)
def test_interrupt_ends_a_run_within_a_second(start_script, gates, tmp_path, loop):
    if loop == "download_batches":
        pytest.importorskip("pyarrow")
    script = start_script(LOOPS[loop], gates.url("/a"), gates.url("/held/b"), tmp_path)
    assert script.read_line() == "ready"
    gates.wait_for("/held/b")
    started = time.monotonic()
    script.process.send_signal(signal.SIGINT)
    status, out, err = script.end(30)
    took = time.monotonic() - started
    # As Python itself ends after a KeyboardInterrupt that nothing catches.
    assert status == -signal.SIGINT, err
    assert err.rstrip().endswith("KeyboardInterrupt"), err
    assert "Exception ignored" not in err and "Fatal" not in err, err
    assert took < 5, err


def test_interrupt_comes_within_a_second(start_script, gates):
    """Measured in the process: what the machine needs for its end does not count."""
    script = start_script(
        """
        import sys, time, haulage
        run = haulage.download([sys.argv[1]])
        print("ready", flush=True)
        try:
            run.wait()
        except KeyboardInterrupt:
            print(time.time())
        for use in (lambda: list(run), lambda: next(run), run.wait):
            try:
                use()
            except haulage.HaulageError as error:
                assert "stopped by KeyboardInterrupt" in str(error), error
            else:
                raise AssertionError("it gave nothing")
        assert run.stats.stopped
        """,
        gates.url("/held/a"),
    )
    assert script.read_line() == "ready"
    gates.wait_for("/held/a")
    started = time.time()
    script.process.send_signal(signal.SIGINT)
    status, out, err = script.end(30)
    assert status == 0, err
    assert float(out) - started < 1


def test_run_after_an_interrupt_resumes(start_script, origin, tmp_path):
    url = origin.url("/bytes/6M/interrupted.bin?ranges&etag=one&stall_at=5M&times=1")
    script = start_script(
        """
        import sys, time, haulage
        run = haulage.download(sys.argv[1], sys.argv[2])
        while run.stats.received_bytes < 5 << 20:
            time.sleep(0.01)
        print("ready", flush=True)
        run.wait()
        """,
        url,
        tmp_path,
    )
    assert script.read_line() == "ready"
    script.process.send_signal(signal.SIGINT)
    status, _, err = script.end(30)
    assert status == -signal.SIGINT, err
    assert not (tmp_path / "interrupted.bin").exists() and (tmp_path / ".haul").exists()
    (outcome,) = haulage.download(url, tmp_path)
    assert outcome.ok and outcome.resumed > 0
    assert not (tmp_path / ".haul").exists()


def test_run_after_the_end_of_the_interpreter_resumes(run_script, origin, tmp_path):
    url = origin.url("/bytes/6M/ended.bin?ranges&etag=one&stall_at=5M&times=1")
    run_script(
        """
        import sys, time, haulage
        run = haulage.download(sys.argv[1], sys.argv[2])
        while run.stats.received_bytes < 5 << 20:
            time.sleep(0.01)
        """,
        url,
        tmp_path,
    )
    assert not (tmp_path / "ended.bin").exists()
    (outcome,) = haulage.download(url, tmp_path)
    assert outcome.ok and outcome.resumed > 4 << 20


def test_second_interrupt_is_not_swallowed(start_script, gates):
    """The first one is caught by the script; the run that it left can be waited for again."""
    script = start_script(
        """
        import sys, haulage
        for path in sys.argv[1:]:
            run = haulage.download([path])
            print("ready", flush=True)
            try:
                run.wait()
            except KeyboardInterrupt:
                print("interrupted", flush=True)
        """,
        gates.url("/held/a"),
        gates.url("/held/b"),
    )
    for path in ("/held/a", "/held/b"):
        assert script.read_line() == "ready"
        gates.wait_for(path)
        script.process.send_signal(signal.SIGINT)
        assert script.read_line() == "interrupted"
    assert script.end(30)[0] == 0


def test_signal_handlers_are_left_alone(run_script, origin):
    run_script(
        """
        import signal, sys
        before = [signal.getsignal(number) for number in range(1, 32)]

        def caught():
            lines = [line.split() for line in open("/proc/self/status")]
            names = ("SigCgt:", "SigIgn:", "SigBlk:")
            # The C library has its own ones beyond 31.
            return [int(line[1], 16) % 2**31 for line in lines if line[0] in names]

        status = caught()
        import haulage
        assert caught() == status
        assert haulage.download(sys.argv[1]).wait().done == 1
        assert caught() == status, (caught(), status)
        assert [signal.getsignal(number) for number in range(1, 32)] == before
        """,
        origin.url("/bytes/1"),
    )


def test_import_starts_no_thread(run_script):
    run_script(
        """
        import os, sys
        import haulage
        assert len(os.listdir("/proc/self/task")) == 1
        for module in ("asyncio", "numpy", "pyarrow", "pandas", "tqdm", "multiprocessing"):
            assert module not in sys.modules or module == "asyncio", module
        """
    )


ENDS = {
    "pending": "run = haulage.download([held])",
    "pending_in_a_cycle": "run = haulage.download([held]); cycle = [run]; cycle.append(cycle)",
    "generator": """
run = haulage.download([fast, *(held + str(row) for row in range(10**5))])
next(iter(run))
""",
    "generator_that_is_left": """
for outcome in haulage.download(fast for _ in iter(int, 1)):
    break
""",
    "blocked_source": """
import queue
def source():
    yield fast
    queue.Queue().get()
run = haulage.download(source())
next(iter(run))
""",
    "slow_source": """
import time
def source():
    while True:
        yield fast
        time.sleep(0.0005)
run = haulage.download(source())
outcomes = iter(run)
for _ in range(10):
    next(outcomes)
""",
    "busy_source": """
def source():
    while True:
        for _ in range(1000):
            pass
        yield fast
run = haulage.download(source())
next(iter(run))
""",
    "waiting_thread": """
import threading
run = haulage.download([held])
threading.Thread(target=run.wait, daemon=True).start()
""",
    "async_left": """
import asyncio
async def main():
    run = haulage.download([fast, held])
    async for outcome in run:
        return
asyncio.run(main())
""",
    "async_source_left": """
import asyncio
async def source():
    while True:
        yield fast
async def main():
    async for outcome in haulage.download(source()):
        return
asyncio.run(main())
""",
    "module_global": """
sys.modules["haulage"].kept = haulage.download([held])
""",
    "engine": "engine = haulage.Engine(); run = haulage.download([held], engine=engine)",
    "own_engine": "run = haulage.download([held], per_host=1)",
    "exit_in_the_body": """
for outcome in haulage.download([fast, held]):
    sys.exit(0)
""",
    "to_a_folder": """
import tempfile
folder = tempfile.TemporaryDirectory()
run = haulage.download([fast, held], folder.name)
next(iter(run))
""",
    "progress": """
run = haulage.download([fast, held], progress=True)
next(iter(run))
""",
}


@pytest.mark.parametrize("way", ENDS)
def test_interpreter_ends_while_a_run_goes_on(start_script, gates, way):
    code = f"import sys, haulage\nfast, held = sys.argv[1:]\n{ENDS[way].strip()}\n"
    for _ in range(3):
        script = start_script(code, gates.url("/a"), gates.url("/held/b"))
        status, out, err = script.end(20)
        assert status == 0, err
        assert "Exception" not in err and "Error" not in err and "panicked" not in err, err
