"""The fields of a reply: lenient in presence, strict in type, and named when refused.

A reader returns ``None`` for a field that is absent, null or empty, the value when it is what it
should be, and raises ``Bad`` with a reason and the field's name otherwise. Numbers come as JSON
numbers or strings, lists as JSON lists or as strings that hold one, times in any of three forms.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any, TypeVar

from trading_cli.core.errors import SourceGarbled
from trading_cli.domain import Refusal

MILLIONTH = Decimal("0.000001")
MAX_QUANTITY = Decimal(10) ** 12
MAX_RAW = 65_536
MAX_NUMBER = 80
MAX_LIST = 20_000
MAX_NESTED = 100
MAX_TIME = 64
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,78})?([eE][+-]?\d{1,3})?")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,30})?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?"
)
_CONDITION = re.compile(r"0x[0-9a-fA-F]{64}")
_TOKEN = re.compile(r"[0-9]{1,90}")
_WALLET = re.compile(r"0x[0-9a-fA-F]{40}")
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class RefusalReason(StrEnum):
    """Why an item was not taken."""

    NOT_AN_OBJECT = "not_an_object"
    NO_ID = "no_id"
    NO_QUESTION = "no_question"
    BAD_CONDITION_ID = "bad_condition_id"
    NOT_BINARY = "not_binary"
    BAD_TOKENS = "bad_tokens"
    BAD_TEXT = "bad_text"
    TOO_LONG = "too_long"
    BAD_FLAG = "bad_flag"
    BAD_NUMBER = "bad_number"
    BAD_LIST = "bad_list"
    BAD_TIME = "bad_time"
    BAD_PRICE = "bad_price"
    BAD_SIZE = "bad_size"
    BAD_SIDE = "bad_side"
    BAD_WALLET = "bad_wallet"
    BAD_OUTCOME = "bad_outcome"
    NOT_ON_TICK = "not_on_tick"
    CROSSED = "crossed"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    NOT_ASKED = "not_asked"


class Bad(Exception):  # never leaves the package: it becomes a Refusal
    """A field that is not what it should be."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


Row = Mapping[str, Any]


def refusal(
    source: str, kind: str, subject: object, bad: Bad, observed_at: datetime, raw: object
) -> Refusal:
    """Return the record of an item that was not taken."""
    name = subject if isinstance(subject, str) else ""
    return Refusal(
        source, kind, clean(name)[:200], bad.reason, bad.detail[:500], observed_at, dump(raw)
    )


def dump(raw: object) -> str:
    """Return the first 64 KiB of *raw* as JSON, safe to store."""
    try:
        text = json.dumps(raw, ensure_ascii=True, default=str)
    except (ValueError, RecursionError, TypeError):
        text = f"<{type(raw).__name__}>"
    return text[:MAX_RAW]


def clean(value: str) -> str:
    """Return *value* as text every store can hold: no NUL, no half of a surrogate pair."""
    if "\x00" in value:
        value = value.replace("\x00", "")
    return value.encode("utf-8", "replace").decode("utf-8")


def row(raw: object) -> Row:
    """Return *raw* as an object with named fields."""
    if not isinstance(raw, dict):
        raise Bad(RefusalReason.NOT_AN_OBJECT, f"got {type(raw).__name__}")
    return raw


