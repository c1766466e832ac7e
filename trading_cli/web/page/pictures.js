// Small pictures drawn as SVG or as boxes: a spark, a bar, a strip of slots, a calibration.

import { h, svg } from "./dom.js";
import { hour, percent, price, utc } from "./format.js";

/** A line of a day's values with holes where there is none. */
export function spark(values, words) {
  const known = (values || []).filter((v) => v !== null);
  if (known.length < 2) return h("span", { class: "dim" }, "–");
  const low = Math.min(...known);
  const high = Math.max(...known);
  const size = high - low;
  const y = (value) => (size ? 22 - ((value - low) / size) * 20 : 12);
  const step = 96 / Math.max(1, values.length - 1);
  let pen = false;
  const path = values
    .map((value, at) => {
      if (value === null) {
        pen = false;
        return "";
      }
      const point = `${pen ? "L" : "M"}${(at * step).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = true;
      return point;
    })
    .join("");
  const label = words || `${price(known[0])} to ${price(known.at(-1))} in 24 hours`;
  return svg(
    "svg",
    { class: "spark", viewBox: "0 0 96 24", role: "img", "aria-label": label, preserveAspectRatio: "none" },
    svg("path", { d: path, fill: "none", "vector-effect": "non-scaling-stroke" }),
  );
}

/** How much of a limit is used. The text says it; the bar only shows it. */
export function bar(share, tone) {
  const width = Math.max(0, Math.min(1, Number(share) || 0));
  return h(
    "span",
    { class: `bar ${tone || ""}`, "aria-hidden": "true" },
    h("span", { vars: { "--share": `${(width * 100).toFixed(1)}%` } }),
  );
}

const LETTER = {
  OK: "✓",
  PARTIAL: "P",
  FAILED: "F",
  SKIPPED: "S",
  RUNNING: "…",
  MISSED: "✕",
  DUE: "·",
  NONE: "·",
};

/** A strip of slots: one stop for Tab, arrows walk along it; letter, height and colour say the state. */
export function strip(box, slots) {
  const items = slots.map((slot, at) => {
    const said = `${utc(slot.slot)} UTC: ${slot.state}${slot.said ? `, ${slot.said}` : ""}`;
    return h(
      "li",
      {
        class: `slot ${slot.state.toLowerCase()}`,
        role: "option",
        "aria-selected": "false",
        "aria-label": said,
        title: said,
        tabindex: at === slots.length - 1 ? "0" : "-1",
      },
      h("span", { "aria-hidden": "true" }, LETTER[slot.state] || "?"),
    );
  });
  const focused = box.contains(document.activeElement);
  const list = h(
    "ul",
    { class: "strip", role: "listbox", "aria-label": "The last slots, oldest first" },
    items,
  );
  list.addEventListener("keydown", (event) => walk(event, items));
  const first = slots.length ? hour(slots[0].slot) : "";
  const last = slots.length ? hour(slots.at(-1).slot) : "";
  box.replaceChildren(
    list,
    h("p", { class: "ends", "aria-hidden": "true" }, h("span", {}, first), h("span", {}, last)),
  );
  if (focused) items.at(-1)?.focus();
}

function walk(event, items) {
  const at = items.indexOf(document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: items.length - 1 }[event.key];
  if (at < 0 || to === undefined || !items[to]) return;
  event.preventDefault();
  items[at].tabIndex = -1;
  items[to].tabIndex = 0;
  items[to].focus();
}

const X = (share) => 40 + share * 250;
const Y = (share) => 262 - share * 250;

/** What was forecast against what happened: each bin's interval (Wilson, 95 %), a dot where it is said. */
export function reliability(bins) {
  const marks = bins
    .filter((bin) => bin.x !== null && (bin.y !== null || bin.low !== null))
    .map((bin) =>
      svg(
        "g",
        { class: "bin" },
        bin.low === null
          ? null
          : svg("line", { x1: X(bin.x), x2: X(bin.x), y1: Y(bin.low), y2: Y(bin.high) }),
        bin.y === null ? null : svg("circle", { cx: X(bin.x), cy: Y(bin.y), r: 4 }),
      ),
    );
  const ticks = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    svg("line", { class: "grid", x1: X(share), x2: X(share), y1: Y(0), y2: Y(1) }),
    svg("line", { class: "grid", x1: X(0), x2: X(1), y1: Y(share), y2: Y(share) }),
    svg("text", { x: X(share), y: 280, "text-anchor": "middle" }, percent(share, 0)),
    svg("text", { x: 34, y: Y(share) + 4, "text-anchor": "end" }, percent(share, 0)),
  ]);
  const label = marks.length
    ? `Calibration: ${marks.length} bins; the diagonal is perfect`
    : "Calibration: no bin has enough events yet; the diagonal is perfect";
  return svg(
    "svg",
    { class: "reliability", viewBox: "0 0 316 290", role: "img", "aria-label": label },
    ticks,
    svg("line", { class: "diagonal", x1: X(0), y1: Y(0), x2: X(1), y2: Y(1) }),
    marks,
  );
}
