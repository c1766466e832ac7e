// One market: its price with the talk over it, its book, what was decided and why, its rules.

import { ask } from "../api.js";
import { DECISIONS, share, time } from "../cells.js";
import { outside } from "../dom.js";
import { ABSENT, anything, count, money, number, price, short, span, utc, when } from "../format.js";
import { fixed, view } from "../parts.js";
import { HELD } from "./held.js";

const LEVELS = 8;
const BOOK = [
  { key: "side", label: "Side", cell: (row) => row.side, head: true },
  { key: "price", label: "Price", cell: (row) => ({ text: price(row.price), tone: row.tone }), kind: "num" },
  { key: "shares", label: "Shares", cell: (row) => short(row.shares), kind: "num" },
  { key: "sum", label: "Up to here", cell: (row) => share(row.share, short(row.sum), row.tone), kind: "num" },
];
const POSTS = [
  {
    key: "text",
    label: "What",
    cell: (row) => ({ text: row.text, href: row.url ? outside(row.url) : null }),
    kind: "long",
    head: true,
  },
  { key: "who", label: "Who", cell: (row) => `${row.source}${row.author ? `, ${row.author}` : ""}` },
  { key: "at", label: "When", cell: (row) => time(row.at), kind: "short" },
];
const NOTHING = { text: ABSENT, said: "" };

function ladder(book) {
  const side = (levels, name, tone) => {
    let sum = 0;
    return levels.slice(0, LEVELS).map((level) => {
      sum += level.shares;
      return { id: `${name}${level.price}`, side: name, tone, ...level, sum };
    });
  };
  const asks = side(book.asks, "ask", "down").reverse();
  const rows = [...asks, ...side(book.bids, "bid", "up")];
  const most = Math.max(1, ...rows.map((row) => row.sum));
  return rows.map((row) => ({ ...row, share: row.sum / most }));
}

function drawn(data) {
  const second = (text) => Date.parse(text) / 1000;
  const at = data.quotes.map((quote) => second(quote.slot));
  const hype = new Map((data.indicators.hype || []).map((one) => [second(one.slot), one.value]));
  const of = (name) => data.quotes.map((quote) => quote[name]);
  const near = (time_) =>
    data.quotes[
      Math.max(
        0,
        at.findLastIndex((one) => one <= time_),
      )
    ];
  const marks = data.signals
    .map((one) => {
      const moment = second(one.decided_at);
      const quote = near(moment);
      return {
        at: moment,
        value: quote ? quote.mid : one.limit_price,
        tone: one.action === "BUY" ? "up" : "down",
        text: one.action,
      };
    })
    .filter((mark) => mark.value !== null);
  const mids = of("mid").filter((value) => value !== null);
  return fixed({
    label: "Price of YES in USD, with hype",
    summary: mids.length
      ? `Mid from ${price(mids[0])} to ${price(mids.at(-1))}, lowest ${price(Math.min(...mids))}, highest ${price(Math.max(...mids))}; ${marks.length} signals`
      : "No quote of both sides",
    at,
    lines: [
      { label: "Mid", values: of("mid"), tone: "accent" },
      { label: "Bid", values: of("bid"), tone: "dim", dash: true },
      { label: "Ask", values: of("ask"), tone: "dim", dash: true },
      {
        label: "Hype",
        values: at.map((one) => hype.get(one) ?? null),
        tone: "talk",
        axis: "right",
        stepped: true,
      },
    ],
    marks,
    height: 300,
    scales: { right: { range: [0, 100] } },
    write: price,
    writeRight: (value) => number(value, 0),
    empty: "No quote in this time.",
  });
}

function standing(one, digits) {
  if (!one) return { text: ABSENT, said: "none in this time" };
  if (one.value === null) return { text: ABSENT, said: one.undefined || "" };
  const tier = one.tier === "NONE" ? "no tier" : one.tier.toLowerCase();
  return { text: number(one.value, digits), said: `${tier}${one.provisional ? ", provisional" : ""}` };
}

const settled = (one) =>
  `${one.outcome}${one.payout === null ? "" : ` at ${one.payout}`}${one.reason ? ` (${one.reason.replaceAll("_", " ")})` : ""}`;

