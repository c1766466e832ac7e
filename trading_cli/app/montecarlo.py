"""What else could have come of the account's closed trades, with the error of every number.

Below 100 trades it is one sentence and no percentile (SPEC §5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trading_cli.app import montecarlo_record as record
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.montecarlo_settings import MonteCarloSection
from trading_cli.app.settings import Settings, load
from trading_cli.app.workers import spread
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import UsageError
from trading_cli.research import montecarlo as engines
from trading_cli.research import stresses
from trading_cli.research.blocks import block_lengths
from trading_cli.research.paths import Floats, Quantile, Summary, log_growth, summary
from trading_cli.research.track_record import Interval
from trading_cli.store import Store, Transaction
from trading_cli.store.born import is_there

ENGINES = ("block", "iid", "shuffle", "perturb", "outcome")
SEED = 1
LEAST_DAYS = 30
STRESS_RUNS = 10_000
DONE, INSUFFICIENT = "DONE", "INSUFFICIENT"
NEEDS_BACKTEST = "it runs the backtest again, and this version cannot be asked for that yet"
NOT_DONE = ("sensitivity of RVR threshold, stop and size: " + NEEDS_BACKTEST,)
MEANS = {
    "block": "days drawn in blocks of random length: clusters stay together",
    "iid": "trades drawn with replacement: clusters of losses are torn apart",
    "shuffle": "the same trades in another order: the end is the same on every path",
    "outcome": "each market resolves again, all bets held to the end: it tests the edge itself",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; ``None`` is as the settings have it."""

    runs: int | None = None
    engine: str | None = None
    run: str | None = None
    seed: int = SEED
    workers: int = 1


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
    config: Path | None, asked: Asked | None = None, *, clock: Clock | None = None
) -> dict[str, Any]:
    """Return what the paths say, as the envelope has it; ``state`` INSUFFICIENT below 100 trades.

    Raises UsageError for the engine that re-runs the backtest, a backtest's run, and numbers out
    of range.
    """
    loaded = load(config)
    wish = _settled(asked or Asked(), section_of(loaded.settings))
    now = (clock or SystemClock()).now()
    if not is_there(loaded.database):
        return _insufficient(wish, 0, 0, engines.too_few(0))
    with Store.reader(loaded.database) as store, store.reading() as look:
        return told(look, loaded.settings, wish, now)


def _settled(asked: Asked, section: MonteCarloSection) -> Asked:
    """Return *asked* with every gap filled. Raises UsageError for what cannot be done."""
    runs = section.runs if asked.runs is None else asked.runs
    engine = asked.engine or section.engine
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine!r}.", hint=f"one of {', '.join(ENGINES)}")
    if engine == "perturb":
        raise UsageError(
            f"the engine perturb cannot be run: {NEEDS_BACKTEST}.",
            hint="block, iid, shuffle and outcome redraw the trades of the account",
        )
    if asked.run is not None:
        raise UsageError(
            f"there is no backtest run {asked.run!r}: none is kept by this version.",
            hint="leave --run out: then it is of the account's closed trades",
        )
    if not 1 <= runs <= engines.MOST_PATHS:
        raise UsageError(f"--runs {runs}: 1 to {engines.MOST_PATHS:,} paths can be drawn.")
    if asked.seed < 0 or asked.workers < 1:
        raise UsageError("--seed is 0 or more, and --workers 1 or more.")
    return Asked(runs, engine, None, asked.seed, asked.workers)


def told(look: Transaction, settings: Settings, wish: Asked, now: datetime) -> dict[str, Any]:
    """Return the same from an open look, for a *wish* without gaps."""
    found = record.trades(look, settings.bankroll)
    events = len({one.position.event_id or one.position.market_id for one in found})
    if why := engines.too_few(len(found)):
        return _insufficient(wish, len(found), events, why)
    sample = record.record_of(found)
    ready = _ready(look, wish, found, sample.returns, now)
    if ready.engine is None:
        return _insufficient(wish, len(found), events, ready.missing)
    each = spread(wish.workers)
    paths = engines.simulate(ready.engine, wish.runs or 1, wish.seed, each)
    data = _empty(wish, len(found), events) | _summed(
        summary(paths, final=wish.engine != "shuffle")
    )
    data |= {
        "unit": ready.unit,
        "steps": ready.engine.steps,
        "block_length": ready.length,
        "odds": None if ready.odds is None else dict(ready.odds),
        "stress": _stress(sample, wish),
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


def _empty(wish: Asked, trades: int, events: int) -> dict[str, Any]:
    return {
        "state": DONE,
        "missing": "",
        "engine": wish.engine,
        "means": MEANS[wish.engine or "block"],
        "runs": wish.runs,
        "seed": wish.seed,
        "trades": trades,
        "events": events,
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
        "stress": [],
        "not_done": list(NOT_DONE),
    }


def _insufficient(wish: Asked, trades: int, events: int, why: str) -> dict[str, Any]:
    return _empty(wish, trades, events) | {"state": INSUFFICIENT, "missing": why}


def _summed(found: Summary) -> dict[str, Any]:
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


def _stress(sample: stresses.Record, wish: Asked) -> list[dict[str, Any]]:
    """Return the trades drawn again in each worse world, iid, at most 10,000 paths, one seed."""
    rows = []
    for name in stresses.NAMES:
        logs = log_growth(stresses.stressed(sample, name))
        engine = engines.Iid(logs, stresses.steps(sample, name))
        runs = min(wish.runs or 1, STRESS_RUNS)
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
    """Draw the paths of the weekly validation; SKIPPED with the sentence below 100 trades."""
    settings = cycle.toolkit.loaded.settings
    section = section_of(settings)
    if section.engine == "perturb":
        return Done("SKIPPED", f"perturb: {NEEDS_BACKTEST}")
    with cycle.store.reading() as look:
        data = told(look, settings, _settled(Asked(), section), cycle.now)
    names = ("engine", "runs", "seed", "trades", "events", "drawdown", "ruin")
    if data["state"] == INSUFFICIENT:
        return Done("SKIPPED", data["missing"], {"trades": data["trades"]})
    return Done("OK", "", {name: data[name] for name in names})
