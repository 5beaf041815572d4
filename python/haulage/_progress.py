"""What somebody sees of a run: a bar of tqdm, or a line from time to time."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haulage._run import Run

# Seconds between two looks at a run for a bar, and for lines.
BAR = 0.1
LINES = 5.0


class Progress:
    """Shows nothing: the display of a run that wants none."""

    # How often it is to be updated, in seconds; `None` for never.
    period: float | None = None

    @staticmethod
    def of(progress: object, total: int | None) -> Progress:
        """Returns the display: a bar if tqdm is installed, else lines; none unless it is ``True``."""
        if progress is not True:
            return Progress()
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return Lines()
        return Bar(tqdm(total=total, unit="file"))

    def update(self, run: Run) -> None:
        """Shows how far a run is."""

    def close(self, run: Run) -> None:
        """Shows how a run has ended."""


class Bar(Progress):
    """A bar of tqdm."""

    period = BAR

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._updated = 0.0

    def update(self, run: Run) -> None:
        now = time.monotonic()
        if now - self._updated >= BAR:
            self._updated = now
            self._show(run)

    def _show(self, run: Run) -> None:
        stats = run.stats
        if stats.rows is not None:
            self._bar.total = stats.rows
        ended = stats.done + stats.skipped + stats.unchanged + stats.failed
        rate = stats.received_bytes / max(stats.elapsed.total_seconds(), 0.001)
        failed = f"{stats.failed} failed, " if stats.failed else ""
        self._bar.set_postfix_str(f"{failed}{size(rate)}/s", refresh=False)
        self._bar.update(ended - self._bar.n)
        self._bar.refresh()

    def close(self, run: Run) -> None:
        self._show(run)
        self._bar.close()


class Lines(Progress):
    """A line from time to time, and one at the end."""

    period = LINES

    def __init__(self) -> None:
        self._updated = time.monotonic()

    def update(self, run: Run) -> None:
        now = time.monotonic()
        if now - self._updated >= LINES:
            self._updated = now
            self._say(run)

    def close(self, run: Run) -> None:
        self._say(run)

    def _say(self, run: Run) -> None:
        stats = run.stats
        ended = stats.done + stats.skipped + stats.unchanged + stats.failed
        total = "" if stats.rows is None else f" of {stats.rows}"
        seconds = stats.elapsed.total_seconds()
        rate = size(stats.received_bytes / max(seconds, 0.001))
        print(
            f"haulage: {ended}{total} ended, {stats.failed} failed, {rate}/s, {seconds:.1f} s",
            file=sys.stderr,
        )


def size(count: float) -> str:
    """Returns a number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            break
        count /= 1024
    else:
        unit = "TiB"
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
