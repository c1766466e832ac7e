// Building nodes. Text only ever becomes text: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listen] of Object.entries(value)) node.addEventListener(event, listen);
    } else if (name === "vars") {
      for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

/** An HTML element with attributes (`on`: listeners, `vars`: custom properties) and children. */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** An SVG element. */
export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** An address inside the page. Parts are encoded, so an id can never leave its place. */
export function address(view, id, query) {
  const asked = query ? `?${new URLSearchParams(query)}` : "";
  return `#/${view}${id === undefined || id === null ? "" : `/${encodeURIComponent(id)}`}${asked}`;
}

/** An address elsewhere: itself where it is plain http(s), else null (`javascript:` is no address). */
export function outside(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}