def text(raw: Row, name: str, limit: int = 300) -> str | None:
    """Return the text of a field."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Bad(RefusalReason.BAD_TEXT, f"{name} is {type(value).__name__}")
    if len(value) > limit:
        raise Bad(RefusalReason.TOO_LONG, f"{name} has {len(value)} characters, at most {limit}")
    return clean(value) or None


def identity(raw: Row, name: str) -> str | None:
    """Return an identifier: text, or a whole number written as one."""
    value = raw.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
        return str(value)
    return text(raw, name, 100)


def flag(raw: Row, name: str) -> bool | None:
    """Return a yes or no."""
    value = raw.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise Bad(RefusalReason.BAD_FLAG, f"{name} is {type(value).__name__}")


def as_decimal(value: object, name: str) -> Decimal:
    """Return a finite number exactly as written; raise ``Bad`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Bad(RefusalReason.BAD_NUMBER, f"{name} is {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise Bad(RefusalReason.BAD_NUMBER, f"{name} is not finite")
    if isinstance(value, int):
        if abs(value) > 10**18:
            raise Bad(RefusalReason.BAD_NUMBER, f"{name} is too large")
        return Decimal(value)
    written = value if isinstance(value, str) else repr(value)
    if len(written) > MAX_NUMBER or not _NUMBER.fullmatch(written):
        raise Bad(RefusalReason.BAD_NUMBER, f"{name} is not a number: {written[:40]!r}")
    number = Decimal(written)
    if abs(number) > Decimal(10) ** 18:
        raise Bad(RefusalReason.BAD_NUMBER, f"{name} is too large")
    return number


def decimal(raw: Row, name: str) -> Decimal | None:
    """Return an exact number, none below zero."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    number = as_decimal(value, name)
    if number < 0:
        raise Bad(RefusalReason.BAD_NUMBER, f"{name} is negative")
    return number


def number(raw: Row, name: str) -> float | None:
    """Return a number that is only looked at (volume, liquidity), none below zero."""
    value = decimal(raw, name)
    return None if value is None else float(value)


def probability(raw: Row, name: str) -> float | None:
    """Return a price that is only looked at, in [0, 1]."""
    value = decimal(raw, name)
    if value is not None and value > 1:
        raise Bad(RefusalReason.BAD_PRICE, f"{name} is above 1")
    return None if value is None else float(value)


def price(value: object, name: str) -> Decimal:
    """Return a price one could deal at: inside (0, 1), in millionths."""
    exact = as_decimal(value, name).quantize(MILLIONTH, ROUND_HALF_EVEN)
    if not 0 < exact < 1:
        raise Bad(RefusalReason.BAD_PRICE, f"{name} is {exact}, not inside (0, 1)")
    return exact


def size(value: object, name: str) -> Decimal:
    """Return a number of shares: above zero, in millionths, rounded down."""
    exact = as_decimal(value, name)
    if not 0 < exact <= MAX_QUANTITY:
        raise Bad(RefusalReason.BAD_SIZE, f"{name} is not inside (0, {MAX_QUANTITY:,}]")
    whole = exact.quantize(MILLIONTH, ROUND_DOWN)
    if not whole:
        raise Bad(RefusalReason.BAD_SIZE, f"{name} is below a millionth")
    return whole


def items(raw: Row, name: str) -> list[Any] | None:
    """Return a list, also one written inside a string."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        if len(value) > MAX_LIST:
            raise Bad(RefusalReason.TOO_LONG, f"{name} has {len(value)} characters")
        if value.count("[") > MAX_NESTED:  # before the parser runs out of stack on it
            raise Bad(RefusalReason.BAD_LIST, f"{name} is nested too deep")
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Bad(RefusalReason.BAD_LIST, f"{name} holds no JSON") from None
    if not isinstance(value, list):
        raise Bad(RefusalReason.BAD_LIST, f"{name} is {type(value).__name__}, not a list")
    return value


def moment(raw: Row, name: str) -> datetime | None:
    """Return a time in UTC. Year 1 is the venue's way to say "none"."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Bad(RefusalReason.BAD_TIME, f"{name} is {type(value).__name__}")
    if value.startswith("0001-01-01"):
        return None
    return as_moment(value, name)


def as_moment(value: str, name: str) -> datetime:
    """Return the time that *value* writes, in UTC; a time without a zone is UTC."""
    match = _TIME.fullmatch(value) if len(value) <= MAX_TIME else None
    if match is None:
        raise Bad(RefusalReason.BAD_TIME, f"{name} is not a time: {value[:40]!r}")
    day, clock, fraction, zone = match.groups()
    micros = (fraction or ".0")[1:7].ljust(6, "0")
    try:
        at = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}{zone or '+00:00'}")
        at = at.replace(microsecond=int(micros)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Bad(RefusalReason.BAD_TIME, f"{name} is not a time: {value[:40]!r}") from None
    return _in_range(at, name)


def instant(value: object, name: str, per_second: int = 1) -> datetime:
    """Return the time that a whole number of seconds (or milliseconds) since 1970 names."""
    exact = as_decimal(value, name) / per_second
    if not 0 < exact < 10**11:
        raise Bad(RefusalReason.BAD_TIME, f"{name} is not a time: {value!r:.40}")
    try:
        return _in_range(datetime.fromtimestamp(float(exact), UTC), name)
    except (ValueError, OverflowError, OSError):
        raise Bad(RefusalReason.BAD_TIME, f"{name} is not a time: {value!r:.40}") from None


def _in_range(at: datetime, name: str) -> datetime:
    if not _FIRST <= at < _LAST:
        raise Bad(RefusalReason.BAD_TIME, f"{name} is in the year {at.year}")
    return at


def condition_id(value: object, name: str) -> str:
    """Return a condition id: 0x and 64 hexadecimal digits, in lower case."""
    if not isinstance(value, str) or not _CONDITION.fullmatch(value):
        raise Bad(RefusalReason.BAD_CONDITION_ID, f"{name} is {value!r:.80}")
    return value.lower()


def wallet(value: object, name: str) -> str:
    """Return an address: 0x and 40 hexadecimal digits, in lower case."""
    if not isinstance(value, str) or not _WALLET.fullmatch(value):
        raise Bad(RefusalReason.BAD_WALLET, f"{name} is {value!r:.60}")
    return value.lower()


def token(value: object, name: str) -> str:
    """Return a token id: decimal digits."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**90:
        return str(value)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise Bad(RefusalReason.BAD_TOKENS, f"{name} is {value!r:.100}")
    return value


def twice(ask: Callable[[], T]) -> T:
    """Return what *ask* returns; ask once more where the first answer could not be read."""
    try:
        return ask()
    except SourceGarbled:
        return ask()
