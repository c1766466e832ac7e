"""How far along everything is: few and quick counts, for whoever asks what is still missing."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import from_epoch
from trading_cli.store.rows import epoch, moment


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots with quotes: how many, since when and until when."""

    n: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator in one slot: of how many markets it has a value, and why not of the others."""

    name: str
    markets: int
    defined: int
    provisional: int
    undefined: tuple[tuple[str, int], ...]


def slots(look: sqlite3.Connection) -> Slots:
    """Return the slots with quotes."""
    n, first, last = look.execute(
        "SELECT count(*), min(slot), max(slot) FROM quote_packs WHERE quotes > 0"
    ).fetchone()
    return Slots(n, moment(first), moment(last))


def talk_since(look: sqlite3.Connection) -> datetime | None:
    """Return the time of the oldest post about any known event, ``None`` where there is none."""
    row = look.execute(
        "SELECT min((SELECT min(p.event_time) FROM post_events p WHERE p.event_id = e.event_id))"
        " FROM (SELECT DISTINCT event_id FROM markets WHERE event_id IS NOT NULL) e"
    ).fetchone()
    return moment(row[0])


def indicators(look: sqlite3.Connection) -> list[Indicator]:
    """Return how the indicators stand in the newest slot that has any, by name."""
    found: dict[str, list[tuple[str, int]]] = {}
    for name, undefined, provisional in look.execute(
        "SELECT f.name, f.undefined, f.provisional FROM markets m JOIN features f"
        " ON f.market = m.id AND f.slot = (SELECT max(slot) FROM features f2"
        " WHERE f2.market = m.id) WHERE f.slot >= (SELECT max(slot) FROM quote_packs) - 900"
    ):
        found.setdefault(str(name), []).append((str(undefined), int(provisional)))
    return [_indicator(name, rows) for name, rows in sorted(found.items())]


def _indicator(name: str, rows: list[tuple[str, int]]) -> Indicator:
    reasons = [undefined for undefined, _ in rows if undefined]
    counted = sorted({reason: reasons.count(reason) for reason in reasons}.items(), key=_by_count)
    provisional = sum(flag for undefined, flag in rows if not undefined)
    return Indicator(name, len(rows), len(rows) - len(reasons), provisional, tuple(counted))


def _by_count(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def resolved_events(look: sqlite3.Connection) -> Slots:
    """Return how many events of quoted markets are settled, and when the first and last were."""
    n, first, last = look.execute(
        "SELECT count(DISTINCT coalesce(m.event_id, m.venue_id)), min(r.observed_at),"
        " max(r.observed_at) FROM resolutions r JOIN markets m ON m.id = r.market"
        " WHERE r.outcome <> 'open' AND EXISTS (SELECT 1 FROM quotes q WHERE q.market = m.id)"
    ).fetchone()
    return Slots(n, moment(first), moment(last))


def reasons_since(look: sqlite3.Connection, since: datetime) -> dict[str, int]:
    """Return how many entry decisions since then came out with each reason, the commonest first."""
    rows = look.execute(
        "SELECT reason, count(*) FROM decisions WHERE decided_at >= ? AND purpose = 'entry'"
        " GROUP BY reason ORDER BY count(*) DESC, reason",
        (epoch(since),),
    )
    return {str(reason): int(count) for reason, count in rows}


def first_decision(look: sqlite3.Connection) -> datetime | None:
    """Return when the first decision was taken, ``None`` before it."""
    row = look.execute("SELECT min(decided_at) FROM decisions").fetchone()
    return None if row[0] is None else from_epoch(row[0])
