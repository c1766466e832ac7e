// How the machine is: parts with what mends them, runs, readiness, quality, outbox, log.

import { ask } from "../api.js";
import { age, tag, time } from "../cells.js";
import { h } from "../dom.js";
import { ABSENT, anything, count, number, span, when } from "../format.js";
import { fixed, view } from "../parts.js";

const HEALTH_TONES = { ok: "good", warn: "warn", fail: "bad", off: "" };
const RUN_TONES = { OK: "good", PARTIAL: "warn", FAILED: "bad", MISSED: "bad" };
const command = (text) => (text ? { text, node: () => h("code", {}, text) } : null);
const run = (row) => tag(row.state, RUN_TONES[row.state]);

const HEALTH = [
  { key: "part", label: "Part", cell: (row) => row.part, head: true },
  { key: "state", label: "State", cell: (row) => tag(row.state, HEALTH_TONES[row.state]) },
  { key: "evidence", label: "Evidence", cell: (row) => row.evidence, kind: "long" },
  { key: "fix", label: "What mends it", cell: (row) => command(row.fix), kind: "band" },
];
const STEPS = [
  { key: "name", label: "Step", cell: (row) => row.name, head: true },
  { key: "state", label: "State", cell: run },
  { key: "seconds", label: "Seconds", cell: (row) => number(row.seconds, 2), kind: "num" },
  { key: "why", label: "Why", cell: (row) => row.why },
];
const RUNS = [
  { key: "slot", label: "Slot", cell: (row) => time(row.slot), head: true, kind: "short" },
  { key: "state", label: "State", cell: run },
  {
    key: "coverage",
    label: "Markets",
    cell: (row) =>
      row.markets === null || row.markets === undefined
        ? ABSENT
        : `${count(row.quotes)} of ${count(row.markets)}`,
    kind: "num",
  },
  { key: "seconds", label: "Seconds", cell: (row) => number(row.seconds, 1), kind: "num" },
  { key: "why", label: "Why", cell: (row) => row.why },
];
const OTHERS = [
  { key: "cycle", label: "Cycle", cell: (row) => row.cycle, head: true },
  { key: "slot", label: "Slot", cell: (row) => time(row.slot), kind: "short" },
  { key: "state", label: "State", cell: run },
  { key: "seconds", label: "Seconds", cell: (row) => number(row.seconds, 1), kind: "num" },
  { key: "why", label: "Why", cell: (row) => row.why },
];
const READY = [
  { key: "part", label: "Part", cell: (row) => row.part, head: true },
  { key: "state", label: "State", cell: (row) => tag(row.state, row.state === "READY" ? "good" : "warn") },
  {
    key: "n",
    label: "Has",
    cell: (row) => `${number(row.n, 0)} of ${number(row.minimum, 0)} ${row.unit}`,
    kind: "num",
  },
  { key: "at", label: "Ready", cell: (row) => (row.ready_at ? age(row.ready_at) : null), kind: "short" },
  { key: "meaning", label: "Means", cell: (row) => row.meaning, kind: "long" },
];
const FINDINGS = [
  { key: "check", label: "Check", cell: (row) => row.check, head: true },
  {
    key: "severity",
    label: "How bad",
    cell: (row) => tag(row.severity, { error: "bad", warning: "warn", warn: "warn" }[row.severity]),
  },
  {
    key: "market",
    label: "Market",
    cell: (row) =>
      row.market ? { text: row.market, href: `#/market/${encodeURIComponent(row.market)}` } : null,
  },
  { key: "message", label: "What", cell: (row) => row.message, kind: "long" },
];
const ALERTS = [
  { key: "text", label: "What", cell: (row) => row.text.split("\n")[0], head: true, kind: "long" },
  {
    key: "severity",
    label: "How bad",
    cell: (row) => tag(row.severity, { error: "bad", warn: "warn" }[row.severity]),
  },
  {
    key: "state",
    label: "State",
    cell: (row) => tag(row.state, { DEAD: "bad", SENT: "good", PENDING: "warn" }[row.state]),
  },
  {
    key: "sent",
    label: "Deliveries",
    cell: (row) => row.deliveries.map((one) => `${one.channel} ${one.state.toLowerCase()}`).join(", "),
  },
  { key: "at", label: "Written", cell: (row) => time(row.created_at), kind: "short" },
];
const LOGS = [
  { key: "at", label: "When", cell: (row) => time(row.at), kind: "short" },
  {
    key: "level",
    label: "Level",
    cell: (row) => tag(row.level, { warning: "warn", error: "bad" }[row.level]),
  },
  { key: "component", label: "Of", cell: (row) => row.component },
  { key: "event", label: "What", cell: (row) => row.event, head: true },
  { key: "rest", label: "With", cell: rest, kind: "long" },
];
const TOLD = new Set(["at", "level", "component", "event", "id"]);
const MOST = 60;
const WORDS = 220;

