"""How far an indicator is beyond its thresholds."""

from trading_cli.domain import Tier

Bars = tuple[float, float, float]
_TIERS = tuple(Tier)


def tier_of(value: float, bars: Bars) -> Tier:
    """Return the highest tier whose threshold (WEAK, MODERATE, STRONG) *value* reaches.

    A value that misses one by less than a part in a billion reaches it: arithmetic, not opinion.
    """
    reached = 0
    for bar in bars:
        reached += value >= bar - 1e-9 * max(1.0, abs(bar))
    return _TIERS[reached]
