"""What else could have come of the closed trades, with the error of every number.

The trades are the account's own, or those of a kept backtest. Below 100 of them it is one sentence
and no percentile (SPEC §5). The engine perturb runs that backtest again instead of redrawing it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from trading_cli.app import montecarlo_record as record
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.montecarlo_settings import MonteCarloSection
from trading_cli.app.settings import Settings, load
from trading_cli.app.workers import Crew
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import UsageError
from trading_cli.research import montecarlo as engines
from trading_cli.research import stresses
from trading_cli.research.blocks import block_lengths
from trading_cli.research.paths import Floats, Quantile, Summary, log_growth, summary
from trading_cli.research.track_record import Interval
from trading_cli.store import Store, Transaction, backtests
from trading_cli.store.born import is_there

ENGINES = ("block", "iid", "shuffle", "perturb", "outcome")
SEED = 1
LEAST_DAYS = 30
STRESS_RUNS = 10_000
DONE, INSUFFICIENT = "DONE", "INSUFFICIENT"
LAST = "@last"
PERTURB = "perturb"
PERTURBED_RUNS = 200  # each is a whole backtest
MOST_AGAIN = 100_000
KEEP_A_RUN = "trading backtest"
NO_GRID = "sensitivity of RVR threshold, stop and size: --engine perturb runs a backtest again"
NO_SPREAD = "slippage x 2, liquidity x 0.5: a run keeps no spread of its fills; perturb varies it"
WALK = "walk-forward"  # what such a run calls itself
SPREADS = frozenset({"slippage x 2", "liquidity x 0.5"})
Say = Callable[[str], None]
MEANS = {
    "block": "days drawn in blocks of random length: clusters stay together",
    "iid": "trades drawn with replacement: clusters of losses are torn apart",
    "shuffle": "the same trades in another order: the end is the same on every path",
    "outcome": "each market resolves again, all bets held to the end: it tests the edge itself",
    "perturb": "the backtest again, its costs, delays and thresholds each a little other",
}


def quiet(_text: str) -> None:
    """Hear nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; ``None`` is as the settings have it."""

    runs: int | None = None
    engine: str | None = None
    run: str | None = None
    seed: int = SEED
    workers: int = 1
    cluster: str | None = None

    @property
    def crew(self) -> Crew:
        """Return who does the work."""
        return Crew(self.workers, self.cluster)


@dataclass(frozen=True, slots=True)
class Sample:
    """The trades that are redrawn, and the run they are of: ``None``, the account's own."""

    trades: Sequence[record.Traded]
    run: backtests.Row | None = None
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def events(self) -> int:
        """Return in how many events they were."""
        return len({one.position.event_id or one.position.market_id for one in self.trades})


@dataclass(frozen=True, slots=True)
class _Ready:
    """An engine with its sample, or why there is none."""

    engine: engines.Engine | None
    unit: str
    length: float | None = None
    missing: str = ""
    odds: Mapping[str, int] | None = None


def section_of(settings: Settings) -> MonteCarloSection:
    """Return the section of the settings; its defaults where they do not have it."""
    found = getattr(settings, "monte_carlo", None)
    return found if isinstance(found, MonteCarloSection) else MonteCarloSection()