function rest(row) {
  const text = Object.entries(row)
    .filter(([name]) => !TOLD.has(name))
    .map(([name, value]) => `${name} ${anything(value)}`)
    .join(", ");
  return text.length > WORDS ? { text: `${text.slice(0, WORDS)}…`, title: text } : text;
}

const switched = (kill) =>
  [
    ["State", kill.state],
    ["Level", kill.level === null ? ABSENT : `${kill.level} of 4`],
    ["Forbids", kill.forbids],
    ["Reason", kill.reason],
    ["By", kill.actor],
    ["Since", when(kill.since)],
    ["Verified", kill.proof ? `${kill.proof.state}, ${when(kill.proof.at)}` : ABSENT],
  ].map(([name, value]) => ({ name, value: anything(value) }));

const numbered = (list) => list.map((one, at) => ({ ...one, id: at }));
const said = (slot) =>
  [
    slot.coverage === null ? "" : `${slot.quotes} of ${slot.markets} markets`,
    slot.seconds === null ? "" : `${number(slot.seconds, 1)} s`,
    slot.why || "",
  ]
    .filter(Boolean)
    .join(", ");

const parts = (app) => ({
  all: false,
  loglevel: "info",
  slots: null,
  steps: null,
  runs: null,
  others: null,
  newest: null,
  readiness: null,
  expect: "",
  findings: null,
  quality: null,
  alerts: null,
  outbox: null,
  logs: null,
  async load() {
    const [runs, fit, quality, alerts] = await Promise.all(
      ["/runs?slots=96", "/readiness", "/quality", "/alerts?limit=50"].map(ask),
    );
    if (runs.data) this.drawRuns(runs.data);
    if (fit.data) {
      this.expect = fit.data.expect;
      this.readiness = fixed({
        caption: "What can be said yet",
        columns: READY,
        rows: fit.data.parts.map((one) => ({ id: one.part, ...one })),
      });
    }
    this.quality = quality.data;
    this.findings = fixed({
      caption: "Findings about the data",
      columns: FINDINGS,
      rows: quality.data ? numbered(quality.data.findings.slice(0, MOST)) : [],
      empty: quality.problem || "Nothing was found wrong.",
    });
    this.outbox = alerts.data;
    this.alerts = fixed({
      caption: "Messages, the newest first",
      columns: ALERTS,
      rows: alerts.data ? alerts.data.notices : [],
      empty: alerts.problem || "Nothing was told yet.",
    });
    await this.readLog();
  },
  drawRuns(data) {
    this.slots = fixed(data.slots.map((one) => ({ slot: one.slot, state: one.state, said: said(one) })));
    this.newest = data.newest;
    const ran = data.slots
      .filter((one) => one.run)
      .reverse()
      .slice(0, 12);
    this.runs = fixed({
      caption: "Collections",
      columns: RUNS,
      rows: ran.map((one) => ({ id: one.run, ...one })),
      empty: "None in this time.",
    });
    this.others = fixed({
      caption: "Analyses and validations",
      columns: OTHERS,
      rows: data.others.map((one) => ({ id: one.run, ...one })),
      empty: "None ran yet.",
    });
    this.steps = fixed({
      caption: "Steps of the newest run",
      columns: STEPS,
      rows: data.newest ? data.newest.steps.map((one) => ({ id: one.name, ...one })) : [],
      empty: "No run has steps yet.",
    });
  },
  async readLog() {
    const got = await ask(`/logs?lines=${MOST}&level=${this.loglevel}`);
    this.logs = fixed({
      caption: "Latest lines, the newest first",
      columns: LOGS,
      rows: got.data ? numbered([...got.data.lines].reverse()) : [],
      empty: got.problem || "Nothing of this level.",
    });
  },
  get health() {
    const found = app.health ? app.health.parts : [];
    const rows = found.filter((one) => this.all || one.state === "fail" || one.state === "warn");
    return fixed({
      caption: "Parts of the machine",
      columns: HEALTH,
      rows: rows.map((one) => ({ ...one, id: one.part })),
      empty: app.health ? `All ${found.length} parts are well.` : "Not known yet.",
    });
  },
  get kill() {
    return app.kill ? switched(app.kill) : [];
  },
  get said() {
    const found = app.health ? app.health.parts : [];
    const of = (state) => found.filter((one) => one.state === state).length;
    return found.length
      ? `${of("ok")} parts well, ${of("warn")} with a warning, ${of("fail")} failed, ${of("off")} off`
      : "Loading…";
  },
  get newestSaid() {
    return this.newest
      ? `newest: ${this.newest.state}, ${number(this.newest.seconds, 1)} s, started by ${this.newest.started_by || ABSENT}`
      : "";
  },
  get qualitySaid() {
    return this.quality
      ? `gate ${this.quality.gate.open ? "open" : "shut"}, ${count(this.quality.findings.length)} findings`
      : "";
  },
  get outboxSaid() {
    return this.outbox
      ? `${count(this.outbox.pending)} wait${this.outbox.oldest_s ? `, the oldest ${span(this.outbox.oldest_s)}` : ""}`
      : "";
  },
});

const create = (place, app) => view(parts(app));
export { create as view };