const facts = (data) =>
  [
    ["Id", data.id],
    ["Event", data.event_title || data.event],
    ["Outcomes", data.outcomes.join(" / ")],
    ["Deadline", data.deadline ? when(data.deadline) : ABSENT],
    ["Traded in 24 h, USD", money(data.volume_24h)],
    ["Liquidity, USD", money(data.liquidity)],
    ["Tick", price(data.tick)],
    ["Smallest order, shares", anything(data.min_size)],
    ["Takes orders", data.accepting_orders ? "yes" : "no"],
    ["Settled", data.settlement ? settled(data.settlement) : "no"],
  ].map(([name, value]) => ({ name, value: anything(value) }));

const parts = (place) => ({
  hours: 48,
  data: null,
  chart: null,
  book: null,
  decisions: null,
  posts: null,
  positions: null,
  facts: [],
  now: { rvr: NOTHING, roc: NOTHING, hype: NOTHING },
  async load() {
    const got = await ask(`/markets/${encodeURIComponent(place.id)}?hours=${this.hours}`);
    this.problem = got.problem;
    if (!got.data) return;
    const { data } = got;
    Object.assign(this, {
      data: fixed(data),
      chart: drawn(data),
      facts: fixed(facts(data)),
      now: fixed({
        rvr: standing(data.now.rvr, 2),
        roc: standing(data.now.roc, 3),
        hype: standing(data.now.hype, 0),
      }),
      book: fixed({
        caption: "Best levels of the YES book",
        columns: BOOK,
        rows: data.book ? ladder(data.book) : [],
        empty: "No book was kept.",
      }),
      decisions: fixed({
        caption: "Decisions on this market, the newest first",
        columns: DECISIONS,
        rows: data.decisions,
        empty: "Nothing was decided on it yet.",
      }),
      posts: fixed({
        caption: "What was said, the newest first",
        columns: POSTS,
        rows: data.posts,
        empty: "Nothing was heard in this time.",
      }),
      positions: fixed({ caption: "Positions in this market", columns: HELD, rows: data.positions }),
    });
    document.title = `${data.question} · trading`;
  },
  get question() {
    return this.data ? this.data.question : "Loading…";
  },
  get category() {
    return this.data ? this.data.category || "no category" : "";
  },
  get said() {
    return this.data
      ? `${this.data.closed ? "closed" : "open"} · deadline ${this.data.deadline ? utc(this.data.deadline) : "not known"}`
      : "";
  },
  get venue() {
    return this.data ? outside(this.data.place) : null;
  },
  get prices() {
    return this.data ? `${price(this.data.bid)} / ${price(this.data.ask)}` : ABSENT;
  },
  get priceAge() {
    return this.data && this.data.age_s !== null ? `${span(this.data.age_s)} old` : "";
  },
  get mid() {
    return this.data ? price(this.data.mid) : ABSENT;
  },
  get moved() {
    return this.data && this.data.moved && this.data.moved.sentence ? this.data.moved.sentence : "";
  },
  get score() {
    return this.data ? number(this.data.score, 2) : ABSENT;
  },
  get followed() {
    return this.data ? (this.data.panel ? "followed" : "not followed") : "";
  },
  get bookSaid() {
    return this.data && this.data.book ? `${span(this.data.book.age_s)} old` : "";
  },
  get newsSaid() {
    return this.data ? `${count(this.data.posts.length)} newest` : "";
  },
  get wordings() {
    return this.data && this.data.rules ? this.data.rules.versions : [];
  },
  get rules() {
    return this.wordings.length ? this.wordings.at(-1).text || ABSENT : "No rules are kept.";
  },
  get rulesSaid() {
    return this.wordings.length
      ? `${count(this.wordings.length)} wording${this.wordings.length === 1 ? "" : "s"} seen, the newest ${utc(this.wordings.at(-1).seen_at)} UTC`
      : "";
  },
  get changes() {
    return this.wordings
      .filter((one) => one.changes.length)
      .map((one) => `${utc(one.seen_at)} UTC\n${one.changes.join("\n")}`)
      .join("\n\n");
  },
  get held() {
    return Boolean(this.data && this.data.positions.length);
  },
  get is24() {
    return String(this.hours === 24);
  },
  get is48() {
    return String(this.hours === 48);
  },
  get is168() {
    return String(this.hours === 168);
  },
  to24() {
    return this.to(24);
  },
  to48() {
    return this.to(48);
  },
  to168() {
    return this.to(168);
  },
  to(hours) {
    this.hours = hours;
    return this.again();
  },
});

const create = (place) => view(parts(place));
export { create as view };
