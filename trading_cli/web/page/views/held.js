// The columns of positions, where they are shown whole.

import { question, time } from "../cells.js";
import { address, h } from "../dom.js";
import { gain, money, number, percent, price, tone } from "../format.js";

export const HELD = [
  {
    key: "question",
    label: "Market",
    cell: (row) => question(row.market, row.question),
    head: true,
    kind: "long",
  },
  { key: "token", label: "Side", cell: (row) => row.token },
  { key: "state", label: "State", cell: (row) => row.state },
  { key: "shares", label: "Shares", cell: (row) => number(row.shares), kind: "num" },
  { key: "entry", label: "Paid", cell: (row) => price(row.entry_price), kind: "num" },
  { key: "bid", label: "Bid", cell: (row) => price(row.bid), kind: "num" },
  { key: "cost", label: "Cost, USD", cell: (row) => money(row.cost), kind: "num" },
  { key: "brings", label: "Would bring", cell: (row) => money(row.liquidation), kind: "num" },
  {
    key: "gain",
    label: "Unrealized",
    cell: (row) => ({
      text: `${gain(row.unrealized)} (${percent(row.returned)})`,
      tone: tone(row.unrealized),
    }),
    kind: "num",
  },
  { key: "stop", label: "Stop", cell: (row) => price(row.stop), kind: "num" },
  {
    key: "targets",
    label: "Targets",
    cell: (row) =>
      (row.targets || []).map((one, at) => (at < row.targets_hit ? `✓${price(one)}` : price(one))).join(" "),
  },
  { key: "opened", label: "Opened", cell: (row) => time(row.opened_at), kind: "short" },
  {
    key: "why",
    label: "Why",
    cell: (row) =>
      row.decision
        ? {
            text: "why",
            href: address("decision", row.decision),
            node: () =>
              h(
                "a",
                { href: address("decision", row.decision) },
                "why",
                h("span", { class: "sr" }, ` ${row.token} was bought`),
              ),
          }
        : null,
  },
];
