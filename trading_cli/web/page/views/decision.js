// One decision: what, why, why not, each check with its numbers, what it rested on, what came of it.

import { ask } from "../api.js";
import { address } from "../dom.js";
import { ABSENT, anything, count, gain, money, number, percent, price, utc, when } from "../format.js";
import { fixed, view } from "../parts.js";
import { CHECKS, FEATURES, FILLS, INPUTS, OPINIONS, ORDERS, SETTINGS, VETOES } from "./decision_tables.js";

const named = (pairs) =>
  pairs.filter(([, value]) => value !== undefined).map(([name, value]) => ({ name, value: anything(value) }));

function what(data) {
  const one = data.decision;
  const terms = (data.facts && data.facts.terms) || {};
  return [
    { name: "Decision", value: one.action, said: `${one.purpose}, ${one.reason}` },
    { name: "Side", value: one.token || ABSENT, said: one.strategy },
    {
      name: "Shares",
      value: one.shares ? number(one.shares) : ABSENT,
      said: one.limit_price ? `at ${price(one.limit_price)} or better` : "",
    },
    {
      name: "Round trip",
      value: terms.round_trip_cents === undefined ? ABSENT : `${number(terms.round_trip_cents)} ¢`,
      said:
        terms.round_trip_percent === undefined ? "" : `${number(terms.round_trip_percent)} % of the stake`,
    },
    { name: "Break-even", value: percent(terms.break_even), said: "must win so often" },
    {
      name: "Worst case, USD",
      value: terms.worst_case === undefined ? ABSENT : gain(-terms.worst_case),
      said: "the whole stake",
    },
  ];
}

function known(data) {
  const facts = data.facts || {};
  const terms = facts.terms || {};
  return named([
    ["Data gate", facts.gate && (facts.gate.open ? "open" : `shut: ${facts.gate.reasons.join("; ")}`)],
    ["Kill switch", facts.kill && facts.kill.state],
    ["Quality of the data", facts.quality],
    ["Fee", facts.fee && facts.fee.join(" ")],
    ["Proof", facts.proof && facts.proof.state],
    ["Deadline", terms.deadline && when(terms.deadline)],
    ["Still missing", facts.warming || undefined],
  ]);
}

function came(data) {
  const { position: held, outcome, settlement } = data;
  return named([
    ["Position", held ? `${held.state}, ${number(held.shares)} ${held.token}` : undefined],
    ["Cost, USD", held ? money(held.cost) : undefined],
    ["Would bring now, USD", held && held.liquidation !== null ? money(held.liquidation) : undefined],
    ["Unrealized, USD", held && held.unrealized !== null ? gain(held.unrealized) : undefined],
    ["Stop", held ? price(held.stop) : undefined],
    ["Sold for, USD", outcome ? money(outcome.sold) : undefined],
    ["Fees, USD", outcome ? money(outcome.fees) : undefined],
    ["Result, USD", outcome ? gain(outcome.net) : undefined],
    ["Settled", settlement ? settlement.outcome : undefined],
  ]);
}

function tables(data) {
  const orders = data.orders || [];
  const said = data.opinions ? data.opinions.said : [];
  return {
    opinions: fixed({
      caption: "What outsiders said, each weighed by its own record",
      columns: OPINIONS,
      rows: said.map((one, at) => ({ id: at, ...one })),
      empty: "Nobody said anything about it.",
    }),
    features: fixed({
      caption: "Indicators",
      columns: FEATURES,
      rows: data.features || [],
      empty: "No indicator was asked.",
    }),
    vetoes: fixed({
      caption: "What stands against it",
      columns: VETOES,
      rows: (data.vetoes || []).map((one, at) => ({ id: at, ...one })),
      empty: `Nothing ${data.decision && data.decision.action === "HOLD" ? "else " : ""}stood against it.`,
    }),
    checks: fixed({
      caption: "Limits in the order they were asked",
      columns: CHECKS,
      rows: (data.checks || []).map((one, at) => ({ id: at, at: at + 1, ...one })),
      empty: "It did not come so far: no size was asked for.",
    }),
    inputs: fixed({
      caption: "What was seen",
      columns: INPUTS,
      rows: (data.inputs || []).map((one, at) => ({ id: at, ...one })),
      empty: "Nothing was kept of it.",
    }),
    settings: fixed({
      caption: "Settings",
      columns: SETTINGS,
      rows: (data.settings || []).map((one) => ({ id: one.key, ...one })),
      empty: "None is kept.",
    }),
    orders: fixed({ caption: "Orders", columns: ORDERS, rows: orders, empty: "No order was placed." }),
    fills: orders.length
      ? fixed({
          caption: "Fills",
          columns: FILLS,
          rows: orders.flatMap((one) => one.fills || []),
          empty: "Nothing was filled.",
        })
      : null,
  };
}

const parts = (place) => ({
  data: null,
  tiles: [],
  opinions: null,
  features: null,
  vetoes: null,
  checks: null,
  inputs: null,
  settings: null,
  orders: null,
  fills: null,
  facts: [],
  became: [],
  notes: [],
  async load() {
    const got = await ask(`/decisions/${encodeURIComponent(place.id)}`);
    this.problem = got.problem;
    if (!got.data) return;
    const { data } = got;
    Object.assign(this, tables(data), {
      data: fixed(data),
      tiles: fixed(what(data)),
      facts: fixed(known(data)),
      became: fixed(came(data)),
      notes: fixed(data.notes || []),
    });
  },
  get back() {
    return this.data ? address("market", this.data.market.id) : "#/markets";
  },
  get question() {
    return this.data ? this.data.market.question || this.data.market.id : "";
  },
  get why() {
    return this.data ? this.data.why : "Loading…";
  },
  get said() {
    return this.data
      ? `Decision ${this.data.decision.id}, slot ${utc(this.data.decision.slot)} UTC, decided ${when(this.data.decision.decided_at)}`
      : "";
  },
  get label() {
    return this.data && this.data.signal ? this.data.signal.label : "";
  },
  get vetoSaid() {
    return this.data ? `${count((this.data.vetoes || []).length)} against` : "";
  },
  get binding() {
    const bound = this.data && (this.data.checks || []).find((one) => one.binding);
    return bound ? `the size was set by: ${bound.rule.replaceAll("_", " ")}` : "";
  },
  get formula() {
    return this.data ? `hash ${this.data.decision.settings_hash || ABSENT}` : "";
  },
  get anyOpinion() {
    return Boolean(this.data && this.data.opinions);
  },
  get opinionSaid() {
    return this.anyOpinion ? this.data.opinions.sentence : "";
  },
  get nothingCame() {
    return this.became.length === 0 && Boolean(this.data);
  },
});

const create = (place) => view(parts(place));
export { create as view };
