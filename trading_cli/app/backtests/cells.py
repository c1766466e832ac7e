"""One run to be made, as a value that another process can be handed; and what comes back.

A cell names its history, its settings, its strategies; ``play`` makes the history and runs the
engine. ``play_on`` does the same on a history that is open already.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from trading_cli.app.backtests.noisy import Noise, Noisy, under
from trading_cli.app.facts import settings_hash
from trading_cli.app.settings import Settings
from trading_cli.core.errors import UsageError
from trading_cli.research.recalibration import Recalibration
from trading_cli.store.backtests import Extent
from trading_cli.trading import strategies
from trading_cli.trading.backtest.engine import Engine, result_of
from trading_cli.trading.backtest.history import Coverage, History
from trading_cli.trading.backtest.result import Run
from trading_cli.trading.backtest.rules import Rules, fees_of
from trading_cli.trading.backtest.tally import Tally
from trading_cli.trading.strategies import Broken, Strategy
from trading_cli.trading.view import View

FULL, SCREEN = "full", "screen"
ENGINES = (FULL, SCREEN)
Overrides = tuple[tuple[str, str], ...]
"""(strategy.parameter, value as typed), in their order."""


class Source(Protocol):
    """Where a history comes from. It can be pickled."""

    def opened(
        self, settings: Settings, since: datetime, until: datetime, fees: str
    ) -> AbstractContextManager["Opened"]:
        """Return the history of [since, until) as *settings* see it, while it is open."""
        ...

    def cut(self, since: datetime, at: datetime) -> AbstractContextManager["Source"]:
        """Return itself as it was at *at*, for slots from *since* on: nothing later is there."""
        ...

    def extent(self) -> Extent | None:
        """Return from when to when there is anything, ``None`` for nothing."""
        ...

    def fingerprint(self, since: datetime, until: datetime) -> str:
        """Return what stands for the data of [since, until)."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A history while it is open, and where it comes from.

    ``in_sample``: why what it shows was not known then ("": all of it was).
    """

    history: History
    coverage: Coverage
    in_sample: str = ""


@dataclass(frozen=True)
class Cell:
    """One run: all it depends on.

    settings       every setting, as JSON
    overrides      parameters of strategies
    times          the bankroll, so many times
    apart          events that may not be entered: they have taught
    recalibrate    what a view's is, instead of the history's own
    noise          costs and delays other than they were: of a perturbation alone, never kept
    """

    source: Source
    settings: str
    home: Path
    names: tuple[str, ...]
    since: datetime
    until: datetime
    fees: str
    engine: str = FULL
    overrides: Overrides = ()
    times: int = 1
    apart: frozenset[str] = frozenset()
    recalibrate: Recalibration | None = None
    label: str = ""
    noise: Noise | None = None

    @cached_property
    def whole(self) -> Settings:
        """Return the settings themselves."""
        return Settings.model_validate_json(self.settings)

    @property
    def bankroll(self) -> Decimal:
        """Return what the run begins with, USD."""
        return self.whole.bankroll * self.times

    @property
    def rules(self) -> Rules:
        """Return what the engine obeys."""
        whole = self.whole
        rules = Rules(
            signals=whole.signals,
            risk=whole.risk,
            exits=whole.exits,
            bankroll=self.bankroll,
            settings_hash=settings_hash(whole),
            fees=fees_of(self.fees),
        )
        return rules if self.noise is None else under(rules, self.noise)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cell came to: the run without its orders and entries, and the history's coverage."""

    run: Run
    coverage: Coverage = field(default_factory=Coverage)
    in_sample: str = ""
    slots: int = 0


def play(cell: Cell) -> Outcome:
    """Open the cell's history, run it, and return what came of it: for another process, too."""
    with cell.source.opened(cell.whole, cell.since, cell.until, cell.fees) as opened:
        return play_on(cell, opened)


def play_on(cell: Cell, opened: Opened) -> Outcome:
    """Run *cell* on a history that is open."""
    return play_together([cell], opened)[0]


