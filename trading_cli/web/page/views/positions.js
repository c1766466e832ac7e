// What is held, what it may lose, what was won and lost; the money, line by line.

import { ask } from "../api.js";
import { tag, time } from "../cells.js";
import { ABSENT, count, gain, money, number, percent, tone, utc } from "../format.js";
import { fixed, view } from "../parts.js";
import { HELD } from "./held.js";
import { LIMITS } from "./limits.js";

const RECORD = [
  { key: "by", label: "By", cell: (row) => row.by },
  { key: "name", label: "Of", cell: (row) => row.name, head: true },
  { key: "trades", label: "Trades", cell: (row) => count(row.trades), kind: "num" },
  { key: "events", label: "Events", cell: (row) => count(row.events), kind: "num" },
  {
    key: "net",
    label: "Net, USD",
    cell: (row) => ({ text: gain(row.net), tone: tone(row.net) }),
    kind: "num",
  },
  { key: "won", label: "Won", cell: (row) => ratio(row.win_rate), kind: "num" },
  { key: "mean", label: "Mean return", cell: (row) => ratio(row.mean_return), kind: "num" },
  {
    key: "verdict",
    label: "Verdict",
    cell: (row) => tag(row.verdict, row.verdict === "INSUFFICIENT" ? "warn" : "good"),
  },
  { key: "missing", label: "Missing", cell: (row) => row.missing, kind: "long" },
];
const LEDGER = [
  { key: "at", label: "When", cell: (row) => time(row.at), kind: "short" },
  { key: "kind", label: "Kind", cell: (row) => row.kind },
  { key: "account", label: "Account", cell: (row) => row.account, head: true },
  {
    key: "amount",
    label: "USD",
    cell: (row) => ({ text: gain(row.amount), tone: tone(row.amount) }),
    kind: "num",
  },
  {
    key: "shares",
    label: "Shares",
    cell: (row) => (row.shares ? `${number(row.shares)} ${row.token || ""}` : ABSENT),
    kind: "num",
  },
  {
    key: "market",
    label: "Market",
    cell: (row) =>
      row.market ? { text: row.market, href: `#/market/${encodeURIComponent(row.market)}` } : null,
  },
  { key: "reference", label: "Reference", cell: (row) => row.reference, kind: "long" },
];

// A ratio with its interval where it has one; where there is too little, nothing.
function ratio(value) {
  if (value === null || value === undefined) return ABSENT;
  if (typeof value !== "object") return percent(value);
  return `${percent(value.point ?? value.value)} (${percent(value.low)} to ${percent(value.high)})`;
}

const sums = (totals, risk) => [
  {
    name: "Held",
    value: count(totals.held),
    said: totals.unpriced ? `${count(totals.unpriced)} without a price` : "",
  },
  { name: "Cost, USD", value: money(totals.cost), said: "" },
  {
    name: "Would bring, USD",
    value: money(totals.liquidation),
    said: `${money(totals.cost_to_leave)} to leave`,
  },
  { name: "Unrealized, USD", value: gain(totals.unrealized), tone: tone(totals.unrealized), said: "" },
  { name: "Cash, USD", value: money(totals.cash), said: "" },
  {
    name: "Worst case, USD",
    value: risk && risk.totals ? gain(-risk.totals.worst) : ABSENT,
    said: "of what is at stake",
  },
];

function chart(marks) {
  const last = marks.at(-1);
  return fixed({
    label: "Equity and exposure in USD",
    summary: last ? `Equity ${money(last.equity)}, at stake ${money(last.exposure)} on ${utc(last.at)}` : "",
    at: marks.map((one) => Date.parse(one.at) / 1000),
    lines: [
      { label: "Equity, USD", values: marks.map((one) => one.equity), tone: "accent", stepped: true },
      {
        label: "At stake, USD (right)",
        values: marks.map((one) => one.exposure),
        tone: "second",
        axis: "right",
        stepped: true,
      },
    ],
    height: 330,
    write: (value) => number(value, 0),
    writeRight: (value) => number(value, 0),
    empty: "Nothing was kept of an account in the last year.",
  });
}

const parts = () => ({
  tiles: [],
  held: null,
  chart: null,
  limits: null,
  record: null,
  ledger: null,
  total: null,
  balances: null,
  next: null,
  pages: 1,
  stopNote: "",
  recordSaid: "",
  async load() {
    const [held, risk, worth, record] = await Promise.all(
      ["/positions", "/risk", "/equity?points=400&since=365d", "/performance"].map(ask),
    );
    this.problem = held.problem;
    if (held.data) {
      this.tiles = fixed(sums(held.data.totals, risk.data));
      this.stopNote = held.data.stop_note[0].toUpperCase() + held.data.stop_note.slice(1) + ".";
    }
    this.held = fixed({
      caption: "Positions held",
      columns: HELD,
      rows: held.data ? held.data.positions : [],
      empty: held.problem || "Nothing is held.",
    });
    if (worth.data) this.chart = chart(worth.data.marks);
    const limits = risk.data ? [...risk.data.limits].sort((a, b) => b.share - a.share) : [];
    this.limits = fixed({
      caption: "Limits by use",
      columns: LIMITS,
      rows: limits.map((one) => ({ id: one.rule + one.of, ...one })),
      empty: risk.problem || "No limit is in use.",
    });
    this.recordSaid = record.data
      ? `${count(record.data.trades)} trades in ${count(record.data.events)} events; ${count(record.data.minimum)} events are enough`
      : "";
    this.record = fixed({
      caption: "Closed trades by group",
      columns: RECORD,
      rows: record.data ? record.data.groups.map((one) => ({ id: one.by + one.name, ...one })) : [],
      empty: record.problem || "No trade is over yet.",
    });
    await this.lines();
  },
  async lines() {
    let got = await ask("/ledger?limit=30");
    let rows = got.data ? got.data.lines : [];
    if (got.data) Object.assign(this, { total: got.data.total, balances: fixed(got.data.balances) });
    for (let page = 1; page < this.pages && got.next; page += 1) {
      got = await ask(got.next);
      rows = rows.concat(got.data ? got.data.lines : []);
    }
    this.next = got.next;
    this.ledger = fixed({
      caption: "Lines of the ledger, the newest first",
      columns: LEDGER,
      rows: rows.map((one) => ({ id: one.seq, ...one })),
      empty: got.problem || "No money moved yet.",
    });
  },
  get more() {
    return this.next !== null;
  },
  get ledgerSaid() {
    if (!this.balances) return "";
    return Object.entries(this.balances)
      .filter(([, usd]) => usd !== 0)
      .map(([name, usd]) => `${name} ${money(usd)}`)
      .join(" · ");
  },
  further() {
    this.pages += 1;
    return this.lines();
  },
});

const create = () => view(parts());
export { create as view };
