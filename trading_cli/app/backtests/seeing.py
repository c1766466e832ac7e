"""What was seen in each slot: its candidates, their indicators, and a view of each."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from trading_cli.app.backtests.books import Books
from trading_cli.app.backtests.candidates import Candidate, Candidates
from trading_cli.app.backtests.conditions import Conditions
from trading_cli.app.backtests.indicators import Indicators
from trading_cli.app.backtests.listed import Listed
from trading_cli.app.backtests.pricing import Prices
from trading_cli.app.inbound_settings import InboundSection
from trading_cli.app.learned import TalkLeads, recalibrated, talk_leads
from trading_cli.app.opinions import Ears, Heard
from trading_cli.domain import SLOT_SECONDS, Book, Feature, FeeSchedule, Market, Quote, Reason
from trading_cli.research import roc
from trading_cli.research.recalibration import Recalibration
from trading_cli.store import Transaction
from trading_cli.store.mood import moods
from trading_cli.trading.fees import FeeUnknown, schedule_of
from trading_cli.trading.view import Talk, View

MOOD = timedelta(hours=6)
SECOND = timedelta(seconds=1)  # as `ears`: the talk of a second comes after its decisions
HOUR_SLOTS = 4
KEEP_SLOTS = 8
Found = Mapping[str, Mapping[str, Feature]]
MID_WAIVED = frozenset(
    {
        Reason.QUALITY, Reason.GATE_CLOSED, Reason.STALE_BOOK, Reason.UMA_STATUS, Reason.NO_RULES,
        Reason.RULES_CHANGED, Reason.LIQUIDITY_LOW, Reason.ROUND_TRIP,
    }
)  # fmt: skip
"""What history mids never say: waived by name. Their depth is without end; no rule judges it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One slot: whether it was recorded live, its candidates, and their indicators."""

    live: bool
    chosen: Sequence[Candidate]
    features: Found


class _Known(NamedTuple):
    """What research had found by an instant, and what was said of the candidates."""

    at: datetime
    leads: TalkLeads
    recalibration: Recalibration | None
    said: Heard


class Times(NamedTuple):
    """When a slot's indicators were computed and its entries decided; whether it was live.

    ``judged``: later slots see its indicators; not where they were never computed at the time.
    """

    slot: int
    computed: datetime
    decided: datetime
    live: bool
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything a view is made of."""

    listed: Listed
    prices: Prices
    indicators: Indicators
    books: Books
    candidates: Candidates
    conditions: Conditions


