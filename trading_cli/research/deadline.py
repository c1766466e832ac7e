"""When a market's question is settled at the latest, and when we cannot say.

Five places are read: ``endDate``, ``gameStartTime``, ``eventStartTime``, the date in the question
and the date in the slug. The deadline is the earliest. It is refused where none is found
(UNPARSABLE), and where the earliest and the latest lie more than two days apart (CONFLICT): then
the earliest is still given, to be shown and to close what is held, but nobody may enter on it.

Dates in words, read as the venue writes them (New York time; a day ends at its midnight):

    March 14, 2026 / March 14 / on 2026-03-14      the end of that day
    March 14-16 / March 14 to March 20             the end of the last day
    by June 30 / by end of June / by end of 2026   the end of the day, month, year
    in March / end of March / in 2026 / Q1 2026    the end of the month, year, quarter
    before March 14 / before June / before 2027    its beginning

A day without a year is the first such day from two days before the market was created (where that
is not known: the one nearest to ``endDate``). What is ambiguous ("by March", "week of March
9", two days that are no range, a month's name alone) is not read at all. A slug is read only where
it spells the year.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from trading_cli.domain import Market

CONFLICT_AFTER = timedelta(days=2)
_SLACK = timedelta(days=2)


class DeadlineOrigin(StrEnum):
    """Where a date was found."""

    END_DATE = "end_date"
    GAME_START = "game_start"
    EVENT_START = "event_start"
    TITLE = "title"
    SLUG = "slug"


class DeadlineRefusal(StrEnum):
    """Why a market's deadline cannot be relied on."""

    UNPARSABLE = "unparsable"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Deadline:
    """The earliest date found (``None``: none was), its origin, and every date found.

    ``hazard``: a "by" or "before" market may resolve on any day. ``refused``: do not enter.
    """

    at: datetime | None
    origin: DeadlineOrigin | None
    hazard: bool
    refused: DeadlineRefusal | None
    candidates: tuple[tuple[DeadlineOrigin, datetime], ...]

    @property
    def spread(self) -> timedelta:
        """Return how far the earliest and the latest date found lie apart."""
        found = [at for _, at in self.candidates]
        return max(found) - min(found) if found else timedelta(0)


def deadline_of(market: Market) -> Deadline:
    """Return the deadline of *market*: the earliest date found, refused where it is in doubt."""
    candidates = tuple(_candidates(market))
    hazard = bool(_HAZARD.search(market.question))
    if not candidates:
        return Deadline(None, None, hazard, DeadlineRefusal.UNPARSABLE, ())
    origin, at = min(candidates, key=lambda found: found[1])
    latest = max(found for _, found in candidates)
    refused = DeadlineRefusal.CONFLICT if latest - at > CONFLICT_AFTER else None
    return Deadline(at, origin, hazard, refused, candidates)


def date_in_title(question: str, created: datetime | None, end: datetime | None) -> datetime | None:
    """Return the instant the question's own words name, ``None`` for none or for several."""
    return _only(_read(question, _TITLE), created, end)


def date_in_slug(slug: str) -> datetime | None:
    """Return the instant a slug spells with its year, ``None`` where it spells none or several."""
    return _only(_read(slug, _SLUG), None, None)


def _candidates(market: Market) -> Iterator[tuple[DeadlineOrigin, datetime]]:
    found = (
        (DeadlineOrigin.END_DATE, market.end_at),
        (DeadlineOrigin.GAME_START, market.game_start_at),
        (DeadlineOrigin.EVENT_START, market.event_start_at),
        (DeadlineOrigin.TITLE, date_in_title(market.question, market.created_at, market.end_at)),
        (DeadlineOrigin.SLUG, date_in_slug(market.slug)),
    )
    return ((origin, at) for origin, at in found if at is not None)


_STARTS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b"
)
_YEAR = r"20[2-9]\d(?!\d|[-\u2013/]\d\d\b(?!-))"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?(?!\w|[.:]\d|%|°)"
_BEFORE = r"(?P<before>\bbefore[\s-]+)?"
_WHOLE = r"(?:\b(?:in|during|end\sof)|(?P<before>\bbefore))"
_ISO = rf"{_BEFORE}\b(?P<iso>20[2-9]\d-\d\d-\d\d)(?!\d)"
_OF_YEAR = rf"(?:,?\s(?P<year>{_YEAR}))?"
_FIRST = rf"\b{_MONTH}\.?\s{_DAY}(?:,?\s{_YEAR})?"
_LAST = rf"(?:(?P<month2>{_MONTH})\.?\s)?(?P<day>{_DAY})(?:,?\s(?P<year>{_YEAR}))?"
_FIRST_MONTH = _FIRST.replace(_MONTH, f"(?P<month>{_MONTH})", 1)

