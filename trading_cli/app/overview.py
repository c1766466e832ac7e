"""How things stand and what there is, read from the file alone: quick, without numpy or network."""

import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from trading_cli.app import brief
from trading_cli.app.latch import file_standing
from trading_cli.app.stop import Place, standing_at, standing_of
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.domain import SLOT_SECONDS, Market, Quote, from_epoch, slot_of
from trading_cli.store import Store, Transaction, glance, history, ledger, listings, pauses, runs
from trading_cli.store.born import is_there
from trading_cli.trading.killswitch import Standing

FRESH_S = 2 * SLOT_SECONDS
BASELINE_DAYS = 7
DAY = 86_400
NOTHING = "nothing collected yet"
HINT = "nothing collected yet: `trading collect`"
Rank = tuple[bool, Any, str]
"""Where a market stands in the order: whether the value is absent, the value, its id."""


def status(
    config: Path | None, env: Mapping[str, str], *, clock: Clock | None = None
) -> dict[str, Any]:
    """Return where things stand; works on a home that has no database.

    Ages are seconds. Raises ``ConfigError`` for wrong settings, ``StoreError`` for a database that
    cannot be read.
    """
    known = brief.read(config, env)
    now = (clock or SystemClock()).now()
    data: dict[str, Any] = {"mode": known.mode, "home": str(known.home)}
    if is_there(known.database):
        data |= _stored(known.database, known.home, now)
    else:
        data |= _nothing(now)
        if file_standing(known.home / "data").level:
            data["kill"] = _kill(standing_at(Place(known.home, known.database)))
    return data


def _nothing(now: datetime) -> dict[str, Any]:
    return {
        "pauses": [],
        "last_run": None,
        **_due((), now),
        "newest_quote_age_s": None,
        "account": None,
        "data_gate": {"open": False, "reasons": [NOTHING]},
        "outbox": {"pending": 0, "oldest_s": None},
        "waiting": "everything: `trading collect` brings the first slot",
    }


def _kill(standing: Standing) -> dict[str, Any]:
    return {
        "state": standing.state.value,
        "level": standing.level,
        "reason": standing.reason,
        "since": standing.since and standing.since.isoformat(),
    }


def _pauses(look: Transaction, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "kind": one.kind,
            "reason": one.reason,
            "since": one.since.isoformat(),
            "until": None if one.until is None else one.until.isoformat(),
        }
        for one in pauses.active(look, now)
    ]


def _account(look: Transaction) -> dict[str, Any] | None:
    """Return the account at its newest mark; ``None`` before a cycle has made one."""
    mark = glance.newest_mark(look)
    return None if mark is None else {**mark, "at": from_epoch(int(mark["at"])).isoformat()}


def _outbox(look: Transaction, now: datetime) -> dict[str, Any]:
    pending, oldest = glance.untold(look)
    age = None if oldest is None else max(0, int(now.timestamp()) - oldest)
    return {"pending": pending, "oldest_s": age}


def _stored(database: Path, home: Path, now: datetime) -> dict[str, Any]:
    with Store.reader(database) as store, store.reading() as look:
        done = runs.collected(look, limit=50)
        newest = history.newest_quote_at(look)
        age = None if newest is None else max(0, int((now - newest).total_seconds()))
        data: dict[str, Any] = {"kill": _kill(standing_of(look, home / "data"))}
        data["pauses"] = _pauses(look, now)
        last = done[0] if done else None
        data["last_run"] = last and _ran(last, now)
        data |= _due(done, now)
        data["newest_quote_age_s"] = age
        data["account"] = _account(look)
        data["data_gate"] = _gate(look, done, age, now)
        data["funnel"] = glance.funnel(look)
        data["outbox"] = _outbox(look, now)
        data["sources"] = {
            one.name: {
                "state": one.state,
                "message": one.message,
                "last_ok": None if one.last_ok is None else one.last_ok.isoformat(),
            }
            for one in ledger.source_states(look)
        }
        data["waiting"] = _waiting(look, now)
    return data


def _ran(run: runs.Run, now: datetime) -> dict[str, Any]:
    """Return a run as JSON has it; one under way whose process is gone has failed."""
    died = run.state == "RUNNING" and not is_alive(run.pid)
    return {
        "slot": from_epoch(run.slot).isoformat(),
        "state": "FAILED" if died else run.state,
        "why": runs.ENDED_SILENTLY if died else run.why,
        "age_s": int((now - (run.finished or run.started)).total_seconds()),
    }


