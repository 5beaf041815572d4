// The rate of the last five minutes.

import * as format from "../format.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { preferences } from "../preferences.js";
import { useStore } from "../store.js";
import { text } from "../texts.js";

// The least range of the axis, so that a rate of a few bytes does not fill the plot.
const LEAST = 64 * 1024;

/** Returns a colour of the style as a canvas takes it: of light or of dark. */
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Returns steps of 1, 2, 4, 8, … of a unit, which are round numbers in KiB and MiB. */
function splits(most) {
  const step = 2 ** Math.ceil(Math.log2(most / 3));
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, nth) => nth * step);
}

function optionsFor(width, height, hover, window) {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const clock = (seconds) => new Date(seconds * 1000).toTimeString().slice(0, seconds % 60 === 0 ? 5 : 8);
  return {
    width,
    height,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true, range: () => window() },
      y: { range: (_, _least, most) => [0, Math.max(most || 0, LEAST) * 1.08] },
    },
    axes: [
      { ...axis, size: 22, space: 60, incrs: [15, 30, 60, 120], values: (_, values) => values.map(clock) },
      { ...axis, size: 68, splits: (_, _axis, _least, most) => splits(most), values: (_, values) => values.map((value) => (value === 0 ? "0" : format.rate(value).replace(".0 ", " "))) },
    ],
    series: [{}, { stroke: colour("--accent"), fill: colour("--accent-fill"), width: 1.5, points: { show: false }, spanGaps: false }],
    hooks: { setCursor: [(plot) => hover(plot.cursor.idx === undefined ? null : plot.cursor.idx)] },
  };
}

export function Plot({ daemon }) {
  const { history } = daemon;
  const version = useStore(history.store, (state) => state.version);
  const theme = useStore(preferences, (state) => state.theme);
  const [systemDark, setSystemDark] = useState(0);
  const box = useRef();
  const plot = useRef(null);
  const [index, setIndex] = useState(null);

  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setSystemDark((count) => count + 1);
    dark.addEventListener("change", changed);
    return () => dark.removeEventListener("change", changed);
  }, []);
  useEffect(() => {
    const element = box.current;
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    plot.current = new window.uPlot(optionsFor(size().width, size().height, setIndex, () => history.window()), [history.times, history.rates], element);
    const observer = new ResizeObserver(() => plot.current.setSize(size()));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current.destroy();
    };
  }, [theme, systemDark]);
  useEffect(() => {
    if (!document.hidden) plot.current.setData([history.times, history.rates]);
  }, [version]);

  const at = index === null || index >= history.times.length ? history.times.length - 1 : index;
  const value = history.rates[at];
  const peak = format.rate(history.peak());
  return html`<section class="panel plot" aria-labelledby="plot-title">
    <div class="plot-head">
      <h2 id="plot-title">${text("throughput")}</h2>
      <span class="soft">${index === null ? text("peak", { rate: peak }) : `${new Date(history.times[at] * 1000).toTimeString().slice(0, 8)} · ${value === null ? text("no-connection") : format.rate(value)}`}</span>
    </div>
    <div ref=${box} class="plot-box" role="img" aria-label=${text("plot-label", { rate: format.rate(value), peak })}></div>
  </section>`;
}
