// Hearing what happened. Where the stream drops, asking goes on, and the page says how old it is.

const KINDS = [
  "run_begun",
  "run_ended",
  "decision",
  "order",
  "order_ended",
  "fill",
  "journal",
  "kill",
  "kill_proof",
  "pause",
  "pause_ended",
  "alert",
  "alert_seen",
  "alert_sent",
  "alert_failed",
  "source",
  "correlation",
  "backtest",
  "job",
  "opinion",
  "gap",
];
const POLL_MS = 15_000;
const LIVE_POLL_MS = 60_000; // a stream that hangs without an error is found out
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;

/** Listen; `changed(kinds)` is called a moment after things happened, `state(what)` on every turn. */
export class Stream {
  constructor({ changed, state }) {
    this.changed = changed;
    this.state = state;
    this.last = null;
    this.wait = FIRST_RETRY_MS;
    this.heard = new Set();
    this.source = null;
    this.timers = {};
  }

  start() {
    this.connect();
    this.poll();
  }

  connect() {
    const after = this.last === null ? "" : `?after=${encodeURIComponent(this.last)}`;
    const source = new EventSource(`/api/v1/stream${after}`);
    this.source = source;
    source.onopen = () => {
      const back = this.wait !== FIRST_RETRY_MS;
      this.wait = FIRST_RETRY_MS;
      this.state({ stream: "live" });
      if (back) this.changed(["stream"]);
      this.poll();
    };
    source.onerror = () => this.lost("");
    source.addEventListener("dropped", (event) => this.lost(reason(event.data)));
    source.addEventListener("ready", (event) => {
      this.last = event.lastEventId || this.last;
    });
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.hear(kind, event));
  }

  hear(kind, event) {
    if (event.lastEventId) this.last = event.lastEventId;
    this.heard.add(kind);
    clearTimeout(this.timers.tell);
    this.timers.tell = setTimeout(() => {
      const kinds = [...this.heard];
      this.heard.clear();
      this.changed(kinds);
    }, 250);
  }

  lost(why) {
    if (!this.source) return;
    this.source.close();
    this.source = null;
    this.state({ stream: "dropped", why });
    clearTimeout(this.timers.retry);
    this.timers.retry = setTimeout(() => this.connect(), this.wait);
    if (this.wait === FIRST_RETRY_MS) this.changed(["poll"]); // is the server gone, or the stream alone?
    this.wait = Math.min(this.wait * 2, LAST_RETRY_MS);
    this.poll();
  }

  poll() {
    clearInterval(this.timers.poll);
    const every = this.source ? LIVE_POLL_MS : POLL_MS;
    this.timers.poll = setInterval(() => this.changed(["poll"]), every);
  }
}

function reason(text) {
  try {
    return String(JSON.parse(text).reason || "");
  } catch {
    return "";
  }
}
