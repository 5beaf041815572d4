"""Fork in the middle of a run: the child has an engine of its own, the parent goes on."""

from __future__ import annotations

import pytest

FORK = """
    import faulthandler, os, signal, sys
    import haulage

    fast, held = sys.argv[1:3]
    run = haulage.download([fast, held])
    outcomes = iter(run)
    assert next(outcomes).ok
    # Outcomes that have been received, and not taken.
    other = haulage.download([fast, "nonsense"])
    assert other._receive()
    while len(other._ready) < 2:
        assert other._receive()
    engine = haulage.Engine()

    def in_child():
        # What is the parent's is refused.
        for use in (
            lambda: run.stats,
            lambda: next(iter(run)),
            lambda: next(outcomes),
            lambda: next(other),
            lambda: next(other),
            lambda: other.wait(),
            lambda: run.pause(),
            lambda: haulage.download([fast], engine=engine),
        ):
            try:
                use()
            except RuntimeError as error:
                assert "before this process was forked" in str(error), error
            else:
                raise AssertionError("it worked")
        run.close()
        engine.close()
        # Its own engine works.
        summary = haulage.download([fast] * 5).wait()
        assert summary.done + summary.skipped == 5, summary
        with haulage.Engine(per_host=1) as own:
            assert haulage.download([fast], engine=own).wait().done == 1

    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(30, exit=True)
        in_child()
        print("child", flush=True)
        {end}
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    print("parent", flush=True)
    assert sys.stdin.readline()
    assert next(outcomes).ok
    assert len(list(other)) == 2
    assert haulage.download([fast]).wait().done == 1
"""


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_fork_in_the_middle_of_a_run(start_script, gates, end):
    import subprocess

    script = start_script(
        FORK.replace("{end}", end), gates.url("/a"), gates.url("/held/b"), stdin=subprocess.PIPE
    )
    lines = [script.read_line(), script.read_line()]
    if lines != ["child", "parent"]:
        status, out, err = script.end()
        raise AssertionError(f"{lines} {out} {err}")
    gates.wait_for("/held/b")
    gates.open()
    script.process.stdin.write("go\n")
    script.process.stdin.flush()
    status, out, err = script.end()
    assert status == 0, err
    assert "Traceback" not in err and "Exception" not in err, err


def test_fork_while_other_threads_work(run_script, origin, tmp_path):
    """Locks of the engine are taken at any time."""
    run_script(
        """
        import faulthandler, os, sys, threading
        import haulage

        urls = [f"{sys.argv[1]}?seed={seed}" for seed in range(300)]
        stop = threading.Event()

        def work():
            while not stop.is_set():
                assert haulage.download(urls).wait().done == 300

        thread = threading.Thread(target=work)
        thread.start()
        try:
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    faulthandler.dump_traceback_later(20, exit=True)
                    done = haulage.download(urls[:5]).wait().done
                    os._exit(0 if done == 5 else 7)
                _, status = os.waitpid(child, 0)
                assert status == 0, status
        finally:
            stop.set()
            thread.join()
        """,
        origin.url("/bytes/1"),
        timeout=110,
    )


MULTIPROCESSING = """
    import faulthandler, multiprocessing, sys
    import haulage


    def fetch(url):
        (outcome,) = haulage.download(url)
        return outcome.content.tobytes() if outcome.ok else str(outcome.error)

    if __name__ == "__main__":
        urls = [f"{sys.argv[1]}?seed={seed}" for seed in range(20)]
        expected = [fetch(url) for url in urls]
        with multiprocessing.get_context("{method}").Pool(3) as pool:
            assert pool.map(fetch, urls) == expected
        assert [fetch(url) for url in urls] == expected
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_pool(tmp_path, run_script, origin, method):
    import textwrap

    # With spawn, a child reads the script again.
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(MULTIPROCESSING.replace("{method}", method)))
    run_script(
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        if method == "fork"
        else "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))",
        path,
        origin.url("/bytes/1K"),
    )


def test_loader_with_worker_processes(run_script, origin):
    """As PyTorch's DataLoader does it: workers are forked while the parent downloads, each takes
    indices from a queue and puts what it has fetched into another."""
    run_script(
        """
        import faulthandler, multiprocessing, sys
        import haulage

        context = multiprocessing.get_context("fork")
        urls = [f"{sys.argv[1]}?seed={seed}" for seed in range(60)]

        class Dataset:
            def __getitems__(self, rows):
                run = haulage.download([urls[row] for row in rows], jobs=4)
                outcomes = sorted(run, key=lambda outcome: outcome.row)
                return [(row, outcome.content.tobytes()) for row, outcome in zip(rows, outcomes)]

        def worker(dataset, wanted, fetched):
            while (rows := wanted.get()) is not None:
                fetched.put(dataset.__getitems__(rows))

        for epoch in range(2):
            run = haulage.download(urls)
            next(iter(run))
            dataset, wanted, fetched = Dataset(), context.Queue(), context.Queue()
            workers = [
                context.Process(target=worker, args=(dataset, wanted, fetched)) for _ in range(3)
            ]
            for process in workers:
                process.start()
            for first in range(0, 60, 10):
                wanted.put(list(range(first, first + 10)))
            found = dict(sum((fetched.get() for _ in range(6)), []))
            for _ in workers:
                wanted.put(None)
            for process in workers:
                process.join()
                assert process.exitcode == 0, process.exitcode
            assert sorted(found) == list(range(60))
            assert all(len(content) == 1024 for content in found.values())
            assert run.wait().done == 60 - 1 + 1
        """,
        origin.url("/bytes/1K"),
    )
