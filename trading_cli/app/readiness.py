"""What can be said yet and what cannot: for each part n, its minimum, what is missing and when.

A new user has days of data, not years. A date is what the present pace gives, not a promise; where
nothing has begun there is no pace and no date.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app import hearing, proving
from trading_cli.app.calibrate import counted, thaw_settled
from trading_cli.app.settings import Settings, load
from trading_cli.app.track_record import Closed, closed_trades
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.research.hype import FULL, HypeRules
from trading_cli.research.track_record import LEAST_EVENTS
from trading_cli.store import Store, Transaction, glance, progress
from trading_cli.store.born import is_there
from trading_cli.trading.strategies import BUILT_IN

DAY = timedelta(days=1)
LOOK_BACK_S = 12 * 3600
CORRELATION_HOURS = 200
MONTE_CARLO_TRADES = 100
NO_TRADES = "Expect no trades; that is correct."
READY, PROVISIONAL, INSUFFICIENT = "READY", "PROVISIONAL", "INSUFFICIENT"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing the tool can say once it has enough: ``n`` of ``minimum`` in ``unit``.

    ``since`` is when counting began, from which the pace is taken; ``pace`` is units a day where
    it is known otherwise.
    """

    name: str
    n: float
    minimum: float
    unit: str
    meaning: str
    since: datetime | None = None
    pace: float | None = None
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """What was heard: the baseline of the event heard most, the median market's usable hours."""

    baseline: hearing.Baseline = field(default_factory=hearing.Baseline)
    hours: float = 0.0


def readiness(config: Path | None, *, clock: Clock | None = None) -> dict[str, Any]:
    """Return {parts, gate, indicators, funnel, reasons, expect}; works without a database."""
    loaded = load(config)
    now = (clock or SystemClock()).now()
    if not is_there(loaded.database):
        nothing = progress.Slots(0, None, None)
        return _told(_parts(loaded.settings, nothing, Talk(), [], nothing, now), now)
    with Store.reader(loaded.database) as store, store.reading() as look:
        return of(look, loaded.settings, now)


def of(look: Transaction, settings: Settings, now: datetime) -> dict[str, Any]:
    """Return the same from an open look."""
    seen, talk = progress.slots(look), _talk(look, settings, now)
    trades = closed_trades(look)
    indicators = progress.indicators(look)
    has = {one.name for one in indicators if one.defined}
    parts = _parts(settings, seen, talk, trades, _settled(look, now), now)
    data = _told([_had(part) if part.name in has else part for part in parts], now)
    data["indicators"] = [
        {
            "name": one.name,
            "markets": one.markets,
            "defined": one.defined,
            "provisional": one.provisional,
            "undefined": [{"reason": reason, "markets": n} for reason, n in one.undefined],
        }
        for one in indicators
    ]
    ours = [name for name in settings.signals.strategies if name in BUILT_IN]
    data["gate"] = proving.report(look, settings, ours, now)
    data["funnel"] = glance.funnel(look)
    data["reasons"] = progress.reasons_since(look, now - 7 * DAY)
    return data


def _talk(look: Transaction, settings: Settings, now: datetime) -> Talk:
    """Return what was heard, by what the sources answered."""
    section = settings.hype
    rules = HypeRules(
        baseline_days=section.baseline_days,
        full_days=section.full_days,
        provisional_days=section.provisional_days,
    )
    return Talk(hearing.baseline(look, now, rules), hearing.usable_hours(look, now, rules))


def _settled(look: Transaction, now: datetime) -> progress.Slots:
    """Return how many events `trading calibrate` counts, and when they were first and last known.

    So many as one recalibration rests on: that is the one definition.
    """
    thaw_settled(look, now)
    rows = counted(look, now)
    known = [from_epoch(int(one.known_at)) for one in rows]
    events = {one.event for one in rows}
    return progress.Slots(len(events), min(known, default=None), max(known, default=None))


