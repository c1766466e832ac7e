"""What a market is called, and when that may change: not on a week's whim.

A weekly run that finds otherwise than the label says is a first detection. It changes nothing. The
label follows when three later weekly runs, each on data after the detection only, say the same in
the same direction; one that says otherwise ends the claim, one that cannot tell leaves it as it is.
"""

from dataclasses import dataclass, replace

from trading_cli.domain import Tier

CONFIRMATIONS = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """What was first detected, when (epoch seconds), and how often it was confirmed since."""

    leads: bool
    tier: Tier
    lag: int
    b: float
    since: int
    confirmed: int = 0


@dataclass(frozen=True, slots=True)
class Label:
    """What holds: whether talk leads, its tier and lag, its direction; and what is claimed."""

    leads: bool = False
    tier: Tier = Tier.NONE
    lag: int = 0
    b: float = 0.0
    claim: Claim | None = None


def advance(label: Label, seen: Claim | None, *, confirmed: bool | None) -> Label:
    """Return the label after a weekly run that saw *seen* (``None``: it could not tell).

    *confirmed*: what the data after the claim's first detection say of it (``None``: too few).
    """
    claim = label.claim
    if claim is None:
        if seen is None or _same(label, seen):
            return label
        return replace(label, claim=seen)
    if confirmed is None:
        return label
    if not confirmed:
        return replace(label, claim=None)
    claim = replace(claim, confirmed=claim.confirmed + 1)
    if claim.confirmed < CONFIRMATIONS:
        return replace(label, claim=claim)
    return Label(claim.leads, claim.tier, claim.lag, claim.b)


def _same(label: Label, seen: Claim) -> bool:
    """Return whether *seen* is what the label says: no lead, or one of its tier and direction."""
    if not label.leads and not seen.leads:
        return True
    way = (label.b > 0) == (seen.b > 0)
    return label.leads == seen.leads and label.tier == seen.tier and way
