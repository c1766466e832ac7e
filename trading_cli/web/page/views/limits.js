// How much of each limit is used.

import { share } from "../cells.js";
import { money, number, percent } from "../format.js";

function usage(row) {
  const write = { USD: money, share: percent }[row.unit] || ((value) => number(value, 0));
  if (row.rule === "cash") return `${money(row.used)} USD free, ${money(row.limit)} must stay`;
  const unit = row.unit === "USD" ? " USD" : "";
  return `${write(row.used)} of ${write(row.limit)}${unit} (${percent(row.share, 0)})${row.broken ? ", broken" : ""}`;
}

export const LIMITS = [
  {
    key: "rule",
    label: "Limit",
    cell: (row) => `${row.rule.replaceAll("_", " ")}${row.of ? `: ${row.of}` : ""}`,
    head: true,
  },
  {
    key: "use",
    label: "Used",
    cell: (row) => share(row.share, usage(row), row.broken ? "bad" : row.share > 0.8 ? "warn" : ""),
  },
];