def is_alive(pid: int) -> bool:
    """Return whether there is a process *pid*; another one may have its number by now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return pid > 0


def _due(done: Sequence[runs.Run], now: datetime) -> dict[str, str | None]:
    """Return when the next slot begins, and since which slot none was collected, if one is missed.

    A slot is missed when the next one has begun; before anything was collected none is.
    """
    slot = slot_of(now)
    last = max((run.slot for run in done if run.state in {"OK", "PARTIAL"}), default=slot)
    missed = last + SLOT_SECONDS if last + SLOT_SECONDS < slot else None
    return {
        "next_slot": from_epoch(slot + SLOT_SECONDS).isoformat(),
        "missed_since": None if missed is None else from_epoch(missed).isoformat(),
    }


def _gate(
    look: Transaction, done: Sequence[runs.Run], age: int | None, now: datetime
) -> dict[str, Any]:
    """Return the gate as the last judged collection left it; old quotes close it since."""
    judged = next((run for run in done if "findings" in run.numbers), None)
    reasons: list[str] = []
    if judged is None or age is None:
        reasons.append(NOTHING if age is None else "no collection has been judged yet")
    if judged is not None:
        reasons += glance.closing(look, judged.slot, since=judged.started, as_of=now)
    if age is not None and age > FRESH_S and not any(r.startswith("freshness") for r in reasons):
        reasons.append(f"freshness: the newest quote is {_old(age)} old")
    return {"open": not reasons, "reasons": reasons}


def _old(seconds: int) -> str:
    """Return an age in the unit a person would use."""
    units = ((DAY, "days"), (3600, "h"), (60, "min"))
    return next((f"{seconds // s} {name}" for s, name in units if seconds >= 2 * s), f"{seconds} s")


def _waiting(look: Transaction, now: datetime) -> str:
    """Return what cannot be said yet and when it comes at the present pace (SPEC §5).

    Days of talk are counted as `trading readiness` counts them: those really heard.
    """
    from trading_cli.app import hearing  # noqa: PLC0415  # a home without a database does without
    from trading_cli.research.hype import HypeRules  # noqa: PLC0415

    if glance.first_slot(look) is None:
        return "quotes: none yet; `trading collect` brings the first slot"
    rules = HypeRules(provisional_days=BASELINE_DAYS)
    base = hearing.baseline(look, now, rules)
    if base.state:
        return "nothing"
    told = f"hype baseline: {base.late:.1f} of {BASELINE_DAYS} days heard; "
    if not base.going:
        return told + "no talk was heard in the last day"
    ready = from_epoch(int(now.timestamp() + (BASELINE_DAYS - base.late) * DAY))
    return f"{told}enough on {ready:%Y-%m-%d %H:%M} UTC"


def markets(  # what is asked for, and of which page
    config: Path | None,
    *,
    search: str,
    sort: str,
    limit: int,
    category: str | None = None,
    after: Rank | None = None,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Return {markets: […]}: the known open markets with their newest quotes, absent is ``None``.

    *sort* is volume, liquidity or score (largest first), deadline, question or age. ``next`` is
    where the page *after* this one begins, ``None`` for the last; by age it has the quote's time.
    """
    from trading_cli.app.settings import load  # noqa: PLC0415  # `status` does without it

    loaded = load(config, env=os.environ)
    if not is_there(loaded.database):
        return {"markets": [], "warnings": [HINT], "next": None}
    now = (clock or SystemClock()).now()
    with Store.reader(loaded.database) as store, store.reading() as look:
        known = listings.listing_at(look, as_of=now)
        panel = listings.panel_members(look, as_of=now)
        scored = glance.scores(look, as_of=now)
        quotes = _latest(look, now)
    words = search.casefold()
    wanted = {
        one.id: one
        for one in known
        if words in one.question.casefold()
        and not one.closed
        and (category is None or category in one.tags[:1])
    }
    rows = [
        _row(one, quotes.get(one.id), now) | {"panel": one.id in panel, "score": scored.get(one.id)}
        for one in wanted.values()
    ]
    for row in rows if sort == "deadline" else ():
        row["deadline"] = _deadline(wanted[row["id"]])
    rows.sort(key=lambda row: _rank(row, sort))
    begin = 0 if after is None else _begin(rows, sort, _aged(after, sort, now))
    shown = rows[begin : begin + limit]
    for row in shown:
        row["deadline"] = row["deadline"] or _deadline(wanted[row["id"]])
    more = begin + limit < len(rows)
    following = _aged(_rank(shown[-1], sort), sort, now) if more and shown else None
    return {"markets": shown, "total": len(rows), "next": following}


def _latest(look: Transaction, now: datetime) -> dict[str, Quote]:
    """Return the newest quotes by market; what this slot has not brought, the one before has."""
    newest = history.newest_quote_at(look)
    if newest is None:
        return {}
    slots = [slot_of(newest) - back * SLOT_SECONDS for back in (1, 0)]
    found = [one for slot in slots for one in history.latest_quotes(look, slot, as_of=now)]
    return {one.market_id: one for one in found}


def _begin(rows: Sequence[Mapping[str, Any]], sort: str, after: Rank) -> int:
    """Return the place in the sorted *rows* of the first that comes behind *after*."""
    return bisect_right(rows, after, key=lambda row: _rank(row, sort))


def _aged(rank: Rank, sort: str, now: datetime) -> Rank:
    """Return *rank* with an age as the instant it is counted from, or the other way round."""
    absent, value, name = rank
    turned = sort == "age" and not absent
    return (absent, int(now.timestamp()) - value, name) if turned else rank


def _deadline(one: Market) -> str | None:
    from trading_cli.research.deadline import deadline_of  # noqa: PLC0415  # paid when used

    at = deadline_of(one).at
    return None if at is None else at.isoformat()


def _row(one: Market, quote: Quote | None, now: datetime) -> dict[str, Any]:
    """Return a market as JSON has it, but for its deadline: that is dear, so only where asked."""
    age = None if quote is None else int((now - quote.observed_at).total_seconds())
    return {
        "id": one.id,
        "question": one.question,
        "category": one.tags[0] if one.tags else None,
        "bid": quote and quote.bid,
        "ask": quote and quote.ask,
        "mid": quote and quote.mid,
        "volume_24h": one.volume_24h,
        "liquidity": one.liquidity,
        "deadline": None,
        "age_s": age,
    }


_COLUMN = {"volume": "volume_24h", "age": "age_s"}
_LARGEST_FIRST = frozenset({"volume", "liquidity", "score"})


def _rank(row: Mapping[str, Any], sort: str) -> Rank:
    """Return what to sort by: absent values last, then by id."""
    value = row[_COLUMN.get(sort, sort)]
    if value is None:
        return True, 0, row["id"]
    return False, -value if sort in _LARGEST_FIRST else value, row["id"]
