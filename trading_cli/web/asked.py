"""What may be asked for, with its bounds: the parameters that several addresses share."""

from enum import StrEnum
from typing import Annotated

from fastapi import Path, Query

NAME = r"^[A-Za-z0-9:._-]{1,100}$"
LARGEST = 2**53

Name = Annotated[
    str, Path(pattern=NAME, description="An id, or of our own records its unique beginning.")
]
Market = Annotated[str, Path(pattern=NAME, description="The venue's id, or the condition's.")]
Number = Annotated[int, Path(ge=1, le=LARGEST, description="A number.")]
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
After = Annotated[
    str | None,
    Query(max_length=6_000, description="Where to begin: from the header Link of the page before."),
]
Since = Annotated[
    str,
    Query(max_length=40, description="From when on: 24h, 7d, 2026-03-01T12:00Z, epoch seconds."),
]
Until = Annotated[str, Query(max_length=40, description="Until when; in the same words, or now.")]
Filter = Annotated[str | None, Query(max_length=100, pattern=NAME, description="Of this one only.")]
Word = Annotated[str | None, Query(max_length=200, description="Of this one only.")]


class Sort(StrEnum):
    """What markets can be sorted by."""

    VOLUME = "volume"
    LIQUIDITY = "liquidity"
    DEADLINE = "deadline"
    QUESTION = "question"
    SCORE = "score"
    AGE = "age"


class Level(StrEnum):
    """How bad a line of the log is at least."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Account(StrEnum):
    """The accounts of the ledger."""

    CASH = "cash"
    POSITIONS = "positions"
    FEES = "fees"
    REALIZED = "realized"
    CAPITAL = "capital"


class Kind(StrEnum):
    """What was tried."""

    BACKTEST = "backtest"
    CELL = "cell"
    CORRELATION = "correlation"


class Cut(StrEnum):
    """What the record can be cut by."""

    ALL = "all"
    STRATEGY = "strategy"
    CATEGORY = "category"
    TIER = "tier"
    HOUR = "hour"
    BY = "by"