# Tried in this order; what one pattern took, the next does not see.
_TITLE = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\bbetween\s{_FIRST_MONTH}\sand\s{_LAST}",
        rf"{_FIRST_MONTH}\s*(?:-|\u2013|\u2014|\bto\b|\bthrough\b)\s*{_LAST}",
        rf"{_BEFORE}(?<!week of )\b(?P<month>{_MONTH})\.?\s(?P<day>{_DAY}){_OF_YEAR}",
        rf"{_BEFORE}\b(?P<day>{_DAY})\s(?:of\s)?(?P<month>{_MONTH}){_OF_YEAR}",
        _ISO,
        rf"{_BEFORE}\bQ(?P<quarter>[1-4])\s(?P<year>{_YEAR})",
        rf"{_WHOLE}\s(?P<month>{_MONTH}){_OF_YEAR}(?!\s\d)",
        rf"{_WHOLE}\s(?P<year>{_YEAR})(?!\s(?:[A-Z]|season))",
    )
)
_SLUG_DAY = rf"(?P<month>{_MONTH})-(?P<day>{_DAY})-(?P<year>20[2-9]\d)(?!\d)"
_SLUG = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_MONTH}-{_DAY}(?:-20[2-9]\d)?-(?:to-|through-)?{_SLUG_DAY}",
        rf"{_BEFORE}\b{_SLUG_DAY}",
        _ISO,
    )
)
_HAZARD = re.compile(
    rf"\bbefore\b|\bby\s+(?:the\s+)?(?:end\b|close\b|{_MONTH}|20[2-9]\d|Q[1-4]\b|\d{{1,2}}\s)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Words:
    """A date as written: parts that are not there are ``None``; ``before`` means its beginning."""

    year: int | None
    month: int | None
    day: int | None
    months: int
    before: bool


def _read(text: str, patterns: tuple[re.Pattern[str], ...]) -> list[_Words]:
    """Return every date *text* spells."""
    found = []
    for pattern in patterns:
        for match in pattern.finditer(text):
            found.append(_words(match.groupdict()))
            text = text[: match.start()] + "#" * len(match[0]) + text[match.end() :]
    return found


def _words(parts: dict[str, str | None]) -> _Words:
    before = parts.get("before") is not None
    if iso := parts.get("iso"):
        return _Words(int(iso[:4]), int(iso[5:7]), int(iso[8:]), 1, before)
    year_text, day_text = parts.get("year"), parts.get("day")
    known = int(year_text) if year_text else None
    if quarter := parts.get("quarter"):
        return _Words(known, 3 * int(quarter) - 2, None, 3, before)
    name = parts.get("month2") or parts.get("month")
    if name is None:
        return _Words(known, 1, None, 12, before)
    number = _STARTS.index(name.lower()[:3]) + 1
    day = int(re.sub(r"\D", "", day_text)) if day_text else None
    return _Words(known, number, day, 1, before)


def _only(found: list[_Words], created: datetime | None, end: datetime | None) -> datetime | None:
    """Return the one instant *found* means, ``None`` for none, for several, for the impossible."""
    instants = {_instant(words, created, end) for words in found}
    return instants.pop() if len(instants) == 1 else None


def _instant(words: _Words, created: datetime | None, end: datetime | None) -> datetime | None:
    if words.year is not None:
        return _in_year(words, words.year)
    near = created or end
    if near is None:
        return None
    around = [_in_year(words, near.year + step) for step in (-1, 0, 1, 2, 3, 4)]
    dated = [at for at in around if at is not None]
    if created is not None:
        return min((at for at in dated if at >= created - _SLACK), default=None)
    return min(dated, key=lambda at: abs(at - near), default=None)


def _in_year(words: _Words, year: int) -> datetime | None:
    """Return the beginning ("before") or end of *words* in *year*, ``None`` for 30 February."""
    try:
        first = date(year, words.month or 1, words.day or 1)
        months = year * 12 + first.month - 1 + words.months
        day_after = first + timedelta(days=1)
        period_after = date(months // 12, months % 12 + 1, 1)
    except (ValueError, OverflowError):
        return None
    if words.before:
        return new_york_midnight(first)
    return new_york_midnight(period_after if words.day is None else day_after)


def new_york_midnight(day: date) -> datetime:
    """Return the UTC instant at which *day* begins in New York (rules in force since 2007)."""
    summer = _sunday(day.year, 3, 2) < day <= _sunday(day.year, 11, 1)
    return datetime.combine(day, time(4 if summer else 5), UTC)


def _sunday(year: int, month: int, which: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (which - 1))
