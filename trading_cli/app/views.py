"""Store -> one view per candidate: everything known about it at the instant of the decision."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from trading_cli.app import analyse, learned, proving
from trading_cli.app.desk import Desk
from trading_cli.app.opinions import Ears
from trading_cli.app.panel import rules_of
from trading_cli.domain import (
    SLOT_SECONDS,
    Feature,
    FeeSchedule,
    Market,
    Quote,
    from_epoch,
)
from trading_cli.research.deadline import deadline_of
from trading_cli.research.panel import candidates
from trading_cli.store import (
    Transaction,
    glance,
    history,
    ledger,
    listings,
    pauses,
)
from trading_cli.store.arrays import quote_matrix
from trading_cli.store.mood import moods
from trading_cli.trading.fees import FeeUnknown, schedule_of
from trading_cli.trading.view import Talk, TradingState, View

DAY = timedelta(hours=24)
MOOD = timedelta(hours=6)
GAP_REACH = timedelta(hours=3)
EXCUSED = frozenset({"NO_BOOK", "REFUSED"})
Features = Mapping[str, Mapping[str, Feature]]


@dataclass(frozen=True, slots=True)
class Ready:
    """The candidates of this slot, busiest first, and the quote of each."""

    markets: tuple[Market, ...]
    quotes: Mapping[str, Quote]


def ready(look: Transaction, desk: Desk, at: datetime) -> Ready:
    """Return the panel's members that may be traded now."""
    members = listings.panel_members(look, as_of=at)
    panel = listings.listing_at(look, as_of=at, venue_ids=list(members))
    quotes = {q.market_id: q for q in history.latest_quotes(look, desk.slot, as_of=at)}
    names = candidates(panel, quotes, rules_of(desk.settings), at)
    by_id = {market.id: market for market in panel}
    desk.know(panel)
    return Ready(tuple(by_id[name] for name in names), quotes)


def state_of(look: Transaction, desk: Desk, at: datetime) -> TradingState:
    """Return whether anything may be entered at all."""
    standing = desk.standing(look)
    closing = glance.closing(look, desk.slot, since=from_epoch(desk.slot), as_of=at)
    if not closing and not glance.judged(look, desk.slot, as_of=at):
        closing = ["nothing was judged in this slot"]
    kinds = tuple(one.kind for one in pauses.active(look, at))
    return TradingState(
        standing.state.value,
        standing.level,
        kinds,
        gate_open=not closing,
        gate_reasons=tuple(closing),
        held_back=held_back(look, desk.slot, as_of=at),
        proofs=proving.standing(look, desk.settings, at),
    )


def held_back(look: Transaction, slot: int, *, as_of: datetime) -> str:
    """Return why entries wait: a slot was missed, and none has been whole since. "": they do not.

    A slot is whole when every market that was expected came, or had no book of its own.
    """
    since = from_epoch(slot) - GAP_REACH
    rows = ledger.gaps(look, since=since, until=from_epoch(slot + SLOT_SECONDS), as_of=as_of)
    missed = max((gap.slot for gap in rows if not gap.market_id and not gap.received), default=None)
    if missed is None:
        return ""
    expected: dict[int, list[ledger.Gap]] = defaultdict(list)
    for gap in rows:
        if gap.market_id and gap.slot > missed:
            expected[gap.slot].append(gap)
    for held in expected.values():
        if all(gap.received or gap.cause in EXCUSED for gap in held):
            return ""
    return f"nothing ran at {from_epoch(missed):%H:%M}, and no slot has been whole since"


def views(
    look: Transaction, desk: Desk, chosen: Ready, features: Features, at: datetime
) -> list[View]:
    """Return one view per candidate, in their order."""
    names = [market.id for market in chosen.markets]
    state, events = state_of(look, desk, at), desk.entered(look, at)
    best = analyse.best_tiers(look, names, desk.slot, as_of=at)
    rocs = analyse.best_rocs(look, names, desk.slot, as_of=at)
    scores = glance.scores(look, as_of=at)
    changed = listings.rules_changed(look, names, as_of=at)
    mids = _mids(look, names, at)
    talk = moods(look, names, since=at - MOOD, as_of=at)
    members = listings.panel_members(look, as_of=at)
    leads, recalibrated = learned.talk_leads(look, at), learned.recalibrated(look, at)
    said = Ears(look, desk.settings.inbound).heard(names, at)
    found = []
    for market in chosen.markets:
        fee, why = _fee(market, at)
        mood = talk.get(market.id)
        found.append(
            View(
                market,
                at,
                desk.slot,
                chosen.quotes.get(market.id),
                deadline_of(market),
                book=history.book(look, market.id, desk.slot, as_of=at),
                features=features.get(market.id, {}),
                best_tiers=best.get(market.id, {}),
                best_roc=rocs.get(market.id),
                mids=mids.get(market.id, ()),
                talk=Talk() if mood is None else Talk(mood.sentiment, mood.posts),
                quality=scores.get(market.id),
                fee=fee,
                fee_reason=why,
                rules_changed_at=changed.get(market.id),
                warming=analyse.warming(look, market, at, entered=members.get(market.id)),
                state=state,
                entered=events,
                pooled=leads.of(market.category),
                recalibrate=recalibrated,
                opinions=said.get(market.id, ()),
            )
        )
    return found


def _fee(market: Market, at: datetime) -> tuple[FeeSchedule | None, str]:
    try:
        return schedule_of(market, at), ""
    except FeeUnknown as unknown:
        return None, unknown.message


def _mids(
    look: Transaction, names: Sequence[str], at: datetime
) -> dict[str, tuple[tuple[datetime, float], ...]]:
    """Return each market's mids of the last 24 h, oldest first."""
    if not names:
        return {}
    held = quote_matrix(look, names, since=at - DAY, until=at, as_of=at)
    times = [from_epoch(int(slot)) for slot in held.slots]
    return {
        name: tuple(
            (time, float(mid)) for time, mid in zip(times, row, strict=True) if not np.isnan(mid)
        )
        for name, row in zip(names, held.mid, strict=True)
    }
