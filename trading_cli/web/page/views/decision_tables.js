// The columns of the decision view.

import { tag, time } from "../cells.js";
import { anything, count, money, number, percent, price } from "../format.js";

const TIERS = { STRONG: "strong", MODERATE: "moderate" };

export const FEATURES = [
  { key: "name", label: "Indicator", cell: (row) => row.name.toUpperCase(), head: true },
  { key: "value", label: "Value", cell: (row) => number(row.value, 3), kind: "num" },
  {
    key: "tier",
    label: "Tier",
    cell: (row) => (row.undefined ? "undefined" : tag(row.tier, TIERS[row.tier])),
  },
  {
    key: "how",
    label: "How it comes about",
    cell: (row) => row.undefined || `${row.worked || ""}${row.provisional ? " (provisional)" : ""}`,
    kind: "long",
  },
];
export const VETOES = [
  { key: "reason", label: "Rule", cell: (row) => tag(row.reason, "bad"), head: true },
  { key: "sentence", label: "Because", cell: (row) => row.sentence, kind: "long" },
];
export const CHECKS = [
  { key: "at", label: "#", cell: (row) => count(row.at), kind: "num" },
  { key: "rule", label: "Limit", cell: (row) => row.rule.replaceAll("_", " "), head: true },
  { key: "verdict", label: "Verdict", cell: (row) => verdict(row) },
  { key: "allowed", label: "Shares allowed", cell: (row) => number(row.allowed), kind: "num band" },
  { key: "sentence", label: "Its numbers", cell: (row) => row.sentence, kind: "long" },
];
export const INPUTS = [
  { key: "what", label: "What", cell: (row) => row.what, head: true },
  { key: "value", label: "Value", cell: (row) => row.value, kind: "long" },
  { key: "at", label: "Seen", cell: (row) => time(row.observed_at), kind: "short" },
];
export const SETTINGS = [
  { key: "key", label: "Setting", cell: (row) => row.key, head: true },
  { key: "then", label: "Then", cell: (row) => anything(row.then), kind: "num" },
  { key: "now", label: "Now", cell: (row) => anything(row.value), kind: "num" },
  { key: "origin", label: "From", cell: (row) => row.origin },
  {
    key: "decided",
    label: "Decided",
    cell: (row) => (row.decided ? tag("✓ as then", "good") : tag("changed since, or not kept", "warn")),
  },
];
export const OPINIONS = [
  { key: "source", label: "Source", cell: (row) => row.source, head: true },
  { key: "probability", label: "Says YES", cell: (row) => percent(row.probability), kind: "num" },
  { key: "price", label: "Price then", cell: (row) => price(row.price), kind: "num" },
  { key: "events", label: "Judged by", cell: (row) => `${count(row.events)} events`, kind: "num" },
  { key: "added", label: "Knew beyond the price", cell: (row) => number(row.added, 2), kind: "num" },
  { key: "weight", label: "Weight", cell: (row) => number(row.weight, 2), kind: "num" },
  { key: "used", label: "Counted", cell: (row) => (row.used ? tag("yes", "good") : tag("no")) },
  { key: "at", label: "Came", cell: (row) => time(row.observed_at), kind: "short" },
];
export const ORDERS = [
  { key: "id", label: "Order", cell: (row) => row.id, head: true },
  {
    key: "what",
    label: "What",
    cell: (row) => `${row.side} ${number(row.shares)} ${row.token} at ${price(row.limit_price)}`,
  },
  {
    key: "state",
    label: "State",
    cell: (row) => tag(row.state, row.state === "FILLED" ? "good" : row.state === "REJECTED" ? "bad" : ""),
  },
  { key: "detail", label: "Detail", cell: (row) => row.detail, kind: "long" },
];
export const FILLS = [
  { key: "id", label: "Fill", cell: (row) => row.id, head: true },
  { key: "at", label: "When", cell: (row) => time(row.at), kind: "short" },
  { key: "shares", label: "Shares", cell: (row) => number(row.shares), kind: "num" },
  { key: "price", label: "Price", cell: (row) => price(row.price), kind: "num" },
  { key: "fee", label: "Fee, USD", cell: (row) => money(row.fee), kind: "num" },
  { key: "grade", label: "Evidence", cell: (row) => tag(row.grade) },
];

function verdict(row) {
  if (row.allowed <= 0) return tag("✕ fails", "fail");
  return row.binding ? tag("! binds", "binding") : tag("✓ passes", "pass");
}
