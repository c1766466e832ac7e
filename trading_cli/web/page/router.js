// Which view an address names, and putting it on the page.

const VIEWS = {
  overview: "Overview",
  markets: "Markets",
  market: "Market",
  decision: "Decision",
  positions: "Positions",
  journal: "Journal",
  research: "Research",
  operations: "Operations",
};
const BASE = "/static/views";
const fetched = new Map(); // view -> promise of {fragment, view}

/** {name, id, query} of a hash; an unknown one is the overview. */
export function route(hash) {
  const [path, asked = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  let id = "";
  try {
    id = decodeURIComponent(rest.join("/"));
  } catch {
    id = "";
  }
  return {
    name: Object.hasOwn(VIEWS, name) ? name : "overview",
    id,
    query: Object.fromEntries(new URLSearchParams(asked)),
  };
}

/** The words of a view's title. */
export const title = (name) => VIEWS[name];

async function fragment(name) {
  const reply = await fetch(`${BASE}/${name}.html`);
  if (!reply.ok) throw new Error(`${name}.html: ${reply.status}`);
  return new DOMParser().parseFromString(await reply.text(), "text/html").body;
}

/** Fetch a view once: its words and its code. Forgotten where that failed, so it can be tried again. */
export function fetchView(name) {
  if (!fetched.has(name)) {
    const both = Promise.all([fragment(name), import(`${BASE}/${name}.js`)]).then(([body, code]) => ({
      body,
      view: code.view,
    }));
    both.catch(() => fetched.delete(name));
    fetched.set(name, both);
  }
  return fetched.get(name);
}

/** Fetch every view while nothing else is to be done: they are there when the server is not. */
export async function fetchOthers() {
  for (const name of Object.keys(VIEWS)) await fetchView(name).catch(() => null);
}

/** A view's nodes, fresh. The text is our own file's; what is shown in it is set as text. */
export function nodes(body) {
  return [...body.children].map((node) => document.importNode(node, true));
}