def monte_carlo(
    config: Path | None,
    asked: Asked | None = None,
    *,
    clock: Clock | None = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Return what the paths say, as the envelope has it; ``state`` INSUFFICIENT below 100 trades.

    Raises UsageError for a run that is not kept or cannot be run again, and numbers out of range.
    """
    loaded = load(config)
    wish = settled(asked or Asked(), section_of(loaded.settings))
    now = (clock or SystemClock()).now()
    if not is_there(loaded.database):
        if wish.run is not None:
            raise UsageError(f"there is no backtest run {wish.run}.", hint=KEEP_A_RUN)
        return _insufficient(wish, Sample(()), engines.too_few(0))
    with Store.reader(loaded.database) as store, store.reading() as look:
        sample = sample_of(look, loaded.settings, wish)
        if wish.engine != PERTURB or engines.too_few(len(sample.trades)):
            return told(look, sample, wish, now)
    from trading_cli.app.montecarlo_again import again_at  # noqa: PLC0415  # only who re-runs pays

    return again_at(config, sample, wish, clock=clock, say=say)


def settled(asked: Asked, section: MonteCarloSection) -> Asked:
    """Return *asked* with every gap filled. Raises UsageError for what cannot be done."""
    engine = asked.engine or section.engine
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine!r}.", hint=f"one of {', '.join(ENGINES)}")
    usual, most = section.runs, engines.MOST_PATHS
    run = asked.run
    if engine == PERTURB:
        usual, most, run = min(section.runs, PERTURBED_RUNS), MOST_AGAIN, run or LAST
    runs = usual if asked.runs is None else asked.runs
    if run is not None and run != LAST and not run.isdecimal():
        raise UsageError(f"--run {run}: {LAST}, or the number of a backtest run.", hint=KEEP_A_RUN)
    if not 1 <= runs <= most:
        raise UsageError(f"--runs {runs}: 1 to {most:,} {'re-runs' if run else 'paths'}.")
    if asked.seed < 0 or asked.workers < 1:
        raise UsageError("--seed is 0 or more, and --workers 1 or more.")
    wish = replace(asked, runs=runs, engine=engine, run=run)
    wish.crew.ready()
    return wish


def sample_of(look: Transaction, settings: Settings, wish: Asked) -> Sample:
    """Return the trades of the run that is named, else the account's. Raises UsageError."""
    if wish.run is None:
        return Sample(record.trades(look, settings.bankroll))
    last = wish.run == LAST
    row = backtests.last(look) if last else backtests.run_of(look, int(wish.run))
    if row is None:
        kept = "no backtest run is kept yet" if last else f"there is no backtest run {wish.run}"
        raise UsageError(f"{kept}.", hint=KEEP_A_RUN)
    report = backtests.report_of(look, row.id)
    if not report:
        raise UsageError(
            f"the trades of backtest run {row.id} are not kept: it is a cell of a sweep.",
            hint="run it alone, or --run @last",
        )
    return of_run(look, row, report)


def of_run(look: Transaction, row: backtests.Row, report: Mapping[str, Any]) -> Sample:
    """Return the trades of a kept run."""
    return Sample(record.trades_of_run(look, row, report["asked"]["slippage"]), row, report)


def told(look: Transaction, sample: Sample, wish: Asked, now: datetime) -> dict[str, Any]:
    """Return what redrawing *sample* says, for a *wish* without gaps."""
    found = sample.trades
    if why := engines.too_few(len(found), None if sample.run is None else sample.run.id):
        return _insufficient(wish, sample, why)
    returns = record.record_of(found)
    ready = _ready(look, wish, found, returns.returns, now)
    if ready.engine is None:
        return _insufficient(wish, sample, ready.missing)
    paths = engines.simulate(ready.engine, wish.runs or 1, wish.seed, wish.crew.each)
    data = emptied(wish, sample) | summed(summary(paths, final=wish.engine != "shuffle"))
    data |= {
        "unit": ready.unit,
        "steps": ready.engine.steps,
        "block_length": ready.length,
        "odds": None if ready.odds is None else dict(ready.odds),
        "stress": stress(sample, wish),
    }
    return data


def _ready(
    look: Transaction,
    wish: Asked,
    found: Sequence[record.Traded],
    returns: Floats,
    now: datetime,
) -> _Ready:
    if wish.engine == "iid":
        return _Ready(engines.Iid(log_growth(returns), len(returns)), "trades")
    if wish.engine == "shuffle":
        return _Ready(engines.Shuffle(log_growth(returns)), "trades")
    if wish.engine == "outcome":
        bets = record.bets_of(look, found, now)
        if bets is None:
            return _Ready(None, "bets", missing="INSUFFICIENT: a trade's price on entry is unknown")
        stated = sum(one.stated for one in found)
        return _Ready(
            engines.Outcome(bets), "bets", odds={"stated": stated, "price": len(found) - stated}
        )
    days = record.daily(found, returns)
    if len(days) < LEAST_DAYS:
        why = f"INSUFFICIENT: {len(days)} of {LEAST_DAYS} days; --engine iid redraws trades"
        return _Ready(None, "days", missing=why)
    length = block_lengths(days).stationary
    return _Ready(engines.Block(log_growth(days), length, len(days)), "days", length)


def emptied(wish: Asked, sample: Sample) -> dict[str, Any]:
    """Return the answer before anything is drawn."""
    run = sample.run
    not_done = [] if wish.engine == PERTURB else [NO_GRID]
    return {
        "state": DONE,
        "missing": "",
        "engine": wish.engine,
        "means": MEANS[wish.engine or "block"],
        "runs": wish.runs,
        "seed": wish.seed,
        "run": None if run is None else run.id,
        "trades": len(sample.trades),
        "events": sample.events,
        "unit": None,
        "steps": None,
        "block_length": None,
        "odds": None,
        "drawdown": [],
        "ruin": None,
        "below_start": None,
        "final": [],
        "mean_final": None,
        "lost": None,
        "recovery": None,
        "factors": None,
        "sensitivity": [],
        "stress": [],
        "not_done": not_done if run is None else [*not_done, NO_SPREAD],
    }


def _insufficient(wish: Asked, sample: Sample, why: str) -> dict[str, Any]:
    return emptied(wish, sample) | {"state": INSUFFICIENT, "missing": why}


def summed(found: Summary) -> dict[str, Any]:
    """Return a summary as the envelope has it."""
    recovery = {
        "paths": found.timed,
        "longest": [_quantile(one) for one in found.longest],
        "waiting": _interval(found.waiting),
    }
    return {
        "drawdown": [_quantile(one) for one in found.fall],
        "ruin": _ruin(found),
        "below_start": _interval(found.below_start),
        "final": [_quantile(one) for one in found.final],
        "mean_final": _interval(found.mean_final),
        "lost": _interval(found.lost),
        "recovery": recovery if found.timed else None,
    }


def _ruin(found: Summary) -> dict[str, Any]:
    one = found.ruin
    return {
        "at": one.at,
        "ruined": one.ruined,
        "share": _interval(one.share),
        "error": one.error,
        "told": one.told(),
    }


def _quantile(one: Quantile) -> dict[str, float]:
    return dict(one._asdict())


def _interval(one: Interval | None) -> dict[str, float] | None:
    return None if one is None else dict(one._asdict())


def stress(sample: Sample, wish: Asked) -> list[dict[str, Any]]:
    """Return the trades drawn again in each worse world, iid, at most 10,000 paths, one seed."""
    rows, found_in = [], record.record_of(sample.trades)
    runs = STRESS_RUNS if wish.engine == PERTURB else min(wish.runs or 1, STRESS_RUNS)
    for name in stresses.NAMES:
        if sample.run is not None and name in SPREADS:
            continue
        logs = log_growth(stresses.stressed(found_in, name))
        engine = engines.Iid(logs, stresses.steps(found_in, name))
        found = summary(engines.simulate(engine, runs, wish.seed))
        row = {
            "name": name,
            "runs": runs,
            "drawdown": [_quantile(one) for one in found.fall],
            "ruin": _ruin(found),
            "final": [_quantile(one) for one in found.final],
        }
        rows.append(row)
    return rows


def montecarlo_step(cycle: Cycle) -> Done:
    """Draw the paths of the weekly validation; SKIPPED with the sentence below 100 trades.

    They are of the newest walk-forward where that has trades enough, else of the account.
    """
    settings = cycle.toolkit.loaded.settings
    section = section_of(settings)
    if section.engine == PERTURB:
        return Done("SKIPPED", "perturb: by hand, trading monte-carlo: it is hours of backtests")
    wish = settled(Asked(), section)
    with cycle.store.reading() as look:
        sample = _walked(look) or sample_of(look, settings, wish)
        data = told(look, sample, wish, cycle.now)
    names = ("engine", "runs", "seed", "run", "trades", "events", "drawdown", "ruin")
    if data["state"] == INSUFFICIENT:
        return Done("SKIPPED", data["missing"], {"trades": data["trades"]})
    return Done("OK", "", {name: data[name] for name in names})


def _walked(look: Transaction) -> Sample | None:
    row = backtests.last(look, WALK)
    if row is None:
        return None
    sample = of_run(look, row, backtests.report_of(look, row.id))
    return None if engines.too_few(len(sample.trades)) else sample
