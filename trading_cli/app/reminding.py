"""Before a deadline of something held, the owner is told: 168, 72 and 24 hours ahead, once each."""

from trading_cli.app.agenda import expiring
from trading_cli.app.desk import Desk
from trading_cli.domain import Notice, Position, Severity
from trading_cli.store import holdings, listings, outbox

LAST_H = 24


def remind(desk: Desk) -> int:
    """Queue the reminders that are due. Return how many were new.

    Where a holding is already under a tighter one, the wider ones are not said any more.
    """
    now = desk.now()
    half, whole = desk.settings.exits.deadline_days
    exits = f"Half is sold {half:g} days before, the rest {whole:g}, where somebody bids."
    with desk.store.transaction() as tx:
        held: dict[str, list[Position]] = {}
        for one in holdings.positions(tx):
            held.setdefault(one.market_id, []).append(one)
        if not held:
            return 0
        desk.hold(tx)
        known = listings.listing_at(tx, as_of=now, venue_ids=sorted(held))
        due = expiring(held, {one.id: one for one in known}, now)
        return sum(
            outbox.put(
                tx,
                Notice(
                    f"deadline:{one['position']}:{one['within_h']}",
                    "position",
                    Severity.WARN if one["within_h"] <= LAST_H else Severity.INFO,
                    f"{_when(one['hours'])}: {one['shares']:g} {one['token']}, at stake"
                    f" {one['stake']:.2f} USD.\n{one['question']}\n{exits}",
                    now,
                    facts={"position": one["position"], "market": one["market"]},
                ),
            )
            for one in due
        )


def _when(hours: float) -> str:
    return f"Deadline in {hours:.0f} h" if hours >= 0 else f"Deadline passed {-hours:.0f} h ago"
