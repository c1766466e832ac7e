// Asking the server. One envelope in, its data out; a refusal says what to do about it.

import { setClock } from "./format.js";

const ROOT = "/api/v1";
const kept = new Map(); // address -> {tag, answer}: shown again where nothing changed
const KEPT = 200;
let csrf = "";

/** What the server refused, or that it did not answer (status 0). */
export class Problem extends Error {
  constructor(status, told) {
    super(told.detail || told.title || "The server did not answer.");
    this.status = status;
    this.code = told.code || "";
    this.hint = told.hint || "";
  }
}

function next(reply) {
  const found = /<([^>]+)>;\s*rel="?next"?/.exec(reply.headers.get("Link") || "");
  if (!found) return null;
  const url = new URL(found[1], location.href);
  return url.origin === location.origin ? url.pathname.replace(ROOT, "") + url.search : null;
}

async function refused(reply) {
  let told = {};
  try {
    told = await reply.json();
  } catch {
    told = { detail: `The server answered ${reply.status} without a reason.` };
  }
  const problem = new Problem(reply.status, told);
  if (reply.status === 401) announce("trading:login", problem);
  return problem;
}

async function send(path, options) {
  try {
    return await fetch(ROOT + path, { credentials: "same-origin", cache: "no-cache", ...options });
  } catch {
    announce("trading:silent", path);
    throw new Problem(0, { detail: "The server does not answer.", hint: "trading serve" });
  }
}

function announce(name, detail) {
  window.dispatchEvent(new CustomEvent(name, { detail }));
}

/** GET: {data, warnings, at, next}. What did not change is not sent again. */
export async function get(path) {
  const before = kept.get(path);
  const headers = before ? { "If-None-Match": before.tag } : {};
  const reply = await send(path, { headers });
  announce("trading:answered", path);
  const back = reply.headers.get("Trading-As-Of"); // a look back: its clock stands still there
  announce("trading:back", back || "");
  if (reply.status === 304 && before) return before.answer;
  if (!reply.ok) throw await refused(reply);
  const body = await reply.json();
  setClock(back || body.generated_at, Boolean(back));
  const answer = Object.freeze({
    data: body.data,
    warnings: body.warnings || [],
    at: back || body.generated_at,
    next: next(reply),
  });
  const tag = reply.headers.get("ETag");
  if (tag) {
    if (kept.size >= KEPT) kept.delete(kept.keys().next().value);
    kept.set(path, { tag, answer });
  }
  return answer;
}

/** GET that never throws: {data, problem}; one part of a view may fail and the others be seen. */
export async function ask(path) {
  try {
    const answer = await get(path);
    return { ...answer, problem: "" };
  } catch (problem) {
    return { data: null, warnings: [], at: null, next: null, problem: said(problem) };
  }
}

/** A problem as a sentence with its way out. */
export function said(problem) {
  const hint = problem.hint ? ` Try: ${problem.hint}` : "";
  return `${problem.message}${hint}`;
}

/** Ask for a session: the token that every POST carries. */
export async function session() {
  const reply = await send("/session", {});
  if (!reply.ok) throw await refused(reply);
  const told = (await reply.json()).data;
  csrf = told.csrf || "";
  window.dispatchEvent(new CustomEvent("trading:session", { detail: told }));
  return told;
}

// A token that went stale is asked for again, once.
async function write(path, options, again = true) {
  if (!csrf) await session();
  const headers = { ...options.headers, "X-CSRF-Token": csrf };
  const reply = await send(path, { ...options, headers });
  if (reply.status === 403 && again) {
    await session();
    return write(path, options, false);
  }
  if (!reply.ok) throw await refused(reply);
  const told = await reply.json();
  return { data: told.data, warnings: told.warnings || [], location: reply.headers.get("Location") };
}

/** POST JSON with the session's token. */
export const post = (path, body) =>
  write(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

/** DELETE with the session's token. */
export const remove = (path) => write(path, { method: "DELETE" });

/** Forget what was kept: after a login others may see more. */
export const forget = () => kept.clear();

/** A query of those values that are given. */
export function query(values) {
  const given = Object.entries(values).filter(
    ([, value]) => value !== "" && value !== null && value !== undefined,
  );
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
