// STOP, sign in, help. STOP takes two steps: press, then a typed word.

import { forget, get, post, said, session } from "./api.js";
import { count, money, span, utc } from "./format.js";
import { storedKeys } from "./keys.js";

const dialog = (name) => document.getElementById(`${name}-dialog`);

/** Open a dialog; the browser keeps the focus inside and gives it back. */
export function open(name) {
  const one = dialog(name);
  if (!one.open) one.showModal();
}

const changed = (kinds) => window.dispatchEvent(new CustomEvent("trading:pressed", { detail: kinds }));

function told(data) {
  const proof = data.proof;
  return {
    state: data.state,
    level: `${data.level} of 4`,
    latched: `${utc(data.latched_at)} UTC, within ${span(Math.max(1, data.seconds))}`,
    proof: proof ? proof.state : "nobody could look",
    orders: proof ? count(proof.open_orders) : "–",
    positions: proof ? count(proof.positions) : "–",
    worst: proof ? `${money(proof.worst_case)} USD` : "–",
    detail: proof ? proof.detail : "",
  };
}

const NOTHING = {
  state: "",
  level: "",
  latched: "",
  proof: "",
  orders: "",
  positions: "",
  worst: "",
  detail: "",
};

const IN_THE_PAST =
  "This page looks back: it stops nothing. To stop this home, on the machine: trading kill --reason WHY";

export const stopDialog = (app) => ({
  reason: "",
  word: "",
  problem: "",
  busy: false,
  stopped: false,
  verdict: "",
  facts: NOTHING,
  get asking() {
    return !this.stopped;
  },
  get heading() {
    return "Stop all trading?";
  },
  get notYet() {
    return this.busy || Boolean(app.back) || this.word.trim().toUpperCase() !== "STOP";
  },
  get pressText() {
    return this.busy ? "Stopping…" : "STOP now";
  },
  get warning() {
    return app.back ? IN_THE_PAST : this.problem;
  },
  leave() {
    dialog("stop").close();
  },
  closed() {
    Object.assign(this, { word: "", problem: "", stopped: false, facts: NOTHING });
  },
  async press() {
    if (this.notYet) return;
    this.busy = true;
    this.problem = "";
    try {
      const { data } = await post("/kill", { reason: this.reason.trim() || "pressed on the page" });
      const shown = (await get("/kill")).data;
      const verified = data.proof && data.proof.state === "VERIFIED" && shown.state === "TRIGGERED";
      this.facts = told(data);
      this.verdict = verified
        ? "Stopped and verified"
        : "Stopped, not verified: look with trading kill verify";
      this.stopped = true;
      changed(["kill"]);
    } catch (problem) {
      this.problem = `NOT stopped by this page. ${said(problem)} On the machine: trading kill`;
    } finally {
      this.busy = false;
    }
  },
});

export const loginDialog = () => ({
  token: "",
  problem: "",
  async enter() {
    this.problem = "";
    try {
      await post("/session", { token: this.token });
      await session();
      this.token = "";
      forget();
      dialog("login").close();
      changed(["login"]);
    } catch (problem) {
      this.problem = said(problem);
    }
  },
});

export const helpDialog = () => ({
  keys: storedKeys.on(),
  keep() {
    storedKeys.set(this.keys);
  },
});
