// Is all well? The state in a sentence, then what it rests on.

import { ask } from "../api.js";
import { age, question, share, tag } from "../cells.js";
import { ago, count, gain, hour, money, number, percent, span, tone, utc } from "../format.js";
import { fixed, view } from "../parts.js";
import { isNew } from "../state.js";
import { LIMITS } from "./limits.js";

const SIGNS = { ok: "✓", warn: "!", bad: "!", stopped: "■", unknown: "?" };
const SOURCES = { ok: "ok", degraded: "warn", failed: "bad", off: "", skipped: "" };

const HELD = [
  {
    key: "question",
    label: "Market",
    cell: (row) => question(row.market, row.question),
    head: true,
    kind: "long",
  },
  { key: "token", label: "Side", cell: (row) => row.token },
  { key: "cost", label: "Cost, USD", cell: (row) => money(row.cost), kind: "num" },
  { key: "now", label: "Would bring", cell: (row) => money(row.liquidation), kind: "num" },
  {
    key: "gain",
    label: "Unrealized",
    cell: (row) => ({ text: gain(row.unrealized), tone: tone(row.unrealized) }),
    kind: "num",
  },
];
const ALERTS = [
  { key: "text", label: "What", cell: (row) => row.text.split("\n")[0], head: true, kind: "long" },
  {
    key: "severity",
    label: "How bad",
    cell: (row) => tag(row.severity, { error: "bad", warn: "warn" }[row.severity]),
  },
  { key: "at", label: "When", cell: (row) => age(row.created_at), kind: "short" },
];
const SOURCE = [
  { key: "name", label: "Source", cell: (row) => row.id, head: true },
  { key: "state", label: "State", cell: (row) => tag(row.state, SOURCES[row.state]) },
  { key: "said", label: "Last answer", cell: (row) => (row.message ? row.message : age(row.last_ok)) },
];
const FUNNEL = [
  { key: "step", label: "Step", cell: (row) => row.id.replaceAll("_", " "), head: true },
  { key: "n", label: "Markets", cell: (row) => share(row.share, count(row.n), ""), kind: "num" },
];

function cell(slot) {
  const said = [
    slot.coverage === null ? "" : `${slot.quotes} of ${slot.markets} markets`,
    slot.seconds === null ? "" : `${number(slot.seconds, 1)} s`,
    slot.why || "",
  ]
    .filter(Boolean)
    .join(", ");
  return { slot: slot.slot, state: slot.state, said };
}

function chart(marks) {
  const first = marks[0];
  const last = marks.at(-1);
  return fixed({
    label: "Equity in USD",
    summary: first
      ? `From ${money(first.equity)} on ${utc(first.at)} to ${money(last.equity)} on ${utc(last.at)}`
      : "",
    at: marks.map((mark) => Date.parse(mark.at) / 1000),
    lines: [
      { label: "Equity, USD", values: marks.map((mark) => mark.equity), tone: "accent", stepped: true },
      { label: "Cash, USD", values: marks.map((mark) => mark.cash), tone: "dim", dash: true, stepped: true },
    ],
    height: 260,
    write: (value) => number(value, 0),
    empty: "Nothing was kept of an account in the last year.",
  });
}

const sum = (list, of) => list.reduce((total, one) => total + (of(one) || 0), 0);

const FIRST = {
  slots: null,
  coverage: null,
  equity: null,
  risk: null,
  held: null,
  alerts: null,
  equityChart: null,
  riskTable: null,
  heldTable: null,
  alertTable: null,
};

