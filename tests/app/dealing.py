"""A scripted exchange of a few markets, a home that trades on it, and what to judge it by."""

import os
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from venue import FEE, Venue, differences  # beside this

from trading_cli.app import reconcile
from trading_cli.app.cycles import Cycle, Done, Plan, run_cycle
from trading_cli.app.settings import load
from trading_cli.app.steps import exits_step, features_step, notify_step, signals_step
from trading_cli.app.toolkit import Toolkit
from trading_cli.core import faults
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import (
    Book,
    Level,
    Market,
    Order,
    Outcome,
    Quote,
    Resolution,
    Wanted,
    from_epoch,
)
from trading_cli.store import (
    Store,
    Transaction,
    deals,
    journal,
    kill,
    ledger,
    listings,
    runs,
    series,
)

NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
SLOT = 900
AFTER = 7
CENT = Decimal("0.01")
EAGER = """
from decimal import Decimal
from trading_cli.trading.strategies import Action, Advice
class Eager:
    name, ceiling = "eager", Decimal("0.01")
    def decide(self, data, symbol, current_price):
        wanted = 0.49 < current_price < 0.52
        return Advice(Action.BUY if wanted else Action.HOLD, strength=0.5)
"""
LOOSE = {"cool_down_minutes": 0, "trades_per_day": 100_000, "per_category": 100}


def quiet(_text: str) -> None:
    """Hear nothing."""


def market(number: int) -> Market:
    """Return market *number*, of an event of its own."""
    at = from_epoch(NOON)
    return Market(
        id=f"M{number}", condition_id=f"0x{number}", question=f"Will it be {number}?",
        slug=f"m{number}", yes_token=f"{number}1", no_token=f"{number}2", yes_label="Yes",
        no_label="No", observed_at=at, event_id=f"E{number}", event_slug=f"e{number}",
        event_title=f"Event {number}", tags=("politics",), description="If it happens.",
        active=True, accepting_orders=True, enable_order_book=True, tick=CENT, min_size=Decimal(5),
        fees_enabled=True, fee_schedule=FEE, end_at=at + timedelta(days=60), best_bid=0.50,
        best_ask=0.51, volume_24h=120_000.0, liquidity=50_000.0,
    )  # fmt: skip


def book(number: int, bid: Decimal, at: datetime) -> Book:
    """Return a YES book a cent wide."""
    return Book(
        f"{number}1", f"0x{number}", (Level(bid, Decimal(5000)), Level(bid - CENT, Decimal(9000))),
        (Level(bid + CENT, Decimal(5000)), Level(bid + 2 * CENT, Decimal(9000))), at, at,
        f"{number}|{bid}|{at}", CENT, Decimal(5),
    )  # fmt: skip


Prices = Callable[[int, int], str]
"""(market, turn) -> the YES bid as text, or "yes", "no", "half": it was resolved so."""
ENDS = {"yes": Decimal(1), "no": Decimal(0), "half": Decimal("0.5")}


