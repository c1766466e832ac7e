// Keys of one letter: g and a letter goes to a view. Off where they would be in the way.

const VIEWS = { o: "overview", m: "markets", p: "positions", j: "journal", r: "research", s: "operations" };
const TYPING = "input, textarea, select, [contenteditable]";

export const storedKeys = {
  on() {
    try {
      return localStorage.getItem("trading-keys") !== "off";
    } catch {
      return true;
    }
  },
  set(on) {
    try {
      localStorage.setItem("trading-keys", on ? "on" : "off");
    } catch {
      // not kept: they stay as they are on this page
    }
  },
};

/** Listen for keys; *does* is {help, theme}. */
export function listenKeys(does) {
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (!storedKeys.on() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest(TYPING) || document.querySelector("dialog[open]")) return;
    const after = Date.now() - going < 2500;
    going = event.key === "g" ? Date.now() : 0;
    if (after && VIEWS[event.key]) {
      event.preventDefault();
      location.hash = `#/${VIEWS[event.key]}`;
    } else if (event.key === "?") {
      does.help();
    } else if (event.key === "t") {
      does.theme();
    } else if (event.key === "/") {
      event.preventDefault();
      search();
    }
  });
}

function search() {
  const field = document.getElementById("search");
  if (field) field.focus();
  else location.hash = "#/markets?focus=search";
}
