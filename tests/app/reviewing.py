"""A home on paper whose markets follow lines of prices, and ways to look at what it did."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from dealing import AFTER, NOON, Stage, quiet  # beside this

from trading_cli.app.cycles import run_cycle
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import (
    Decision,
    Fill,
    Level,
    Order,
    OrderState,
    Position,
    Purpose,
    Reason,
    Side,
    Token,
    from_epoch,
)
from trading_cli.store import (
    balances,
    deals,
    decided,
    holdings,
    outbox,
)
from trading_cli.trading import account

D = Decimal
FALL = ("0.50", "0.40", "0.40", "0.40", "0.40", "0.40")
STAY = ("0.50",) * 6


class Passing(FrozenClock):
    """A world in which a second passes for whoever sleeps, however short."""

    def sleep(self, seconds: float) -> None:
        """Let a second of the world pass, and none of ours."""
        del seconds
        self.set(self.now() + timedelta(seconds=1))


def staged(folder: Path, *lines: tuple[str, ...], **settings: object) -> Stage:
    """Return a home on paper; each market follows a line of prices."""
    stage = Stage(folder / "home", lambda n, turn: lines[n][turn], len(lines), settings)
    stage.clock = Passing(from_epoch(NOON + AFTER))
    stage.broker = None
    return stage


def run(stage: Stage, *turns: int) -> None:
    """Run the cycle of each turn."""
    for turn in turns:
        stage.at(turn)
        report = run_cycle(stage, stage.plan(), progress=quiet)
        assert report.state == "OK", report.reason


def held(stage: Stage, *, every: bool = False) -> list[Position]:
    """Return what is held."""
    with stage.open_store() as store, store.reading() as look:
        return holdings.positions(look, every=every)


def entries(stage: Stage) -> list[Decision]:
    """Return the decisions to enter or not, newest first."""
    with stage.open_store() as store, store.reading() as look:
        return [d for d in decided.decisions(look) if d.purpose is Purpose.ENTRY]


def told(stage: Stage) -> list[outbox.Queued]:
    """Return what was put into the outbox, oldest first."""
    with stage.open_store() as store, store.reading() as look:
        return outbox.rows(look)[::-1]


def by_a_person(stage: Stage, *, minutes: int = 0) -> Position:
    """Let a person hold 10 YES of market 0 under the name of the same strategy."""
    at = from_epoch(NOON - 60 * minutes)
    order = Order(
        "own", "d", "M0", "E0", "eager", Purpose.ENTRY, Side.BUY, Token.YES, D(10), D("0.5"),
        Reason.SIGNAL, OrderState.FILLED, at, broker="person",
    )  # fmt: skip
    fill = Fill("ownfill", "own", "M0", Token.YES, Side.BUY, D(10), D("0.5"), D("0.1"), at,
                (Level(D("0.5"), D(10)),))  # fmt: skip
    with stage.open_store() as store, store.transaction() as tx:
        if not balances.entries(tx):
            lines = account.deposit(D(10_000), at, balances.OPENING)
            balances.record_entries(tx, lines)
        position, lines = account.apply(None, order, fill, by="person")
        deals.place_order(tx, order)
        deals.record_fill(tx, fill)
        holdings.save_position(tx, position)
        balances.record_entries(tx, lines)
    return position
