"""How far one market's data can be trusted at one instant: the smallest of five dimensions.

validity      share of rows that break no hard rule (range, crossed, settlement, refused items)
consistency   share of rows that agree with themselves and with others (mirror, frozen)
timeliness    1 while the newest quote is fresh, .95 when it is late, 0 when it is stale
uniqueness    share of rows that came once and with one content
completeness  the inputs a decision needs: a quote now, one 12 hours ago, the hours of trades

The smallest, never a mean: four perfect dimensions must not hide a zero. Below 0.95 a market cannot
signal. Findings of level info never lower a score; talk has a score of its own elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading_cli.domain import SLOT_SECONDS, Finding, Severity
from trading_cli.research.quality import MarketEvidence
from trading_cli.research.quality_checks import FRESH_ERROR_S, FRESH_WARN_S

CAN_SIGNAL = 0.95
LATE = 0.95
HISTORY_MAY_STAND_IN_S = 900
LOOK_BACK_S = 12 * 3600
HOURS_COMPLETE = 20
HOURS_WANTED = 24

_DIMENSION = {
    "range": "validity",
    "crossed": "validity",
    "schema_drift": "validity",
    "outcome": "validity",
    "pair_sum": "consistency",
    "frozen": "consistency",
}


@dataclass(frozen=True, slots=True)
class Score:
    """Five fractions and their minimum; ``flags`` say where something stood in for something."""

    market_id: str
    validity: float
    consistency: float
    timeliness: float
    uniqueness: float
    completeness: float
    flags: tuple[str, ...] = ()

    @property
    def overall(self) -> float:
        """Return the smallest of the five."""
        return min(
            self.validity, self.consistency, self.timeliness, self.uniqueness, self.completeness
        )

    @property
    def can_signal(self) -> bool:
        """Return whether the data is good enough to enter on."""
        return self.overall >= CAN_SIGNAL


def score(evidence: MarketEvidence, findings: Sequence[Finding]) -> Score:
    """Return the score of one market, given what ``check_market`` found about it.

    Findings about other subjects are ignored.
    """
    own = [f for f in findings if f.subject == evidence.market_id]
    completeness, flags = _completeness(evidence, _bad_slots(own, "validity"))
    return Score(
        market_id=evidence.market_id,
        validity=_share(evidence, own, "validity"),
        consistency=_share(evidence, own, "consistency"),
        timeliness=_timeliness(evidence.last_quote_age_s),
        uniqueness=_uniqueness(evidence),
        completeness=completeness,
        flags=flags,
    )


def _share(evidence: MarketEvidence, findings: Sequence[Finding], dimension: str) -> float:
    """Return the share of rows without fault; an error that names no row spoils them all."""
    for finding in findings:
        spoils = finding.severity is Severity.ERROR and "slots" not in finding.evidence
        if spoils and _DIMENSION.get(finding.check) == dimension:
            return 0.0
    if len(evidence.slots) == 0:
        return 1.0
    rows = {int(slot) for slot in evidence.slots}
    return 1.0 - len(rows & _bad_slots(findings, dimension)) / len(rows)


def _bad_slots(findings: Sequence[Finding], dimension: str) -> set[int]:
    bad: set[int] = set()
    for finding in findings:
        slots = finding.evidence.get("slots", ())
        counted = finding.severity is not Severity.INFO and isinstance(slots, tuple)
        if counted and _DIMENSION.get(finding.check) == dimension:
            bad.update(slots)  # type: ignore[arg-type]  # evidence values are object; checks put ints
    return bad


def _timeliness(age_s: float | None) -> float:
    if age_s is None or age_s > FRESH_ERROR_S:
        return 0.0
    return 1.0 if age_s <= FRESH_WARN_S else LATE


def _uniqueness(evidence: MarketEvidence) -> float:
    again = evidence.duplicates + evidence.conflicts
    return 1.0 - again / (len(evidence.slots) + again) if again else 1.0


def _completeness(evidence: MarketEvidence, bad: set[int]) -> tuple[float, tuple[str, ...]]:
    """Return the smallest of the three inputs' presence, and what stood in."""
    flags: list[str] = []
    now = _input(evidence, bad, evidence.at, evidence.history_age_s)
    then = _input(evidence, bad, evidence.at - LOOK_BACK_S, evidence.history_12h_age_s)
    for name, (_, stood_in) in (("NOW", now), ("12H_AGO", then)):
        if stood_in:
            flags.append(f"HISTORY_MID_{name}")
    return min(now[0], then[0], _hours(evidence.trade_hours)), tuple(flags)


def _input(
    evidence: MarketEvidence, bad: set[int], at: int, history_age_s: float | None
) -> tuple[float, bool]:
    """Return (1 if a sound two-sided quote or a young history mid is there at *at*, stood in)."""
    slot = at // SLOT_SECONDS * SLOT_SECONDS
    where = np.flatnonzero(evidence.slots == slot)
    if len(where) and slot not in bad and not np.isnan(evidence.mid[where[0]]):
        return 1.0, False
    stands_in = history_age_s is not None and 0 <= history_age_s <= HISTORY_MAY_STAND_IN_S
    return (1.0, True) if stands_in else (0.0, False)


def _hours(covered: int | None) -> float:
    if covered is None:
        return 0.0
    return 1.0 if covered >= HOURS_COMPLETE else covered / HOURS_WANTED
