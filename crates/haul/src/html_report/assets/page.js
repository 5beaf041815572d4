"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);

  // Formats

  const grouped = (number) => number.toLocaleString("en-US");

  function bytesUnit(most) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = 0;
    while (most >= 1024 && power < units.length - 1) {
      most /= 1024;
      power += 1;
    }
    return { name: units[power], factor: 1024 ** power };
  }

  function short(value) {
    if (value === null || value === undefined) return "–";
    const digits = Math.abs(value) < 10 ? 1 : 0;
    return value.toLocaleString("en-US", { maximumFractionDigits: digits });
  }

  const greatest = (values) => values.reduce((most, value) => Math.max(most, value || 0), 0);

  // Seconds as on a clock, with so many digits after the point: 0:05, 0:05.2, 1:02:03
  function clock(seconds, digits = 0) {
    const pad = (number, width) => number.padStart(width, "0");
    const rest = pad((seconds % 60).toFixed(digits), digits > 0 ? 3 + digits : 2);
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / 60);
    return hours > 0 ? `${hours}:${pad(String(minutes % 60), 2)}:${rest}` : `${minutes}:${rest}`;
  }

  // The times of an axis, as exact as they are close to each other.
  function clocks(_, ticks, axis, space, step) {
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    return ticks.map((tick) => clock(tick, digits));
  }

  // Charts

  const PRINTED = {
    ink: "#000000", soft: "#444444", grid: "#dddddd", failed: "#c02a34", done: "#147a45",
    c1: "#1f62d0", c2: "#c2620a", c3: "#147a45", c4: "#8a3fc0", c5: "#0f7f8f", c6: "#a8325e",
  };

  function shownColors() {
    const style = getComputedStyle(document.documentElement);
    const names = Object.keys(PRINTED);
    return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  const HEIGHT = 220;
  const stepped = uPlot.paths.stepped({ align: -1 });
  const charts = [];

  // A value holds for the interval before its time; the first interval starts at 0.
  const fromZero = (values) => [values[0], ...values];

  function axes(colors, unit, values, timeUnit) {
    const font = "12px system-ui, sans-serif";
    const common = {
      stroke: colors.soft, font, labelFont: font,
      grid: { stroke: colors.grid, width: 1 }, ticks: { show: false },
    };
    return [
      { ...common, label: timeUnit, labelSize: 18, size: 30, space: 60, values: clocks },
      { ...common, label: unit, labelSize: 20, size: 52, values: (_, ticks) => ticks.map(values) },
    ];
  }

  function line(label, color, more) {
    return { label, stroke: color, width: 1.75, paths: stepped, points: { show: false }, value: (_, value) => short(value), ...more };
  }

  function timeChart(id, unit, lines, colors) {
    const time = fromZero(data.series.t);
    time[0] = 0;
    const legend = { label: "Time", value: (_, value) => (value === null ? "–" : clock(value, 1)) };
    return {
      place: byId(id),
      options: {
        height: HEIGHT,
        scales: { x: { time: false }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
        axes: axes(colors, unit, short, "Time since the start (min:s)"),
        series: [legend, ...lines.map((each) => each.series)],
        cursor: { y: false, points: { size: 6 } },
        legend: { live: true },
      },
      data: [time, ...lines.map((each) => fromZero(each.values))],
    };
  }

  const translucent = (color) => `${color}26`;

  function throughput(colors) {
    const unit = bytesUnit(greatest(data.series.bytes));
    const values = data.series.bytes.map((value) => value / unit.factor);
    const series = line(`${unit.name}/s`, colors.c1, { fill: translucent(colors.c1) });
    return timeChart("chart-bytes", `Received (${unit.name}/s)`, [{ values, series }], colors);
  }

  function items(colors) {
    const all = { values: data.series.ended, series: line("Ended", colors.c1, { fill: translucent(colors.c1) }) };
    const failed = { values: data.series.failed, series: line("Failed", colors.failed, { fill: translucent(colors.failed) }) };
    return timeChart("chart-items", "Items per second", [all, failed], colors);
  }

  function inFlight(colors) {
    const flight = { values: data.series.flight, series: line("In flight", colors.c1, { fill: translucent(colors.c1) }) };
    const limit = { values: data.series.limit, series: line("Limit", colors.c2, { dash: [6, 4] }) };
    return timeChart("chart-flight", "Requests", [flight, limit], colors);
  }

  function hosts(colors) {
    const lines = data.series.hosts.flatMap((host, nth) => {
      const color = colors[`c${nth + 1}`];
      return [
        { values: host.flight, series: line(host.name, color) },
        { values: host.limit, series: line("limit", color, { dash: [5, 4], width: 1 }) },
      ];
    });
    const chart = timeChart("chart-hosts", "Requests", lines, colors);
    // The legend has the hosts only; with a host goes its limit.
    const ready = (made) => made.root.querySelectorAll(".u-series").forEach((entry, nth) => {
      entry.hidden = nth > 0 && nth % 2 === 0;
    });
    const setSeries = (made, nth, { show }) => {
      if (nth % 2 === 1 && show !== undefined && show !== null) made.setSeries(nth + 1, { show });
    };
    chart.options.hooks = { ready: [ready], setSeries: [setSeries] };
    return chart;
  }

  function distribution(id, values, label, colors) {
    const places = values.counts.map((_, nth) => nth);
    const options = axes(colors, values.unit, short, label);
    const wide = () => Math.max(1, Math.ceil(values.labels.length / 7));
    const shown = (place) => (Number.isInteger(place) && place % wide() === 0 ? values.labels[place] || "" : "");
    options[0] = { ...options[0], grid: { show: false }, space: 1, splits: () => places, values: (_, ticks) => ticks.map(shown) };
    const labelOf = (_, place) => (place === null ? "–" : values.labels[Math.round(place)] || "");
    const bars = uPlot.paths.bars({ size: [0.8, 60] });
    return {
      place: byId(id),
      options: {
        height: HEIGHT,
        scales: { x: { time: false, range: [-0.6, places.length - 0.4] }, y: { range: (_, __, most) => [0, most * 1.08] } },
        axes: options,
        series: [
          { label, value: labelOf },
          { label: values.unit, stroke: colors.c1, fill: `${colors.c1}99`, width: 1, paths: bars, points: { show: false }, value: (_, value) => (value === null ? "–" : grouped(value)) },
        ],
        cursor: { y: false, points: { show: false } },
      },
      data: [places, values.counts],
    };
  }

  function draw(colors) {
    while (charts.length > 0) charts.pop().destroy();
    const wanted = [];
    if (data.series.t.length > 1) {
      wanted.push(throughput(colors), items(colors), inFlight(colors));
      if (data.series.hosts.length > 0) wanted.push(hosts(colors));
    }
    if (data.latencies.counts.length > 0) wanted.push(distribution("chart-latencies", data.latencies, "Time, up to", colors));
    if (data.times.counts.length > 0) wanted.push(distribution("chart-times", data.times, "Time, up to", colors));
    if (data.sizes.counts.length > 0) wanted.push(distribution("chart-sizes", data.sizes, "Size, up to", colors));
    for (const { place, options, data: values } of wanted) {
      if (!place) continue;
      options.width = Math.max(place.clientWidth, 200);
      charts.push(new uPlot(options, values, place));
    }
  }

  function fit() {
    for (const chart of charts) {
      const width = chart.root.parentElement.clientWidth;
      if (width > 0 && width !== chart.width) chart.setSize({ width, height: HEIGHT });
    }
  }

  const redraw = () => draw(shownColors());
  redraw();
  let waiting = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(fit);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => draw(PRINTED));
  addEventListener("afterprint", redraw);

  // Failed items

  function decode({ reasons, list }) {
    const failures = [];
    let url = "";
    for (let at = 0; at < list.length; at += 4) {
      const end = url.length - list[at + 1];
      url = url.slice(0, list[at]) + list[at + 2] + url.slice(end);
      const [kind, message] = reasons[list[at + 3]];
      failures.push({ url, kind, message });
    }
    return failures;
  }

  const STEP = 20;
  const all = decode(data.failures);
  let found = all;
  let shown = 0;

  function add(parent, name, text, className) {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.textContent = text;
    parent.append(made);
    return made;
  }

  function showMore() {
    const body = byId("failures").tBodies[0];
    for (const failure of found.slice(shown, shown + STEP)) {
      const row = body.insertRow();
      add(row, "th", failure.kind).scope = "row";
      const cell = row.insertCell();
      add(cell, "span", failure.url, "url");
      add(cell, "span", failure.message, "message");
    }
    shown = Math.min(found.length, shown + STEP);
    byId("more").hidden = shown >= found.length;
    byId("failures").hidden = found.length === 0;
  }

  const counted = (count) => (count === 1 ? "1 item" : `${grouped(count)} items`);
  const say = (text) => { byId("said").textContent = text; };

  function search() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    const text = ({ url, kind, message }) => `${kind} ${url} ${message}`.toLowerCase();
    found = words.length === 0 ? all : all.filter((failure) => {
      const searched = text(failure);
      return words.every((word) => searched.includes(word));
    });
    byId("failures").tBodies[0].replaceChildren();
    shown = 0;
    showMore();
    byId("copy").disabled = found.length === 0;
    say(words.length === 0 ? counted(all.length) : `${counted(found.length)} of ${grouped(all.length)}`);
  }

  function copyByCommand(text) {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error("the browser does not allow it");
  }

  async function copy() {
    // A URL that was cut is of no use.
    const whole = found.filter(({ url }) => !url.endsWith("…"));
    const text = whole.map(({ url }) => `${url}\n`).join("");
    try {
      if (navigator.clipboard && isSecureContext) await navigator.clipboard.writeText(text);
      else copyByCommand(text);
      const left = found.length - whole.length;
      say(`Copied ${whole.length === 1 ? "1 URL" : `${grouped(whole.length)} URLs`}.${left > 0 ? ` ${grouped(left)} are too long.` : ""}`);
    } catch (error) {
      say(`Not copied: ${error.message}`);
    }
  }

  if (byId("tools")) {
    byId("tools").hidden = false;
    byId("search").addEventListener("input", search);
    byId("copy").addEventListener("click", copy);
    byId("more").addEventListener("click", showMore);
    search();
  }
  document.documentElement.dataset.ready = "yes";
})();
