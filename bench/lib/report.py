"""Medians, and ratios to the first client, as Markdown and as JSON."""

import dataclasses
import json
import os
import platform
from collections.abc import Callable
from statistics import median


def machine():
    """What the numbers were taken on."""
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            named = (line for line in lines if line.startswith("model name"))
            model = next(named).split(":")[1].strip()
    except (OSError, StopIteration):
        pass
    return f"{model}, {len(os.sched_getaffinity(0))} CPUs, {platform.system()} {platform.release()}"


def heading(server_version, versions, rounds, left_out):
    lines = [
        f"- machine: {machine()}",
        f"- server: nginx {server_version}, one worker, on loopback",
        *(f"- {name}: {version}" for name, version in versions.items()),
        *(f"- {why}" for why in left_out.values()),
        f"- medians of {rounds} round{'s' if rounds > 1 else ''}, clients taking turns, after a warm-up round not counted",
    ]
    return "\n".join(lines) + "\n"


@dataclasses.dataclass(frozen=True)
class Column:
    """A figure of a run, and how it is shown."""

    title: str
    key: str
    digits: int
    figure: Callable

COLUMNS = (
    Column("CPU s", "cpu_s", 2, lambda use, rows: use.cpu),
    Column("wall s", "wall_s", 2, lambda use, rows: use.wall),
    Column("peak MiB", "peak_mib", 1, lambda use, rows: use.peak_mib),
)
# Of a long list, whose length need not be the same for every client.
BY_ROW = (
    Column("CPU µs a row", "cpu_us_a_row", 1, lambda use, rows: use.cpu / rows * 1e6),
    Column("peak MiB", "peak_mib", 1, lambda use, rows: use.peak_mib),
    Column("bytes a row", "peak_bytes_a_row", 0, lambda use, rows: use.peak_kib * 1024 / rows),
)


def medians(runs, rows=None):
    """By client: each column's median, and what it is divided by haul's.

    `runs` is by client name. `rows` is how many each was given, where that matters.
    """
    found = {}
    for name, uses in runs.items():
        count = rows[name] if rows else None
        found[name] = {"rows": count} if rows else {}
        for column in BY_ROW if rows else COLUMNS:
            found[name][column.key] = median(column.figure(use, count) for use in uses)
    base = dict(found[measure_of(runs)]) if runs else {}
    for figures in found.values():
        for column in BY_ROW if rows else COLUMNS:
            key, against = column.key, base[column.key]
            figures[f"{key}_ratio"] = figures[key] / against if against else None
    return found


def measure_of(runs):
    """The client that the others are measured against."""
    return "haul" if "haul" in runs else next(iter(runs))


def title(work, fileset):
    count = f"{fileset.count:,} × " if fileset.count > 1 else ""
    said = f"{count}{work.title}, {work.connections} connections"
    return said + (", one run" if work.long else "")


def table(title, runs, remarks, rows=None):
    """What `medians` finds, as Markdown."""
    columns = BY_ROW if rows else COLUMNS
    lines = [f"### {title}", ""]
    if runs:
        heads = ["client"] + (["rows"] if rows else [])
        for column in columns:
            heads += [column.title, f"{column.title.split()[0]} ratio"]
        lines += [f"| {' | '.join(heads)} |", "|:--|" + "--:|" * (len(heads) - 1)]
        for name, figures in medians(runs, rows).items():
            cells = [name] + ([f"{figures['rows']:,}"] if rows else [])
            for column in columns:
                cells += [f"{figures[column.key]:,.{column.digits}f}"]
                cells += [ratio(figures[f"{column.key}_ratio"])]
            lines.append(f"| {' | '.join(cells)} |")
        if not rows:
            each = "; ".join(spread(*each) for each in runs.items())
            lines += ["", f"CPU from least to most: {each}."]
        if "haul" not in runs:
            lines += ["", f"Ratios are to {measure_of(runs)}, for haul has no row."]
    for remark in remarks:
        lines += ["", f"Remark: {remark}"]
    return "\n".join(lines) + "\n"


def ratio(value):
    return "–" if value is None else f"{value:.2f}"


def spread(name, uses):
    cpu = [use.cpu for use in uses]
    return f"{name} {min(cpu):.2f}–{max(cpu):.2f} s"


def record(work, client, number, use, check):
    """One run, as it goes into the JSON; round 0 is the warm-up."""
    return {
        "work": work,
        "client": client,
        "round": number,
        "counted": number > 0,
        **dataclasses.asdict(use),
        "files": dataclasses.asdict(check),
    }


def write_json(path, about, works, runs):
    """`works` holds the medians and ratios of each work, `runs` every single run."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**about, "machine": machine(), "works": works, "runs": runs}, file, indent=1)
        file.write("\n")
