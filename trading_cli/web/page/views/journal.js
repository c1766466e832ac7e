// What was written down, in order; nothing of it can be changed afterwards.

import { ask, query } from "../api.js";
import { tag, time } from "../cells.js";
import { address } from "../dom.js";
import { ABSENT, anything, count, utc, when } from "../format.js";
import { fixed, view } from "../parts.js";

const LIMIT = 50;
const WORDS = 160;
const KINDS = [
  "decision",
  "decisions",
  "deposit",
  "fill",
  "gate",
  "kill",
  "note",
  "order",
  "outcome",
  "pause",
  "settlement",
];
const TONES = { kill: "bad", kill_trigger: "bad", fill: "good", order: "moderate" };

// The body in a line: its plain values; what is nested is behind the entry's number.
function brief({ kind, body }) {
  if (kind === "decisions" && body && body.seals) {
    return `${count(Object.keys(body.seals).length)} sealed, slot ${utc(body.slot * 1000)} UTC`;
  }
  const plain = Object.entries(body || {}).filter(([, value]) => value !== null && typeof value !== "object");
  const text = plain.map(([name, value]) => `${name} ${anything(value)}`).join(", ");
  return text.length > WORDS ? `${text.slice(0, WORDS)}…` : text || ABSENT;
}

const COLUMNS = [
  {
    key: "seq",
    label: "#",
    cell: (row) => ({ text: String(row.seq), href: address("journal", row.seq) }),
    kind: "num",
  },
  { key: "at", label: "When", cell: (row) => time(row.at), kind: "short" },
  { key: "kind", label: "Kind", cell: (row) => tag(row.kind, TONES[row.kind]), head: true },
  {
    key: "subject",
    label: "Of",
    cell: (row) => (row.kind === "decisions" ? "slot" : row.subject),
    kind: "short",
  },
  { key: "actor", label: "By", cell: (row) => row.actor },
  { key: "body", label: "What", cell: (row) => brief(row), kind: "long" },
];

const parts = (place) => ({
  kind: "",
  kinds: KINDS,
  rows: [],
  next: null,
  pages: 1,
  total: null,
  table: null,
  entry: null,
  warnings: [],
  async load() {
    let got = await ask(`/journal${query({ kind: this.kind, limit: LIMIT })}`);
    this.problem = got.problem;
    if (got.data) {
      this.total = got.data.total;
      this.warnings = fixed(got.warnings);
      let rows = got.data.entries;
      for (let page = 1; page < this.pages && got.next; page += 1) {
        got = await ask(got.next);
        rows = rows.concat(got.data ? got.data.entries : []);
      }
      this.next = got.next;
      this.kinds = fixed([...new Set([...this.kinds, ...rows.map((row) => row.kind)])].sort());
      this.table = fixed({
        caption: "Entries, the newest first",
        columns: COLUMNS,
        rows: rows.map((row) => ({ id: row.seq, ...row })),
        empty: "Nothing was written down in this time.",
      });
    }
    if (place.id && !this.entry) await this.one();
  },
  async one() {
    const got = await ask(`/journal/${encodeURIComponent(place.id)}`);
    this.problem = got.problem;
    if (got.data) [this.entry] = got.data.entries;
    if (this.entry)
      setTimeout(() => document.getElementById("entry").scrollIntoView({ block: "nearest" }), 50);
  },
  get said() {
    return this.total === null
      ? "Loading…"
      : `${count(this.total)} entries, each sealed to the one before it`;
  },
  get more() {
    return this.next !== null;
  },
  get shown() {
    return this.entry !== null;
  },
  get entryTitle() {
    return this.entry ? `Entry ${this.entry.seq}: ${this.entry.kind} ${this.entry.subject}` : "";
  },
  get entrySaid() {
    return this.entry ? `${when(this.entry.at)}, by ${this.entry.actor}` : "";
  },
  get link() {
    const body = this.entry ? this.entry.body || {} : {};
    return typeof body.decision === "string" ? address("decision", body.decision) : null;
  },
  get body() {
    return this.entry ? JSON.stringify(this.entry.body, null, 2) : "";
  },
  look() {
    this.pages = 1;
    return this.again();
  },
  further() {
    this.pages += 1;
    return this.again();
  },
});

const create = (place) => view(parts(place));
export { create as view };
