"""The demo's sums: the same counts as exchange, store and the reports of the runs have them.

Whoever asks the exchange here asks the world behind it, not its wire.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from trading_cli.app.demo_day import AFTER_SLOT_S, FIRST_SLOT, Lived
from trading_cli.app.past import DEPTH
from trading_cli.domain import SLOT_SECONDS, Market, from_epoch
from trading_cli.store import Transaction, history, ledger, listings


def sums_of(look: Transaction, lived: Lived) -> dict[str, Any]:
    """Return the same counts as the exchange, the store and the reports have them."""
    world, counted, last = lived.world, lived.sums.counts, lived.size.last
    now = from_epoch(last)
    counts = history.counts(look)
    markets = listings.listing_at(look, as_of=now)
    stays = _stays(look, markets, days=lived.size.days, last=last)
    held = sum(
        len(history.trades(look, s.market.id, since=from_epoch(0), until=now, as_of=now))
        for s in stays
    )
    expected = ledger.gaps(look, since=from_epoch(0), until=now)
    token = {stay.market.id: stay.market.yes_token for stay in stays}
    books = sum(
        world.book(token[gap.market_id], gap.slot + AFTER_SLOT_S) is not None
        for gap in expected
        if gap.market_id in token
    )
    rows = [
        {
            "what": "trades of the followed markets",
            "exchange": sum(
                len(world.trades([s.market.condition_id], s.since, s.until, last)) for s in stays
            ),
            "store": held,
            "report": counted["trades"] + counted["past_trades"],
        },
        {
            "what": "quotes",
            "exchange": books,
            "store": counts["quotes"],
            "report": counted["quotes"],
        },
    ]
    return {
        "sums": rows,
        "rows": dict(counts),
        "runs": dict(lived.sums.states),
        "troubles": dict(lived.sums.why),
        "sources": {one.name: one.state for one in ledger.source_states(look)},
        "gaps": sum(not gap.received for gap in expected),
        "followed": len(stays),
        "planted": dict(Counter(event["kind"] for event in world.truth()["events"].values())),
    }


@dataclass(frozen=True, slots=True)
class Stay:
    """What we were to collect of one market: its trades in [since, until), epoch seconds."""

    market: Market
    since: int
    until: int


def _stays(look: Transaction, markets: Sequence[Market], *, days: int, last: int) -> list[Stay]:
    """Return the span owed to each market: its past when it entered, then every slot till it left.

    A market that left in a slot was last collected in the slot before.
    """
    by_id = {market.id: market for market in markets}
    found: dict[str, Stay] = {}
    for name, entered, left in listings.panel_stays(look):
        at = int(entered.timestamp())
        depth = timedelta(days=days) if at < FIRST_SLOT + SLOT_SECONDS else DEPTH
        since = int((from_epoch(at) - depth).timestamp()) // 86_400 * 86_400
        until = last if left is None else int(left.timestamp()) - SLOT_SECONDS
        before = found.get(name)
        since = since if before is None else min(since, before.since)
        found[name] = Stay(by_id[name], since, until + 1)
    return list(found.values())
