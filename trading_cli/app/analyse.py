"""Store -> indicators -> store: RVR, ROC and hype of every candidate at one instant.

All is read once for all candidates, in one snapshot, computed by pure functions, and kept in one
transaction. The same slot computed again from the same facts is the same; where more is known by
then, the newer word stands (the decisions taken on the older one carry its numbers themselves).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.hype_settings import HypeSection
from trading_cli.app.listening import Heard, listen
from trading_cli.domain import SLOT_SECONDS, Feature, Market, Tier, from_epoch
from trading_cli.research import hour_factors, hype, roc, rvr
from trading_cli.research.hour_factors import Floats
from trading_cli.research.roc import Mid
from trading_cli.store import Store, Transaction, history, listings
from trading_cli.store import features as kept
from trading_cli.store.talk_hours import record_hours
from trading_cli.trading import SignalsSection, Thresholds

FORMULA = f"{rvr.FORMULA} {roc.FORMULA} {hype.FORMULA}"
FORMULAS = {rvr.NAME: rvr.FORMULA, roc.NAME: roc.FORMULA, hype.NAME: hype.FORMULA}
TRADES_SOURCE = "polymarket.trades"
RVR_REACH = timedelta(hours=26)
STALE_MID = timedelta(minutes=15)
TRY_AGAIN = timedelta(hours=1)
POOLED_DAYS = 28
DAY = 86_400
TWO_MILLIONS = Decimal(2_000_000)
SETTLED = timedelta(hours=26)
"""From so long on the panel our own looks suffice: what is missing then is a fault, not youth."""

Features = dict[str, dict[str, Feature]]


@dataclass(frozen=True, slots=True)
class _Day:
    """What holds for a UTC day: the hour-of-week factors, each market's ladder, what to keep."""

    day: int
    factors: Floats | None
    ladders: Mapping[str, Floats]
    hours: int = 0
    whole: Mapping[tuple[str, int], Floats] = field(default_factory=dict)
    new: bool = False


@dataclass(slots=True)
class _Facts:
    """Everything read for one instant."""

    day: _Day
    traded: Mapping[str, rvr.Traded]
    mids: Mapping[str, tuple[Mid | None, Mid | None]]
    heard: Heard = field(default_factory=lambda: Heard({}))


def features(
    store: Store,
    *,
    slot: int,
    at: datetime,
    markets: Sequence[Market],
    signals: SignalsSection,
    hype_section: HypeSection,
) -> Features:
    """Return each market's "rvr", "roc" and "hype" at *at*, and keep them as of *slot*.

    *markets* are the candidates as listed at *at*. Raises KeyError for one the store does not know.
    """
    with store.reading() as look:
        facts = _read(look, slot=slot, at=at, markets=markets, signals=signals, talk=hype_section)
    found = {market.id: _of(market, facts, at, signals) for market in markets}
    with store.transaction() as tx:
        if facts.day.new:
            kept.record_hour_factors(tx, facts.day.day, facts.day.factors, facts.day.hours, at)
            kept.record_ladders(tx, facts.day.day, facts.day.ladders, at)
            kept.record_traded_days(tx, facts.day.whole, at)
        record_hours(tx, facts.heard.counted, at)
        kept.record_features(
            tx,
            slot,
            {
                market: [(one, FORMULAS[name]) for name, one in held.items()]
                for market, held in found.items()
            },
            at,
        )
    return found


def best_tiers(
    look: Transaction, market_ids: Sequence[str], slot: int, *, as_of: datetime
) -> dict[str, dict[str, Tier]]:
    """Return each indicator's best tier of *slot* and the three slots before it."""
    return {
        market: {name: best.tier for name, best in held.items()}
        for market, held in kept.best_of_hour(look, market_ids, slot, as_of=as_of).items()
    }


def best_rocs(
    look: Transaction, market_ids: Sequence[str], slot: int, *, as_of: datetime
) -> dict[str, float | None]:
    """Return the ROC at its best tier of *slot* and the three slots before it, by market."""
    best = kept.best_of_hour(look, market_ids, slot, as_of=as_of)
    return {market: held[roc.NAME].value for market, held in best.items() if roc.NAME in held}


