"""World time, which demo and tests may set, and real time, which nobody may.

``now()`` is what the world's calendar says: slots, deadlines and row times use it. ``monotonic()``
and ``sleep()`` are always real: timeouts, limits and durations use them.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is in the world, and how much real time has passed."""

    def now(self) -> datetime:
        """Return the world's time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return real seconds since some fixed instant; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let *seconds* of real time pass."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the system's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return real seconds since some fixed instant."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let *seconds* of real time pass."""
        time.sleep(seconds)


class FrozenClock(SystemClock):
    """A world that stands still until it is set; real time goes on."""

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def now(self) -> datetime:
        """Return the instant last set."""
        return self._at

    def set(self, at: datetime) -> None:
        """Make *at* (aware) the world's time."""
        if at.tzinfo is None:
            raise ValueError("a world time without a time zone")
        self._at = at.astimezone(UTC)
