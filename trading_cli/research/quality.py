"""What is wrong with what we collected, market by market and for the whole cycle, and the gate.

The rules stand in ``quality_checks``; here they meet the evidence. Nothing is deleted, repaired or
interpolated: a finding is a note beside the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trading_cli.domain import Finding, Refusal, Severity
from trading_cli.research import quality_checks as checks
from trading_cli.research.quality_checks import Floats, Ints


def _no_ints() -> Ints:
    return np.empty(0, dtype=np.int64)


def _no_floats() -> Floats:
    return np.empty(0, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class MarketEvidence:
    """What we hold of one market at instant ``at`` (epoch seconds), over a window that ends there.

    ``slots`` (ascending, one per row) goes with ``bid``, ``ask``, ``mid``, ``bid_depth``,
    ``ask_depth``, ``pair_gap`` and ``hashes``; NaN and "" mean absent, an empty array means the
    column was not asked for. ``expected``: the slots there should be. Ages are seconds: of the
    newest quote; of the newest history mid before ``at`` and before ``at`` - 12 h (at those
    instants). ``trade_hours``: how many of the 24 hours before are covered.
    ``listed``: best bid and ask of the listing. ``payouts``: of YES and NO, where settled.
    """

    market_id: str
    at: int
    expected: Ints
    slots: Ints
    bid: Floats
    ask: Floats
    mid: Floats
    bid_depth: Floats = field(default_factory=_no_floats)
    ask_depth: Floats = field(default_factory=_no_floats)
    pair_gap: Floats = field(default_factory=_no_floats)
    hashes: tuple[str, ...] = ()
    trade_times: Ints = field(default_factory=_no_ints)
    volume_slots: Ints = field(default_factory=_no_ints)
    volumes: Floats = field(default_factory=_no_floats)
    tick: float | None = None
    last_quote_age_s: float | None = None
    history_age_s: float | None = None
    history_12h_age_s: float | None = None
    trade_hours: int | None = None
    listed: tuple[float | None, float | None] = (None, None)
    duplicates: int = 0
    conflicts: int = 0
    refusals: tuple[Refusal, ...] = ()
    payouts: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CycleEvidence:
    """What a whole cycle looked like. ``ran``: the slots in which a collection ended whole.

    ``unchanged`` of ``compared`` books kept the hash of the slot before; ``agreeing`` of
    ``cross_checked`` markets had listing and book within 2 ticks; ``columns``: name to (present,
    expected); ``event_mids``: each mutually exclusive event's mids, NaN where one is absent.
    """

    at: int
    expected: Ints
    ran: Ints
    newest_quote_age_s: float | None
    clock_offset_s: float | None = None
    unchanged: int = 0
    compared: int = 0
    agreeing: int = 0
    cross_checked: int = 0
    items: int = 0
    refusals: tuple[Refusal, ...] = ()
    columns: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    event_mids: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether anything may be entered this cycle, and what forbids it."""

    open: bool
    reasons: tuple[str, ...] = ()


def check_market(evidence: MarketEvidence) -> list[Finding]:
    """Return everything that is wrong with one market's rows, worst first."""
    e, subject = evidence, evidence.market_id
    found = checks.schedule_gaps(e.expected, e.slots, subject)
    found += checks.freshness(e.last_quote_age_s, subject)
    found += checks.duplicates(e.duplicates, e.conflicts, subject)
    for prices in (e.bid, e.ask):
        found += checks.price_range(e.slots, prices, e.tick, subject)
    for sizes in (e.bid_depth, e.ask_depth):
        if len(sizes):
            found += checks.size_range(e.slots, sizes, subject)
    found += checks.cumulative_volume(e.volume_slots, e.volumes, subject)
    found += checks.crossed(e.slots, e.bid, e.ask, subject)
    if len(e.pair_gap):
        found += checks.pair_sum(e.slots, e.pair_gap, e.tick, subject)
    found += checks.frozen(e.slots, e.hashes, e.trade_times, subject)
    found += checks.stale_source(e.listed, _newest(e), e.tick, subject)
    found += checks.outliers(e.slots, e.mid, e.tick, subject)
    found += [
        Finding("schema_drift", Severity.ERROR, subject, f"{r.kind} refused: {r.reason}")
        for r in e.refusals
    ]
    found += checks.outcome_sanity(e.payouts, subject)
    return worst_first(found)


def check_cycle(evidence: CycleEvidence) -> list[Finding]:
    """Return everything that is wrong with the cycle as a whole, worst first."""
    e = evidence
    found = checks.schedule_gaps(e.expected, e.ran)
    found += checks.freshness(e.newest_quote_age_s)
    found += checks.clock_offset(e.clock_offset_s)
    found += checks.frozen_everywhere(e.unchanged, e.compared)
    found += checks.accuracy(e.agreeing, e.cross_checked)
    found += checks.schema_drift(e.refusals, e.items)
    found += checks.nulls(e.columns)
    for event_id, mids in sorted(e.event_mids.items()):
        found += checks.event_sum(event_id, mids)
    return worst_first(found)


def gate(cycle_findings: Sequence[Finding]) -> Gate:
    """Close on any error about the whole cycle.

    A schedule gap holds entries back only while it lasts: one whole slot heals it, and a single
    missing newest slot is enough to hold.
    """
    reasons = [
        f"{finding.check}: {finding.message}"
        for finding in worst_first(cycle_findings)
        if not finding.subject and _closes(finding)
    ]
    return Gate(not reasons, tuple(reasons))


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return *findings* with errors first, then by check, subject and message."""
    rank = {Severity.ERROR: 0, Severity.WARN: 1, Severity.INFO: 2}
    return sorted(findings, key=lambda f: (rank[f.severity], f.check, f.subject, f.message))


def _closes(finding: Finding) -> bool:
    if finding.check == "schedule_gap":
        return finding.evidence.get("newest") is True
    return finding.severity is Severity.ERROR


def _newest(evidence: MarketEvidence) -> tuple[float | None, float | None]:
    """Return bid and ask of the newest row, ``None`` where absent."""
    if len(evidence.slots) == 0:
        return None, None
    bid, ask = float(evidence.bid[-1]), float(evidence.ask[-1])
    return (None if np.isnan(bid) else bid), (None if np.isnan(ask) else ask)
