"""An outside opinion as evidence: what a source has shown, and what its word moves.

The weight of a source is what it has shown to know beyond the price (``opinion_records``). What an
opinion moves is the logit of our own probability, by the weight times what it says beyond the price
when it came, the price now and our own probability; what these say already is not news. Of several
sources the mean counts, by their weights:

    logit P' = logit P + Σ w² d / Σ w        d: how far logit q lies beyond all three, 0 among them

Ten that repeat one another move it as one does, none moves it beyond what was said, and none is
ever a factor of a size. Seen from NO the answer is the same.

Source: logarithmic pooling, Genest and Zidek (Statistical Science 1, 1986).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

CLIP = 0.01
"""No opinion, and no price it is held against, counts as nearer to 0 or 1 than this."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a source has shown: of ``events`` that settled, one opinion each.

    added, error   the fit of w and its deviation; ``None`` below 30 events, as all that follows
    low            its lower bound, the weight before it is held within [0, 1]
    skill          mean log loss of the price less the opinion's (nats), with its 95 % interval
    brier          the opinions' Brier score; ``brier_price`` the prices'
    """

    events: int = 0
    weight: float = 0.0
    added: float | None = None
    error: float | None = None
    low: float | None = None
    skill: tuple[float, float, float] | None = None
    brier: float | None = None
    brier_price: float | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a source says of a market now: the probability of YES, and what the source is worth.

    ``price`` is the YES mid when it came (``None``: unknown, it moves nothing). Only one that is
    ``used`` moves anything; the others are shown.
    """

    source: str
    probability: float
    price: float | None
    said_at: datetime
    observed_at: datetime
    record: Record = Record()
    used: bool = False

    @property
    def weight(self) -> float:
        """Return what counts of it: the record's weight, 0 where it is only shown."""
        return self.record.weight if self.used and self.price is not None else 0.0

    def mirrored(self) -> "Opinion":
        """Return the same opinion said of NO."""
        price = None if self.price is None else 1 - self.price
        return replace(self, probability=1 - self.probability, price=price)


def beyond(opinion: float, *known: float) -> float:
    """Return how far the logit of *opinion* lies beyond all of *known*; 0 where it is among them.

    Probabilities are clipped to [0.01, 0.99]. Positive: towards YES.
    """
    said, marks = _logit(opinion), [_logit(one) for one in known]
    if said > max(marks):
        return said - max(marks)
    return min(said - min(marks), 0.0)


def moved(probability: float, price: float, opinions: Sequence[Opinion]) -> float:
    """Return our own *probability* of YES as the opinions leave it, the YES mid being *price*.

    With nothing that weighs or says more than is known, it is the very number that was given.
    A probability of 0 or 1 leaves no doubt and is not moved.
    """
    pairs = [
        (one.weight, beyond(one.probability, probability, price, one.price))
        for one in opinions
        if one.weight > 0 and one.price is not None
    ]
    shift = math.fsum(weight**2 * far for weight, far in pairs)
    if shift == 0 or not 0 < probability < 1:
        return probability
    own = math.log(probability / (1 - probability))
    odds = own + shift / math.fsum(weight for weight, _ in pairs)
    small = math.exp(-abs(odds))
    return (1 if odds >= 0 else small) / (1 + small)


def _logit(probability: float) -> float:
    inside = min(max(probability, CLIP), 1 - CLIP)
    return math.log(inside / (1 - inside))
