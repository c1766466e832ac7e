// How numbers and times are written. What is absent is “–”, never 0.

export const ABSENT = "–";

const grouped = (digits) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const WRITERS = [0, 1, 2, 3, 4].map(grouped);
const missing = (value) => value === null || value === undefined || Number.isNaN(Number(value));

/** A number with so many decimals. */
export const number = (value, digits = 2) =>
  missing(value) ? ABSENT : WRITERS[digits].format(Number(value)).replace("-", "−");

/** A count. */
export const count = (value) => number(value, 0);

/** US dollars, two decimals. */
export const money = (value) => number(value, 2);

/** US dollars with their sign. */
export const gain = (value) => (missing(value) ? ABSENT : `${Number(value) > 0 ? "+" : ""}${money(value)}`);

/** A big amount, short: 858.7k. */
export function short(value) {
  if (missing(value)) return ABSENT;
  const size = Math.abs(Number(value));
  if (size >= 1e6) return `${number(value / 1e6, 1)}M`;
  return size >= 1e4 ? `${number(value / 1e3, 1)}k` : number(value, 0);
}

/** A price of a share: as many decimals as it needs, two at least, four at most. */
export function price(value) {
  if (missing(value)) return ABSENT;
  return number(value, 4).replace(/0{1,2}$/, "");
}

/** A share of one, as percent. */
export const percent = (value, digits = 1) =>
  missing(value) ? ABSENT : `${number(Number(value) * 100, digits)} %`;

/** Seconds as a person says them. */
export function span(seconds) {
  if (missing(seconds)) return ABSENT;
  const s = Math.max(0, Math.round(Number(seconds)));
  if (s < 60) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

const two = (value) => String(value).padStart(2, "0");

/** A time in UTC, to the minute: 2026-03-02 23:45. */
export function utc(text) {
  if (!text) return ABSENT;
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return String(text);
  const day = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  return `${day} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}

/** The time of day in UTC: 23:45. */
export const hour = (text) => (text ? utc(text).slice(11) : ABSENT);

// The server's own time, carried forward: ages are true where this machine's clock is not.
let told = Date.now();
let heard = performance.now();
let still = false;

/** Take the server's word for what time it is; in a look back it stays that. */
export function setClock(text, stays = false) {
  const at = Date.parse(text);
  if (Number.isNaN(at)) return;
  told = at;
  still = stays;
  heard = performance.now();
}

/** The server's time now, milliseconds. */
export const now = () => (still ? told : told + (performance.now() - heard));

/** How long ago, or how long until: "3 min ago", "in 4 min". */
export function ago(text) {
  if (!text) return ABSENT;
  const seconds = (now() - Date.parse(text)) / 1000;
  if (Number.isNaN(seconds)) return ABSENT;
  return seconds < 0 ? `in ${span(-seconds)}` : `${span(seconds)} ago`;
}

/** A time and how long ago it was. */
export const when = (text) => (text ? `${utc(text)} UTC · ${ago(text)}` : ABSENT);

/** Whatever a setting holds, as one line. */
export function anything(value) {
  if (value === null || value === undefined || value === "") return ABSENT;
  if (typeof value === "number") return String(value);
  if (Array.isArray(value) && value.length && value.every((one) => one === null || typeof one !== "object"))
    return value.map(anything).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The tone of a gain: which colour, never the only sign of it. */
export const tone = (value) => (missing(value) || Number(value) === 0 ? "" : value > 0 ? "up" : "down");
