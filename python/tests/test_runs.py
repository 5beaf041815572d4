"""What can be done with a run: receive from it, leave it, steer it."""

from __future__ import annotations

import gc
import gzip
import hashlib
import signal
import threading
import weakref
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import haulage


def held(gates, count):
    return [gates.url(f"/held/{row}") for row in range(count)]


def test_outcome_has_the_fields_of_a_row(origin, tmp_path):
    url = origin.url("/bytes/1000?etag=one&header=Content-Type:%20text/x")
    (outcome,) = haulage.download([{"url": url, "name": "a/b"}], tmp_path, hash="sha256")
    digest = hashlib.sha256((tmp_path / "a/b").read_bytes()).hexdigest()
    assert (outcome.row, outcome.url, outcome.final_url) == (0, url, url)
    assert (outcome.status, outcome.ok, outcome.error) == ("done", True, None)
    assert (outcome.path, outcome.file) == (Path("a/b"), tmp_path / "a/b")
    assert (outcome.bytes, outcome.http_status, outcome.attempts) == (1000, 200, 1)
    assert (outcome.segments, outcome.resumed, outcome.label) == (1, 0, "b")
    assert (outcome.etag, outcome.content_type, outcome.verified) == ('"one"', "text/x", "length")
    assert outcome.hashes == {"sha256": digest}
    assert outcome.content is None
    assert outcome.started.tzinfo == timezone.utc
    age = datetime.now(timezone.utc) - outcome.started
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert isinstance(outcome.duration, timedelta)
    row = outcome.as_dict()
    assert (row["status"], row["path"], row["sha256"]) == ("done", "a/b", digest)
    assert repr(outcome) == f"<Outcome done {url}: a/b, 1000 bytes>"
    with pytest.raises(AttributeError):
        outcome.status = "x"


def test_wait_and_summary(origin, tmp_path):
    rows = [*origin.rows(5), origin.url("/bytes/1?status=404")]
    run = haulage.download(rows, tmp_path)
    summary = run.wait()
    assert (summary.done, summary.failed, summary.bytes) == (5, 1, 500)
    assert summary.elapsed > timedelta(0)
    assert run.wait() == summary
    assert list(run) == []
    again = haulage.download(rows, tmp_path).wait()
    assert (again.skipped, again.done, again.failed) == (5, 0, 1)


def test_run_is_true_and_has_a_length_where_it_is_known(origin):
    assert len(haulage.download(origin.urls(3))) == 3
    empty = haulage.download([])
    assert bool(empty) and len(empty) == 0
    assert list(empty) == []
    generator = haulage.download(url for url in origin.urls(3))
    assert len(list(generator)) == 3
    # Now all of it has been read.
    assert len(generator) == generator.stats.rows == 3


def test_stats_count_what_has_been_received(gates):
    run = haulage.download([gates.url("/a"), *held(gates, 2), "nonsense"])
    outcomes = iter(run)
    received = {next(outcomes).row for _ in range(2)}
    assert received == {0, 3}
    gates.wait_for("/held/1")
    stats = run.stats
    assert (stats.done, stats.failed, stats.rows) == (1, 1, 4)
    assert stats.in_flight == 2
    assert stats.received_bytes >= 2
    gates.open()
    assert run.wait().done == 3
    stats = run.stats
    assert (stats.in_flight, stats.rows, stats.bytes) == (0, 4, 2 + 2 * len("/held/0"))
    assert stats.elapsed == run.stats.elapsed


def test_run_goes_on_after_a_break(origin):
    run = haulage.download(origin.urls(10))
    for first in run:
        break
    rest = list(run)
    assert sorted(outcome.row for outcome in [first, *rest]) == list(range(10))
    assert list(run) == [] and list(iter(run)) == []


