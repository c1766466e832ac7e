"""What a text states that another may contradict: years, days, amounts, numbered things."""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from trading_cli.research.vocabulary import MONTHS, PHRASES, STOP

FRESH_YEARS = 2

AMOUNT = re.compile(
    r"(?P<money>\$)?\s?(?P<n>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)\s?"
    r"(?P<scale>k|m|b|bn|t|million|billion|trillion|thousand)?"
    r"(?P<unit>%|°|º| percent| bps)?(?![\w])",
    re.IGNORECASE,
)
YEAR = re.compile(r"\b(20\d\d|19\d\d)(?:\s?[-/\u2013]\s?(\d\d)\b)?")
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
DAY = re.compile(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b", re.IGNORECASE)
_MONTH_ONLY = re.compile(rf"\bin ({_MONTH})\b", re.IGNORECASE)
DEADLINE = re.compile(
    rf"\b(by|before|until|end of|through)\s*(\.\.\.|___|(the )?end of )?\s*"
    rf"((({_MONTH})\.?(\s+\d{{1,2}})?)?,?\s*(20\d\d)?)\s*\??",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\b([a-z]{2,})[ -]?(?:season )?v?(\d{1,3}(?:\.\d)?)\b")
_SCALES = {"k": 1e3, "t": 1e12, "m": 1e6, "b": 1e9}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a text states that another may contradict."""

    years: frozenset[int]
    deadline_year: int | None
    days: frozenset[tuple[int, int]]
    months: frozenset[int]
    amounts: Mapping[str, frozenset[float]]
    numbered: Mapping[str, frozenset[str]]


def plain(text: str) -> str:
    """Return *text* without accents, and with one kind of quote and dash."""
    if text.isascii():
        return text
    swapped = text.translate({0x2019: "'", 0x2018: "'", 0x2014: " ", 0x2013: "-", 0x2011: "-"})
    folded = unicodedata.normalize("NFKD", swapped)
    return "".join(c for c in folded if not unicodedata.combining(c))


def claims_of(text: str, *, is_title: bool) -> Claims:
    """Return the years, days, amounts and numbered things *text* states.

    In a title "by March 31" and "before 2027" are deadlines, not facts about the subject.
    """
    raw = plain(text)
    limits = [int(m[7]) for m in DEADLINE.finditer(raw) if m[7]] if is_title else []
    bare = DEADLINE.sub(" ", raw) if is_title else raw
    years = {int(m[1]) for m in YEAR.finditer(bare)}
    years |= {int(m[1]) // 100 * 100 + int(m[2]) for m in YEAR.finditer(bare) if m[2]}
    days = {(MONTHS[m[1].lower()], int(m[2])) for m in DAY.finditer(bare)}
    months = {MONTHS[m[1].lower()] for m in _MONTH_ONLY.finditer(bare)}
    months |= {month for month, _ in days} if not is_title else set()
    rest = DAY.sub(" ", YEAR.sub(" ", bare))
    phrased = rest.lower()
    for phrase, stand_in in PHRASES:
        phrased = phrased.replace(phrase, stand_in)
    numbered: dict[str, set[str]] = {}
    for m in _NUMBERED.finditer(phrased):
        if m[1] not in STOP and m[1] not in MONTHS:
            numbered.setdefault(m[1], set()).add(m[2])
    return Claims(
        frozenset(years),
        max(limits, default=None),
        frozenset(days),
        frozenset(months),
        _amounts(rest),
        {word: frozenset(found) for word, found in numbered.items()},
    )


def _amounts(text: str) -> dict[str, frozenset[float]]:
    """Return the amounts *text* states by kind: "$", "%" or "°"."""
    found: dict[str, set[float]] = {}
    for m in AMOUNT.finditer(text):
        unit = (m["unit"] or "").strip()
        kind = "$" if m["money"] else {"percent": "%", "º": "°"}.get(unit.lower(), unit.lower())
        if not kind:
            continue
        scale = (m["scale"] or "").lower()
        factor = 1e3 if scale == "thousand" else _SCALES.get(scale[:1], 1.0)
        found.setdefault(kind, set()).add(float(m["n"].replace(",", "")) * factor)
    return {kind: frozenset(values) for kind, values in found.items()}


def contradicts(mine: Claims, theirs: Claims) -> str | None:
    """Return what *theirs* (a post) states that *mine* (a title) excludes, or ``None``.

    Only what both state is compared; a post years older than a deadline talks of the past.
    """
    old = bool(
        mine.deadline_year
        and theirs.years
        and max(theirs.years) <= mine.deadline_year - FRESH_YEARS
    )
    verdicts = {
        "another year": _differ(mine.years, theirs.years),
        "years ago": old,
        "another day": _differ(mine.days, theirs.days),
        "another month": _differ(mine.months, theirs.months),
        "another number": any(
            kind in theirs.amounts and not _agree(values, theirs.amounts[kind])
            for kind, values in mine.amounts.items()
        ),
    }
    for word, numbers in mine.numbered.items():
        verdicts[f"another {word}"] = _differ(numbers, theirs.numbered.get(word, frozenset()))
    return next((reason for reason, holds in verdicts.items() if holds), None)


def _differ(ours: AbstractSet[object], theirs: AbstractSet[object]) -> bool:
    """Tell whether both state something and nothing is the same."""
    return bool(ours and theirs and not ours & theirs)


def _agree(ours: Iterable[float], theirs: Iterable[float]) -> bool:
    """Tell whether two sets of numbers have one in common, up to rounding."""
    other = list(theirs)
    return any(math.isclose(a, b, rel_tol=0.005) for a in ours for b in other)
