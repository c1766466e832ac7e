"""What everything is worth in this slot, and which loss limit or staleness that trips.

Pauses end by themselves; the peak loss pulls the kill switch. All is at liquidation value.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading_cli.app.desk import Desk
from trading_cli.domain import SLOT_SECONDS, Notice, Severity, from_epoch
from trading_cli.store import (
    Transaction,
    backfill,
    balances,
    history,
    holdings,
    journal,
    ledger,
    outbox,
    pauses,
)
from trading_cli.trading.looking_after import middle_of, whole
from trading_cli.trading.losses import Loss, loss_limits

PEAK_SINCE = "risk.peak_since"
STALE = timedelta(seconds=2 * SLOT_SECONDS)
REACH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Marked:
    """The mark of the slot, and what it tripped."""

    mark: balances.Mark
    losses: tuple[Loss, ...]

    def numbers(self) -> dict[str, object]:
        """Return the account as the run keeps it, USD."""
        mark = self.mark
        return {
            "equity": float(mark.equity),
            "cash": float(mark.cash),
            "exposure": float(mark.exposure),
            "open": mark.open,
        }


def mark_of(look: Transaction, desk: Desk, now: datetime) -> balances.Mark:
    """Return what the account is worth now, on the newest books seen."""
    positions = holdings.positions(look)
    account = desk.account(look)
    held = balances.balances(look)
    middle, fresh, seen = middle_of(positions, desk.books, now)
    return balances.Mark(
        desk.slot,
        now,
        held["cash"],
        whole(account.liquidation),
        whole(middle),
        account.exposure,
        whole(account.equity),
        balances.flows(look),
        len(positions),
        fresh,
        seen,
    )


def mark(desk: Desk) -> Marked:
    """Keep the mark of this slot and begin the pauses it calls for.

    A loss from the peak is returned for the caller to pull the switch: that comes first and alone.
    """
    now = desk.now()
    with desk.store.transaction() as tx:
        desk.hold(tx)
        held = mark_of(tx, desk, now)
        balances.record_mark(tx, held)
        losses = loss_limits(
            _marks(tx, now),
            now,
            desk.settings.risk,
            _bankroll(tx),
            begun=_begun(tx),
            peak_since=_peak_since(tx),
        )
        for loss in losses:
            if loss.kill_level is None:
                _pause(tx, loss, now)
    return Marked(held, losses)


def _bankroll(tx: Transaction) -> Decimal:
    """Return what was deposited at the opening: a setting changed later deposits nothing."""
    return -balances.balances(tx)["capital"] - balances.flows(tx)


def _marks(tx: Transaction, now: datetime) -> list[balances.Mark]:
    """Return the marks of a month, and the one of the peak if that is older."""
    recent = balances.marks(tx, now - REACH)
    peak = balances.peak(tx, since=_peak_since(tx))
    return recent if peak is None or peak in recent else [peak, *recent]


def _begun(tx: Transaction) -> dict[str, datetime]:
    return {kind: at for kind in ("day", "week", "month") if (at := pauses.last_begun(tx, kind))}


def _peak_since(tx: Transaction) -> datetime | None:
    said = backfill.meta(tx, PEAK_SINCE)
    return None if said is None else datetime.fromtimestamp(int(said), UTC)


def _pause(tx: Transaction, loss: Loss, now: datetime) -> None:
    if pauses.pause(tx, loss.kind, since=now, until=loss.until, reason=loss.sentence, actor="risk"):
        body = {"kind": loss.kind, "sentence": loss.sentence, "until": str(loss.until)}
        journal.append(tx, "pause", loss.kind, body, at=now, actor="risk")
        text = f"Entries are paused: {loss.sentence}\nExits go on. It ends by itself."
        key = f"pause:{loss.kind}:{int(now.timestamp())}"
        outbox.put(tx, Notice(key, "pause", Severity.WARN, text, now, critical=True))


def watch_staleness(desk: Desk) -> str:
    """Pause entries while the newest book is older than two slots; lift it after two fresh ones.

    Return the sentence of a pause in force, "" for none.
    """
    now = desk.now()
    with desk.store.transaction() as tx:
        desk.hold(tx)
        newest = history.newest_quote_at(tx)
        paused = [one for one in pauses.active(tx, now) if one.kind == "stale"]
        if newest is None or now - newest > STALE:
            said = "there is no book yet" if newest is None else f"newest book {newest:%H:%M} UTC"
            if not paused and newest is not None:
                pauses.pause(tx, "stale", since=now, until=None, reason=said, actor="data")
                body = {"kind": "stale", "sentence": said, "until": None}
                journal.append(tx, "pause", "stale", body, at=now, actor="data")
                text = f"Data is stale: {said}. Nothing is entered until two slots are fresh."
                outbox.put(
                    tx,
                    Notice(f"stale:{desk.slot}", "pause", Severity.WARN, text, now),
                )
            return said
        if paused and _two_fresh_slots(tx, desk.slot):
            pauses.lift(tx, "stale", now)
            body = {"kind": "stale", "sentence": "two slots are fresh: entries go on"}
            journal.append(tx, "pause", "stale", body, at=now, actor="data")
            return ""
        return paused[0].reason if paused else ""


def _two_fresh_slots(look: Transaction, slot: int) -> bool:
    """Return whether this slot and the one before brought quotes."""
    since, until = from_epoch(slot - SLOT_SECONDS), from_epoch(slot + SLOT_SECONDS)
    came = {gap.slot for gap in ledger.gaps(look, since=since, until=until) if gap.received}
    return len(came) == 2  # noqa: PLR2004  # this one and the one before
