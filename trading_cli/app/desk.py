"""What the trading steps of one run share: the venue's books, the account, and who may deal.

The desk holds no truth of its own. Every account is read inside the transaction that relies on it,
and the kill switch is read there and again before each send.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from trading_cli.app.comovement import Levels
from trading_cli.app.gather import drain
from trading_cli.app.settings import Settings
from trading_cli.app.stop import standing_of
from trading_cli.app.toolkit import Toolkit, Venue
from trading_cli.core.errors import StoreError
from trading_cli.domain import (
    Book,
    FeeSchedule,
    Market,
    Position,
    PositionState,
    Purpose,
    Reason,
    Token,
    Wanted,
)
from trading_cli.store import (
    Store,
    Transaction,
    backfill,
    balances,
    deals,
    decided,
    holdings,
    journal,
    listings,
    pauses,
    runs,
)
from trading_cli.trading import killswitch
from trading_cli.trading.account import Account, Labels, Stake, deposit, snapshot
from trading_cli.trading.deciding import labels_of
from trading_cli.trading.fees import FeeUnknown, schedule_of
from trading_cli.trading.fills import DEAREST_FEE, liquidation
from trading_cli.trading.losses import Loss

LAST_LOSS = "risk.last_loss"
LOSSES = ("day", "week", "month")
ZERO = Decimal(0)


@dataclass(slots=True)
class Desk:
    """One run's way to the market.

    ``books`` are the newest books seen of held and wanted tokens, ``levels`` the hourly log odds
    read to measure what moves together; ``ticket`` fences the writes, ``None`` for a command a
    person typed.
    """

    toolkit: Toolkit
    store: Store
    slot: int
    ticket: runs.Ticket | None = None
    books: dict[tuple[str, Token], Book] = field(default_factory=dict)
    markets: dict[str, Market] = field(default_factory=dict)
    levels: Levels = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """Return the settings in effect."""
        return self.toolkit.settings

    @property
    def folder(self) -> Path:
        """Return the folder of the kill switch's file."""
        return self.toolkit.home / "data"

    def now(self) -> datetime:
        """Return the world's time."""
        return self.toolkit.clock.now()

    def hold(self, tx: Transaction) -> None:
        """Let the transaction go on only while this run is the one that may write."""
        if self.ticket is not None:
            runs.hold(tx, self.ticket, self.now())

    def standing(self, look: Transaction) -> killswitch.Standing:
        """Return how the kill switch stands."""
        return standing_of(look, self.folder)

    def permitted(self, purpose: Purpose, reason: Reason) -> str:
        """Return why an order may not go at this instant, "" where it may."""
        with self.store.reading() as look:
            return killswitch.forbids(self.standing(look), purpose, reason)

    def know(self, markets: Iterable[Market]) -> None:
        """Keep the descriptions of *markets*."""
        self.markets |= {market.id: market for market in markets}

    def market(self, look: Transaction, market_id: str) -> Market:
        """Return the market as last described. Raises ``StoreError`` where it never was."""
        if market_id not in self.markets:
            found = listings.listing_at(look, as_of=self.now(), venue_ids=[market_id])
            if not found:
                raise StoreError(f"market {market_id} is not in the store", hint="trading collect")
            self.know(found)
        return self.markets[market_id]

    def labels(self, market: Market) -> Labels:
        """Return what *market* counts towards besides itself."""
        return labels_of(market, self.settings.risk.themes)

    def fee(self, market: Market) -> FeeSchedule | None:
        """Return what a taker pays on *market* now, ``None`` where nobody knows."""
        try:
            return schedule_of(market, self.now())
        except FeeUnknown:
            return None

    def fetch_books(self, markets: Sequence[Market]) -> dict[str, Book]:
        """Fetch the YES books of *markets* and remember both tokens' sides. Return them by market.

        A market without a book, or a venue that does not answer, is simply not there.
        """
        if not markets:
            return {}
        venue: Venue = self.toolkit.venue()
        now = self.now()
        wanted = Wanted(now, now + timedelta(seconds=1), tuple(markets))
        came = drain(venue.books, wanted, clock=self.toolkit.clock, clients=(venue.clob,))
        by_token = {book.token: book for book in came.of(Book)}
        found = {m.id: by_token[m.yes_token] for m in markets if m.yes_token in by_token}
        for market in markets:
            if market.id in found:
                self.remember(market, found[market.id])
        return found

    def remember(self, market: Market, yes_book: Book) -> None:
        """Keep *yes_book* as the newest one of *market*, for both tokens, unless it is older."""
        known = self.books.get((market.id, Token.YES))
        if known is not None and known.observed_at > yes_book.observed_at:
            return
        self.books[market.id, Token.YES] = yes_book
        self.books[market.id, Token.NO] = yes_book.mirrored(market.no_token)

    def see_held(self) -> None:
        """Fetch the book of every held market that was not seen yet: it has no value without."""
        with self.store.reading() as look:
            held = {p.market_id for p in holdings.positions(look)}
            unseen = sorted(one for one in held if (one, Token.YES) not in self.books)
            markets = [self.market(look, one) for one in unseen]
        self.fetch_books(markets)

    def entered(self, look: Transaction, at: datetime) -> frozenset[str]:
        """Return the events held, ordered or offered to a person, or entered in the last hours."""
        since = at - timedelta(hours=self.settings.signals.already_in_hours)
        held = {p.event_id for p in holdings.positions(look)}
        asked = {order.event_id for order in deals.open_orders(look)}
        told = decided.offered(look, at)
        return frozenset(held | asked | told | set(decided.entered_since(look, since)))

    def values(self, look: Transaction, positions: Iterable[Position]) -> dict[str, Decimal]:
        """Return what each position would bring now, USD: 0 where no bid or book is known."""
        found: dict[str, Decimal] = {}
        for position in positions:
            fee = self.fee(self.market(look, position.market_id)) or DEAREST_FEE
            book = self.books.get((position.market_id, position.token))
            found[position.id] = liquidation(book, position.shares, fee)
        return found

    def account(self, look: Transaction) -> Account:
        """Return the account as the transaction sees it."""
        now = self.now()
        positions = holdings.positions(look)
        held = balances.balances(look)
        if not any(held.values()) and not balances.entries(look, reference=balances.OPENING):
            held |= {"cash": self.settings.bankroll, "capital": -self.settings.bankroll}
        orders = deals.open_orders(look)
        return snapshot(
            at=now,
            cash=held["cash"],
            capital=-held["capital"],
            positions=positions,
            values=self.values(look, [p for p in positions if p.state is not PositionState.CLOSED]),
            orders=orders,
            outside=outside_stakes(look, self),
            labels={o.market_id: self.labels(self.market(look, o.market_id)) for o in orders},
            entries_today=_entries_today(look, now),
            last_loss_at=last_loss(look),
            losses=_losses(look, now),
        )


