// Every market that is known: what it costs, how it moved, what is said of it.

import { ask, query } from "../api.js";
import { indicator, question } from "../cells.js";
import { count, price, short, span, utc } from "../format.js";
import { fixed, view } from "../parts.js";
import { spark } from "../pictures.js";
import { sortRows } from "../table.js";

const LIMIT = 50;
const SERVER = new Set(["volume", "liquidity", "deadline", "question", "score", "age"]);
const DOWN = new Set(["volume", "liquidity", "score", "hype", "rvr", "roc", "mid"]);
const value = (row, name) => (row.now && row.now[name] ? row.now[name].value : null);

const COLUMNS = [
  {
    key: "question",
    label: "Market",
    cell: (row) => question(row.id, row.question),
    head: true,
    kind: "long",
    sort: true,
  },
  {
    key: "spark",
    label: "24 h",
    cell: (row) => ({ text: "", sign: JSON.stringify(row.mids), node: () => spark(row.mids) }),
  },
  { key: "bid", label: "Bid", cell: (row) => price(row.bid), kind: "num" },
  { key: "ask", label: "Ask", cell: (row) => price(row.ask), kind: "num" },
  { key: "mid", label: "Mid", cell: (row) => price(row.mid), kind: "num", sort: true, of: (row) => row.mid },
  {
    key: "rvr",
    label: "RVR",
    cell: (row) => indicator(row.now && row.now.rvr, 2),
    kind: "num",
    sort: true,
    of: (row) => value(row, "rvr"),
  },
  {
    key: "roc",
    label: "ROC",
    cell: (row) => indicator(row.now && row.now.roc, 3),
    kind: "num",
    sort: true,
    of: (row) => value(row, "roc"),
  },
  {
    key: "hype",
    label: "Hype",
    cell: (row) => indicator(row.now && row.now.hype, 0),
    kind: "num",
    sort: true,
    of: (row) => value(row, "hype"),
  },
  { key: "volume", label: "24 h USD", cell: (row) => short(row.volume_24h), kind: "num", sort: true },
  {
    key: "deadline",
    label: "Deadline",
    cell: (row) => utc(row.deadline).slice(0, 10),
    kind: "short",
    sort: true,
  },
  {
    key: "score",
    label: "Quality",
    cell: (row) => (row.score === null ? "–" : row.score.toFixed(2)),
    kind: "num",
    sort: true,
  },
  { key: "age", label: "Age", cell: (row) => span(row.age_s), kind: "num", sort: true },
];

const parts = (place) => ({
  q: place.query.q || "",
  category: "",
  order: "volume",
  down: true,
  categories: [],
  orders: COLUMNS.filter((column) => column.sort),
  rows: [],
  sparks: {},
  fetched: "",
  next: null,
  total: null,
  table: null,
  pages: 1,
  turn: 0,
  note: "",
  get more() {
    return this.next !== null;
  },
  get said() {
    return this.total === null ? "Loading…" : `${count(this.rows.length)} of ${count(this.total)} shown`;
  },
  get server() {
    return SERVER.has(this.order) ? this.order : "volume";
  },
  async load() {
    const turn = ++this.turn;
    const asked = { q: this.q.trim(), category: this.category, sort: this.server, limit: LIMIT };
    const { sort } = asked;
    const [first, sparks] = await Promise.all([ask(`/markets${query(asked)}`), ask("/sparklines")]);
    let rows = first.data ? first.data.markets : [];
    let { next } = first;
    for (let page = 1; page < this.pages && next; page += 1) {
      const more = await ask(next);
      rows = rows.concat(more.data ? more.data.markets : []);
      next = more.next;
    }
    if (turn !== this.turn) return;
    this.problem = first.problem;
    if (sparks.data) this.sparks = fixed(Object.fromEntries(sparks.data.markets.map((one) => [one.id, one])));
    if (!first.data) return;
    Object.assign(this, {
      rows: fixed(rows.map((row) => ({ ...row, ...(this.sparks[row.id] || { mids: null, now: null }) }))),
      next,
      total: first.data.total,
      fetched: sort,
    });
    if (!asked.q && !asked.category)
      this.categories = fixed(
        [...new Set([...this.categories, ...rows.map((row) => row.category)])].filter(Boolean).sort(),
      );
    this.draw();
    if (place.query.focus === "search" && !this.ready) document.getElementById("search").focus();
  },
  draw() {
    const column = COLUMNS.find((one) => one.key === this.order);
    const own = this.down === DOWN.has(this.order) && this.fetched === this.order;
    const of =
      column.of ||
      {
        volume: (row) => row.volume_24h,
        question: (row) => row.question,
        deadline: (row) => row.deadline,
        score: (row) => row.score,
        age: (row) => row.age_s,
      }[this.order];
    const rows = own || !of ? this.rows : sortRows(this.rows, of, this.down);
    this.note = own || !this.more ? "" : "Sorted among those shown; load more to sort them too.";
    this.table = fixed({
      caption: "Markets with prices, indicators and age",
      columns: COLUMNS,
      rows,
      sorted: { key: this.order, down: this.down },
      sort: (key) => this.sortBy(key),
      empty:
        this.q || this.category ? "No market is like that." : "Nothing was collected yet: trading collect",
    });
  },
  sortBy(key) {
    this.down = key === this.order ? !this.down : DOWN.has(key);
    this.order = key;
    this.pages = 1;
    return this.again();
  },
  reorder() {
    this.down = DOWN.has(this.order);
    return this.look();
  },
  look() {
    this.pages = 1;
    return this.again();
  },
  load_more() {
    this.pages += 1;
    return this.again();
  },
});

const create = (place) => view(parts(place));
export { create as view };
