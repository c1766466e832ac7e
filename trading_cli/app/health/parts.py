"""A finding, and what every examination is given."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_cli.app.settings import Loaded
from trading_cli.core.clock import Clock

Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined; with ``offline`` no other host is asked."""

    loaded: Loaded
    env: Mapping[str, str]
    clock: Clock
    offline: bool

    @property
    def now(self) -> datetime:
        """Return the world's time."""
        return self.clock.now()


Examine = Callable[[Patient], Iterator[Part]]


def finding(
    part: str, state: str, evidence: str, fix: str = "", latency: float | None = None
) -> Part:
    """Return a finding: *state* is ok, warn, fail or off; *fix* the command that mends it."""
    return {
        "part": part,
        "state": state,
        "evidence": evidence,
        "fix": fix,
        "latency_s": latency,
    }


def ago(minutes: float) -> str:
    """Return *minutes* in the unit a person would use."""
    if minutes < 2 * 60:
        return f"{int(minutes)} min"
    return f"{int(minutes / 60)} h" if minutes < 2 * 1440 else f"{int(minutes / 1440)} days"