const parts = (app) => ({
  ...FIRST,
  async load() {
    const [runs, equity, risk, held, alerts] = await Promise.all(
      ["/runs?slots=96", "/equity?points=300&since=365d", "/risk", "/positions", "/alerts?limit=6"].map(ask),
    );
    if (runs.data) this.slots = fixed(runs.data.slots.map(cell));
    if (equity.data)
      Object.assign(this, { equity: fixed(equity.data), equityChart: chart(equity.data.marks) });
    this.coverage = runs.data
      ? sum(runs.data.slots, (one) => one.coverage) /
        runs.data.slots.filter((one) => one.coverage !== null).length
      : null;
    this.risk = risk.data && fixed(risk.data);
    const limits = risk.data ? [...risk.data.limits].sort((a, b) => b.share - a.share).slice(0, 7) : [];
    this.riskTable = fixed({
      caption: "Limits by use",
      columns: LIMITS,
      rows: limits.map((one) => ({ id: one.rule + one.of, ...one })),
      empty: risk.problem || "Nothing is at stake.",
    });
    this.heldTable = fixed({
      caption: "Open positions",
      columns: HELD,
      rows: held.data ? held.data.positions : [],
      empty: held.problem || "Nothing is held.",
    });
    this.alertTable = fixed({
      caption: "Latest alerts",
      columns: ALERTS,
      rows: alerts.data ? alerts.data.notices.slice(0, 6) : [],
      empty: alerts.problem || "Nothing was told yet.",
    });
  },
  get status() {
    return app.status;
  },
  get level() {
    return app.state.level;
  },
  get sign() {
    return SIGNS[app.state.level];
  },
  get word() {
    return app.state.word;
  },
  get sentence() {
    return app.state.sentence;
  },
  get reasons() {
    return app.state.reasons;
  },
  get anyReason() {
    return app.state.reasons.length > 0;
  },
  get mode() {
    return app.status ? app.status.mode : "–";
  },
  get killSaid() {
    if (isNew(app)) return "kill switch: not armed yet";
    return app.kill ? `kill switch ${app.kill.state}` : "–";
  },
  get next() {
    return app.status ? hour(app.status.next_slot) : "–";
  },
  get nextIn() {
    return app.tick >= 0 && app.status ? ago(app.status.next_slot) : "–";
  },
  get quoteAge() {
    return app.status ? span(app.status.newest_quote_age_s) : "–";
  },
  get quoteSaid() {
    return app.status && app.status.newest_quote_age_s === null ? "none yet" : "old";
  },
  get gate() {
    return app.status ? (app.status.data_gate.open ? "open" : "shut") : "–";
  },
  get gateSaid() {
    if (!app.status) return "–";
    return app.status.data_gate.open ? "entries may be made" : "no entries";
  },
  get equityNow() {
    return app.status && app.status.account ? money(app.status.account.equity) : "–";
  },
  get cashSaid() {
    if (!app.status) return "–";
    return app.status.account ? `${money(app.status.account.cash)} in cash` : "none yet";
  },
  get result() {
    return this.equity ? gain(this.equity.result) : "–";
  },
  get resultTone() {
    return this.equity ? tone(this.equity.result) : "";
  },
  get resultSaid() {
    const { opening, result, marks } = this.equity || {};
    if (opening && result !== null) return `${percent(result / opening, 2)} of ${money(opening)}`;
    if (!marks) return "–";
    return marks.length ? "since the beginning" : "none yet";
  },
  get slotsSaid() {
    if (isNew(app)) return "none was collected yet";
    return Number.isFinite(this.coverage) ? `coverage ${percent(this.coverage)} of the markets followed` : "";
  },
  get equitySaid() {
    return app.status && app.status.account ? `at ${utc(app.status.account.at)} UTC` : "";
  },
  get riskSaid() {
    return this.risk && this.risk.totals
      ? `worst case ${money(this.risk.totals.worst)} of ${money(this.risk.totals.equity)} USD`
      : "";
  },
  get waiting() {
    return app.status && app.status.waiting ? `waiting for: ${app.status.waiting.replaceAll("`", "")}` : "";
  },
  get sourcesSaid() {
    return app.status
      ? `${Object.values(app.status.sources || {}).filter((one) => one.state === "ok").length} answer`
      : "";
  },
  get sourceTable() {
    const rows = app.status
      ? Object.entries(app.status.sources || {}).map(([id, one]) => ({ id, ...one }))
      : [];
    return fixed({ caption: "Sources", columns: SOURCE, rows, empty: "No source was asked yet." });
  },
  get funnelTable() {
    const steps = app.status ? Object.entries(app.status.funnel || {}) : [];
    const most = Math.max(1, ...steps.map(([, n]) => n));
    return fixed({
      caption: "How many markets each step left",
      columns: FUNNEL,
      rows: steps.map(([id, n]) => ({ id, n, share: n / most })),
      empty: "Nothing was chosen from yet.",
    });
  },
});

const create = (place, app) => view(parts(app));
export { create as view };