def warming(
    look: Transaction, market: Market, at: datetime, *, entered: datetime | None = None
) -> str:
    """Return what a market new to the panel still lacks, a sentence; "" when enough is there.

    Enough: trades of the hour and of 20 of the 24 before it, a price now and 12 hours ago. A market
    followed for more than 26 hours is not warming up: what it lacks is undefined, with its reason.
    *entered*: when it came onto the panel, looked up where it is not given.
    """
    entered = entered or listings.panel_members(look, as_of=at).get(market.id)
    if entered is None or at - entered >= SETTLED:
        return ""
    wanted = {market.condition_id: at - RVR_REACH}
    spans = kept.spans(look, TRADES_SOURCE, wanted, as_of=at).get(market.condition_id, [])
    slot = int(at.timestamp()) // SLOT_SECONDS * SLOT_SECONDS
    return lacking(entered, at, spans, _mids(look, [market], slot, at)[market.id])


def lacking(
    entered: datetime, at: datetime, spans: Sequence[kept.Span], mids: tuple[Mid | None, Mid | None]
) -> str:
    """Return what ``warming`` does of a market on the panel since *entered*, its inputs read."""
    if at - entered >= SETTLED:
        return ""
    now, before = rvr.covered_hours(spans, int(at.timestamp()))
    lacks = []
    if not now or before < rvr.LEAST_HOURS:
        lacks.append(f"trades of {before} of the 24 hours before ({rvr.LEAST_HOURS} needed)")
    if mids[0] is None:
        lacks.append("a price now")
    if mids[1] is None:
        lacks.append("a price of 12 hours ago")
    if not lacks:
        return ""
    return f"followed since {entered:%Y-%m-%d %H:%M} UTC, still without {' and '.join(lacks)}"


def rvr_rules(signals: SignalsSection) -> rvr.RvrRules:
    """Return the rules of RVR as the settings have them."""
    return rvr.RvrRules(_bars(signals.rvr), seasonal=signals.rvr_form == "seasonal")


def roc_rules(signals: SignalsSection) -> roc.RocRules:
    """Return the rules of ROC as the settings have them."""
    return roc.RocRules(_bars(signals.roc), relative=signals.roc_form == "relative")


def hype_rules(signals: SignalsSection, talk: HypeSection) -> hype.HypeRules:
    """Return the rules of hype as the settings have them."""
    return hype.HypeRules(
        _bars(signals.hype),
        talk.weights.model_dump(),
        talk.baseline_days,
        talk.full_days,
        talk.provisional_days,
    )


def _bars(section: Thresholds) -> tuple[float, float, float]:
    return section.weak, section.moderate, section.strong


def _of(market: Market, facts: _Facts, at: datetime, signals: SignalsSection) -> dict[str, Feature]:
    """Return the three indicators of one market."""
    now, then = facts.mids[market.id]
    return {
        rvr.NAME: rvr.rvr(
            facts.traded[market.id],
            at=int(at.timestamp()),
            factors=facts.day.factors,
            ladder=facts.day.ladders.get(market.id),
            rules=rvr_rules(signals),
        ),
        roc.NAME: roc.roc(
            now,
            then,
            tick=market.tick,
            rules=roc_rules(signals),
        ),
        hype.NAME: facts.heard.features[event_of(market)],
    }


def event_of(market: Market) -> str:
    """Return the event whose talk is the market's, or the market itself where it has none."""
    return market.event_id or market.id


def _read(
    look: Transaction,
    *,
    slot: int,
    at: datetime,
    markets: Sequence[Market],
    signals: SignalsSection,
    talk: HypeSection,
) -> _Facts:
    return _Facts(
        _day(look, markets, at, seasonal=signals.rvr_form == "seasonal"),
        _traded(look, markets, at),
        _mids(look, markets, slot, at),
        listen(
            look,
            [event_of(market) for market in markets],
            at=at,
            rules=hype_rules(signals, talk),
        ),
    )


def _traded(look: Transaction, markets: Sequence[Market], at: datetime) -> dict[str, rvr.Traded]:
    """Return what takers did in each market in the last 26 hours, and what was heard of it."""
    since = at - RVR_REACH
    conditions = dict.fromkeys((market.condition_id for market in markets), since)
    spans = kept.spans(look, TRADES_SOURCE, conditions, as_of=at)
    ids = [market.id for market in markets]
    dealt = kept.dealt(look, ids, since=since, until=at, as_of=at)
    return {
        market.id: rvr.Traded(
            np.array([one.at for one in dealt.get(market.id, ())], dtype=np.int64),
            np.array([one.usd for one in dealt.get(market.id, ())], dtype=np.float64),
            [one.wallet for one in dealt.get(market.id, ())],
            spans.get(market.condition_id, ()),
        )
        for market in markets
    }