def _parts(  # one look at everything
    settings: Settings,
    seen: progress.Slots,
    talk: Talk,
    trades: Sequence[Closed],
    settled: progress.Slots,
    now: datetime,
) -> list[Part]:
    hype, base = settings.hype, talk.baseline
    going = now if base.going else None
    events, gates = len({one.event for one in trades}), settings.gates
    closed = [one.closed_at for one in trades]
    first = min(closed, default=None)
    traded = (max(closed) - min(closed)) / DAY if closed else 0.0
    a_day = 86_400 / SLOT_SECONDS
    return [
        Part("roc", seen.n, LOOK_BACK_S // SLOT_SECONDS + 1, "slots", "a quote now and 12 h ago",
             seen.first, a_day),
        Part("rvr", seen.n / 4, 20, "hours", "trades of 20 of the last 24 hours; at once where"
             " trades were backfilled", seen.first, 24.0),
        Part("hype, provisional", max(base.late, hype.provisional_days if base.state else 0.0),
             hype.provisional_days, "days", "days of talk heard for a baseline, of the last few;"
             " sizes are halved", going, 1.0),
        Part("hype, full", max(base.days, hype.full_days if base.state == FULL else 0.0),
             hype.full_days, "days", "days of talk heard of the event heard most", going, 1.0,
             provisional=bool(base.state)),
        Part("correlation", talk.hours, CORRELATION_HOURS, "hours", "hours with talk and a price"
             " of the median market, at most as many as correlate uses",
             going if talk.hours else None, 24.0),
        Part("calibration", settled.n, LEAST_EVENTS, "events", "events settled YES or NO, with a"
             " price a day before the close", settled.first),
        Part("track record", events, LEAST_EVENTS, "events", "closed trades, one bet per event",
             first),
        Part("gate: trades", len(trades), gates.min_trades, "trades", "closed trades", first),
        Part("gate: events", events, gates.min_events, "events", "events they were in", first),
        Part("gate: days", traded, gates.min_days, "days", "from the first closed trade to the"
             " last", first),
        Part("Monte Carlo", len(trades), MONTE_CARLO_TRADES, "trades", "below it one sentence and"
             " no percentile", first),
    ]  # fmt: skip


def _had(part: Part) -> Part:
    """Return *part* with enough: some market has it now, backfilled perhaps."""
    return replace(part, n=max(part.n, part.minimum))


def _told(parts: Sequence[Part], now: datetime) -> dict[str, Any]:
    rows = [_row(part, now) for part in parts]
    warming = any(
        row["state"] != READY and row["part"] in {"roc", "rvr", "hype, provisional"} for row in rows
    )
    return {
        "parts": rows,
        "gate": [],
        "indicators": [],
        "funnel": {},
        "reasons": {},
        "expect": NO_TRADES if warming else "",
    }


def _minute(at: datetime) -> str:
    """Return *at* to the minute; RFC 3339, as schemas have it, wants the seconds all the same."""
    return at.replace(second=0, microsecond=0).isoformat()


def _row(part: Part, now: datetime) -> dict[str, Any]:
    short = max(0.0, part.minimum - part.n)
    state = READY if not short else PROVISIONAL if part.provisional else INSUFFICIENT
    ready_at = _when(part, short, now)
    return {
        "part": part.name,
        "state": state,
        "n": round(part.n, 2),
        "minimum": part.minimum,
        "unit": part.unit,
        "missing": round(short, 2),
        "ready_at": None if ready_at is None else _minute(ready_at),
        "meaning": part.meaning,
    }


def _when(part: Part, short: float, now: datetime) -> datetime | None:
    """Return when the minimum is reached at the present pace, ``None`` where that is not known."""
    if not short:
        return None
    pace = part.pace if part.since is not None else None
    if pace is None and part.since is not None and part.n > 0:
        elapsed = (now - part.since) / DAY
        pace = part.n / elapsed if elapsed >= 1 else None
    if not pace:
        return None
    ahead = short / pace
    return now + ahead * DAY if ahead < 365 * 100 else None  # a century is never
