"""Store -> checks -> scores, findings and the gate. Checks flag; nothing is deleted or made up."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.settings import load
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.domain import SLOT_SECONDS, Finding, Market, Severity, from_epoch, slot_of
from trading_cli.research.quality import (
    CycleEvidence,
    Gate,
    MarketEvidence,
    check_cycle,
    check_market,
    gate,
)
from trading_cli.research.quality_score import Score, score
from trading_cli.store import Store, Transaction, history, ledger, listings, runs, thawed
from trading_cli.store.features import spans

WINDOW = timedelta(hours=24)
LOOK_BACK = timedelta(hours=12)
HOUR = 3600
THAWED = (thawed.QUOTES, thawed.PACKS, thawed.TRADES, thawed.POINTS)
MILLION = 1e6
Floats = NDArray[np.float64]
TRADES_SOURCE = "polymarket.trades"
TRADES_LAG = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Quotes:
    """One market's quotes as arrays, oldest first; prices are fractions, depths USD."""

    slots: NDArray[np.int64]
    bid: Floats
    ask: Floats
    mid: Floats
    bid_depth: Floats
    ask_depth: Floats
    pair_gap: Floats
    hashes: tuple[str, ...]
    observed: tuple[int, ...]

    @property
    def last(self) -> tuple[float | None, float | None]:
        """Return the newest bid and ask, ``None`` where absent."""
        bid, ask = float(self.bid[-1]), float(self.ask[-1])
        return None if np.isnan(bid) else bid, None if np.isnan(ask) else ask


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the checks made of one instant: every market's score, the findings and the gate."""

    scores: tuple[Score, ...]
    findings: tuple[Finding, ...]
    gate: Gate
    questions: Mapping[str, str]


def judge(
    store: Store, *, slot: int, now: datetime, clock_offset_s: float | None = None
) -> Judgement:
    """Check what is stored as of *now*, keep the scores and findings of *slot*, return them."""
    with store.reading() as look:
        found = assess(look, now=now, clock_offset_s=clock_offset_s)
    with store.transaction() as tx:
        ledger.record_findings(tx, slot, found.findings, now)
        ledger.record_scores(tx, slot, (_row(one) for one in found.scores), now)
    return found


def _row(one: Score) -> ledger.Score:
    dimensions = {
        "validity": one.validity,
        "consistency": one.consistency,
        "timeliness": one.timeliness,
        "uniqueness": one.uniqueness,
        "completeness": one.completeness,
    }
    return ledger.Score(one.market_id, one.overall, dimensions)


def assess(
    look: Transaction,
    *,
    now: datetime,
    since: datetime | None = None,
    clock_offset_s: float | None = None,
) -> Judgement:
    """Check every market of the panel over [since, now] (24 h if absent), and the whole cycle."""
    start = since or now - WINDOW
    members = listings.panel_members(look, as_of=now)
    markets = listings.listing_at(look, as_of=now, venue_ids=list(members))
    hours = _trade_hours(look, markets, now)
    scores: list[Score] = []
    findings: list[Finding] = []
    newest: dict[str, _Quotes] = {}
    for market in markets:
        quotes = _quotes(look, market, start, now)
        newest[market.id] = quotes
        expected = _slots(max(start, members[market.id]), now)
        evidence = _evidence(look, market, quotes, expected, hours.get(market.condition_id), now)
        own = check_market(evidence)
        findings += own
        scores.append(score(evidence, own))
    cycle = check_cycle(_cycle(look, markets, newest, start, now, clock_offset_s))
    return Judgement(
        tuple(scores),
        (*cycle, *findings),
        gate(cycle),
        {market.id: market.question for market in markets},
    )


def _quotes(look: Transaction, market: Market, start: datetime, now: datetime) -> _Quotes:
    held = history.quote_columns(look, market.id, since=start, until=now, as_of=now)
    bid, ask = _floats(held.bids) / MILLION, _floats(held.asks) / MILLION
    return _Quotes(
        np.array(held.slots, dtype=np.int64),
        bid,
        ask,
        (_floats(held.bids) + _floats(held.asks)) / (2 * MILLION),
        _floats(held.bid_depths),
        _floats(held.ask_depths),
        _floats(held.pair_gaps) / MILLION,
        tuple("" if one is None else one.hex() for one in held.hashes),
        held.observed,
    )


def _slots(start: datetime, now: datetime) -> NDArray[np.int64]:
    return np.arange(slot_of(start), slot_of(now) + 1, SLOT_SECONDS, dtype=np.int64)


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array(values, dtype=np.float64)  # None becomes NaN


def _evidence(  # the facts of one market at one instant
    look: Transaction,
    market: Market,
    quotes: _Quotes,
    expected: NDArray[np.int64],
    trade_hours: int | None,
    now: datetime,
) -> MarketEvidence:
    day = now - 2 * LOOK_BACK
    traded = history.trade_times(look, market.id, since=day, until=now, as_of=now)
    return MarketEvidence(
        market.id,
        int(now.timestamp()),
        expected,
        quotes.slots,
        quotes.bid,
        quotes.ask,
        quotes.mid,
        bid_depth=quotes.bid_depth,
        ask_depth=quotes.ask_depth,
        pair_gap=quotes.pair_gap,
        hashes=quotes.hashes,
        trade_times=np.array(traded, dtype=np.int64),
        tick=None if market.tick is None else float(market.tick),
        last_quote_age_s=_age(quotes, now),
        history_age_s=_history_age(look, market, now),
        history_12h_age_s=_history_age(look, market, now - LOOK_BACK),
        trade_hours=trade_hours,
        listed=(market.best_bid, market.best_ask),
    )