def outside_stakes(look: Transaction, desk: Desk) -> list[Stake]:
    """Return what the owner's wallets hold beside us: it fills the limits, we never sell it."""
    found = []
    for one in holdings.outside_positions(look):
        known = listings.listing_at(look, as_of=desk.now(), venue_ids=[one.market_id])
        labels = desk.labels(known[0]) if known else Labels()
        found.append(
            Stake(one.market_id, one.event_id, one.token, one.shares, one.cost, labels, "outside")
        )
    return found


def _entries_today(look: Transaction, now: datetime) -> int:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    counted = {"PENDING", "UNKNOWN", "FILLED", "PARTIAL"}
    return sum(
        order.purpose is Purpose.ENTRY and order.state.value in counted
        for order in deals.orders(look, since=midnight, limit=10_000)
    )


def last_loss(look: Transaction) -> datetime | None:
    """Return when a loss was last taken, ``None`` before the first."""
    said = backfill.meta(look, LAST_LOSS)
    return None if said is None else datetime.fromtimestamp(int(said), UTC)


def _losses(look: Transaction, now: datetime) -> list[Loss]:
    """Return the loss limits in force: the pauses of their kinds that have not ended."""
    return [
        Loss(one.kind, ZERO, ZERO, one.reason, until=one.until)
        for one in pauses.active(look, now)
        if one.kind in LOSSES
    ]


def open_account(desk: Desk) -> None:
    """Deposit the bankroll once; a home that has one keeps it, whatever the setting says now."""
    with desk.store.transaction() as tx:
        desk.hold(tx)
        if balances.entries(tx, reference=balances.OPENING):
            return
        now, amount = desk.now(), desk.settings.bankroll
        balances.record_entries(tx, deposit(amount, now, balances.OPENING))
        body = {"amount": str(amount), "reference": balances.OPENING}
        journal.append(tx, "deposit", balances.OPENING, body, at=now)


Permission = Callable[[Purpose, Reason], str]
Facts = Mapping[str, object]