class Seeing:
    """The views of the slots, in their order; the last few slots are remembered."""

    def __init__(
        self,
        look: Transaction,
        sources: Sources,
        times: Mapping[int, Times],
        fees: FeeSchedule | None,
        inbound: InboundSection,
    ) -> None:
        self._look = look
        self._ears = Ears(look, inbound)
        self._from = sources
        self._times = times
        self._fees = fees
        self._slots: OrderedDict[int, Seen] = OrderedDict()
        self._known: _Known | None = None

    def slot(self, slot: int) -> Seen:
        """Return what was seen in *slot*. Raises KeyError for one that is not there."""
        found = self._slots.get(slot)
        if found is None:
            found = self._slots[slot] = self._fresh(self._times[slot])
            while len(self._slots) > KEEP_SLOTS:
                self._slots.popitem(last=False)
        return found

    def _fresh(self, times: Times) -> Seen:
        at, every = times.computed, self._from
        members = every.listed.members(int(at.timestamp())) if times.live else {}
        chosen = (
            every.candidates.live(times.slot, at, members)
            if times.live
            else every.candidates.bare(times.slot, at)
        )
        markets = {one.row: one.market for one in chosen}
        followed = list(members) if times.live else list(markets)
        features = every.indicators.of(times.slot, at, markets, followed, live=times.live)
        return Seen(times.live, chosen, features)

    def views(self, slot: int) -> list[View]:
        """Return the candidates of *slot* as seen when it was decided, busiest first."""
        times = self._times[slot]
        earlier = [slot - back * SLOT_SECONDS for back in range(HOUR_SLOTS - 1, 0, -1)]
        times_of = self._times
        held = [self.slot(one) for one in earlier if one in times_of and times_of[one].judged]
        now = self.slot(slot)
        hour = [one.features for one in (*held, now) if one.live == now.live]
        return self._live(times, now, hour) if times.live else self._bare(times, now, hour)

    def _live(self, times: Times, now: Seen, hour: Sequence[Found]) -> list[View]:
        at, every = times.decided, self._from
        second = int(at.timestamp())
        rows = [one.row for one in now.chosen]
        names = [one.market.id for one in now.chosen]
        talk = moods(self._look, names, since=at - MOOD, as_of=at - SECOND)
        state, scores = every.conditions.state(times.slot, at), every.conditions.scores(names, at)
        members = every.listed.members(second)
        books = every.books.of_slot(times.slot, rows, second)
        found = []
        for one in now.chosen:
            name, row = one.market.id, one.row
            mood = talk.get(name)
            more = {
                "quote": one.quote,
                "book": books.get(row),
                "mids": every.prices.day_of_mids(row, at),
                "talk": Talk() if mood is None else Talk(mood.sentiment, mood.posts),
                "quality": scores.get(name),
                "rules_changed_at": every.listed.rules_changed(row, second),
                "warming": every.indicators.warming(row, at, members.get(row), live=True),
                "state": state,
            }
            found.append(self._view(one, times, now, hour, more))
        return found

    def _bare(self, times: Times, now: Seen, hour: Sequence[Found]) -> list[View]:
        at, every = times.decided, self._from
        state = every.conditions.bare(at)
        books = every.books.of_slot(
            times.slot, [one.row for one in now.chosen if one.quote], int(at.timestamp())
        )
        found = []
        for one in now.chosen:
            book = books.get(one.row) or every.books.to_decide(one.row, one.market, at)
            made = None if book is None else _quote_of(book, one.market, times.slot)
            more = {
                "quote": one.quote or made,
                "book": book,
                "mids": every.prices.day_of_points(one.row, int(at.timestamp())),
                "state": state,
                "waived": MID_WAIVED,
            }
            found.append(self._view(one, times, now, hour, more))
        return found

    def _view(
        self,
        one: Candidate,
        times: Times,
        now: Seen,
        hour: Sequence[Found],
        more: Mapping[str, Any],
    ) -> View:
        """Return the view of one candidate: what every slot has of it, and *more*."""
        market, at = one.market, times.decided
        features = now.features.get(market.id, {})
        best = _best([held[market.id] for held in hour if market.id in held])
        fee, why = self._fee(market, at)
        known = self._research(at, now)
        return View(
            market,
            at,
            times.slot,
            deadline=self._from.listed.deadline(market),
            features=features,
            best_tiers={name: feature.tier for name, feature in best.items()},
            best_roc=best[roc.NAME].value if roc.NAME in best else None,
            fee=fee,
            fee_reason=why,
            pooled=known.leads.of(market.category),
            recalibrate=known.recalibration,
            opinions=known.said.get(market.id, ()),
            **more,
        )

    def _fee(self, market: Market, at: datetime) -> tuple[FeeSchedule | None, str]:
        if self._fees is not None:
            return self._fees, ""
        try:
            return schedule_of(market, at), ""
        except FeeUnknown as unknown:
            return None, unknown.message

    def _research(self, at: datetime, now: Seen) -> _Known:
        """Return what research had found by *at*, and what was said of the candidates *now*."""
        known = self._known
        if known is None or known.at != at:
            said = self._ears.heard([one.market.id for one in now.chosen], at)
            known = _Known(at, talk_leads(self._look, at), recalibrated(self._look, at), said)
            self._known = known
        return known


def _best(hour: Sequence[Mapping[str, Feature]]) -> dict[str, Feature]:
    """Return each indicator at its best tier of the slots of an hour, the newest of equals."""
    best: dict[str, Feature] = {}
    for held in hour:
        for name, feature in held.items():
            if name not in best or feature.tier >= best[name].tier:
                best[name] = feature
    return best


def _quote_of(book: Book, market: Market, slot: int) -> Quote:
    """Return the quote that a book made of a mid stands for."""
    seen = book.observed_at
    return Quote(market.id, slot, book.best_bid, book.best_ask, None, None, seen, seen)
