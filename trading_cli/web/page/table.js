// One table for all: proper headers, sorting, cards on a phone; rows that did not change stay.
//
// spec: {caption, columns: [{key, label, cell(row), kind, sort, wide}], rows: [{id, …}], empty,
//        sorted: {key, down}, sort(key)}. A cell is a text, or {text, tone, href, title, node(), sign}.

import { h } from "./dom.js";
import { ABSENT } from "./format.js";

function content(cell) {
  if (cell.node) return cell.node();
  if (!cell.href) return cell.tone ? h("span", { class: cell.tone }, cell.text) : cell.text;
  const away = !cell.href.startsWith("#");
  const props = { href: cell.href, class: cell.tone || null };
  return h("a", away ? { ...props, rel: "noreferrer noopener", target: "_blank" } : props, cell.text);
}

function whole(value) {
  if (value === null || value === undefined || value === "") return { text: ABSENT };
  return typeof value === "object" ? value : { text: String(value) };
}

const sign = (cell) => [cell.text, cell.href, cell.tone, cell.title, cell.sign].join("\u0001");

function heading(column, spec) {
  const props = { scope: "col", class: column.kind || "text" };
  if (!column.sort) return h("th", props, column.label);
  const here = spec.sorted && spec.sorted.key === column.key;
  const down = here && spec.sorted.down;
  props["aria-sort"] = here ? (down ? "descending" : "ascending") : "none";
  const arrow = h("span", { "aria-hidden": "true", class: "arrow" }, here ? (down ? "▼" : "▲") : "");
  const button = h("button", { type: "button", class: "sort", "data-key": column.key }, column.label, arrow);
  button.addEventListener("click", () => spec.sort(column.key));
  return h("th", props, button);
}

function head(table, spec) {
  const written = JSON.stringify([spec.columns.map((c) => c.label), spec.sorted || null]);
  if (table.written === written) return;
  table.written = written;
  const focused =
    table.tHead && table.tHead.contains(document.activeElement) && document.activeElement.dataset.key;
  if (table.tHead) table.tHead.remove();
  table.prepend(
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        spec.columns.map((column) => heading(column, spec)),
      ),
    ),
  );
  table.prepend(table.caption);
  if (focused) [...table.tHead.querySelectorAll("button")].find((b) => b.dataset.key === focused)?.focus();
}

function refill(tr, cells, columns) {
  const links = [...tr.querySelectorAll("a, button")];
  const focused = links.indexOf(document.activeElement);
  tr.replaceChildren(
    ...cells.map((cell, at) => {
      const column = columns[at];
      const props = { class: column.kind || "text", "data-label": column.label, title: cell.title || null };
      return column.head ? h("th", { ...props, scope: "row" }, content(cell)) : h("td", props, content(cell));
    }),
  );
  if (focused >= 0) tr.querySelectorAll("a, button")[focused]?.focus();
}

function rows(body, spec) {
  const before = new Map([...body.rows].map((tr) => [tr.dataset.id, tr]));
  const wanted = spec.rows.map((row, at) => {
    const id = String(row.id ?? at);
    const tr = before.get(id) || h("tr", { "data-id": id });
    before.delete(id);
    const cells = spec.columns.map((column) => whole(column.cell(row)));
    const written = cells.map(sign).join("\u0002");
    if (tr.written !== written) refill(tr, cells, spec.columns);
    tr.written = written;
    tr.className = row.tone || "";
    return tr;
  });
  for (const gone of before.values()) gone.remove();
  wanted.forEach((tr, at) => {
    if (body.rows[at] !== tr) body.insertBefore(tr, body.rows[at] || null);
  });
}

/** Write *spec* into *box*, keeping what is there already. */
export function writeTable(box, spec) {
  if (!spec) return;
  let table = box.querySelector("table");
  if (!table) {
    table = h("table", { class: "data" }, h("caption", { class: "sr" }), h("tbody", {}));
    const scroll = h("div", { class: "scroll" }, table);
    box.replaceChildren(scroll, h("p", { class: "empty" }));
  }
  table.caption.textContent = spec.caption;
  head(table, spec);
  rows(table.tBodies[0], spec);
  const empty = spec.rows.length === 0;
  table.parentNode.hidden = empty;
  box.querySelector(":scope > .empty").hidden = !empty;
  box.querySelector(":scope > .empty").textContent = empty ? spec.empty || "Nothing yet." : "";
  reachable(table.parentNode, spec.caption);
}

// What scrolls sideways can be reached by keyboard; what does not is no stop on the way.
function reachable(scroll, name) {
  requestAnimationFrame(() => {
    const moves =
      scroll.scrollWidth > scroll.clientWidth + 1 || scroll.scrollHeight > scroll.clientHeight + 1;
    if (!moves) {
      for (const one of ["tabindex", "role", "aria-label"]) scroll.removeAttribute(one);
      return;
    }
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", name);
  });
}

/** Sort rows by what *of* gives, absent ones last whichever way. */
export function sortRows(list, of, down) {
  const gone = (value) => value === null || value === undefined || value === "";
  return [...list].sort((a, b) => {
    const x = of(a);
    const y = of(b);
    if (gone(x) || gone(y)) return gone(x) - gone(y);
    const order = x < y ? -1 : Number(x > y);
    return down ? -order : order;
  });
}
