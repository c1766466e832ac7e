// A backtest's and a Monte Carlo's report: the sentence, the picture, the numbers with intervals.

import { ABSENT, count, money, number, percent, utc } from "../format.js";
import { fixed } from "../parts.js";

/** Before anything is opened. */
export const NO_REPORT = {
  report: false,
  reportTitle: "",
  reportSaid: "",
  sentence: "",
  reportChart: null,
  metrics: null,
  beside: null,
  besideTitle: "",
  worse: null,
};

// "share" is a share of the stake; others say of what: "share of events", "money a trade", "a year".
function value({ unit }, one) {
  if (unit.startsWith("share")) return percent(one, 2);
  return unit.startsWith("money") ? money(one) : number(one, 2);
}
const measure = (row) => (row.unit === "share" ? row.name : `${row.name}, ${row.unit.replace("money", "USD")}`);
const METRICS = [
  { key: "name", label: "Measure", cell: measure, head: true },
  { key: "value", label: "Value", cell: (row) => value(row, row.value), kind: "num" },
  {
    key: "band",
    label: "95 % interval",
    cell: (row) => (row.low === null ? ABSENT : `${value(row, row.low)} to ${value(row, row.high)}`),
    kind: "num band",
  },
  { key: "n", label: "n", cell: (row) => count(row.n), kind: "num" },
  { key: "missing", label: "Missing", cell: (row) => row.missing, kind: "long" },
];
const BESIDE = [
  { key: "name", label: "Beside", cell: (row) => row.name, head: true },
  { key: "return", label: "Return", cell: (row) => percent(row.total_return, 2), kind: "num" },
  { key: "net", label: "Net, USD", cell: (row) => money(row.net), kind: "num" },
  { key: "trades", label: "Trades", cell: (row) => count(row.trades), kind: "num" },
  { key: "drawdown", label: "Drawdown", cell: (row) => percent(row.drawdown, 1), kind: "num" },
];
const PERCENTILES = [
  { key: "of", label: "Of", cell: (row) => row.of, head: true },
  { key: "percentile", label: "Percentile", cell: (row) => number(row.percentile, 0), kind: "num" },
  { key: "point", label: "Value", cell: (row) => percent(row.point, 1), kind: "num" },
  {
    key: "band",
    label: "95 % interval",
    cell: (row) => `${percent(row.low, 1)} to ${percent(row.high, 1)}`,
    kind: "num band",
  },
];
const CHANCES = [
  { key: "name", label: "Chance", cell: (row) => row.name, head: true },
  { key: "point", label: "Share", cell: (row) => percent(row.point, 2), kind: "num" },
  {
    key: "band",
    label: "95 % interval",
    cell: (row) => `${percent(row.low, 2)} to ${percent(row.high, 2)}`,
    kind: "num band",
  },
];

function worth(points) {
  const seen = new Map(points.map((one) => [Date.parse(one.at) / 1000, one]));
  const kept = [...seen.values()];
  const last = kept.at(-1);
  return fixed({
    label: "Equity of the backtest in USD",
    summary: last ? `${money(kept[0].liquidation)} to ${money(last.liquidation)} on ${utc(last.at)}` : "",
    at: [...seen.keys()],
    lines: [
      { label: "At what it would bring, USD", values: kept.map((one) => one.liquidation), tone: "accent" },
      { label: "At mid, USD", values: kept.map((one) => one.mid), tone: "dim", dash: true },
    ],
    height: 220,
    write: (one) => number(one, 0),
    empty: "No equity was kept.",
  });
}

/** What `trading backtest` answered, to be shown. */
export function backtestReport(data) {
  return {
    ...NO_REPORT,
    report: true,
    reportTitle: `Backtest #${data.run}`,
    sentence: data.sentence,
    reportSaid: `${utc(data.asked.since)} to ${utc(data.asked.until)} UTC; bias checks: ${data.bias.state}`,
    reportChart: worth(data.equity),
    besideTitle: "What else would have done",
    metrics: fixed({
      caption: "Measures with their intervals",
      columns: METRICS,
      rows: data.metrics.map((one) => ({ id: one.name, ...one })),
    }),
    beside: fixed({
      caption: "Other ways over the same span",
      columns: BESIDE,
      rows: data.beside.map((one) => ({ id: one.name, ...one })),
    }),
  };
}

function drawnFrom(data) {
  const source = data.run === null ? "the account" : `backtest ${data.run}`;
  const from = `From ${count(data.trades)} closed trades of ${source} in ${count(data.events)} events. UNPROVEN.`;
  return data.ruin ? `${from} A fall of ${percent(data.ruin.at, 0)} from a peak: ${data.ruin.told}.` : from;
}

function chancesOf(data) {
  const deep = data.ruin ? percent(data.ruin.at, 0) : "";
  const recovery = data.recovery;
  return [
    [`falls by ${deep} from a peak`, data.ruin && data.ruin.share],
    [`ever ${deep} below the start`, data.below_start],
    ["ends with a loss", data.lost],
    ["mean total return", data.mean_final],
    [
      recovery ? `not recovered at the end, first ${count(recovery.paths)} paths` : "",
      recovery && recovery.waiting,
    ],
  ]
    .filter(([, share]) => share)
    .map(([name, share]) => ({ id: name, name, ...share }));
}

const at = (rows, percentile) => rows.find((row) => row.percentile === percentile);
const WORSE = [
  { key: "name", label: "World", cell: (row) => row.name, head: true },
  {
    key: "middle",
    label: "Drawdown 50",
    cell: (row) => percent(at(row.drawdown, 50)?.point, 1),
    kind: "num",
  },
  { key: "deep", label: "Drawdown 95", cell: (row) => percent(at(row.drawdown, 95)?.point, 1), kind: "num" },
  { key: "ruin", label: "Ruin", cell: (row) => row.ruin.told, kind: "band" },
  {
    key: "final",
    label: "Median return",
    cell: (row) => percent(at(row.final, 50)?.point, 1),
    kind: "num",
  },
];

/** What `trading monte-carlo` answered, to be shown. */
export function monteCarloReport(data) {
  const rows = [
    ...data.drawdown.map((one) => ({ of: "maximum drawdown", ...one })),
    ...data.final.map((one) => ({ of: "total return", ...one })),
  ].map((one) => ({ id: one.of + one.percentile, ...one }));
  const missing = data.missing || "";
  return {
    ...NO_REPORT,
    report: true,
    reportTitle: `Monte Carlo, ${count(data.runs)} paths`,
    reportSaid: `engine ${data.engine}, seed ${data.seed}: ${data.means}`,
    sentence: missing || drawnFrom(data),
    besideTitle: "Chances",
    metrics: fixed({
      caption: "Percentiles of the paths",
      columns: PERCENTILES,
      rows,
      empty: missing || "Nothing was drawn.",
    }),
    beside: fixed({
      caption: "Chances, with their error",
      columns: CHANCES,
      rows: chancesOf(data),
      empty: missing || "Nothing was drawn.",
    }),
    worse: data.stress.length
      ? fixed({
          caption: "The trades drawn one by one in worse worlds",
          columns: WORSE,
          rows: data.stress.map((one) => ({ id: one.name, ...one })),
        })
      : null,
  };
}
