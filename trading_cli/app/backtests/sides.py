"""What every report stands beside, on the same history: benchmarks, and the same with more money.

Benchmarks are strategies, so each is a trial of its own. More money is no other configuration: it
is part of the trial whose capacity it shows. It is UNKNOWN where a fill was made of a mid and the
slippage alone (grade C): without a book no size moves the price, so that more money would seem to
cost nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trading_cli.app.backtests import figures
from trading_cli.app.backtests.cells import Cell, Opened, Outcome, play_together
from trading_cli.app.backtests.tried import Ledger
from trading_cli.research import measures
from trading_cli.trading.backtest.result import Run

TIMES = (1, 3, 10, 30)
FEW = 30
BY_MID = "C"
NO_BOOK = (
    "UNKNOWN: {n} of {of} positions were dealt at the mid plus slippage (grade C): without a book"
    " no size moves the price"
)
BENCHMARKS: Mapping[str, str] = {
    "favourite": "the favourite",
    "random_entries": "random entries, same exits",
    "roc_only": "ROC only",
    "hype_only": "hype only",
}


def chance_of(run: Run) -> float:
    """Return how often a coin must say yes to enter about as often as *run* did.

    Of one that entered nothing: so that some 30 entries are to be expected.
    """
    asked = sum(run.reasons.values())
    entered = len(run.closed) + len(run.still_open)
    if not asked:
        return 0.0
    return round(min(1.0, (entered or FEW) / asked), 9)


@dataclass(frozen=True, slots=True)
class Sides:
    """The benchmarks, and the run by the size of the account, as the envelope has them."""

    beside: list[dict[str, Any]]
    capacity: list[dict[str, Any]]


def sides(ledger: Ledger, cell: Cell, opened: Opened, main: Outcome, *, seed: int) -> Sides:
    """Run both on the history of *cell*; each benchmark is a row of the ledger before it runs.

    More money is not run where it could show nothing.
    """
    names = [name for name in BENCHMARKS if (name,) != cell.names]
    others = [_benchmark(cell, name, main.run, seed) for name in names]
    deaf = no_book(main.run)
    larger = [] if deaf else [replace(cell, times=times) for times in TIMES[1:]]
    plans = [ledger.planned(one, "backtest", more={"beside": True}) for one in others]
    rows = ledger.plan(plans)
    every = play_together([*others, *larger], opened)
    beside = [_row("no trade", None, main.run, None)]
    for name, one, trial, outcome in zip(names, others, rows, every, strict=False):
        ledger.finish(trial, one, outcome, whole=False)
        beside.append(_row(BENCHMARKS[name], trial, outcome.run, float(one.bankroll)))
    found = [one.run for one in every[len(others) :]]
    runs: list[Run | None] = [main.run]
    runs += found or [None] * len(TIMES[1:])
    capacity = [
        _capacity(times, float(cell.bankroll) * times, run, deaf)
        for times, run in zip(TIMES, runs, strict=True)
    ]
    return Sides(beside, capacity)


def no_book(run: Run) -> str:
    """Return why nothing can be said of *run* with more money; "" where it can."""
    trips = (*run.closed, *run.still_open)
    by_mid = sum(one.grade == BY_MID for one in trips)
    return NO_BOOK.format(n=by_mid, of=len(trips)) if by_mid else ""


def _benchmark(cell: Cell, name: str, run: Run, seed: int) -> Cell:
    coin: tuple[tuple[str, str], ...] = ()
    if name == "random_entries":
        coin = (
            ("random_entries.chance", repr(chance_of(run))),
            ("random_entries.seed", str(seed)),
        )
    return replace(cell, names=(name,), overrides=coin, label="", apart=frozenset())


def _row(name: str, trial: int | None, run: Run, bankroll: float | None) -> dict[str, Any]:
    """Return what a benchmark came to; without *bankroll*, of who does nothing."""
    row: dict[str, Any] = {
        "name": name, "trial": trial, "total_return": 0.0, "net": 0.0, "trades": 0, "events": 0,
        "open": 0, "sharpe": None, "drawdown": 0.0,
    }  # fmt: skip
    if bankroll is None:
        return row
    curve = figures.daily(run.equity, bankroll)
    returns = curve[1:] / curve[:-1] - 1
    trips = (*run.closed, *run.still_open)
    return row | {
        "total_return": figures.number(float(curve[-1] / bankroll - 1)),
        "net": figures.number(float(sum(one.net for one in trips))),
        "trades": len(run.closed),
        "events": len({figures.event_of(one) for one in trips}),
        "open": len(run.still_open),
        "sharpe": figures.sharpe(returns),
        "drawdown": figures.number(float(measures.max_drawdown(curve))),
    }


def _capacity(times: int, bankroll: float, run: Run | None, deaf: str) -> dict[str, Any]:
    """Return what *run* came to; without one, or where it met no books, why that is unknown."""
    why = deaf if run is None else no_book(run) if times > 1 else ""
    size = {"times": times, "bankroll": figures.number(bankroll), "missing": why}
    if run is None or why:
        return size | dict.fromkeys(("total_return", "net", "trades", "staked", "net_per_staked"))
    trips: Sequence[Any] = (*run.closed, *run.still_open)
    cost = float(sum(one.cost for one in trips))
    curve = figures.daily(run.equity, bankroll)
    net = float(sum(one.net for one in trips))
    return size | {
        "total_return": figures.number(float(curve[-1] / bankroll - 1)),
        "net": figures.number(net),
        "trades": len(trips),
        "staked": figures.number(cost),
        "net_per_staked": figures.number(net / cost) if cost else None,
    }
