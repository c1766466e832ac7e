"""ROC, the rate of change of the price over 12 hours.

    ROC = (logit m_now - logit m_12h) / 2,  m the YES mid

Half a logit is the plan's percent at a price of .50, and equal and opposite for NO, whose mid is
1 - m: the token that rose is the one to buy. The relative form, m_now / m_12h - 1, is shown beside
it and is not symmetrical.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trading_cli.domain import Feature, Tier, Token
from trading_cli.research.tiers import Bars, tier_of

FORMULA = "roc/1"
NAME = "roc"
LOOK_BACK = timedelta(hours=12)
LEAST_MOVE = Decimal("0.02")
LEAST_TICKS = 2
USUAL_TICK = Decimal("0.01")
SMALL_MOVE = "SMALL_MOVE"


@dataclass(frozen=True, slots=True)
class RocRules:
    """The three tiers, and whether they judge the logit or the relative form."""

    bars: Bars = (0.05, 0.10, 0.15)
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Mid:
    """A YES mid, when it was so, and whether it is a quote's or only the history's."""

    value: Decimal
    at: datetime
    history: bool = False

    def mirrored(self) -> "Mid":
        """Return the NO token's mid."""
        return Mid(1 - self.value, self.at, self.history)


def logit(m: float) -> float:
    """Return ln(m / (1 - m)), m inside (0, 1)."""
    return math.log(m / (1 - m))


def roc(
    now: Mid | None,
    then: Mid | None,
    *,
    tick: Decimal | None,
    rules: RocRules | None = None,
) -> Feature:
    """Return the feature of the mids *now* and 12 h before (*then*).

    Undefined where either is missing or at 0 or 1. A move below 2 ticks (of one cent where the
    venue names none) or .02 leaves the value and makes the tier NONE (``limited``: SMALL_MOVE).
    """
    rules = rules or RocRules()
    form = "relative" if rules.relative else "logit"
    if now is None or then is None:
        absent = [name for name, mid in (("now", now), ("12 hours ago", then)) if mid is None]
        return _undefined(f"no price {' and '.join(absent)}", {"form": form})
    inputs: dict[str, object] = {
        "form": form,
        "mid_now": str(now.value),
        "mid_12h": str(then.value),
        "at_now": now.at.isoformat(),
        "at_12h": then.at.isoformat(),
        "from_history": [
            name for name, mid in (("now", now), ("12h", then)) if mid.history
        ],
    }  # fmt: skip
    if not (0 < now.value < 1 and 0 < then.value < 1):
        return _undefined("a price at 0 or 1 has no rate of change", inputs)
    return _measured(now, then, tick or USUAL_TICK, rules, inputs)


def _measured(
    now: Mid, then: Mid, tick: Decimal, rules: RocRules, inputs: dict[str, object]
) -> Feature:
    move = now.value - then.value
    change = (logit(float(now.value)) - logit(float(then.value))) / 2
    relative = float(move / then.value)
    inputs |= {
        "move": str(move),
        "logit": round(change, 9),
        "relative": round(relative, 9),
        "token": "" if move == 0 else (Token.YES if move > 0 else Token.NO).value,
    }
    value = relative if rules.relative else change
    if abs(move) < max(LEAST_TICKS * tick, LEAST_MOVE):
        return Feature(NAME, value, "", Tier.NONE, inputs | {"limited": SMALL_MOVE})
    return Feature(NAME, value, "", tier_of(abs(value), rules.bars), inputs)


def _undefined(why: str, inputs: dict[str, object]) -> Feature:
    return Feature(NAME, None, why, Tier.NONE, inputs)
