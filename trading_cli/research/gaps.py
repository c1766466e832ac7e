"""The gap ledger's words: which slots there are, and why one holds nothing. Gaps are never filled.

The grid is UTC: 96 slots on every day, also where local clocks change.
"""

from datetime import datetime
from enum import StrEnum

from trading_cli.domain import SLOT_SECONDS


class GapCause(StrEnum):
    """Why an expected slot holds nothing, or not all."""

    NOT_RUN = "NOT_RUN"
    CUT_OFF = "CUT_OFF"  # a run began, and ended before it had kept anything
    SOURCE_DOWN = "SOURCE_DOWN"
    REFUSED = "REFUSED"
    NO_BOOK = "NO_BOOK"


def slots_between(since: datetime, until: datetime) -> range:
    """Return the slots that begin in [*since*, *until*), ascending, in epoch seconds."""
    first = -(-since.timestamp() // SLOT_SECONDS) * SLOT_SECONDS
    stop = -(-until.timestamp() // SLOT_SECONDS) * SLOT_SECONDS
    return range(int(first), int(stop), SLOT_SECONDS)
