// The columns of the research view.

import { question, tag, time } from "../cells.js";
import { h } from "../dom.js";
import { ABSENT, anything, count, number, percent, utc } from "../format.js";

const p = (value) =>
  value === null || value === undefined ? ABSENT : value < 0.001 ? "<0.001" : number(value, 3);
const label = (row) =>
  row.label && row.label.leads ? tag(`talk leads, ${row.label.tier.toLowerCase()}`, "good") : tag("no label");
const spread = (since, until) => `${utc(since).slice(0, 10)} to ${utc(until).slice(0, 10)}`;

/** A number that opens something on this view. */
function opener(row, text, what) {
  const button = () =>
    h(
      "button",
      { type: "button", class: "plain small", on: { click: () => row.open() } },
      text,
      h("span", { class: "sr" }, ` ${what}`),
    );
  return { text, node: button, sign: what };
}

export const groupLabel = (one) =>
  `${one.of}, ${one.by === "all" ? "" : `${one.by} `}${one.name} (${one.verdict === "ENOUGH" ? `${one.n} rows` : "too few"})`;

export const POOLED = [
  { key: "category", label: "Category", cell: (row) => row.category, head: true },
  { key: "horizon", label: "Horizon", cell: (row) => `${row.horizon} h`, kind: "num" },
  { key: "events", label: "Events", cell: (row) => count(row.events), kind: "num" },
  { key: "rows", label: "Hours", cell: (row) => count(row.rows), kind: "num" },
  {
    key: "b",
    label: "Effect",
    cell: (row) => (row.b === null ? ABSENT : `${number(row.b, 4)} ± ${number(row.error, 4)}`),
    kind: "num",
  },
  { key: "p", label: "p", cell: (row) => p(row.p), kind: "num" },
  { key: "q", label: "q", cell: (row) => p(row.q), kind: "num" },
  { key: "label", label: "Label", cell: label },
  { key: "missing", label: "Missing", cell: (row) => row.insufficient, kind: "long" },
];

export const PAIRS = [
  {
    key: "market",
    label: "Market",
    cell: (row) => question(row.market, row.question || row.market),
    head: true,
  },
  { key: "category", label: "Category", cell: (row) => row.category },
  {
    key: "verdict",
    label: "Verdict",
    cell: (row) =>
      tag(row.verdict, row.verdict === "talk leads" ? "good" : row.verdict === "INSUFFICIENT" ? "warn" : ""),
  },
  { key: "q", label: "q", cell: (row) => p(row.q), kind: "num" },
  { key: "reverse", label: "q, price to talk", cell: (row) => p(row.reverse_q), kind: "num" },
  {
    key: "lag",
    label: "Lag",
    cell: (row) => (row.forward && row.forward.lag ? `${row.forward.lag} h` : ABSENT),
    kind: "num",
  },
  { key: "hours", label: "Hours", cell: (row) => count(row.hours), kind: "num" },
  { key: "label", label: "Label", cell: label },
  { key: "sentence", label: "In words", cell: (row) => row.sentence, kind: "long" },
];

export const BINS = [
  {
    key: "of",
    label: "Stated",
    cell: (row) => `${percent(row.from, 0)} to ${percent(row.to, 0)}`,
    head: true,
  },
  { key: "n", label: "Rows", cell: (row) => count(row.n), kind: "num" },
  { key: "events", label: "Events", cell: (row) => count(row.events), kind: "num" },
  { key: "forecast", label: "Mean stated", cell: (row) => percent(row.forecast), kind: "num" },
  { key: "frequency", label: "Happened", cell: (row) => percent(row.frequency), kind: "num" },
  {
    key: "band",
    label: "95 % band",
    cell: (row) => `${percent(row.low)} to ${percent(row.high)}`,
    kind: "num",
  },
];

export const BACKTESTS = [
  { key: "id", label: "Run", cell: (row) => opener(row, `#${row.id}`, "open the report"), head: true },
  { key: "at", label: "When", cell: (row) => time(row.at), kind: "short" },
  { key: "span", label: "Span", cell: (row) => spread(row.since, row.until), kind: "short" },
  { key: "state", label: "State", cell: (row) => tag(row.state, row.state === "DONE" ? "good" : "warn") },
  { key: "returned", label: "Return", cell: (row) => percent(row.returned, 2), kind: "num" },
  { key: "said", label: "In words", cell: (row) => row.sentence, kind: "long" },
];

export const TRIALS = [
  { key: "id", label: "#", cell: (row) => row.id, kind: "num" },
  { key: "kind", label: "Kind", cell: (row) => row.kind, head: true },
  { key: "strategy", label: "Strategy", cell: (row) => row.strategy, kind: "band" },
  { key: "at", label: "When", cell: (row) => time(row.at), kind: "short" },
  { key: "tests", label: "Tests", cell: (row) => count(row.tests), kind: "num" },
  { key: "state", label: "State", cell: (row) => tag(row.state, row.state === "FAILED" ? "bad" : "") },
  { key: "sharpe", label: "Sharpe a year", cell: (row) => number(row.sharpe_a_year), kind: "num" },
];

const STATES = { DONE: "good", FAILED: "bad", LOST: "bad", RUNNING: "moderate", CANCELLED: "warn" };
const underWay = (row) => row.state === "QUEUED" || row.state === "RUNNING";

/** A button while a job is at work and nobody told it to end. */
function canceller(row) {
  if (!row.cancel || !underWay(row) || row.error) return null;
  const button = () =>
    h(
      "button",
      { type: "button", class: "plain small", on: { click: () => row.cancel() } },
      "Cancel",
      h("span", { class: "sr" }, ` job ${row.id}, ${row.workflow}`),
    );
  return { text: "Cancel", node: button, sign: row.id };
}

export const JOBS = [
  {
    key: "id",
    label: "Job",
    cell: (row) => (row.state === "DONE" ? opener(row, `#${row.id}`, "open the result") : `#${row.id}`),
    head: true,
  },
  { key: "workflow", label: "What", cell: (row) => row.workflow },
  { key: "state", label: "State", cell: (row) => tag(row.state, STATES[row.state]) },
  {
    key: "progress",
    label: "Progress",
    cell: (row) => (row.error && !underWay(row) ? anything(row.error.message) : row.progress),
    kind: "long",
  },
  { key: "at", label: "Asked", cell: (row) => time(row.asked_at), kind: "short" },
  { key: "cancel", label: "End it", cell: canceller, kind: "short" },
];
