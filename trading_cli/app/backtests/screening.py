"""`--engine screen`: the cells of a sweep over stored mids, on arrays that are made once for all.

It finds what to look at; what it finds is for the full engine to confirm: no gate takes its runs,
and it keeps no decisions, so there are no bias checks, no benchmarks and no digest of them.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, Self

from trading_cli.app.backtests.cells import SCREEN, Cell, Outcome, made
from trading_cli.app.backtests.history import AFTER
from trading_cli.app.backtests.mids_only import FULL, StoredWorld, stored_world
from trading_cli.app.backtests.stored import Stored
from trading_cli.app.calibrate import recalibration, thaw_settled
from trading_cli.app.learned import recalibrated
from trading_cli.core.errors import UsageError
from trading_cli.research.recalibration import Recalibration
from trading_cli.store import Store, Transaction, opinions, thawed
from trading_cli.trading.backtest import screen
from trading_cli.trading.backtest.history import Coverage
from trading_cli.trading.backtest.result import Run
from trading_cli.trading.backtest.screen_signals import hot
from trading_cli.trading.backtest.tally import Tally

KEPT_WORLDS = 2
NO_CHECKS = f"the screen engine keeps no decisions: {FULL} runs the checks"
TO_CONFIRM = f"Screen engine: {FULL} confirms it."
NO_GATE = "a run of the full engine (this one is of the screen)"


class _Seen(NamedTuple):
    world: StoredWorld
    coverage: Coverage
    open: ExitStack


class Screening:
    """Runs cells on the screen engine; cells that see the same past share its arrays."""

    def __init__(self) -> None:
        self._seen: dict[object, _Seen] = {}

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """Yield one with nothing read yet; what it reads is closed with it."""
        found = cls()
        try:
            yield found
        finally:
            while found._seen:
                found._forget()

    def check(self, cell: Cell) -> None:
        """Raise ``UsageError`` where *cell* cannot be run."""
        hot(self._world(cell).world, cell.rules, made(cell))

    def play(self, cell: Cell) -> Outcome:
        """Run *cell*.

        Raises ``UsageError`` with the way out for what mids alone cannot answer, or a strategy that
        reads more than prices.
        """
        if cell.noise is not None or cell.apart or cell.recalibrate is not None:
            raise UsageError(
                "the screen engine runs what is asked over the past as it was: no walk, no noise.",
                hint=FULL,
            )
        strategies = made(cell)
        world, coverage, _ = self._world(cell)
        run = screen.run(world, cell.rules, strategies)
        lean = replace(run, digest=digest_of(run), orders=(), fills=(), entries=(), decisions=())
        return Outcome(lean, coverage, slots=world.shape[1])

    def _world(self, cell: Cell) -> _Seen:
        whole = cell.whole
        candidates = whole.data_collection.candidates.model_dump_json()
        key = (
            cell.source, cell.since, cell.until, cell.fees, whole.backtest.slippage, candidates,
            whole.inbound.weigh,
        )  # fmt: skip
        if key not in self._seen:
            while len(self._seen) >= KEPT_WORLDS:
                self._forget()
            self._seen[key] = _read(cell)
        return self._seen[key]

    def _forget(self) -> None:
        self._seen.pop(next(iter(self._seen))).open.close()


def _read(cell: Cell) -> _Seen:
    if not isinstance(cell.source, Stored):
        raise UsageError("the screen engine reads the database alone.", hint=FULL)
    with ExitStack() as stack:
        store = stack.enter_context(Store.reader(cell.source.database))
        since, until = cell.since - thawed.LOOK_BACK, cell.until + AFTER
        look = stack.enter_context(thawed.reading(store, since, until))
        thaw_settled(look, cell.until)
        if cell.whole.inbound.weigh and opinions.sources(look, as_of=cell.until):
            raise UsageError(
                "the screen engine weighs no opinions from outside.",
                hint=f"{FULL}, or set inbound.weigh: false",
            )
        world, coverage = stored_world(look, cell.whole, cell.since, cell.until, cell.fees)
        world.refit = Refits(look).at
        return _Seen(world, coverage, stack.pop_all())


class Refits:
    """The recalibration of each instant: as it was kept, else that of the day's midnight."""

    def __init__(self, look: Transaction) -> None:
        self._look = look
        self._kept: dict[datetime, Recalibration | None] = {}
        self._fits: dict[datetime, Recalibration | None] = {}

    def at(self, at: datetime) -> Recalibration | None:
        """Return what a view of *at* carries."""
        if at not in self._kept:
            self._kept[at] = recalibrated(self._look, at)
        kept = self._kept[at]
        if kept is not None:
            return kept
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        if midnight not in self._fits:
            self._fits[midnight] = recalibration(self._look, midnight)
        return self._fits[midnight]


def digest_of(run: Run) -> str:
    """Return what stands for the orders and fills of a run of the screen."""
    told = Tally(keep=False).digest({one.id: one for one in run.orders}, list(run.fills))
    return f"screen {told}"


@contextmanager
def screening_of(cell: Cell) -> Iterator[Screening | None]:
    """Yield what runs *cell* and those like it where the screen engine is asked for, else ``None``.

    Raises ``UsageError`` where the screen cannot: before anything is tried.
    """
    if cell.engine != SCREEN:
        yield None
        return
    with Screening.open() as screening:
        screening.check(cell)
        yield screening
