// What is around every view: the mark, the pills, the banner, the foot.

import { open } from "./dialogs.js";
import { hour, now, span, utc } from "./format.js";
import { isNew, judge } from "./state.js";

const here = (app, ...names) => (names.includes(app.view) ? "page" : "false");
const THEMES = { dark: "light", light: "dark" };

function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

/** What all parts of the page know; `Alpine.store("app")`. */
export const known = () => ({
  status: null,
  kill: null,
  health: null,
  at: null,
  asked: { status: false, kill: false, health: false },
  view: "overview",
  link: "connecting",
  since: 0,
  silent: 0,
  why: "",
  tick: 0,
  theme: theme(),
  telegram: "",
  back: "",
  get state() {
    return this.tick >= 0 ? judge(this) : null;
  },
});

export const shell = (app) => () => ({
  get onOverview() {
    return here(app, "overview");
  },
  get onMarkets() {
    return here(app, "markets", "market", "decision");
  },
  get onPositions() {
    return here(app, "positions");
  },
  get onJournal() {
    return here(app, "journal");
  },
  get onResearch() {
    return here(app, "research");
  },
  get onOperations() {
    return here(app, "operations");
  },
  get markClass() {
    return app.state.level;
  },
  get killText() {
    if (isNew(app)) return "NEW";
    return app.kill ? (app.kill.state === "ARMED" ? "ARMED" : "STOPPED") : "–";
  },
  get killClass() {
    if (isNew(app)) return "";
    return app.kill && app.kill.state === "ARMED" ? "good" : app.kill ? "bad" : "";
  },
  get linkText() {
    if (app.back && !app.silent) return "look back";
    return app.silent
      ? "no answer"
      : { live: "live", dropped: "polling", connecting: "connecting" }[app.link];
  },
  get linkClass() {
    if (app.back && !app.silent) return "warn";
    return app.silent ? "bad" : app.link === "live" ? "good" : "warn";
  },
  get linkTitle() {
    if (app.back && !app.silent) return this.backText;
    return app.silent
      ? "The server does not answer"
      : app.link === "live"
        ? "What happens is shown at once"
        : "Asking every 15 seconds";
  },
  get age() {
    return app.tick >= 0 && app.at ? span((now() - Date.parse(app.at)) / 1000) : "not known";
  },
  get banner() {
    return Boolean(app.silent) || (app.link === "dropped" && !app.back);
  },
  get bannerText() {
    if (app.silent && app.back) return "The server does not answer. Trying again.";
    if (app.silent)
      return `The server has not answered since ${hour(app.silent)} UTC; the numbers below are ${this.age} old. Trying again.`;
    const why = app.why ? ` (${app.why})` : "";
    return `Live updates stopped at ${hour(app.since)} UTC${why}; asking every 15 s instead. The numbers are ${this.age} old.`;
  },
  get back() {
    return Boolean(app.back);
  },
  get backText() {
    return `A look back: as of ${utc(app.back)} UTC. Nothing here is live and nothing can be changed from here; ages count from then.`;
  },
  get footText() {
    return app.at ? `As of ${utc(app.at)} UTC.` : "Loading…";
  },
  get telegramUrl() {
    return app.telegram || null;
  },
  get themeLabel() {
    return `Turn ${THEMES[app.theme]}`;
  },
  turnTheme() {
    app.theme = THEMES[app.theme];
    document.documentElement.dataset.theme = app.theme;
    try {
      localStorage.setItem("trading-theme", app.theme);
    } catch {
      // not kept: it holds until the page is left
    }
    window.dispatchEvent(new CustomEvent("trading:theme"));
  },
  openStop() {
    open("stop");
  },
  openHelp() {
    open("help");
  },
  skip() {
    document.getElementById("view").focus();
  },
});
