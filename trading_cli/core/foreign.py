"""Read values strangers sent: whatever they are, the answer is a clean value or ``None``."""

import html
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

MAX_TEXT = 4000
MAX_LINE = 300
MAX_URL = 2000
MAX_COUNT = 2**53
FIRST_YEAR, LAST_YEAR = 1990, 2200

_TAGS = re.compile(r"<[^<>]{0,2000}>")
_SPACES = re.compile(r"\s+")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def clean_text(value: Any, limit: int = MAX_TEXT, *, markup: bool = False) -> str:
    """Return *value* as one line of visible text, at most *limit* characters; "" unless a string.

    Control, bidi and lone surrogate characters go; with *markup* also HTML tags and entities.
    """
    if not isinstance(value, str):
        return ""
    text = value[: limit * 8]
    if markup:
        text = html.unescape(_TAGS.sub(" ", text))
    text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode("utf-8", "ignore"))
    spaced = _SPACES.sub(" ", text)
    seen = "".join(c for c in spaced if unicodedata.category(c) not in _INVISIBLE)
    return _SPACES.sub(" ", seen).strip()[:limit].rstrip()


def clean_url(value: Any) -> str:
    """Return *value* if it is a plain http(s) address, else ""."""
    text = clean_text(value, MAX_URL + 1)
    if not text or len(text) > MAX_URL or " " in text:
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in {"http", "https"} and parts.netloc else ""


def count_of(value: Any) -> int | None:
    """Return *value* if it is a count (a whole number from 0 up), else ``None``."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < MAX_COUNT else None


def instant_of(value: Any, layout: str | None = None) -> datetime | None:
    """Return the instant a string states: ISO 8601 with its zone, or *layout* taken as UTC."""
    if not isinstance(value, str) or len(value) > MAX_LINE:
        return None
    try:
        if layout is not None:
            at = datetime.strptime(value, layout).replace(tzinfo=UTC)
        elif _ISO.fullmatch(value):
            at = datetime.fromisoformat(_six_digits(value)).astimezone(UTC)
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return at if FIRST_YEAR <= at.year <= LAST_YEAR else None


def epoch_of(value: Any) -> datetime | None:
    """Return the instant *value* epoch seconds stand for, else ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        at = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if FIRST_YEAR <= at.year <= LAST_YEAR else None


def mapping_of(value: Any) -> dict[str, Any]:
    """Return *value* if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _six_digits(text: str) -> str:
    """Return *text* with its fraction of a second cut to microseconds."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text)
