"""What the examined markets come to as a family: q-values, who leads, and the plan's tiers.

Two families, forward and reverse, each Benjamini-Hochberg over the markets with enough data; the
harder q of Benjamini and Yekutieli stands beside. A lead is a forward q of .05 or less with a
direction, that no reverse lead, no common cause and no circular shift explains.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading_cli.domain import Tier
from trading_cli.research.lead import Examined
from trading_cli.research.many_tests import benjamini_hochberg, benjamini_yekutieli

ALPHA = 0.05
KEPT = 0.5
INSUFFICIENT = "INSUFFICIENT"
LEADS = "talk leads"
FOLLOWS = "price leads"
BOTH = "both ways"
COMMON = "common cause"
CHANCE = "no more than shifted talk"
SAME = "same hour only"
NOTHING = "nothing"
WORDS = (LEADS, FOLLOWS, BOTH, COMMON, CHANCE, SAME, NOTHING, INSUFFICIENT)
BARS = ((Tier.STRONG, 0.5, 0.001), (Tier.MODERATE, 0.3, 0.01), (Tier.WEAK, 0.2, 0.05))


@dataclass(frozen=True, slots=True)
class Verdict:
    """One market's verdict: a word of ``WORDS``, the tier of a lead, q-values, a sentence."""

    examined: Examined
    word: str
    tier: Tier
    q: float
    q_any: float
    reverse_q: float
    reverse_q_any: float
    sentence: str

    @property
    def leads(self) -> bool:
        """Return whether talk leads the price here, as far as this run knows."""
        return self.word == LEADS


def judge(examined: Sequence[Examined]) -> list[Verdict]:
    """Return the verdict of each, in their order; those without enough data are in no family."""
    forward = np.array([one.forward.p for one in examined], dtype=float)
    reverse = np.array([one.reverse.p for one in examined], dtype=float)
    columns = [
        adjusted(p)
        for p in (forward, reverse)
        for adjusted in (benjamini_hochberg, benjamini_yekutieli)
    ]
    return [_verdict(one, *q) for one, *q in zip(examined, *(c.tolist() for c in columns),
                                                 strict=True)]  # fmt: skip


def _verdict(one: Examined, q: float, q_any: float, back: float, back_any: float) -> Verdict:
    word = _word(one, q, back)
    tier = tier_of(one.forward.r, q) if word == LEADS else Tier.NONE
    return Verdict(one, word, tier, q, q_any, back, back_any, _sentence(one, word, q))


def _word(  # noqa: PLR0911  # one word a line, the first that holds
    one: Examined, q: float, back: float
) -> str:
    """Return the word; a comparison with NaN is no finding."""
    if one.insufficient or not np.isfinite(q):
        return INSUFFICIENT
    if q <= ALPHA and back <= ALPHA:
        return BOTH
    if q <= ALPHA and explained(one):
        return COMMON
    if q <= ALPHA and one.forward.shift > ALPHA:
        return CHANCE
    if q <= ALPHA:
        return LEADS
    if back <= ALPHA:
        return FOLLOWS
    return SAME if one.same_hour_p <= ALPHA else NOTHING


def explained(one: Examined) -> bool:
    """Return whether the category index takes the finding away, or half of its r² and more.

    Half, since an index is a noisy likeness of what moves all: a trace of it always stays.
    """
    ahead = one.forward
    return ahead.conditional > ALPHA or ahead.conditional_r**2 < KEPT * ahead.r**2


def tier_of(r: float, q: float) -> Tier:
    """Return the plan's label of a lead by |r| at the smallest-p lag and q."""
    return next((tier for tier, bar, most in BARS if abs(r) >= bar and q < most), Tier.NONE)


def _sentence(one: Examined, word: str, q: float) -> str:
    if word == INSUFFICIENT:
        return one.insufficient or "no lag has rows enough for its test"
    ahead, way = one.forward, "rises" if one.forward.b > 0 else "falls"
    sentences = {
        LEADS: f"talk leads by {ahead.lag} h (predictive, not cause): the price {way} after it",
        FOLLOWS: f"the price leads the talk by {one.reverse.lag} h",
        BOTH: "each leads the other: no direction",
        COMMON: f"beside the category index r is {ahead.conditional_r:+.2f}, alone {ahead.r:+.2f}",
        CHANCE: f"shifted talk does as well in {ahead.shift:.0%} of trials",
        SAME: f"together in the same hour (r {one.same_hour:+.2f}), no lead",
        NOTHING: f"no lead found (q {q:.2g})",
    }
    return sentences[word]
