// Whether all is well, in one sentence: what `status`, `kill status` and `health` say, summed up.

import { ago, span, utc } from "./format.js";

const STOP_WORDS = {
  TRIGGERED: "STOPPED",
  DISARMED: "STOPPED, not armed",
};

function reasons(status, health, asked) {
  const silent = { part: "health", state: "warn", evidence: "it could not be asked", fix: "trading health" };
  const parts = health ? health.parts : asked.health ? [silent] : [];
  const bad = parts.filter((part) => part.state === "fail");
  const warned = parts.filter((part) => part.state === "warn");
  const line = (tone) => (part) => ({
    id: part.part,
    tone,
    text: `${part.part}: ${part.evidence}`,
    fix: part.fix,
  });
  const pauses = (status.pauses || []).map((pause) => ({
    id: `pause ${pause.kind}`,
    tone: "warn",
    text: `entries are paused (${pause.kind}${pause.until ? `, until ${utc(pause.until)} UTC` : ""})${pause.reason ? `: ${pause.reason}` : ""}`,
    fix: pause.kind === "owner" ? "trading resume" : "",
  }));
  const gate = status.data_gate.open
    ? []
    : [
        {
          id: "gate",
          tone: "bad",
          text: `no entries, the data gate is shut: ${status.data_gate.reasons.join("; ")}`,
          fix: "trading quality-check",
        },
      ];
  return [...gate, ...bad.map(line("bad")), ...pauses, ...warned.map(line("warn"))];
}

/** A home without a database: `status` knows of no switch yet, and nobody stopped anything. */
export const isNew = ({ status, kill }) =>
  Boolean(status && !status.kill && kill && kill.doubt && !kill.file_there);

const things = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

const FIRST = {
  level: "unknown",
  word: "Nothing collected yet",
  sentence: "A new home. The first collection makes its database and arms the kill switch; until then no order can be made.",
  reasons: [
    { id: "collect", tone: "next", text: "bring the first slot", fix: "trading collect" },
    { id: "run", tone: "next", text: "or one every quarter of an hour", fix: "trading run" },
  ],
};

/** {level: ok|warn|bad|stopped|unknown, word, sentence, reasons}. */
export function judge({ status, kill, health, asked }) {
  if ((!status && !asked.status) || (!kill && !asked.kill)) {
    return { level: "unknown", word: "Looking…", sentence: "Asking how things stand.", reasons: [] };
  }
  if (!status || !kill) {
    return {
      level: "unknown",
      word: "Unknown",
      sentence: "Nobody answers: the state is not known.",
      reasons: [],
    };
  }
  if (isNew({ status, kill })) return FIRST;
  const all = reasons(status, health, asked);
  if (kill.state !== "ARMED") {
    const since = kill.since ? ` Since ${utc(kill.since)} UTC (${ago(kill.since)}).` : "";
    return {
      level: "stopped",
      word: STOP_WORDS[kill.state] || kill.state,
      sentence: `Reason: ${kill.reason || "none was given"}. ${capital(kill.forbids)}.${since}`,
      reasons: all.filter((one) => one.id !== "kill switch"),
    };
  }
  if (!health && !asked.health)
    return {
      level: "unknown",
      word: "Looking…",
      sentence: "Armed; asking every part how it is.",
      reasons: all,
    };
  const bad = all.filter((one) => one.tone === "bad").length;
  if (bad)
    return {
      level: "bad",
      word: "Attention",
      sentence: `${things(bad, "thing")} must be mended.`,
      reasons: all,
    };
  if (all.length)
    return {
      level: "warn",
      word: "Working",
      sentence: `With ${things(all.length, "warning")}.`,
      reasons: all,
    };
  return { level: "ok", word: "All is well", sentence: calm(status), reasons: [] };
}

const capital = (text) => (text ? text[0].toUpperCase() + text.slice(1) : "");

function calm(status) {
  const last = status.last_run;
  return last ? `The last cycle was ${last.state} ${span(last.age_s)} ago.` : "No cycle ran yet.";
}
