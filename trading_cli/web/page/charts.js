// Lines over time (uPlot), each with its numbers as a table behind a disclosure.
//
// spec: {label, summary, at: [epoch s], lines: [{label, values, tone, axis, dash, stepped}],
//        marks: [{at, value, text, tone}], height, write(value), writeRight(value)}

import { h } from "./dom.js";
import { ABSENT, hour, utc } from "./format.js";

const SCRIPT = "/static/vendor/uplot.iife.min.js";
const SHEET = "/static/vendor/uplot.min.css";
const ROWS = 200;
let loading = null;

function load() {
  loading ??= new Promise((done, failed) => {
    document.head.append(h("link", { rel: "stylesheet", href: SHEET }));
    const script = h("script", { src: SCRIPT });
    script.addEventListener("load", () => done(window.uPlot));
    script.addEventListener("error", () => {
      loading = null;
      failed(new Error("the chart library did not load"));
    });
    document.head.append(script);
  });
  return loading;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function axes(spec) {
  const quiet = {
    stroke: colour("dim"),
    grid: { stroke: colour("rule"), width: 1 },
    ticks: { stroke: colour("rule"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  const all = [
    {
      ...quiet,
      space: 72,
      values: (_, ticks, __, ___, step) =>
        ticks.map((at) => (step < 86400 && at % 86400 ? hour(at * 1000) : utc(at * 1000).slice(5, 10))),
    },
    { ...quiet, scale: "y", size: 60, values: (_, ticks) => ticks.map(spec.write) },
  ];
  if (spec.lines.some((line) => line.axis === "right")) {
    all.push({
      ...quiet,
      scale: "right",
      side: 1,
      size: 58,
      grid: { show: false },
      values: (_, ticks) => ticks.map(spec.writeRight),
    });
  }
  return all;
}

function series(spec, uPlot) {
  return [
    {},
    ...spec.lines.map((line) => ({
      label: line.label,
      scale: line.axis === "right" ? "right" : "y",
      stroke: colour(line.tone || "accent"),
      width: 1.5,
      dash: line.dash ? [5, 4] : undefined,
      paths: line.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: {
        show: line.values.filter((v) => v !== null).length < 3,
        size: 6,
        fill: colour(line.tone || "accent"),
      },
      spanGaps: false,
    })),
  ];
}

// Signals: a triangle, so that shape and colour both say it.
function marks(spec) {
  return (plot) => {
    const { ctx } = plot;
    const size = 6 * devicePixelRatio;
    for (const mark of spec.marks || []) {
      const x = plot.valToPos(mark.at, "x", true);
      const y = plot.valToPos(mark.value, "y", true);
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      const up = mark.tone === "up" ? 1 : -1;
      ctx.fillStyle = colour(mark.tone || "accent");
      ctx.beginPath();
      ctx.moveTo(x, y - size * up);
      ctx.lineTo(x + size, y + size * up);
      ctx.lineTo(x - size, y + size * up);
      ctx.fill();
    }
  };
}

// Room above and below; a line that stands still is drawn in the middle, not from 0.
function roomy(plot, low, high) {
  if (low === null || high === null) return [0, 1];
  const room = (high - low) * 0.08 || Math.abs(high) * 0.02 || 1;
  return [low - room, high + room];
}

function options(spec, uPlot, width) {
  return {
    width,
    height: spec.height || 220,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
    scales: { x: { time: true }, y: { range: roomy }, ...(spec.scales || {}) },
    axes: axes(spec),
    series: series(spec, uPlot),
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    hooks: { draw: [marks(spec)] },
  };
}

function numbers(spec) {
  const every = spec.at.map((at, i) => [at, i]).slice(-ROWS);
  const row = ([at, i]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, utc(at * 1000)),
      spec.lines.map((line) => {
        const value = line.values[i];
        const write = line.axis === "right" ? spec.writeRight : spec.write;
        return h("td", { class: "num" }, value === null || value === undefined ? ABSENT : write(value));
      }),
    );
  return h(
    "table",
    { class: "data" },
    h(
      "caption",
      {},
      spec.at.length > ROWS ? `${spec.label}: the last ${ROWS} of ${spec.at.length} points` : spec.label,
    ),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "UTC"),
        spec.lines.map((line) => h("th", { scope: "col", class: "num" }, line.label)),
      ),
    ),
    h("tbody", {}, every.map(row)),
  );
}

function legend(spec) {
  return h(
    "ul",
    { class: "legend" },
    spec.lines.map((line) =>
      h(
        "li",
        {},
        h("span", {
          class: `swatch ${line.tone || "accent"}${line.dash ? " dashed" : ""}`,
          "aria-hidden": "true",
        }),
        line.label,
      ),
    ),
    (spec.marks || []).length
      ? h("li", {}, h("span", { class: "swatch triangle", "aria-hidden": "true" }, "▲"), "signal")
      : null,
  );
}

function frame(box) {
  const canvas = h("div", { class: "canvas", role: "img" });
  const readout = h("p", { class: "readout", "aria-hidden": "true" });
  const table = h("div", {
    class: "scroll numbers",
    tabindex: "0",
    role: "region",
    "aria-label": "The numbers",
  });
  const more = h("details", {}, h("summary", {}, "The numbers"), table);
  const key = h("div", {});
  box.replaceChildren(key, canvas, readout, more);
  box.parts = { canvas, table, more, key };
  more.addEventListener("toggle", () => more.open && table.replaceChildren(numbers(box.spec)));
  box.watch = new ResizeObserver(
    () => box.plot && box.plot.setSize({ width: canvas.clientWidth, height: box.spec.height || 220 }),
  );
  box.watch.observe(canvas);
}

/** Draw *spec* into *box*, or draw its new numbers. */
export async function drawChart(box, spec) {
  if (!spec) return;
  box.spec = spec;
  if (spec.at.length === 0) {
    endChart(box);
    box.replaceChildren(h("p", { class: "empty" }, spec.empty || "Nothing to draw yet."));
    return;
  }
  if (!box.parts) frame(box);
  const { canvas, table, more, key } = box.parts;
  canvas.setAttribute("aria-label", `${spec.label}. ${spec.summary}`);
  key.replaceChildren(legend(spec));
  if (more.open) table.replaceChildren(numbers(spec));
  const uPlot = await load();
  if (box.spec !== spec || !box.parts) return;
  if (box.plot) box.plot.destroy();
  const data = [spec.at, ...spec.lines.map((line) => line.values)];
  box.plot = new uPlot(options(spec, uPlot, canvas.clientWidth || 300), data, canvas);
}

/** Take a chart away. */
export function endChart(box) {
  if (box.plot) box.plot.destroy();
  if (box.watch) box.watch.disconnect();
  box.plot = box.watch = box.parts = null;
}