def play_together(cells: Sequence[Cell], opened: Opened) -> list[Outcome]:
    """Run *cells* side by side, slot by slot, on one history: what they see is made once.

    Each has its own account and knows nothing of the others. Their fees are those of the history.
    """
    if any(one.engine != FULL for one in cells):
        raise UsageError("this is done with the full engine alone.", hint="--engine full")
    seen = Once(opened.history)
    engines = [
        Engine(_narrowed(seen, one), one.rules, made(one), Tally(keep=False)) for one in cells
    ]
    moments = opened.history.moments()
    for moment in moments:
        for one in engines:
            one.step(moment)
    return [_outcome(result_of(one), opened, len(moments)) for one in engines]


def _outcome(run: Run, opened: Opened, slots: int) -> Outcome:
    lean = replace(run, orders=(), fills=(), entries=(), decisions=())
    return Outcome(lean, opened.coverage, opened.in_sample, slots)


def _narrowed(history: History, cell: Cell) -> History:
    """Return *history* as *cell* may see it."""
    if cell.noise is not None:
        history = Noisy(history, cell.noise)
    if cell.apart or cell.recalibrate is not None:
        return Narrowed(history, cell.apart, cell.recalibrate)
    return history


class Once:
    """A history that makes the views of a slot once, however many ask for them in turn."""

    def __init__(self, inner: History) -> None:
        self.inner = inner
        self._views: tuple[int, Sequence[View]] | None = None

    def views(self, slot: int) -> Sequence[View]:
        """Return the candidates of *slot*."""
        if self._views is None or self._views[0] != slot:
            self._views = slot, self.inner.views(slot)
        return self._views[1]

    def __getattr__(self, name: str) -> Any:
        """Return everything else of the history as it is."""
        return getattr(self.inner, name)


@dataclass(frozen=True)
class Narrowed:
    """A history in which some events are not offered, or prices are bent by what was learned."""

    inner: History
    apart: frozenset[str]
    recalibrate: Recalibration | None

    def views(self, slot: int) -> Sequence[View]:
        """Return the candidates that may be entered."""
        found = [one for one in self.inner.views(slot) if one.event_id not in self.apart]
        if self.recalibrate is None:
            return found
        return [replace(one, recalibrate=self.recalibrate) for one in found]

    def __getattr__(self, name: str) -> Any:
        """Return everything else of the history as it is."""
        return getattr(self.inner, name)


# --- strategies


def made(cell: Cell) -> tuple[Strategy, ...]:
    """Return the strategies of *cell*, its parameters put in.

    Raises ``UsageError`` for one that does not load, or a parameter it does not have.
    """
    whole = cell.whole
    loaded = strategies.load(cell.names, whole.risk.tier_ceilings, folder=cell.home, history=True)
    for one in loaded:
        if isinstance(one, Broken):
            known = ", ".join(strategies.BUILT_IN)
            raise UsageError(f"{one.error}.", hint=f"--strategy {known}, or path/to/file.py:Class")
    by_name = {one.name: one for one in loaded}
    for key, value in cell.overrides:
        name, _, parameter = key.rpartition(".")
        if name not in by_name:
            raise UsageError(
                f"--grid {key}: the strategy {name!r} is not in this run.",
                hint=f"it is of {', '.join(by_name)}",
            )
        by_name[name] = _with(by_name[name], key, parameter, value)
    return tuple(by_name[one.name] for one in loaded)


def parameters(one: Strategy) -> Mapping[str, object]:
    """Return the parameters of a strategy that can be varied, with their values."""
    if not is_dataclass(one) or isinstance(one, type):
        return {}
    return {
        item.name: getattr(one, item.name)
        for item in fields(one)
        if item.name != "name" and isinstance(getattr(one, item.name), (int, float, Decimal, str))
    }


def _with(one: Strategy, key: str, parameter: str, value: str) -> Strategy:
    known = parameters(one)
    if parameter not in known:
        there = ", ".join(known) or "nothing that can be varied"
        raise UsageError(f"--grid {key}: {one.name} has no {parameter!r}.", hint=f"it has {there}")
    kind = type(known[parameter])
    try:
        new = value.lower() in {"true", "yes"} if kind is bool else kind(value)  # type: ignore[call-arg]
    except (ValueError, InvalidOperation):
        raise UsageError(
            f"--grid {key}: {value!r} is no {kind.__name__}.", hint=f"now {known[parameter]}"
        ) from None
    changed: Strategy = replace(one, **{parameter: new})  # type: ignore[type-var]
    return changed
