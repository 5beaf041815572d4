"""Medians, and ratios to the first client, as Markdown and as JSON."""

import dataclasses
import json
import os
import platform
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
        *(f"- left out: {why}" for why in left_out.values()),
        f"- medians of {rounds} round{'s' if rounds > 1 else ''}, clients taking turns, after a warm-up round not counted",
    ]
    return "\n".join(lines) + "\n"


def table(title, runs, remarks):
    """`runs` is by client name, the first being what the others are measured against."""
    lines = [f"### {title}", ""]
    if runs:
        base_name, base = next(iter(runs.items()))
        columns = ("client", "CPU s", "CPU ratio", "wall s", "wall ratio", "peak MiB", "peak ratio")
        lines += [f"| {' | '.join(columns)} |", "|:--|" + "--:|" * 6]
        for name, uses in runs.items():
            cells = [name]
            for what, digits in (("cpu", 2), ("wall", 2), ("peak_mib", 1)):
                mid = middle(uses, what)
                cells += [f"{mid:.{digits}f}", ratio(mid, middle(base, what))]
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", f"CPU from least to most: {'; '.join(spread(*each) for each in runs.items())}."]
        if base_name != "haul":
            lines += ["", f"Ratios are to {base_name}, for haul has no row."]
    for remark in remarks:
        lines += ["", f"Remark: {remark}"]
    return "\n".join(lines) + "\n"


def middle(uses, what):
    return median(getattr(use, what) for use in uses)


def ratio(value, base):
    return f"{value / base:.2f}" if base else "–"


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


def write_json(path, about, runs):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**about, "machine": machine(), "runs": runs}, file, indent=1)
        file.write("\n")
