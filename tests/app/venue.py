"""A pretend broker with a ledger of its own, outside our database: what it says is what happened.

It takes nobody's word that an order is the same as one before: whatever is sent twice is carried
out twice, and stands there twice.
"""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from trading_cli.core.errors import SourceDown
from trading_cli.domain import FeeSchedule, Fill, Order, OrderState, Side, Token
from trading_cli.trading.brokers import Outcome, fill_id
from trading_cli.trading.fees import fee

FEE = FeeSchedule(Decimal("0.04"), Decimal(1), "market")
LATE = timedelta(seconds=40)  # so long an order may be on its way
ARRIVED_BY = timedelta(seconds=60)  # what is not there by then never will be
BEHAVIOURS = ("fills", "partial", "timeout", "error_500", "rejects", "late", "drops", "nothing")


class Died(BaseException):
    """The process was gone before the venue's answer came: nothing of ours caught it."""


@dataclass(frozen=True, slots=True)
class Deal:
    """One line of the venue's ledger."""

    order_id: str
    market: str
    token: Token
    side: Side
    shares: Decimal
    price: Decimal
    arrived: datetime


class Venue:
    """A broker that carries out what arrives, at its limit, and writes it down for good.

    *behave* says how it treats each order: one of ``BEHAVIOURS``, or "dies" and "killed": it
    carries the order out and the process ends before it hears of it.
    """

    name = "venue"

    def __init__(
        self,
        path: Path,
        now: Callable[[], datetime],
        behave: Callable[[Order], str] = lambda _order: "fills",
    ) -> None:
        self._path, self._now, self.behave = path, now, behave
        with self._open() as file:
            file.execute(
                "CREATE TABLE IF NOT EXISTS deals (seq INTEGER PRIMARY KEY, order_id TEXT, market"
                " TEXT, token TEXT, side TEXT, shares TEXT, price TEXT, arrived TEXT)"
            )
            file.execute("CREATE TABLE IF NOT EXISTS refused (order_id TEXT)")

    def _open(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self._path, isolation_level=None, timeout=20))

    def submit(self, order: Order) -> Outcome:
        """Carry *order* out, or not, and say so, or not."""
        how = self.behave(order)
        if how == "rejects":
            with self._open() as file:
                file.execute("INSERT INTO refused VALUES (?)", (order.id,))
            return Outcome(order.id, OrderState.REJECTED, "HTTP 400: not enough balance")
        if how == "nothing":
            return Outcome(order.id, OrderState.CANCELLED, "nothing within the limit")
        if how != "drops":
            self._carry_out(order, how)
        if how in {"timeout", "late", "drops"}:
            raise TimeoutError("no answer in time")
        if how == "error_500":
            raise SourceDown("venue", "HTTP 500", status=500)
        if how == "dies":
            raise Died
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return self.find(order)

    def _carry_out(self, order: Order, how: str) -> None:
        part = how == "partial" and order.shares >= 2
        shares = (order.shares / 2).quantize(Decimal("0.01")) if part else order.shares
        arrived = self._now() + (LATE if how == "late" else timedelta())
        row = (order.id, order.market_id, order.token.value, order.side.value, str(shares),
               str(order.limit_price), arrived.isoformat())  # fmt: skip
        with self._open() as file:
            file.execute(
                "INSERT INTO deals (order_id, market, token, side, shares, price, arrived)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)", row,
            )  # fmt: skip

    def cancel(self, order: Order) -> Outcome:
        """Say what became of it: nothing rests here."""
        return self.find(order)

    def find(self, order: Order) -> Outcome:
        """Say what the ledger says; what may still be on its way is not known."""
        with self._open() as file:
            refused = file.execute("SELECT 1 FROM refused WHERE order_id = ?", (order.id,))
            known = refused.fetchone() is not None
        here = [d for d in self.deals() if d.order_id == order.id and d.arrived <= self._now()]
        if here:
            return self._found(order, here[0])
        if known or self._now() - order.placed_at >= ARRIVED_BY:
            return Outcome(order.id, OrderState.REJECTED, "it is not at the venue")
        return Outcome(order.id, OrderState.UNKNOWN, "it may be on its way")

    def _found(self, order: Order, deal: Deal) -> Outcome:
        whole = deal.shares == order.shares
        fill = Fill(
            fill_id(order), order.id, order.market_id, order.token, order.side, deal.shares,
            deal.price, fee(deal.shares, deal.price, FEE), deal.arrived, (), "A",
        )  # fmt: skip
        return Outcome(order.id, OrderState.FILLED if whole else OrderState.PARTIAL, "", fill)

    def open_orders(self) -> tuple[str, ...]:
        """Return none: nothing rests here."""
        return ()

    def deals(self) -> list[Deal]:
        """Return the whole ledger, in the order things were sent."""
        with self._open() as file:
            rows = file.execute(
                "SELECT order_id, market, token, side, shares, price, arrived FROM deals"
                " ORDER BY seq"
            ).fetchall()
        return [
            Deal(name, market, Token(token), Side(side), Decimal(shares), Decimal(price),
                 datetime.fromisoformat(at))
            for name, market, token, side, shares, price, at in rows
        ]  # fmt: skip


def differences(deals: Iterable[Deal], orders: Iterable[Order], fills: Iterable[Fill]) -> list[str]:
    """Return what the venue's ledger and our own do not say alike, in sentences.

    Doubled: an order carried out twice. Orphan: carried out there, unknown here. Phantom: we hold
    a fill, or call rejected what was carried out.
    """
    found, seen = [], {}
    known, ours = {one.id: one for one in orders}, {one.order_id: one for one in fills}
    for deal in deals:
        if deal.order_id in seen:
            found.append(f"{deal.order_id} was carried out twice")
        seen[deal.order_id] = deal
        order, fill = known.get(deal.order_id), ours.get(deal.order_id)
        if order is None or fill is None:
            state = "unknown" if order is None else order.state
            found.append(f"{deal.order_id} was carried out, and here it is {state}")
        elif (fill.shares, fill.price, fill.side) != (deal.shares, deal.price, deal.side):
            found.append(f"{deal.order_id}: {fill} is not {deal}")
    found += [f"{name} was never carried out" for name in ours.keys() - seen.keys()]
    return found
