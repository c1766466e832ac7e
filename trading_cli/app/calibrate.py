"""How true prices and our own probabilities were: against outcomes, by horizon, category, strategy.

Three questions, each on settled markets alone and clustered by event. "price": the YES mid a while
before the market closed, one row a market and horizon. "decided": the YES mid when a strategy
looked at the market, one row a market, strategy and day. "own": the probability a strategy stated
then, beside that mid. Horizons look back from the close, so they are hindsight; whatever was
decided used nothing of it. A 50-50 settlement is no outcome and is counted apart.
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from trading_cli.app import brief
from trading_cli.app import calibration_question as questions
from trading_cli.app.calibration_question import HORIZONS, HOUR, USUAL, Question
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.journal import now_of
from trading_cli.core.clock import Clock
from trading_cli.domain import Origin, Outcome, Token, from_epoch
from trading_cli.research import calibration as cal
from trading_cli.research import recalibration as rec
from trading_cli.research.clustered import ClusteredMean
from trading_cli.research.track_record import LEAST_EVENTS
from trading_cli.store import Store, Transaction, archived, listings, recalibrations, settled
from trading_cli.store.born import is_there

BASE = "1 d"
"""The horizon at which all markets, and each category, are judged together."""
CLOSING = 6 * HOUR
"""The closing line is the last mid known so long before the market closed."""
SEED = 1
ENOUGH, INSUFFICIENT = "ENOUGH", "INSUFFICIENT"
HINDSIGHT = (
    "The prices were taken in hindsight (--take): they describe, nobody could use them then."
)
ALONE = (
    "Every market counts as an event of its own: none was named with them, so every interval is too"
    " narrow where outcomes belong together (trading import --map event=COLUMN)."
)
UNFITTED: Mapping[str, Any] = {
    "slope": None, "error": None, "n": 0, "events": 0, "missing": "hindsight fits nothing",
}  # fmt: skip
NOTHING = "No market that was quoted has settled yet: there is nothing to hold prices against."


@dataclass(frozen=True, slots=True)
class Row:
    """One price (and perhaps an own probability) of YES, and how it ended.

    ``close`` is the closing line where the strategy bought ``token``.
    """

    event: str
    category: str
    horizon: str
    strategy: str
    price: float
    own: float | None
    won: bool
    origin: Origin
    seen_at: float
    known_at: float
    token: Token | None = None
    close: float | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """All rows of a home, and what is not among them."""

    prices: Sequence[Row]
    decided: Sequence[Row]
    markets: int
    half: int
    unpriced: int


def calibrate(
    config: Path | None, *, clock: Clock | None = None, question: Question = USUAL
) -> dict[str, Any]:
    """Return the judgement of everything that settled by now; works on a home without a file.

    Raises UsageError where *question* asks for a source nothing was imported from.
    """
    known = brief.read(config, os.environ)
    now = now_of(clock)
    if not is_there(known.database):
        return judged(Gathered((), (), 0, 0, 0), now, question)
    with Store.reader(known.database) as store, store.reading() as look:
        return judged(gather(look, now, question), now, question)


def thaw_settled(look: Transaction, as_of: datetime) -> None:
    """Bring from the archive what ``recalibration`` reads at any instant up to *as_of*."""
    if archived.has_archive(look):
        span = HORIZONS[BASE]
        ends = {
            one.market: (one.closed_at - 3 * span, one.closed_at + span)  # it may be corrected
            for one in settled.settled(look, as_of=as_of)
        }
        questions.thaw(look, ends)


def gather(look: Transaction, as_of: datetime, question: Question = USUAL) -> Gathered:
    """Return the rows of every market asked for that is known to be settled by *as_of*."""
    among = questions.members(look, question)
    every = settled.settled(look, as_of=as_of)
    listed = {
        market.id: market
        for market in listings.listing_at(
            look, as_of=as_of, venue_ids=[one.market for one in every]
        )
    }
    every = [one for one in every if questions.is_asked(question, among, listed.get(one.market))]
    whole = [one for one in every if one.outcome in {Outcome.YES, Outcome.NO}]
    names = [one.market for one in whole]
    questions.thaw_asked(look, question, whole, listed)
    categories = {name: (listed[name].tags or ("none",))[0] for name in names if name in listed}
    prices: list[Row] = []
    unpriced = 0
    for one in whole:
        end = questions.counted_from(look, question, one, listed.get(one.market))
        rows = _priced(look, question, one, end, categories.get(one.market, "none"))
        prices += rows
        unpriced += not rows
    by_name = {one.market: one for one in whole}
    decided = [
        _decided(look, once, by_name[once.market], categories.get(once.market, "none"))
        for once in settled.first_decisions(look, names, as_of=as_of)
        if once.at < by_name[once.market].closed_at
    ]
    return Gathered(prices, decided, len(whole), len(every) - len(whole), unpriced)


def _priced(
    look: Transaction, asked: Question, one: settled.Settled, end: datetime | None, category: str
) -> list[Row]:
    """Return the market's row of each horizon that has a mid near enough to it."""
    found = [] if end is None else questions.mids(look, asked, one.market, end)
    return [
        Row(one.event, category, name, "", mid.price, None, one.outcome is Outcome.YES, mid.origin,
            mid.at.timestamp(), one.known_at.timestamp())
        for name, mid in zip(asked.horizons, found, strict=False)
        if mid is not None
    ]  # fmt: skip