def test_next_gives_one_outcome_after_another(origin):
    run = haulage.download(origin.urls(4))
    rows = [next(run).row]
    for outcome in run:
        rows.append(outcome.row)
        break
    rows.append(next(iter(run)).row)
    rows.append(next(run).row)
    assert sorted(rows) == [0, 1, 2, 3]
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(run)
    assert next(run, None) is None and list(run) == []


def test_iterators_share_what_comes(origin):
    run = haulage.download(origin.urls(10))
    one, two = iter(run), iter(run)
    rows = [outcome.row for pair in zip(one, two) for outcome in pair]
    assert sorted(rows) == list(range(10))


def test_threads_share_what_comes(origin):
    run = haulage.download(origin.urls(2000, "/bytes/1"))
    rows = [[], [], []]

    def receive(into):
        into.extend(outcome.row for outcome in run)

    threads = [threading.Thread(target=receive, args=(into,)) for into in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert sorted(sum(rows, [])) == list(range(2000))
    assert run.stats.done == 2000


def test_thread_that_waits_ends_with_the_run(gates):
    run = haulage.download(held(gates, 1))
    rows = []
    threads = [
        threading.Thread(target=lambda: rows.extend(outcome.row for outcome in run))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    gates.wait_for("/held/0")
    gates.open()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert rows == [0]


def test_with_stops_the_run(gates):
    with haulage.download([gates.url("/a"), *held(gates, 3)]) as run:
        assert next(iter(run)).row == 0
        gates.wait_for("/held/2")
    assert list(run) == []
    stats = run.stats
    assert (stats.done, stats.failed, stats.in_flight) == (1, 3, 0)
    run.close()


def test_exception_in_the_body_stops_the_run(gates):
    with pytest.raises(ZeroDivisionError):
        with haulage.download([gates.url("/a"), *held(gates, 3)]) as run:
            for _ in run:
                1 / 0
    assert run.stats.in_flight == 0
    assert list(run) == []


def threads_of_sources():
    return [thread for thread in threading.enumerate() if thread.name == "haulage-source"]


def test_run_that_is_dropped_stops(gates):
    """Nothing else is told of it; its requests end, and its source is read no further."""
    read = []

    def source():
        try:
            for row in range(10**6):
                read.append(row)
                yield gates.url(f"/held/{row}")
        finally:
            read.append("closed")

    run = haulage.download(source(), per_host=2)
    gates.wait_for_requests(2)
    watcher = weakref.ref(run)
    (feeder,) = threads_of_sources()
    del run
    gc.collect()
    assert watcher() is None
    feeder.join(30)
    assert not feeder.is_alive()
    assert read[-1] == "closed"


def test_run_that_is_dropped_after_a_break_stops(origin):
    for _ in haulage.download(f"{url}" for url in iter(lambda: origin.url("/bytes/1"), None)):
        break
    gc.collect()
    for thread in threads_of_sources():
        thread.join(30)
        assert not thread.is_alive()


def test_run_whose_source_raised_is_freed(gates):
    """The exception refers to frames, which refer to the run."""

    def start():
        holder = []
        raised = threading.Event()

        def source():
            yield gates.url("/held/a")
            try:
                raise ValueError(holder)
            finally:
                raised.set()

        holder.append(haulage.download(source()))
        assert raised.wait(30)
        return weakref.ref(holder[0])

    watcher = start()
    for thread in threads_of_sources():
        thread.join(30)
    gc.collect()
    assert watcher() is None


def test_two_runs_in_one_folder(origin, tmp_path):
    rows = origin.rows(200)
    one = haulage.download(rows[:120], tmp_path)
    two = haulage.download(rows[80:], tmp_path)
    ended = [*zip(one, two)]
    ended_one, ended_two = list(one), list(two)
    assert len(ended) > 0
    assert all(outcome.ok for pair in ended for outcome in pair)
    assert all(outcome.ok for outcome in ended_one + ended_two)
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert {f"{row}.bin" for row in range(200)} <= files


def test_second_list_waits_for_the_first(gates, tmp_path, caplog):
    lists = []
    for name, path in (("one", "/held/a"), ("two", "/b")):
        lists.append(tmp_path / f"{name}.txt")
        lists[-1].write_text(gates.url(path) + "\n")
    out = tmp_path / "out"
    # Runs of one engine share a folder.
    one = haulage.download(lists[0], out, engine=haulage.Engine())
    with pytest.raises(haulage.DestinationError):
        haulage.download(lists[1], out, no_wait=True)
    with caplog.at_level("INFO", "haulage"):
        two = haulage.download(lists[1], out)
        done = []
        thread = threading.Thread(target=lambda: done.append(two.wait()))
        thread.start()
        gates.wait_for("/held/a")
        assert gates.requests["/b"] == 0 and two.stats.done == 0
        gates.open()
        assert one.wait().done == 1
        one.close()
        thread.join(30)
    assert done[0].done == 1
    assert any("waiting: " in record.message for record in caplog.records)


def test_run_that_waits_for_a_folder_can_be_stopped(gates, tmp_path):
    path = tmp_path / "one.txt"
    path.write_text(gates.url("/held/a") + "\n")
    with haulage.download(path, tmp_path / "out", engine=haulage.Engine()):
        waiting = haulage.download(path, tmp_path / "out")
        done = []
        thread = threading.Thread(target=lambda: done.extend(waiting))
        thread.start()
        waiting.cancel()
        thread.join(30)
        assert not thread.is_alive()
        assert done == [] and gates.requests["/held/a"] <= 1


# What a summary says of a run that was stopped


def test_run_that_ends_by_itself_was_not_stopped(origin):
    rows = [*origin.urls(2), origin.url("/bytes/1?status=404")]
    run = haulage.download(rows)
    assert not run.stats.stopped
    summary = run.wait()
    assert (summary.done, summary.failed, summary.stopped) == (2, 1, False)
    run.close()
    run.cancel()
    assert run.wait() == summary and "over" in repr(run)
    assert not haulage.download([]).wait().stopped


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_run_that_is_stopped_says_so(gates, how):
    run = haulage.download([gates.url("/a"), *held(gates, 2)], jobs=2)
    assert next(run).row == 0
    getattr(run, how)()
    summary = run.wait()
    assert summary.stopped and summary.done == 1 and run.stats.stopped
    assert "stopped" in repr(run)


def test_stopping_after_the_last_row_changes_nothing(origin):
    """As at the end of `with`, where all outcomes have been taken one by one."""
    with haulage.download(origin.urls(3)) as run:
        for _ in range(3):
            next(run)
    assert not run.stats.stopped


@pytest.mark.parametrize("options", [{"fail_early": True}, {"max_errors": 2}])
def test_run_with_too_many_errors_was_stopped(origin, options):
    urls = [origin.url(f"/bytes/1?status=404&seed={seed}") for seed in range(300)]
    summary = haulage.download(urls, jobs=1, **options).wait()
    assert summary.stopped and summary.failed < 300
    assert not haulage.download(urls[:1], fail_early=True).wait().stopped


def test_run_whose_source_raised_was_stopped(origin):
    def source():
        yield origin.url("/bytes/1")
        raise ValueError("x")

    run = haulage.download(source())
    with pytest.raises(ValueError):
        run.wait()
    assert run.stats.stopped
    with pytest.raises(haulage.HaulageError, match="stopped by ValueError"):
        next(run)


def test_run_whose_list_broke_off_says_so_again(origin, tmp_path):
    path = tmp_path / "list.gz"
    path.write_bytes(gzip.compress("\n".join(origin.urls(9)).encode())[:-6])
    run = haulage.download(path)
    with pytest.raises(haulage.InputError, match="list.gz"):
        run.wait()
    assert run.stats.stopped
    with pytest.raises(haulage.HaulageError, match="stopped by InputError .*list.gz"):
        run.wait()


# Steering


def test_cancel_ends_what_is_under_way(gates):
    run = haulage.download([gates.url("/a"), *held(gates, 3)])
    outcomes = iter(run)
    assert next(outcomes).row == 0
    gates.wait_for("/held/2")
    run.cancel()
    rest = list(outcomes)
    assert {outcome.error.kind for outcome in rest} == {"cancelled"}
    assert sorted(outcome.row for outcome in rest) == [1, 2, 3]
    run.cancel()
    assert run.wait().failed == 3


def test_cancel_from_another_thread_ends_iteration(gates):
    run = haulage.download(held(gates, 1))
    thread = threading.Thread(target=lambda: (gates.wait_for("/held/0"), run.cancel()))
    thread.start()
    (outcome,) = run
    assert outcome.error.kind == "cancelled"
    thread.join()


def test_remove_ends_one_row(gates):
    run = haulage.download(held(gates, 2))
    gates.wait_for("/held/1")
    run.remove(1)
    outcomes = iter(run)
    outcome = next(outcomes)
    assert (outcome.row, outcome.error.kind) == (1, "cancelled")
    gates.open()
    assert [outcome.row for outcome in outcomes] == [0]


def test_paused_run_requests_nothing(gates):
    run = haulage.download([*held(gates, 1), gates.url("/b"), gates.url("/c")], jobs=1)
    gates.wait_for("/held/0")
    run.pause()
    gates.open()
    # Whatever the run goes on with is another request.
    other = haulage.download(gates.url("/d")).wait()
    assert other.done == 1
    assert gates.requests["/b"] == gates.requests["/c"] == 0
    assert run.stats.in_flight == 0
    run.resume()
    assert run.wait().done == 3


def test_paused_run_can_be_closed(gates):
    run = haulage.download(held(gates, 3))
    gates.wait_for("/held/2")
    run.pause()
    run.close()
    assert list(run) == []


def test_rate_is_limited_and_lifted(origin):
    run = haulage.download(origin.url("/bytes/20M"), limit_rate="1M")
    run.limit_rate(100_000)
    thread = threading.Timer(0.5, run.limit_rate, (None,))
    thread.start()
    (outcome,) = run
    assert outcome.ok
    assert outcome.duration > timedelta(seconds=0.4)
    thread.join()
    run.limit_rate(5)
    run.pause()
    run.resume()


def test_wrong_arguments_of_controls_are_refused(gates):
    with haulage.download(held(gates, 1)) as run:
        for wrong in (-1, "x"):
            with pytest.raises((ValueError, haulage.InputError)):
                run.limit_rate(wrong)
            with pytest.raises((OverflowError, TypeError)):
                run.remove(wrong)


def test_signal_handler_may_use_the_run(start_script, gates):
    """It runs while the main thread receives."""
    code = """
        import signal, sys, threading
        import haulage

        run = haulage.download([sys.argv[1]], progress=True)
        stats = []

        def handle(*_):
            stats.append(run.stats.done)
            run.cancel()

        signal.signal(signal.SIGUSR1, handle)
        print("ready", flush=True)
        (outcome,) = run
        print(outcome.error.kind, stats)
    """
    script = start_script(code, gates.url("/held/a"))
    assert script.read_line() == "ready"
    gates.wait_for("/held/a")
    script.process.send_signal(signal.SIGUSR1)
    _, out, _ = script.end()
    assert out == "cancelled [0]\n"


def test_tqdm_may_be_put_around_a_run(origin, capsys):
    tqdm = pytest.importorskip("tqdm")
    bar = tqdm.tqdm(haulage.download(origin.urls(3)))
    assert bar.total == 3
    assert len(list(bar)) == 3
    assert "3/3" in capsys.readouterr().err


def test_file_is_named_by_the_destination_as_given(origin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (outcome,) = haulage.download(origin.url("/bytes/5/a"), "out")
    assert outcome.file == Path("out/a") and outcome.file.read_bytes()
