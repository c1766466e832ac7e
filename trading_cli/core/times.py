"""The instants and spans a person may type: ISO, `7d`, `24h`, epoch seconds, `now`.

Spans are half-open: since <= t < until. What is written without a time zone is UTC.
"""

import re
from datetime import UTC, datetime, timedelta

from trading_cli.core.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d{1,9})([smhdw])")
_EPOCH = re.compile(r"\d{1,12}(\.\d{1,6})?")
_FORMS = "write 7d, 24h, 90m, now, 2026-03-01, 2026-03-01T12:00Z or epoch seconds"


def duration(text: str) -> timedelta:
    """Return how long *text* (`90s`, `15m`, `24h`, `7d`, `2w`) lasts.

    Raises ``UsageError`` for anything else, zero, or more than a century.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= 36_525 * 86_400:
        raise UsageError(f"{text!r} is not a length of time.", hint="write 90m, 24h, 7d or 2w")
    return timedelta(seconds=seconds)


def instant(text: str, now: datetime) -> datetime:
    """Return the UTC instant that *text* names, seen from *now* (aware).

    A length of time means that long ago. Raises ``UsageError`` for what cannot be read.
    """
    word = text.strip()
    try:
        if word.lower() == "now":
            return now.astimezone(UTC)
        if _DURATION.fullmatch(word.lower()):
            return now.astimezone(UTC) - duration(word)
        if _EPOCH.fullmatch(word) and not _is_day(word):
            return datetime.fromtimestamp(float(word), UTC)
        at = datetime.fromisoformat(word)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{text!r} is not a time.", hint=_FORMS) from None


def span(since: str, until: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the half-open interval [since, until) in UTC; raises ``UsageError`` if it is empty."""
    begin, end = instant(since, now), instant(until, now)
    if begin >= end:
        raise UsageError(
            f"the span from {begin.isoformat()} to {end.isoformat()} is empty.",
            hint="--since must lie before --until",
        )
    return begin, end


def _is_day(word: str) -> bool:
    """Say whether eight digits are a calendar day (20260301) rather than a moment of 1970."""
    return re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", word) is not None