def _decided(
    look: Transaction, once: settled.DecidedOnce, one: settled.Settled, category: str
) -> Row:
    close = None
    if once.bought and one.closed_at - CLOSING > once.at:
        found = settled.mids_before(look, one.market, [(once.at, one.closed_at - CLOSING)])[0]
        close = None if found is None else found.price
    return Row(
        one.event, category, _horizon(one.closed_at - once.at), once.strategy, once.mid,
        once.probability, one.outcome is Outcome.YES, once.origin, once.at.timestamp(),
        one.known_at.timestamp(), once.token if once.bought else None, close,
    )  # fmt: skip


def _horizon(ahead: timedelta) -> str:
    """Return the shortest horizon that *ahead* does not exceed, "longer" beyond the longest."""
    return next((name for name, longest in HORIZONS.items() if ahead <= longest), "longer")


def judged(found: Gathered, as_of: datetime, question: Question = USUAL) -> dict[str, Any]:
    """Return the whole answer: groups, the recalibration of the price, what was left out.

    ``events`` counts those with a price at the horizon at which all markets are judged together,
    as everywhere an event is counted towards the least number of them.
    """
    base = [row for row in found.prices if row.horizon == question.base]
    own = [row for row in found.decided if row.own is not None]
    cells = [
        *_cells(
            "price", "all", base, lambda _row: f"{question.base} before the {_END[question.before]}"
        ),
        *_cells("price", "horizon", found.prices, lambda row: row.horizon, question.horizons),
        *_cells("price", "category", base, lambda row: row.category),
    ]
    for of, rows in (("decided", found.decided), ("own", own)):
        cells += _cells(of, "strategy", rows, lambda row: row.strategy)
        cells += _cells(of, "horizon", rows, lambda row: f"{row.strategy}, {row.horizon}")
        cells += _cells(of, "category", rows, lambda row: f"{row.strategy}, {row.category}")
    every = [*found.prices, *found.decided]
    late = sum(row.origin is not Origin.RECORDED for row in every)
    warnings = [] if found.markets else [NOTHING]
    if found.half:
        some = f"{found.half} market{'s' if found.half > 1 else ''}"
        warnings.append(f"{some} settled 50-50: no outcome, left out.")
    if question.hindsight:
        warnings.append(HINDSIGHT)
    if every and late == len(every) and len({r.event for r in every}) == found.markets > 1:
        warnings.append(ALONE)
    return {
        "as_of": as_of.isoformat(timespec="seconds"),
        "markets": found.markets,
        "events": len({row.event for row in base}),
        "minimum": LEAST_EVENTS,
        "left_out": {"half": found.half, "no_price": found.unpriced},
        "not_recorded_share": round(late / len(every), 6) if every else None,
        "question": question.told,
        "recalibration": UNFITTED if question.hindsight else _recalibrated(base, as_of),
        "groups": cells,
        "warnings": warnings,
    }


