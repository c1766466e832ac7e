// The page begins here: Alpine is taught, the shell is filled, the first view is shown.

import Alpine from "./vendor/alpine-csp.esm.min.js";
import { ask, session } from "./api.js";
import { helpDialog, loginDialog, open, stopDialog } from "./dialogs.js";
import { hour, now } from "./format.js";
import { listenKeys } from "./keys.js";
import { teach } from "./parts.js";
import { fetchOthers, fetchView, nodes, route, title } from "./router.js";
import { known, shell } from "./shell.js";
import { Stream } from "./stream.js";

Alpine.store("app", known());
const app = Alpine.store("app");
const main = document.getElementById("view");
let showing = 0;

const say = (words) => {
  document.getElementById("said").textContent = words;
};

// Looking at every part of a machine is work: it is asked for where something may have changed it.
const HEALTHY = new Set([
  "decision",
  "order",
  "order_ended",
  "fill",
  "journal",
  "run_begun",
  "alert",
  "alert_sent",
  "job",
]);

async function fillShell(kinds = []) {
  const take = (part) => (got) => {
    app.asked[part] = true;
    if (got.data) app[part] = got.data;
    if (got.data && part === "status") app.at = got.at;
  };
  const parts = ["status", "kill"];
  if (!app.health || kinds.some((kind) => !HEALTHY.has(kind))) parts.push("health");
  await Promise.all(parts.map((part) => ask(`/${part}`).then(take(part))));
}

// On a phone the bar of views is wider than the window: the present one is brought into sight.
function centre(link) {
  if (link)
    link.parentNode.scrollLeft = link.offsetLeft - (link.parentNode.clientWidth - link.offsetWidth) / 2;
}

async function show(moved) {
  const turn = ++showing;
  const place = route(location.hash);
  main.setAttribute("aria-busy", "true");
  let got;
  try {
    got = await fetchView(place.name);
  } catch {
    if (turn === showing)
      main.replaceChildren(
        Object.assign(document.createElement("p"), {
          className: "empty",
          textContent: "This view could not be fetched: the server does not answer.",
        }),
      );
    return;
  }
  if (turn !== showing) return;
  Alpine.data(place.name, () => got.view(place, app));
  app.view = place.name;
  document.title = `${title(place.name)} · trading`;
  main.setAttribute("aria-busy", "true");
  main.replaceChildren(...nodes(got.body));
  await Alpine.nextTick();
  centre(document.querySelector("nav [aria-current='page']"));
  if (!moved) return;
  scrollTo(0, 0);
  const heading = main.querySelector("h1");
  if (heading) heading.focus();
}

const tellViews = (kinds) => window.dispatchEvent(new CustomEvent("trading:changed", { detail: kinds }));

async function changed(kinds) {
  const before = app.status && app.status.last_run;
  tellViews(kinds);
  await fillShell(kinds);
  const last = app.status && app.status.last_run;
  if (last && before && last.slot !== before.slot) say(`New cycle: ${hour(last.slot)} UTC, ${last.state}`);
  if (kinds.includes("kill") && app.kill) say(`Kill switch: ${app.kill.state}`);
}

function linked({ stream, why }) {
  if (stream === app.link) return;
  if (stream === "dropped" && app.link !== "dropped") {
    app.since = now();
    say("Live updates stopped; asking every 15 seconds.");
  }
  if (stream === "live" && app.link === "dropped") say("Live updates are back.");
  Object.assign(app, { link: stream, why: why || "" });
}

function listen() {
  window.addEventListener("hashchange", () => show(true));
  window.addEventListener("trading:login", () => open("login"));
  window.addEventListener("trading:pressed", (event) => changed(event.detail));
  window.addEventListener("trading:session", (event) => {
    app.telegram = event.detail.telegram || "";
  });
  window.addEventListener("trading:back", (event) => {
    if (event.detail !== app.back) app.back = event.detail;
  });
  window.addEventListener("trading:answered", () => {
    app.silent = 0;
  });
  window.addEventListener("trading:silent", () => {
    if (!app.silent) app.silent = now();
  });
  setInterval(() => {
    app.tick += 1;
  }, 1000);
  const turn = Alpine.store("app") && document.querySelector(".icon");
  listenKeys({ help: () => open("help"), theme: () => turn.click() });
}

teach(Alpine);
Alpine.data("shell", shell(app));
Alpine.data("stopDialog", () => stopDialog(app));
Alpine.data("loginDialog", loginDialog);
Alpine.data("helpDialog", helpDialog);
listen();
Alpine.start();
void session().catch(() => null);
void fillShell();
await show(false);
new Stream({ changed, state: linked }).start();
setTimeout(() => void fetchOthers(), 500);
