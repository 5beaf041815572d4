"""Draws the medians of `bench compare` as bars."""

from xml.sax.saxutils import escape

BAR, GAP, HEAD, NAME, PLOT, FIGURES = 16, 5, 34, 96, 380, 270
TITLE = "CPU time (bars), and peak memory; less is better"
# A client that took so much more than haul has its bar cut off, so that the others can be told
# apart.
MOST = 5.0

STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.top { font-size: 14px; }
.figure { fill: #57606a; }
.haul { fill: #0969da; }
.floor { fill: #8c959f; }
.peer { fill: #d0a215; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .figure { fill: #8d96a0; } }"""


def bars(works, titles, key="cpu_s"):
    """An SVG with a group of bars for each work: what each client took, as a multiple of haul's.

    `works` is what `report.medians` found, by the name of the work; those that have no `key` are left out.
    """
    parts, y = [f'<text class="title top" x="0" y="18">{TITLE}</text>'], BAR + GAP
    for work, clients in works.items():
        known = {name: figures for name, figures in clients.items() if figures.get(f"{key}_ratio")}
        if not known:
            continue
        parts.append(f'<text class="title" x="0" y="{y + 22}">{escape(titles[work])}</text>')
        y += HEAD
        for name, figures in sorted(known.items(), key=lambda each: each[1][key]):
            parts += bar(name, figures, key, y)
            y += BAR + GAP
    width = NAME + PLOT + FIGURES
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + GAP}" width="{width}">\n'
        f"<style>\n{STYLE}\n</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def bar(name, figures, key, y):
    ratio = figures[f"{key}_ratio"]
    kind = "haul" if name.startswith("haul") else "floor" if name.startswith("floor") else "peer"
    length = min(ratio, MOST) / MOST * PLOT
    middle = y + BAR - 4
    said = f"{ratio:.2f} × haul's CPU time, {figures['peak_mib']:.0f} MiB of memory"
    if name == "haul":
        said = f"{figures['cpu_s']:.2f} s of CPU time, {figures['peak_mib']:.0f} MiB of memory"
    yield f'<text x="{NAME - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>'
    yield f'<rect class="{kind}" x="{NAME}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>'
    if ratio > MOST:
        # The cut: two strokes across the bar's end.
        for x in (NAME + PLOT - 14, NAME + PLOT - 8):
            yield f'<path d="M{x} {y + BAR + 2} l6 -{BAR + 4}" stroke="#fff" stroke-width="2"/>'
    yield f'<text class="figure" x="{NAME + length + 8:.1f}" y="{middle}">{escape(said)}</text>'
