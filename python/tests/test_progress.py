"""What is seen of a run: records of logging, a bar or lines, events."""

from __future__ import annotations

import asyncio
import functools
import logging
import sys

import pytest

import haulage


@pytest.fixture
def log(caplog):
    with caplog.at_level(logging.DEBUG, "haulage"):
        yield caplog


def test_log_has_the_lines_of_the_command(origin, tmp_path, log):
    rows = [*origin.rows(2), origin.url("/bytes/1?status=404")]
    haulage.download(rows, tmp_path, retries=0).wait()
    records = [record for record in log.records if record.name == "haulage"]
    warnings = [record for record in records if record.levelno == logging.WARNING]
    assert len(warnings) == 1 and "404" in warnings[0].getMessage()
    details = "\n".join(record.getMessage() for record in records if record.levelno == logging.DEBUG)
    assert "0.bin" in details and "1.bin" in details


def test_log_is_the_same_in_an_event_loop(origin, log):
    async def main():
        await haulage.download(origin.urls(1))

    asyncio.run(main())
    assert [record.getMessage().split()[:2] for record in log.records] == [
        ["start", "100"],
        ["done", "100"],
    ]


def test_log_keeps_percent_signs(origin, log):
    haulage.download(origin.url("/bytes/1/%25s%25d")).wait()
    assert any("%s%d" in record.getMessage() for record in log.records)


def test_nothing_is_logged_unless_it_is_wanted(origin, caplog, capfd):
    haulage.download([origin.url("/bytes/1?status=404"), "nonsense"]).wait()
    assert caplog.records == []
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_events_come_to_a_function(origin, tmp_path):
    events = []
    run = haulage.download(origin.rows(2), tmp_path, progress=events.append)
    outcomes = list(run)
    assert len(outcomes) == 2
    assert all(isinstance(event, dict) and isinstance(event["event"], str) for event in events)
    kinds = sorted(event["event"] for event in events)
    assert kinds == ["ended"] * 2 + ["started"] * 2


def test_events_come_to_a_function_in_a_loop(origin):
    events = []

    async def main():
        await haulage.download(origin.urls(2), progress=events.append)

    asyncio.run(main())
    assert events and all("event" in event for event in events)


class Trouble(Exception):
    pass


def trouble(event):
    raise Trouble(event["event"])


def test_exception_of_the_function_stops_the_run(gates):
    run = haulage.download([gates.url("/a"), gates.url("/held/b")], progress=trouble)
    with pytest.raises(Trouble):
        run.wait()
    assert run.stats.in_flight == 0
    with pytest.raises(haulage.HaulageError, match="stopped by Trouble"):
        list(run)


def test_async_function_is_refused(origin):
    async def show(event):
        pass

    class Show:
        async def __call__(self, event):
            pass

    for progress in (show, Show(), Show().__call__, functools.partial(show)):
        with pytest.raises(TypeError, match="async function"):
            haulage.download(origin.urls(1), progress=progress)


def test_exception_of_the_function_stops_the_run_in_a_loop(gates):
    async def main():
        run = haulage.download([gates.url("/a"), gates.url("/held/b")], progress=trouble)
        with pytest.raises(Trouble):
            await run
        assert run.stats.in_flight == 0

    asyncio.run(main())


def test_function_may_steer_the_run(gates):
    def stop(event):
        run.cancel()
        run.stats

    run = haulage.download([gates.url("/a"), gates.url("/held/b")], progress=stop)
    assert {outcome.status for outcome in run} <= {"done", "failed"}


def test_bar_is_shown(origin, capsys):
    pytest.importorskip("tqdm")
    rows = [*origin.urls(3), origin.url("/bytes/1?status=404")]
    haulage.download(rows, progress=True, retries=0).wait()
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.split("\r")[-1]
    assert "4/4" in last and "1 failed" in last and "/s" in last


def test_bar_of_a_generator_gets_its_total(origin, capsys):
    pytest.importorskip("tqdm")
    haulage.download((url for url in origin.urls(3)), progress=True).wait()
    assert "3/3" in capsys.readouterr().err


def test_bar_is_shown_in_an_event_loop(origin, capsys):
    pytest.importorskip("tqdm")

    async def main():
        await haulage.download(origin.urls(3), progress=True)

    asyncio.run(main())
    assert "3/3" in capsys.readouterr().err


def test_bar_is_closed_when_a_run_is_left(gates, capsys):
    pytest.importorskip("tqdm")
    with haulage.download([gates.url("/a"), gates.url("/held/b")], progress=True) as run:
        next(iter(run))
    shown = capsys.readouterr().err
    assert "2/2" in shown and shown.endswith("\n")


@pytest.fixture
def without_tqdm(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "tqdm"]:
        monkeypatch.delitem(sys.modules, name)
    # An import of it raises ImportError.
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


def test_lines_are_shown_without_tqdm(origin, capsys, without_tqdm):
    rows = [*origin.urls(3), origin.url("/bytes/1?status=404")]
    haulage.download(rows, progress=True, retries=0).wait()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("haulage: 4 of 4 ended, 1 failed, ")
    assert captured.err.count("\n") == 1


def test_lines_come_from_time_to_time(gates, capsys, without_tqdm, monkeypatch):
    from haulage import _progress

    monkeypatch.setattr(_progress, "LINES", 0.01)
    monkeypatch.setattr(_progress.Lines, "period", 0.01)
    run = haulage.download([gates.url("/held/a")], progress=True)
    for _ in range(3):
        assert run._receive()
    gates.open()
    run.wait()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 3
    assert lines[0].startswith("haulage: 0 of 1 ended, 0 failed, ")


def test_progress_has_no_effect_on_outcomes(origin):
    for progress in (True, False, lambda event: None):
        run = haulage.download(origin.urls(5), progress=progress)
        assert sorted(outcome.row for outcome in run) == list(range(5))


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 30, "5.0 GiB"), (3 << 50, "3072.0 TiB")],
)
def test_sizes_are_shown_with_units(count, shown):
    from haulage._progress import size

    assert size(count) == shown