def _age(quotes: _Quotes, now: datetime) -> float | None:
    return now.timestamp() - quotes.observed[-1] if quotes.observed else None


def _history_age(look: Transaction, market: Market, at: datetime) -> float | None:
    since = at - timedelta(seconds=SLOT_SECONDS)
    points = history.points(look, market.id, since=since, until=at, as_of=at)
    return (at - points[-1].event_time).total_seconds() if points else None


def _trade_hours(look: Transaction, markets: Sequence[Market], now: datetime) -> dict[str, int]:
    """Return how many of the 24 whole hours that end five minutes ago were heard completely."""
    until = now - TRADES_LAG
    stop = int(until.timestamp())
    since = {market.condition_id: until - WINDOW for market in markets}
    heard = spans(look, TRADES_SOURCE, since, as_of=now)
    return {
        name: sum(_covers(held, stop - (back + 1) * HOUR, stop - back * HOUR) for back in range(24))
        for name, held in heard.items()
    }


def _covers(spans: Sequence[tuple[int, int]], start: int, stop: int) -> bool:
    """Return whether the sorted *spans* together cover [start, stop)."""
    at = start
    for begin, end in spans:
        if begin <= at < end:
            at = end
    return at >= stop


def _cycle(  # the facts of one cycle
    look: Transaction,
    markets: Sequence[Market],
    newest: Mapping[str, _Quotes],
    start: datetime,
    now: datetime,
    clock_offset_s: float | None,
) -> CycleEvidence:
    seen = {name: quotes for name, quotes in newest.items() if quotes.observed}
    last = {name: quotes.last for name, quotes in seen.items()}
    pairs = [
        quotes.hashes[-2:]
        for quotes in seen.values()
        if quotes.slots.size > 1 and quotes.slots[-1] - quotes.slots[-2] == SLOT_SECONDS
    ]
    ran = [run.slot for run in runs.collected(look)]
    first = min(ran, default=slot_of(now))
    expected = _slots(max(start, from_epoch(first)), now)
    at = history.newest_quote_at(look)
    checked = [(market, last[market.id]) for market in markets if market.id in last]
    return CycleEvidence(
        int(now.timestamp()),
        expected,
        np.array(sorted(set(ran)), dtype=np.int64),
        None if at is None else (now - at).total_seconds(),
        clock_offset_s=clock_offset_s,
        unchanged=sum(a == b for a, b in pairs),
        compared=len(pairs),
        agreeing=sum(_agree(market, *quote) for market, quote in checked),
        cross_checked=len(checked),
        items=len(markets),
        columns={
            "bid": (sum(bid is not None for bid, _ in last.values()), len(last)),
            "ask": (sum(ask is not None for _, ask in last.values()), len(last)),
        },
        event_mids=_event_mids(markets, seen),
    )


def _agree(market: Market, bid: float | None, ask: float | None) -> bool:
    allowed = 2 * float(market.tick or 0.01) + 1e-9
    pairs = ((market.best_bid, bid), (market.best_ask, ask))
    return all(
        abs(listed - seen) <= allowed
        for listed, seen in pairs
        if listed is not None and seen is not None
    )


def _event_mids(markets: Sequence[Market], seen: Mapping[str, _Quotes]) -> dict[str, Floats]:
    """Return the mids of each mutually exclusive event of which we follow every open market."""
    groups: dict[str, list[Market]] = defaultdict(list)
    for market in markets:
        if market.neg_risk and market.neg_risk_market_id:
            groups[market.neg_risk_market_id].append(market)
    return {
        name: _floats([float(seen[m.id].mid[-1]) if m.id in seen else None for m in held])
        for name, held in groups.items()
        if _whole(held)
    }


def _whole(held: Sequence[Market]) -> bool:
    """Return whether the followed markets can sum to one: the listing's own prices say so."""
    prices = [market.outcome_prices for market in held]
    return all(prices) and abs(sum(float(p[0]) for p in prices if p) - 1.0) <= 0.1  # noqa: PLR2004  # the check's own bound


def check(
    config: Path | None = None, *, since: timedelta | datetime = WINDOW, clock: Clock | None = None
) -> dict[str, Any]:
    """Return what `quality-check` shows since then: gate, scores worst first, findings, gaps."""
    loaded = load(config)
    now = (clock or SystemClock()).now()
    begin = now - since if isinstance(since, timedelta) else since
    with Store.reader(loaded.database) as store, thawed.reading(store, begin, now, THAWED) as look:
        found = assess(look, now=now, since=begin)
        gaps = ledger.gaps(look, since=begin, until=now + timedelta(seconds=1))
    return {
        "gate": {"open": found.gate.open, "reasons": list(found.gate.reasons)},
        "scores": [
            {
                "market": one.market_id,
                "question": found.questions[one.market_id],
                "overall": round(one.overall, 4),
                "can_signal": one.can_signal,
                "validity": round(one.validity, 4),
                "consistency": round(one.consistency, 4),
                "timeliness": round(one.timeliness, 4),
                "uniqueness": round(one.uniqueness, 4),
                "completeness": round(one.completeness, 4),
                "flags": list(one.flags),
            }
            for one in sorted(found.scores, key=lambda one: (one.overall, one.market_id))
        ],
        "findings": [
            {
                "check": one.check,
                "severity": one.severity.value,
                "market": one.subject,
                "message": one.message,
            }
            for one in found.findings
            if one.severity is not Severity.INFO
        ],
        "informing": sum(one.severity is Severity.INFO for one in found.findings),
        "gaps": [
            {
                "slot": from_epoch(one.slot).isoformat(),
                "market": one.market_id,
                "cause": one.cause,
            }
            for one in gaps
            if not one.received
        ],
        "since": begin.isoformat(),
        "until": now.isoformat(),
    }
