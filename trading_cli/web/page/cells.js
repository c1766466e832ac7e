// Cells that more than one view shows.

import { address, h } from "./dom.js";
import { ABSENT, ago, number, utc, when } from "./format.js";
import { bar } from "./pictures.js";

/** A word in a box. */
export const tag = (text, tone = "") =>
  text ? { text, sign: tone, node: () => h("span", { class: `tag ${tone}` }, text) } : ABSENT;

/** A market's question, leading to it. */
export const question = (id, text) => ({
  text: text || id || ABSENT,
  href: id ? address("market", id) : null,
});

/** A time to the minute, how long ago as a hint. */
export const time = (text) => (text ? { text: utc(text), title: when(text) } : ABSENT);

/** How long ago, the time as a hint. */
export const age = (text) => (text ? { text: ago(text), title: `${utc(text)} UTC` } : ABSENT);

const ACTIONS = { BUY: "good", SELL: "warn", HOLD: "" };

/** A decision, leading to its reasons. */
export const decision = (one) => ({
  text: one.action,
  href: address("decision", one.id),
  sign: one.id,
  node: () =>
    h(
      "a",
      { href: address("decision", one.id) },
      h("span", { class: `tag ${ACTIONS[one.action]}` }, one.action),
      h("span", { class: "sr" }, ` decision ${one.id}`),
    ),
});

const TIERS = { STRONG: "strong", MODERATE: "moderate", WEAK: "" };

/** An indicator with its tier; where it is not defined, why. */
export function indicator(one, digits) {
  if (!one || one.value === null)
    return { text: ABSENT, title: one ? one.undefined : "none within the hour", tone: "dim" };
  const text = number(one.value, digits);
  const tier = one.tier === "NONE" ? "" : one.tier;
  return {
    text,
    sign: tier,
    title: one.provisional ? "provisional: the baseline is not full" : null,
    node: () =>
      h(
        "span",
        {},
        text,
        one.provisional ? "*" : "",
        tier ? " " : "",
        tier ? h("span", { class: `tag ${TIERS[tier]}` }, tier.toLowerCase()) : null,
      ),
  };
}

/** A share of something, as text and bar. */
export const share = (value, text, tone) => ({
  text,
  sign: `${value}${tone}`,
  node: () => h("span", {}, text, bar(value, tone)),
});

/** The columns of a list of decisions. */
export const DECISIONS = [
  { key: "what", label: "Decision", cell: decision, kind: "short" },
  { key: "reason", label: "Why", cell: (one) => one.reason, kind: "short" },
  { key: "side", label: "Side", cell: (one) => one.side, kind: "short" },
  { key: "size", label: "Shares", cell: (one) => (one.size ? number(one.size) : ABSENT), kind: "num" },
  { key: "limit", label: "At most", cell: (one) => number(one.limit_price, 2), kind: "num" },
  { key: "at", label: "Decided", cell: (one) => time(one.decided_at), kind: "short" },
];