class Stage(Toolkit):
    """A home whose exchange follows a script, and whose broker keeps books of its own."""

    def __init__(
        self,
        folder: Path,
        prices: Prices,
        count: int,
        settings: Mapping[str, Any] | None = None,
        make: Callable[[int], Market] = market,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "eager.py").write_text(EAGER)
        body = {
            "data_collection": {"limits_path": "limits.db"},
            "signals": {"strategies": ["eager.py:Eager"]},
            "risk": LOOSE,
            **(settings or {}),
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(body))
        super().__init__(load(folder / "config.yaml", env={}), clock=FrozenClock(from_epoch(NOON)),
                         env={})  # fmt: skip
        self.prices, self.count, self.turn = prices, count, 0
        self.exchange = Venue(folder / "venue.db", self.clock.now)
        self.broker = self.exchange
        with self.open_store() as store, store.transaction() as tx:
            listings.record_markets(tx, [make(n) for n in range(count)])
            since = from_epoch(NOON) - timedelta(days=6)
            for n in range(count):
                listings.panel_enter(tx, f"M{n}", since, since + timedelta(days=30))

    def at(self, turn: int, seconds: int = 0) -> None:
        """Let it be *turn* slots after noon."""
        self.turn = turn
        self.clock.set(from_epoch(NOON + turn * SLOT + AFTER + seconds))

    def venue(self) -> Any:
        """Return the source of books: the script."""
        return SimpleNamespace(
            books=SimpleNamespace(name="polymarket.books", collect=self._collect),
            clob=SimpleNamespace(requests=0),
        )

    def _collect(self, wanted: Wanted) -> Iterator[Book]:
        yield from (self.book(int(one.id[1:])) for one in wanted.markets if self.bid(one.id))

    def bid(self, name: str) -> Decimal | None:
        """Return the bid of market *name* now, ``None`` once it is resolved."""
        told = self.prices(int(name[1:]), self.turn)
        return None if told in ENDS else Decimal(told)

    def book(self, number: int) -> Book:
        """Return the book of market *number* now."""
        bid = self.bid(f"M{number}")
        assert bid is not None
        return book(number, bid, self.clock.now())

    def look_around(self, cycle: Cycle) -> Done:
        """Collect: quotes, books, scores and resolutions of the slot, as the script has them."""
        now = self.clock.now()
        shown = [(n, bid) for n in range(self.count) if (bid := self.bid(f"M{n}")) is not None]
        with cycle.store.transaction() as tx:
            series.record_quotes(tx, [
                Quote(f"M{n}", cycle.slot, bid, bid + CENT, 1000.0, 1000.0, now, now)
                for n, bid in shown
            ])  # fmt: skip
            series.record_books(tx, cycle.slot, [(f"M{n}", self.book(n)) for n, _ in shown])
            ledger.record_scores(
                tx, cycle.slot, [ledger.Score(f"M{n}", 1.0, {}) for n, _ in shown], now
            )
            self.resolve(tx)
        return Done()

    def resolve(self, tx: Transaction) -> None:
        """Keep the resolutions there are by now."""
        now = self.clock.now()
        ended = [(n, self.prices(n, self.turn)) for n in range(self.count)]
        listings.record_resolutions(tx, [
            Resolution(f"0x{n}", Outcome(how), ENDS[how], "resolved", now, now)
            for n, how in ended if how in ENDS
        ])  # fmt: skip

    def plan(self) -> Plan:
        """Return the collection cycle with the script in the place of the network."""
        steps = (
            ("collect", self.look_around), ("quality", _nothing), ("features", features_step),
            ("exits", exits_step), ("signals", signals_step), ("notify", notify_step),
            ("talk", _nothing),
        )  # fmt: skip
        return Plan("collection", timedelta(minutes=15), steps, timedelta(minutes=14))

    def cycle(self, turn: int, fault: str = "") -> int:
        """Run the cycle of *turn* in a forked child; return the signal that ended it, 0 for none.

        Told to end by SIGTERM it unwinds, as the command does.
        """
        told = self.home / "child.txt"
        child = os.fork()
        if child == 0:
            code = 3
            try:
                faults._armed = faults._Armed(fault)
                signal.signal(signal.SIGTERM, _unwind)
                self.at(turn)
                report = run_cycle(self, self.plan(), progress=quiet)
                told.write_text(f"{report.state}: {report.reason}")
                code = 0 if report.state in {"OK", "PARTIAL", "SKIPPED"} else 4
            except Unwound:
                code = 128 + signal.SIGTERM
            except BaseException:
                told.write_text(traceback.format_exc())
                raise
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        code = -signal.SIGTERM if code == 128 + signal.SIGTERM else code
        assert code <= 0, told.read_text()
        return -code

    def judge(self, turns: Sequence[int]) -> "Judged":
        """Hold our books against the venue's, and against themselves."""
        with Store.reader(self.loaded.database) as store, store.reading() as look:
            orders = deals.orders(look, limit=100_000)
            done = [run for run in runs.last(look, limit=10_000) if run.state != "SKIPPED"]
            return Judged(
                differences(self.exchange.deals(), orders, deals.fills(look, limit=100_000)),
                [one for one in orders if one.state.open],
                reconcile.of(look)["mismatches"],
                str(journal.verify(look) or ""),
                kill.standing(look).row[1],  # type: ignore[index]  # a home that was made has one
                [turn for turn in turns
                 if not any(run.slot == NOON + turn * SLOT for run in runs.last(look, limit=9999))],
                [turn for turn in turns
                 if sum(run.slot == NOON + turn * SLOT and run.state in {"OK", "PARTIAL"}
                        for run in done) > 1],
            )  # fmt: skip


class Unwound(BaseException):
    """SIGTERM came."""


def _unwind(_number: int, _frame: object) -> None:
    raise Unwound


def _nothing(_cycle: Cycle) -> Done:
    return Done()


@dataclass(frozen=True, slots=True)
class Judged:
    """What is wrong, apart from ``kill``, which should be ARMED."""

    differences: list[str]
    open: list[Order]
    mismatches: list[Any]
    journal: str
    kill: str
    missing: list[int]
    twice: list[int]

    @property
    def clean(self) -> bool:
        """Return whether nothing is."""
        wrong = (self.differences, self.open, self.mismatches, self.journal, self.missing,
                 self.twice)  # fmt: skip
        return not any(wrong) and self.kill == "ARMED"
