"""What is coming: deadlines, settlements under way, dates of the world outside, and what we risk.

A deadline is the earliest date a market names (SPEC calls it so: endDate is often days late); where
its dates contradict one another, that is said instead.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading_cli.app import agenda_files, brief
from trading_cli.app.journal import must_exist, now_of
from trading_cli.app.toolkit import build
from trading_cli.core.clock import Clock
from trading_cli.domain import Market, Position
from trading_cli.research.deadline import deadline_of
from trading_cli.store import Store, Transaction, holdings, listings
from trading_cli.store.agenda import occasions, record_occasions, settled, settling
from trading_cli.store.born import is_there

REMINDERS_H = (24, 72, 168)
LIVENESS = timedelta(hours=2)
"""A proposed outcome may be disputed for so long (UMA's optimistic oracle, the venue's setting)."""
VOTE = timedelta(hours=96)
"""A dispute goes to a vote of two to four days; the later end is shown."""
PAST = timedelta(days=7)
"""So far back the agenda looks."""
UNDER_WAY = frozenset({"proposed", "disputed"})


@dataclass(frozen=True, slots=True)
class _Known:
    """What the agenda is made of."""

    now: datetime
    until: datetime
    markets: Mapping[str, Market]
    held: Mapping[str, list[Position]]


def agenda(
    config: Path | None, *, days: int, held_only: bool = False, clock: Clock | None = None
) -> dict[str, Any]:
    """Return {now, until, events, expiring}: what the next *days* bring, and what we hold in it.

    ``events`` {uid, at, kind, title, market, note, stake, in_s}: deadline, settling, economic,
    settled; the uid stays where a date moves. What comes is by time; what is past follows, the
    latest first: of the last 7 days, longer ago only what is held. ``expiring``: holdings by
    reminder (24, 72, 168 h), then stake; those whose deadline has passed come last.
    """
    known = brief.read(config, os.environ)
    now = now_of(clock)
    until = now + timedelta(days=days)
    if not is_there(known.database):
        return {"now": _iso(now), "until": _iso(until), "events": [], "expiring": []}
    with Store.reader(known.database) as store, store.reading() as look:
        what = _known(look, now, until)
        events = [*_deadlines(what), *_settling(look, what)]
        events += [] if held_only else _outside(look, what)
        events += [] if held_only else _settled(look, what)
        if held_only:
            events = [one for one in events if one["stake"]]
        return {
            "now": _iso(now),
            "until": _iso(until),
            "events": sorted(filter(_still_of_interest, events), key=_place),
            "expiring": expiring(what.held, what.markets, now),
        }


def _still_of_interest(event: Mapping[str, Any]) -> bool:
    """Say whether *event* is to come, of the last days, or of something held."""
    return bool(event["in_s"] >= -PAST.total_seconds() or event["stake"] > 0)


def _place(event: Mapping[str, Any]) -> tuple[bool, int, str, str]:
    """Return where *event* stands: what comes by time, then what is past, the latest first."""
    past = event["in_s"] < 0
    return past, abs(event["in_s"]), event["kind"], event["title"]


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _known(look: Transaction, now: datetime, until: datetime) -> _Known:
    held: dict[str, list[Position]] = {}
    for position in holdings.positions(look):
        held.setdefault(position.market_id, []).append(position)
    names = {*held, *listings.panel_members(look, as_of=now)}
    markets = {one.id: one for one in listings.listing_at(look, as_of=now, venue_ids=names)}
    return _Known(now, until, markets, held)


def _event(
    what: _Known, at: datetime, kind: str, market: Market, title: str, note: str = ""
) -> dict[str, Any]:
    held = what.held.get(market.id, [])
    return {
        "uid": agenda_files.uid_of(kind, market.id),
        "at": _iso(at),
        "kind": kind,
        "title": title,
        "market": market.id,
        "note": note,
        "stake": float(sum((one.cost for one in held), Decimal(0))),
        "in_s": int((at - what.now).total_seconds()),
    }


def _deadlines(what: _Known) -> Iterator[dict[str, Any]]:
    for market in what.markets.values():
        deadline = deadline_of(market)
        if deadline.at is None or market.closed or not what.now <= deadline.at < what.until:
            continue
        note = f"from {deadline.origin.value}" if deadline.origin else ""
        note += ", may resolve any day" if deadline.hazard else ""
        note += f", dates contradict: {deadline.refused.value}" if deadline.refused else ""
        yield _event(what, deadline.at, "deadline", market, market.question, note)


def _settling(look: Transaction, what: _Known) -> Iterator[dict[str, Any]]:
    under_way = settling(look, what.markets, as_of=what.now)
    for name, (status, since) in under_way.items():
        if status in UNDER_WAY:
            window = LIVENESS if status == "proposed" else VOTE
            note = f"{status} since {since:%Y-%m-%d %H:%M}; open to dispute or vote until then"
            market = what.markets[name]
            yield _event(what, since + window, "settling", market, market.question, note)


def _settled(look: Transaction, what: _Known) -> Iterator[dict[str, Any]]:
    since = what.now - PAST
    paid = settled(look, since, what.now)
    names = [name for name, _, _ in paid]
    known = {one.id: one for one in listings.listing_at(look, as_of=what.now, venue_ids=names)}
    for name, at, payout in paid:
        if name in known:
            note = f"YES paid {payout.normalize():f}"
            yield _event(what, at, "settled", known[name], known[name].question, note)


def _outside(look: Transaction, what: _Known) -> Iterator[dict[str, Any]]:
    for one in occasions(look, what.now, what.until):
        yield {
            "uid": agenda_files.uid_of("economic", one.source, one.uid),
            "at": _iso(one.at),
            "kind": "economic",
            "title": one.title,
            "market": None,
            "note": f"{one.importance}, {one.source}",
            "stake": 0.0,
            "in_s": int((one.at - what.now).total_seconds()),
        }


def expiring(
    held: Mapping[str, list[Position]], markets: Mapping[str, Market], now: datetime
) -> list[dict[str, Any]]:
    """Return what is held within a week of its deadline, nearest reminder first, then by stake.

    Where the deadline has passed the hours are negative, and it comes last.
    """
    found = []
    for name, positions in held.items():
        market = markets.get(name)
        deadline = None if market is None else deadline_of(market).at
        within = None if deadline is None else reminder(deadline - now)
        if market is None or deadline is None or within is None:
            continue
        found += [
            {
                "position": one.id,
                "market": name,
                "question": market.question,
                "token": one.token.value,
                "shares": float(one.shares),
                "stake": float(one.cost),
                "deadline": _iso(deadline),
                "within_h": within,
                "hours": round((deadline - now) / timedelta(hours=1), 1),
            }
            for one in positions
        ]
    return sorted(
        found, key=lambda one: (one["hours"] < 0, one["within_h"], -one["stake"], one["position"])
    )


def reminder(left: timedelta) -> int | None:
    """Return the tightest reminder (hours) that *left* has come under; ``None``: none yet."""
    return next((hours for hours in REMINDERS_H if left <= timedelta(hours=hours)), None)


def bring_in(
    config: Path | None, place: str, source: str | None, *, clock: Clock | None = None
) -> dict[str, Any]:
    """Keep the dates in the file or address *place*; return {source, read, new, wrong}.

    The same uid of the same source is the same date, moved. Raises UsageError and SourceError.
    """
    name = source or place.rsplit("/", 1)[-1][:60] or "calendar"
    found, wrong = agenda_files.read(place, name)
    with build(config, clock=clock) as toolkit:
        must_exist(toolkit.loaded.database)
        with toolkit.open_store() as store, store.transaction() as tx:
            new = record_occasions(tx, found, toolkit.clock.now())
    return {"source": name, "read": len(found), "new": new, "wrong": wrong}


def write_ics(path: Path, rows: Iterable[Mapping[str, Any]], *, clock: Clock | None = None) -> int:
    """Write *rows* (events of the agenda) to *path* for other calendars. Return how many."""
    return agenda_files.write(path, rows, now_of(clock))