def _mids(
    look: Transaction, markets: Sequence[Market], slot: int, at: datetime
) -> dict[str, tuple[Mid | None, Mid | None]]:
    """Return each market's mid of *slot* and of 12 hours before.

    A slot without a two-sided quote takes the last history mid at most 15 minutes old, flagged.
    """
    past = slot - int(roc.LOOK_BACK.total_seconds())
    quoted = kept.mids_at(look, [market.id for market in markets], (slot, past), as_of=at)

    def mid(market: Market, one: int, instant: datetime) -> Mid | None:
        both = quoted.get((market.id, one))
        if both is not None:
            return Mid(Decimal(both[0]) / TWO_MILLIONS, from_epoch(both[1]))
        return _history_mid(look, market, instant, at)

    return {
        market.id: (mid(market, slot, at), mid(market, past, at - roc.LOOK_BACK))
        for market in markets
    }


def _history_mid(look: Transaction, market: Market, instant: datetime, at: datetime) -> Mid | None:
    """Return the last history mid of the 15 minutes before *instant*, as known at *at*."""
    points = history.points(
        look,
        market.id,
        since=instant - STALE_MID,
        until=instant + timedelta(seconds=1),
        as_of=at,
    )
    seen = [point for point in points if point.observed_at <= at]
    return Mid(Decimal(str(seen[-1].price)), seen[-1].event_time, history=True) if seen else None


def _day(look: Transaction, markets: Sequence[Market], at: datetime, *, seasonal: bool) -> _Day:
    """Return what holds for the UTC day of *at*: as kept, else computed from the 28 days before it.

    Factors that were not known are tried again after an hour: the past may have been fetched.
    """
    day = hour_factors.day_of(at)
    ids = [market.id for market in markets]
    found = kept.hour_factors(look, day, as_of=at)
    if found is not None and (found[0] is not None or at - found[1] < TRY_AGAIN):
        return _Day(day, found[0], kept.ladders(look, ids, day, as_of=at))
    followed = [*dict.fromkeys([*listings.panel_members(look, as_of=at), *ids])]
    usd, whole = _past_hours(look, followed, day, at)
    known = hour_factors.factors(usd, day - POOLED_DAYS * DAY)
    rungs = {}
    for row, venue in enumerate(followed):
        own = hour_factors.ladder(usd[row], day, known if seasonal else None)
        if own is not None:
            rungs[venue] = own
    return _Day(day, known, rungs, hour_factors.pooled_hours(usd), whole, new=True)


def _past_hours(
    look: Transaction, followed: Sequence[str], day: int, at: datetime
) -> tuple[Floats, dict[tuple[str, int], Floats]]:
    """Return USD [M, 672] by market and clock hour of the 28 days before *day*, NaN if not heard.

    And the days that were heard whole and nobody has kept yet.
    """
    first = day - POOLED_DAYS * DAY
    days = range(first, day, DAY)
    held = kept.traded_days(look, followed, since_day=first, until_day=day, as_of=at)
    missing = [(venue, one) for venue in followed for one in days if (venue, one) not in held]
    condition = kept.conditions_of(look, {venue for venue, _ in missing})
    since: dict[str, datetime] = {}
    for venue, one in missing:
        since.setdefault(condition[venue], from_epoch(one))
    spans = kept.spans(look, TRADES_SOURCE, since, as_of=at)
    heard = {(v, one): heard_hours(spans.get(condition[v], ()), one) for v, one in missing}
    came = kept.hourly_usd(look, [one for one in missing if heard[one].any()], as_of=at)
    found = np.full((len(followed), len(days), 24), np.nan)
    for row, venue in enumerate(followed):
        for column, one in enumerate(days):
            key = venue, one
            if key in held:
                found[row, column] = held[key]
            elif key in came:
                found[row, column] = np.where(heard[key], came[key], np.nan)
    whole = {key: usd for key, usd in came.items() if heard[key].all()}
    return found.reshape(len(followed), 24 * len(days)), whole


def heard_hours(spans: Sequence[kept.Span], day: int) -> NDArray[np.bool_]:
    """Return which of the 24 hours of *day* lie whole in one of the joined *spans*."""
    heard = np.zeros(24, dtype=np.bool_)
    for start, stop in spans:
        low, high = -(-(start - day) // rvr.HOUR), (stop - day) // rvr.HOUR
        if high > 0 and low < heard.size:
            heard[max(low, 0) : high] = True
    return heard