_END = {"close": "close", "end": "end", "last": "last price"}


def _cells(
    of: str, by: str, rows: Iterable[Row], name: Any, horizons: Iterable[str] = HORIZONS
) -> list[dict[str, Any]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    order = list(horizons)
    names = sorted(groups, key=lambda one: (order.index(one) if one in order else -1, one))
    return [_cell(of, by, one, groups[one]) for one in names]


def _cell(of: str, by: str, name: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return one group; below the least number of events n and what is missing, no number."""
    events = [row.event for row in rows]
    prices = np.array([row.price for row in rows])
    won = np.array([float(row.won) for row in rows])
    own = np.array([row.own for row in rows], float) if of == "own" else prices
    found = cal.calibration(np.clip(own, 0, 1), won, events)
    enough = not found.missing
    cell: dict[str, Any] = {
        "of": of, "by": by, "name": name, "n": found.n, "events": found.events,
        "verdict": ENOUGH if enough else INSUFFICIENT, "missing": found.missing,
    }  # fmt: skip
    cell |= _numbers(found) if enough else dict.fromkeys(_NUMBERS)
    cell["bins"] = [_bin(one) for one in found.bins] if enough else []
    cell["skill"] = cell["closing_line"] = None
    if enough and of == "own":
        gained = cal.skill(own, prices, won, events, np.random.default_rng(SEED))
        cell["skill"] = _rounded(
            {"point": gained.skill, "low": gained.low, "high": gained.high, "p": gained.gain.p}
        )
    if of == "decided":
        cell["closing_line"] = _closing(rows)
    return cell


_NUMBERS = (
    "base_rate", "brier", "log_loss", "reliability", "resolution", "uncertainty", "within_bins",
    "skill_over_base_rate", "spiegelhalter_z", "spiegelhalter_p", "spiegelhalter_z_clustered",
    "spiegelhalter_p_clustered", "calibration_error", "slope", "slope_error",
)  # fmt: skip


def _numbers(found: cal.Calibration) -> dict[str, Any]:
    parts, test = found.parts, found.spiegelhalter
    values = (
        found.base_rate, _mean(found.brier), _mean(found.log_loss), parts.reliability,
        parts.resolution, parts.uncertainty, parts.within_variance - parts.within_covariance,
        parts.skill, test.z, test.p, test.z_clustered, test.p_clustered, found.error,
        found.line.slope, found.line.slope_error,
    )  # fmt: skip
    return _rounded(dict(zip(_NUMBERS, values, strict=True)))


def _mean(one: ClusteredMean) -> dict[str, Any]:
    return _rounded({"point": one.point, "low": one.low, "high": one.high})


def _bin(one: cal.Bin) -> dict[str, Any]:
    """Return one bin: its band always, its point only where there are events enough."""
    return _rounded(
        {
            "from": one.low, "to": one.high, "n": one.n, "events": one.events,
            "forecast": one.forecast, "frequency": one.frequency if one.shown else None,
            "low": one.band_low, "high": one.band_high,
        }
    )  # fmt: skip


def _closing(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return the closing-line value of what was bought; ``None`` below the least of events."""
    bought = [
        (row, row.close) for row in rows
        if row.token is not None and row.close is not None
        and 0 < row.close < 1 and 0 < row.price < 1
    ]  # fmt: skip
    events = [row.event for row, _ in bought]
    if len(set(events)) < LEAST_EVENTS:
        return None
    found = cal.closing_line(
        [row.price for row, _ in bought],
        [close for _, close in bought],
        [row.token is Token.YES for row, _ in bought],
        events,
    )
    return {"points": _mean(found.points), "log_odds": _mean(found.log_odds)}


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* to 6 decimals, ``None`` for a number that does not exist."""
    return {
        name: (
            value if not isinstance(value, float)
            else round(value, 6) if math.isfinite(value) else None
        )
        for name, value in values.items()
    }  # fmt: skip


def _recalibrated(rows: Sequence[Row], as_of: datetime) -> dict[str, Any]:
    fitted = _fit(rows, as_of)
    events = len({row.event for row in rows})
    if fitted is None:
        missing = f"{events} of {LEAST_EVENTS} events"
        return {"slope": None, "error": None, "n": len(rows), "events": events, "missing": missing}
    told = _rounded({"slope": fitted.slope, "error": fitted.error})
    return told | {"n": fitted.n, "events": fitted.events, "missing": ""}


def _fit(rows: Sequence[Row], as_of: datetime) -> rec.Recalibration | None:
    return rec.known_by(
        [row.price for row in rows],
        [float(row.won) for row in rows],
        [row.event for row in rows],
        [row.seen_at for row in rows],
        [row.known_at for row in rows],
        as_of.timestamp(),
    )


def recalibration(look: Transaction, as_of: datetime) -> rec.Recalibration | None:
    """Return what a view's ``recalibrate`` is at *as_of*: YES mid -> probability of YES.

    Fitted on the mids a day before the close of the markets whose settlement was known by
    *as_of*, nothing later; ``None`` below 30 events.
    """
    return _fit(counted(look, as_of), as_of)


def counted(look: Transaction, as_of: datetime) -> list[Row]:
    """Return the rows that count towards the least number of events: one a market.

    A market counts that was known by *as_of* to have settled YES or NO (50-50 is no outcome), and
    of which a mid was known a day before its close, from a quote or from its history.
    """
    every = settled.settled(look, as_of=as_of)
    span = HORIZONS[BASE]
    rows: list[Row] = []
    for one in every:
        if one.outcome is Outcome.HALF:
            continue
        ends = (one.closed_at - span - span / 4, one.closed_at - span)
        mid = settled.mids_before(look, one.market, [ends])[0]
        if mid is not None:
            rows.append(
                Row(one.event, "", BASE, "", mid.price, None, one.outcome is Outcome.YES,
                    mid.origin, mid.at.timestamp(), one.known_at.timestamp())
            )  # fmt: skip
    return rows


def calibrate_step(cycle: Cycle) -> Done:
    """Judge the calibration of the day, as a step of the analysis; its numbers go on the row.

    The slope of the day, fitted on what was known at its midnight, is kept for its decisions.
    """
    now = cycle.toolkit.clock.now()
    midnight = from_epoch(int(now.timestamp()) // 86_400 * 86_400)
    with cycle.store.reading() as look:
        data = judged(gather(look, now), now)
        fitted = recalibration(look, midnight)
    if fitted is not None:
        with cycle.store.transaction() as tx:
            kept = recalibrations.Fitted(
                midnight, fitted.slope, fitted.error, fitted.n, fitted.events, fitted.as_of
            )
            recalibrations.record(tx, kept, now)
    whole = next(
        (one for one in data["groups"] if (one["of"], one["by"]) == ("price", "all")), None
    )
    brier = None if whole is None or whole["brier"] is None else whole["brier"]["point"]
    numbers = {
        "markets": data["markets"],
        "events": data["events"],
        "brier": brier,
        "slope": data["recalibration"]["slope"],
    }
    missing = data["recalibration"]["missing"]
    return Done("OK", f"{INSUFFICIENT}: {missing}" if missing else "", numbers)
