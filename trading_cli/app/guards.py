"""What pulls the kill switch by itself, apart from the loss of the peak (``marking``).

unknown orders    one whose fate is not known for longer than it may be
order errors      so many failed sends within an hour
mismatch          the ledger, the fills and the positions do not say the same
integrity         a chain that is broken, a database that is damaged
disk              less room than a stop would need to be written down

``check`` runs in every slot and reads little; ``examine`` reads the whole file, once a day.
"""

import os
from collections.abc import Iterator
from datetime import timedelta

from trading_cli.app import reconcile, stop
from trading_cli.app.desk import Desk
from trading_cli.core.errors import StoreCorrupt
from trading_cli.store import Transaction, deals, journal, kill
from trading_cli.store.backfill import meta, set_meta

ACTOR = "guard"
HOUR = timedelta(hours=1)
MARK = "guard.journal"  # how far the journal was found whole
MB = 1_000_000


def check(desk: Desk) -> tuple[str, ...]:
    """Pull the switch where a guard says so. Return the reasons, () while all is well.

    Not inside a transaction. What is stopped already is not stopped again.
    """
    try:
        with desk.store.transaction() as tx:
            found = (*_orders(tx, desk), *_books(tx), *_chains(tx), *_disk(desk))
    except StoreCorrupt as error:
        found = (error.message,)
    return _pull(desk, found)


def examine(desk: Desk) -> tuple[str, ...]:
    """Read the whole database and both chains from their beginnings; else as ``check``."""
    try:
        wrong = desk.store.quick_check()
        with desk.store.reading() as look:
            broken = journal.verify(look)
            doubt = kill.verify(look)
    except StoreCorrupt as error:
        return _pull(desk, (error.message,))
    found = [f"the database is damaged: {wrong[0]}"] if wrong else []
    if broken is not None:
        found.append(f"the journal is broken at row {broken.seq}: {broken.what}")
    if doubt:
        found.append(doubt)
    return _pull(desk, tuple(found))


def _pull(desk: Desk, reasons: tuple[str, ...]) -> tuple[str, ...]:
    if reasons:
        place = stop.Place(desk.toolkit.home, desk.toolkit.loaded.database)
        level = desk.settings.kill_switch.default_level
        stop.trip(place, level=level, reason="; ".join(reasons), actor=ACTOR, now=desk.now())
    return reasons


def _orders(look: Transaction, desk: Desk) -> Iterator[str]:
    """Say which orders nobody knows of, and whether too many failed."""
    section, now = desk.settings.kill_switch, desk.now()
    longest = timedelta(seconds=section.unknown_order_s)
    for order in deals.open_orders(look):
        if now - order.placed_at > longest:
            yield f"order {order.id} is {order.state} since {order.placed_at:%Y-%m-%d %H:%M:%S} UTC"
    rows = journal.newest(look, kind="outcome", since=now - HOUR, limit=10_000)
    failed = sum(row.body.get("failed") is True for row in rows)
    if failed >= section.order_errors:
        yield f"{failed} orders failed within an hour, {section.order_errors} is the limit"


def _books(look: Transaction) -> Iterator[str]:
    """Say where the ledger, the fills and the positions differ."""
    told = reconcile.of(look)
    if not told["agrees"]:
        first = told["mismatches"][0]
        yield (
            f"{len(told['mismatches'])} mismatches, the first: {first['subject']}, {first['what']}:"
            f" the ledger says {first['ledger']}, the other {first['other']}"
        )


def _chains(tx: Transaction) -> Iterator[str]:
    """Say whether the rows since the last look follow from it; remember how far they do."""
    if doubt := kill.verify(tx):
        yield doubt
    seq, _, seal = (meta(tx, MARK) or f"0:{journal.GENESIS.hex()}").partition(":")
    broken = journal.verify(tx, after=(int(seq), bytes.fromhex(seal)))
    if broken is not None:
        yield f"the journal is broken at row {broken.seq}: {broken.what}"
        return
    last, mark = journal.head(tx)
    set_meta(tx, MARK, f"{last}:{mark.hex()}")


def _disk(desk: Desk) -> Iterator[str]:
    """Say whether the disk of the database is nearly full."""
    room = os.statvfs(desk.toolkit.loaded.database.parent)
    free, least = room.f_bavail * room.f_frsize / MB, desk.settings.kill_switch.min_free_mb
    if free < least:
        yield f"{free:.0f} MB of disk are free, {least} is the least"
