"""The kill switch: three states, four levels, and what each forbids. The only state machine.

ARMED       orders may go, within the limits
TRIGGERED   level 1: nothing is opened, exits go on
            level 2: winners are sold, too (it locks gains and keeps losers)
            level 3: everything is sold, no lower than the floor
            level 4: no order at all; nothing has a stop any more
DISARMED    no trading: only what the owner closes by hand

any -> TRIGGERED (anybody), TRIGGERED -> DISARMED (reset), DISARMED -> ARMED (arm). What cannot be
read, or makes no sense, is TRIGGERED at level 4.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from trading_cli.core.errors import TradingError, UsageError
from trading_cli.domain import Purpose, Reason

HIGHEST = 4
WORST = 4


class State(StrEnum):
    """Where the switch stands."""

    ARMED = "ARMED"
    DISARMED = "DISARMED"
    TRIGGERED = "TRIGGERED"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the switch stands, since when and why; ``level`` is 0 unless triggered.

    ``seq`` numbers the row that said so, 0 where no row could be read.
    """

    state: State
    level: int
    reason: str
    since: datetime | None = None
    actor: str = ""
    seq: int = 0


class KillRefused(TradingError):
    """The switch does not allow it."""

    exit_code = 8
    code = "kill_switch"


def unreadable(why: str) -> Standing:
    """Return how a switch stands that cannot be read: stopped."""
    return Standing(State.TRIGGERED, WORST, why, actor="unreadable state")


def stricter(one: Standing, other: Standing) -> Standing:
    """Return what forbids all that either does: a stop wins.

    A trigger over a switch that is DISARMED, where exits were forbidden, too, is of the highest
    level: no stop may allow what was not allowed before it.
    """
    order = {State.ARMED: 0, State.DISARMED: 1, State.TRIGGERED: 2}
    worse = max(one, other, key=lambda s: (order[s.state], s.level))
    if {one.state, other.state} == {State.TRIGGERED, State.DISARMED}:
        return replace(worse, level=HIGHEST)
    return worse


def forbids(standing: Standing, purpose: Purpose, reason: Reason) -> str:
    """Return why an order of *purpose*, wanted for *reason*, may not go; "" where it may.

    Cancels are no orders: they always pass.
    """
    if standing.state is State.ARMED:
        return ""
    said = f"kill switch {standing.state}"
    if standing.state is State.DISARMED:
        return "" if reason is Reason.CLOSED_BY_OWNER else f"{said}: no trading allowed"
    if standing.level >= HIGHEST:
        return f"{said}, level {standing.level}: no order at all"
    if purpose is Purpose.ENTRY:
        return f"{said}, level {standing.level}: nothing is opened"
    return ""


def check_trigger(level: int) -> None:
    """Refuse a level that is none. Raises ``UsageError``."""
    if not 1 <= level <= HIGHEST:
        raise UsageError(f"there is no level {level}", hint="1, 2, 3 or 4")


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found when a trigger was verified: what could still be filled, what is held."""

    open_orders: int
    opening_orders: int
    unknown_orders: int
    positions: int

    def verified(self, level: int) -> bool:
        """Return whether nothing that *level* forbids can still be filled."""
        if self.unknown_orders:
            return False
        return not (self.open_orders if level >= HIGHEST else self.opening_orders)


def check_reset(  # each of these has a sentence of its own
    standing: Standing,
    proof: Proof | None,
    *,
    now: datetime,
    cool_down: timedelta,
    reason: str,
    phrase: str,
    wanted: str,
) -> None:
    """Refuse a reset that is too early, too terse or unproven. Raises ``KillRefused``."""
    if standing.state is not State.TRIGGERED:
        raise KillRefused(
            f"the kill switch is {standing.state}: there is nothing to reset.",
            hint="trading kill status",
        )
    if len(reason.strip()) < 10:  # noqa: PLR2004  # a reason is a sentence
        raise KillRefused("a reset needs a reason of at least 10 characters.", hint="--reason TEXT")
    if phrase != wanted:
        raise KillRefused(
            "the phrase is not the one of this trigger.", hint="trading kill status shows it"
        )
    if standing.since is not None and now - standing.since < cool_down:
        left = standing.since + cool_down - now
        raise KillRefused(
            f"the cool-down lasts {left.total_seconds() / 60:.0f} minutes more.",
            hint="wait, and look at what happened: trading kill status",
        )
    if proof is None or not proof.verified(standing.level):
        unknown = proof.unknown_orders if proof is not None else 0
        raise KillRefused(
            f"the stop is UNVERIFIED: {unknown} orders are unknown."
            if unknown
            else "the stop is UNVERIFIED: an order may still be open.",
            hint="trading kill verify",
        )


def check_arm(standing: Standing) -> None:
    """Refuse to arm unless DISARMED. Raises ``KillRefused``."""
    if standing.state is not State.DISARMED:
        hint = "trading kill reset comes first" if standing.state is State.TRIGGERED else ""
        raise KillRefused(f"the kill switch is {standing.state}, not DISARMED.", hint=hint)
