// What Alpine is taught: x-table, x-chart, x-strip, x-figure; and what every view shares.

import { drawChart, endChart } from "./charts.js";
import { writeTable } from "./table.js";
import { reliability, strip } from "./pictures.js";

/** A spec that is not watched property by property: it is replaced as a whole. */
export const fixed = (spec) => Object.freeze(spec);

function directive(Alpine, name, write, end) {
  Alpine.directive(name, (el, { expression }, { evaluateLater, effect, cleanup }) => {
    const evaluate = evaluateLater(expression);
    effect(() => evaluate((value) => value && write(el, value)));
    if (end) cleanup(() => end(el));
  });
}

/** Teach *Alpine* the parts. */
export function teach(Alpine) {
  directive(Alpine, "table", writeTable);
  directive(Alpine, "strip", strip);
  directive(Alpine, "reliability", (el, bins) => el.replaceChildren(reliability(bins)));
  directive(
    Alpine,
    "chart",
    (el, spec) =>
      void drawChart(el, spec).catch((error) => {
        el.textContent = `No picture: ${error.message}`;
      }),
    endChart,
  );
  window.addEventListener("trading:theme", () => {
    for (const el of document.querySelectorAll("[x-chart]")) if (el.spec) void drawChart(el, el.spec);
  });
}

/** What a view is made of: `load()` is called at first and whenever something changed. */
export function view(parts) {
  const own = {
    ready: false,
    problem: "",
    async init() {
      this.stale = () => void this.again();
      window.addEventListener("trading:changed", this.stale);
      await this.again();
      this.ready = true;
      if (this.$el.isConnected) document.getElementById("view").setAttribute("aria-busy", "false");
    },
    destroy() {
      window.removeEventListener("trading:changed", this.stale);
    },
    // One load at a time; what changed meanwhile is fetched after it.
    async again() {
      if (this.busy) {
        this.asked = true;
        return;
      }
      this.busy = true;
      try {
        await this.load();
      } finally {
        this.busy = false;
      }
      if (this.asked) {
        this.asked = false;
        await this.again();
      }
    },
  };
  return Object.create(Object.prototype, {
    ...Object.getOwnPropertyDescriptors(own),
    ...Object.getOwnPropertyDescriptors(parts),
  });
}
