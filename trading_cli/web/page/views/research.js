// What was measured and tried: who leads whom, calibration, backtests, Monte Carlo; and running more.

import { ask, post, remove, said } from "../api.js";
import { count, number, utc } from "../format.js";
import { fixed, view } from "../parts.js";
import { BACKTESTS, BINS, JOBS, PAIRS, POOLED, TRIALS, groupLabel } from "./research_tables.js";
import { NO_REPORT, backtestReport, monteCarloReport } from "./reports.js";

const PARAMETERS = {
  backtest: (form) => ({ seed: Number(form.seed) }),
  "monte-carlo": (form) => ({ seed: Number(form.seed), runs: Number(form.paths) }),
};

const judged = (one) =>
  one ? `${number(one.point, 3)} (${number(one.low, 3)} to ${number(one.high, 3)})` : "–";
const points = (group) =>
  group.bins.map((bin) => ({
    x: bin.forecast,
    y: bin.frequency,
    low: bin.low,
    high: bin.high,
  }));

const parts = (place, app) => ({
  ...NO_REPORT,
  pooled: null,
  pairs: null,
  family: null,
  groups: [],
  group: "",
  picture: null,
  bins: null,
  groupSaid: "",
  backtests: null,
  trials: null,
  luck: "",
  jobs: null,
  workflow: "backtest",
  seed: 1,
  paths: 1000,
  starting: false,
  jobProblem: "",
  jobSaid: "",
  told: "",
  async load() {
    await Promise.all([this.correlations(), this.calibration(), this.tried(), this.working()]);
    if (!this.report && place.query.backtest) await this.openBacktest(place.query.backtest);
    if (!this.report && place.query.job) await this.openJob(place.query.job);
  },
  async correlations() {
    const got = await ask("/correlations");
    this.family = got.data && got.data.family;
    const rows = this.family ? this.family.pooled : [];
    const empty = got.problem || got.warnings.join(" ") || "No family was tested yet.";
    this.pooled = fixed({
      caption: "All markets together, by category and horizon",
      columns: POOLED,
      rows: rows.map((one) => ({ id: `${one.category}/${one.horizon}`, ...one })),
      empty,
    });
    this.pairs = fixed({
      caption: "Market by market",
      columns: PAIRS,
      rows: this.family ? this.family.markets.map((one) => ({ id: one.market, ...one })) : [],
      empty,
    });
  },
  async calibration() {
    const got = await ask("/calibration");
    const found = got.data ? got.data.groups : [];
    this.groups = fixed(found.map((one, at) => ({ ...one, id: String(at), label: groupLabel(one) })));
    if (!this.group && found.length)
      this.group = String(
        Math.max(
          0,
          found.findIndex((one) => one.bins.length),
        ),
      );
    this.drawGroup();
    if (got.problem) this.groupSaid = got.problem;
  },
  drawGroup() {
    const group = this.groups.find((one) => one.id === this.group);
    this.picture = fixed(group ? points(group) : []);
    this.bins = fixed({
      caption: "Bins of stated probability",
      columns: BINS,
      rows: group ? group.bins.map((one) => ({ id: one.from, ...one })) : [],
      empty: "No bin yet.",
    });
    this.groupSaid = !group
      ? "Nothing was calibrated yet."
      : group.verdict === "INSUFFICIENT"
        ? `INSUFFICIENT: ${group.missing}`
        : `${count(group.n)} forecasts in ${count(group.events)} events; Brier ${judged(group.brier)}; calibration error ${number(group.calibration_error, 3)}. Bands are Wilson's, 95 %; a dot says what happened where there are enough events to say it.`;
  },
  async tried() {
    const [tests, trials] = await Promise.all([ask("/backtests?limit=20"), ask("/trials")]);
    this.backtests = fixed({
      caption: "Backtests, the newest first",
      columns: BACKTESTS,
      rows: tests.data
        ? tests.data.backtests.map((one) => ({ ...one, open: () => this.openBacktest(one.id) }))
        : [],
      empty: tests.problem || "None was run yet.",
    });
    this.trials = fixed({
      caption: "Trials, the newest first",
      columns: TRIALS,
      rows: trials.data ? trials.data.trials : [],
      empty: trials.problem || "Nothing was tried yet.",
    });
    const luck = trials.data && trials.data.luck;
    this.luck = luck
      ? luck.sharpe_a_year === null
        ? luck.missing
        : `luck alone shows a Sharpe of ${number(luck.sharpe_a_year)} in ${count(luck.trials)} trials`
      : "";
  },
  async working() {
    const got = await ask("/workflows?limit=8");
    const rows = got.data ? got.data.jobs : [];
    this.jobs = fixed({
      caption: "Jobs, the newest first",
      columns: JOBS,
      rows: rows.map((one) => ({
        ...one,
        open: () => this.openJob(one.id),
        cancel: app.back ? null : () => this.cancel(one.id),
      })),
      empty: got.problem || "No job was asked for yet.",
    });
    const busy = rows.filter((one) => one.state === "QUEUED" || one.state === "RUNNING").length;
    this.jobSaid = busy ? `${count(busy)} at work` : "";
  },
  async cancel(id) {
    this.jobProblem = "";
    try {
      await remove(`/workflows/${encodeURIComponent(id)}`);
    } catch (problem) {
      this.jobProblem = said(problem);
    }
    await this.working();
  },
  get back() {
    return Boolean(app.back);
  },
  get present() {
    return !app.back;
  },
  get anyGroup() {
    return this.groups.length > 0;
  },
  get takesSeed() {
    return this.workflow === "backtest" || this.workflow === "monte-carlo";
  },
  get takesRuns() {
    return this.workflow === "monte-carlo";
  },
  get familySaid() {
    const one = this.family;
    return one
      ? `${count(one.followed)} markets, ${utc(one.since).slice(0, 10)} to ${utc(one.until).slice(0, 10)}, talk leads in ${count(one.counts["talk leads"])}`
      : "";
  },
  async start() {
    Object.assign(this, { starting: true, jobProblem: "" });
    try {
      const parameters = (PARAMETERS[this.workflow] || (() => ({})))(this);
      await post("/workflows", { workflow: this.workflow, parameters });
      await this.working();
    } catch (problem) {
      this.jobProblem = said(problem);
    } finally {
      this.starting = false;
    }
  },
  async openBacktest(id) {
    const got = await ask(`/backtests/${encodeURIComponent(id)}`);
    this.show(
      got.data
        ? backtestReport(got.data)
        : { ...NO_REPORT, report: true, reportTitle: `Backtest ${id}`, sentence: got.problem },
    );
  },
  async openJob(id) {
    const [job, got] = await Promise.all([
      ask(`/workflows/${encodeURIComponent(id)}`),
      ask(`/workflows/${encodeURIComponent(id)}/result`),
    ]);
    const kind = job.data ? job.data.workflow : "";
    const title = `Job ${id}: ${kind}`;
    if (!got.data) this.show({ ...NO_REPORT, report: true, reportTitle: title, sentence: got.problem });
    else if (kind === "backtest") this.show(backtestReport(got.data));
    else if (kind === "monte-carlo") this.show(monteCarloReport(got.data));
    else
      this.show({
        ...NO_REPORT,
        report: true,
        reportTitle: title,
        sentence: JSON.stringify(got.data, null, 1),
      });
  },
  show(report) {
    Object.assign(this, report);
    setTimeout(() => document.getElementById("report-title").focus(), 50);
  },
});

const create = (place, app) => view(parts(place, app));
export { create as view };
