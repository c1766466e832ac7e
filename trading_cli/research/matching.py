"""Which posts are about an event, and about which of its markets.

Precision before recall: a post that talks of something else poisons what we measure, a missed one
only thins it. Deterministic; ``SCORER`` is stored with every score and changes when results may.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from trading_cli.research.claims import (
    AMOUNT,
    DAY,
    DEADLINE,
    FRESH_YEARS,
    YEAR,
    Claims,
    claims_of,
    contradicts,
    plain,
)
from trading_cli.research.vocabulary import (
    FAMOUS,
    FIRST_NAMES,
    GENERIC,
    MASCOTS,
    MONTHS,
    OPPOSED,
    PHRASES,
    PLACES,
    SAME,
    SHARED_SURNAMES,
    SIDE_WORDS,
    STOP,
)

SCORER = "m1"
ACCEPT = 0.55
CAPPED = 0.4
PROPER_WEIGHT = 2.0
LEADING_NAME_WEIGHT = 0.4
QUERY_WORDS = 4
MIN_QUESTION_WORDS = 3
LONG_WORD = 4

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.&+'-]*[A-Za-z0-9+]|[A-Za-z0-9]")
_VERSUS = re.compile(r"\s+vs?\.?\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MarketWords:
    """One market of an event: its id and its question."""

    id: str
    question: str


@dataclass(frozen=True, slots=True)
class Subject:
    """An event as the scorer sees it."""

    event_id: str
    title: str
    markets: tuple[MarketWords, ...] = ()


@dataclass(frozen=True, slots=True)
class MatchScore:
    """How surely a post is about an event, in [0, 1]; the market it names, and why."""

    score: float
    market_id: str | None
    reasons: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Tell whether the post counts as talk about the event."""
        return self.score >= ACCEPT


@dataclass(frozen=True, slots=True)
class _Unit:
    """A title or question taken apart: weights of its words, and what it states."""

    weights: Mapping[str, float]
    proper: frozenset[str]
    runs: tuple[frozenset[str], ...]
    firsts: Mapping[str, str]
    sides: tuple[frozenset[str], ...]
    facts: Claims
    generic: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Text:
    """A post taken apart, once."""

    words: frozenset[str]
    before: Mapping[str, frozenset[str]]
    facts: Claims


@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """Return the form that stands for *word* and its relatives."""
    word = word.lower().removesuffix("'s").replace("'", "").replace(".", "")
    if word in SAME:
        return SAME[word]
    for ending, left in (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= LONG_WORD - (ending == "s"):
            cut = word[: -len(ending)] + left
            for form in (cut, f"{cut}e", word[:-1]):
                if form in SAME:
                    return SAME[form]
            return cut.removesuffix("e") if ending != "s" else word[:-1].removesuffix("e")
    return SAME.get(word, word.removesuffix("e") if len(word) > LONG_WORD else word)


_JOINED = tuple(
    (
        phrase.lower(),
        re.compile(
            rf"(?<!\w){re.escape(phrase)}(?!\w)" if phrase[-1] != " " else re.escape(phrase),
            re.IGNORECASE,
        ),
        stand_in.title() if phrase[0].isalpha() else stand_in,
    )
    for phrase, stand_in in PHRASES
)
_MASCOT_STEMS = frozenset(stem(word) for word in MASCOTS)
_PLACE_STEMS = frozenset(stem(word) for word in PLACES)
_GENERIC_STEMS = frozenset(stem(word) for word in GENERIC)


def topic_query(title: str) -> str:
    """Return the distinctive words of an event's title, plain, names first kept, in order."""
    bare = DEADLINE.sub(" ", DAY.sub(" ", YEAR.sub(" ", plain(title).split(" - More")[0])))
    words = [word.strip("'.-") for word in _WORD.findall(_VERSUS.sub(" ", bare))]
    kept = [
        word.removesuffix("'s")
        for word in dict.fromkeys(words)
        if word.lower() not in STOP and word.lower() not in MONTHS and not word.isdigit()
    ]
    strong = [word for word in kept if stem(word) not in _GENERIC_STEMS or word.isupper()]
    names = [word for word in strong if word[0].isupper() or any(c.isdigit() for c in word)]
    best = set(list(dict.fromkeys([*names, *strong]) or kept)[:QUERY_WORDS])
    return " ".join(word for word in kept if word in best)


class Scorer:
    """Scores posts against events, with words weighted by how rare they are among the titles."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        seen = Counter(word for s in subjects for word in set(_stems(s.title)))
        total = max(len(subjects), 1)
        self._idf = {word: 1 + math.log(total / n) / 4 for word, n in seen.items()}
        self._rare = 1 + math.log(total) / 4
        self._units: dict[str, _Unit] = {}

    def score(self, text: str, subject: Subject, year: int | None = None) -> MatchScore:
        """Return how surely *text*, published in *year*, is about *subject*."""
        post = _read(text)
        if year and post.facts.years and max(post.facts.years) <= year - FRESH_YEARS:
            return MatchScore(0.0, None, ("about the past",))
        title = self._unit(subject.title)
        clash = _clash(title, post)
        if clash:
            return MatchScore(0.0, None, (clash,))
        best, reasons = _fit(title, post)
        if title.sides:
            return MatchScore(best, _only(subject), reasons)
        units = {market.id: self._unit(market.question) for market in subject.markets}
        agreeing = {key: unit for key, unit in units.items() if not _clash(unit, post)}
        for unit in agreeing.values():
            fit, why = _fit(unit, post) if _stands_alone(unit, title) else (0.0, ())
            if fit > best:
                best, reasons = fit, why
        if best < ACCEPT:
            return MatchScore(best, None, reasons)
        if units and not agreeing:
            return MatchScore(CAPPED, None, ("no market agrees with what it states",))
        return MatchScore(best, _named(agreeing, title, post) or _only(subject), reasons)

    def _unit(self, text: str) -> _Unit:
        """Return *text* (a title or a question) taken apart, once for all posts."""
        unit = self._units.get(text)
        if unit is None:
            unit = self._units[text] = self._taken_apart(text)
        return unit

    def _taken_apart(self, text: str) -> _Unit:
        bare = DEADLINE.sub(" ", plain(text))
        tokens = _tokens(AMOUNT.sub(" ", DAY.sub(" ", YEAR.sub(" ", bare))))
        runs = _runs(tokens)
        proper = frozenset(stem(word) for run in runs for word in run)
        leading = {stem(run[0]) for run in runs if len(run) == 2}  # noqa: PLR2004  # first and last
        leading |= {stem(w) for run in runs for w in run[:-1] if w.lower() in FIRST_NAMES}
        weights: dict[str, float] = {}
        for token in tokens:
            word = stem(token)
            if word in STOP or word in MONTHS or (word.isdigit()):
                continue
            weight = self._idf.get(word, self._rare) * (PROPER_WEIGHT if word in proper else 1.0)
            weights[word] = weight * (LEADING_NAME_WEIGHT if word in leading else 1.0)
        generic = frozenset(word for word in weights if word in _GENERIC_STEMS)
        firsts = {
            stem(run[-1]): run[-2].lower()
            for run in runs
            if len(run) > 1 and run[-2].lower() in FIRST_NAMES
        }
        for word in proper & FAMOUS.keys():
            firsts.setdefault(word, FAMOUS[word])
        telling = [frozenset(stem(w) for w in run) & weights.keys() - generic for run in runs]
        return _Unit(
            weights,
            proper,
            tuple(run for run in telling if run and "usa" not in run),
            firsts,
            _sides(text),
            claims_of(text, is_title=True),
            generic,
        )


def _named(units: Mapping[str, _Unit], title: _Unit, post: _Text) -> str | None:
    """Return the market whose own words *post* has most of, if that is one market alone."""
    shares: dict[str, float] = {}
    for key, unit in units.items():
        own = frozenset(unit.weights) - frozenset(title.weights) - unit.generic
        total = sum(unit.weights[word] for word in own)
        hit = sum(unit.weights[word] for word in own & post.words)
        shares[key] = hit / total if total else 0.0
    most = max(shares.values(), default=0.0)
    best = [key for key, share in shares.items() if share == most]
    return best[0] if most > 0 and len(best) == 1 else None


def _only(subject: Subject) -> str | None:
    """Return the one market of *subject*, or ``None`` where it has several."""
    return subject.markets[0].id if len(subject.markets) == 1 else None


def _stands_alone(unit: _Unit, title: _Unit) -> bool:
    """Tell whether a question says enough by itself to be matched without its title."""
    strong = frozenset(unit.weights) - unit.generic
    return len(strong) >= MIN_QUESTION_WORDS and bool(strong & frozenset(title.weights))


def _fit(unit: _Unit, post: _Text) -> tuple[float, tuple[str, ...]]:
    """Return the weighted share of *unit*'s words that *post* has, capped where a rule fails."""
    if unit.sides:
        return _fit_sides(unit.sides, post)
    strong = {word: w for word, w in unit.weights.items() if word not in unit.generic}
    weights = strong if len(strong) > 1 else dict(unit.weights)
    if not weights:
        return 0.0, ("the title has no words",)
    hits = {word for word in weights if word in post.words}
    share = min(1.0, sum(weights[word] for word in hits) / sum(weights.values()))
    missing = _missing(unit, weights, hits, post)
    if missing:
        return min(share, CAPPED), (missing,)
    return share, (f"shares {' '.join(sorted(hits))}",)


def _missing(unit: _Unit, weights: Mapping[str, float], hits: set[str], post: _Text) -> str | None:
    """Return what *post* lacks to be about *unit* at all."""
    names = frozenset(weights) & unit.proper
    acts = frozenset(weights) - unit.proper
    rules = {
        "no name in common": bool(names) and not hits & names,
        "not every name": any(not run & post.words for run in unit.runs),
        "another place": bool(names & _PLACE_STEMS - hits),
        "the subject, but not the matter": bool(acts)
        and not hits & acts
        and not _all_but_one_name(names, hits),
        "one word in common": len(weights) > 1 and len(hits) < 2,  # noqa: PLR2004  # is chance
        "a common surname without its first name": any(
            last in SHARED_SURNAMES and last in hits and stem(first) not in post.words
            for last, first in unit.firsts.items()
        ),
    }
    return next((reason for reason, broken in rules.items() if broken), None)


def _all_but_one_name(names: frozenset[str], hits: set[str]) -> bool:
    """Tell whether three names or more are there: then the matter goes without saying."""
    return len(hits & names) >= MIN_QUESTION_WORDS


def _fit_sides(sides: tuple[frozenset[str], ...], post: _Text) -> tuple[float, tuple[str, ...]]:
    """Return the fit of a contest: both sides must be named."""
    hits = [side & post.words for side in sides]
    if not all(hits):
        return min(CAPPED, sum(map(bool, hits)) / len(hits)), ("not both sides are named",)
    whole = [len(hit) / len(side) for hit, side in zip(hits, sides, strict=True)]
    if any(hit <= _MASCOT_STEMS and share < 1 for hit, share in zip(hits, whole, strict=True)):
        return CAPPED, ("a name that many teams bear",)
    return 0.5 + sum(whole) / len(whole) / 2, ("both sides are named",)


def _clash(unit: _Unit, post: _Text) -> str | None:
    """Return what *post* states that contradicts *unit*, if anything."""
    contradiction = contradicts(unit.facts, post.facts)
    return contradiction or _other_bearer(unit, post) or _opposed(unit, post)


def _other_bearer(unit: _Unit, post: _Text) -> str | None:
    """Return a complaint where every mention of a surname is somebody else's."""
    for last, first in unit.firsts.items():
        before = post.before.get(last, frozenset())
        others = before & FIRST_NAMES - {first}
        if others and first not in post.words and "" not in before and len(others) == len(before):
            return f"another {last}: {', '.join(sorted(others))}"
    return None


def _opposed(unit: _Unit, post: _Text) -> str | None:
    """Return a complaint where *post* names only the opposite of what *unit* names."""
    words = frozenset(unit.weights)
    for ours, theirs in OPPOSED:
        if words & ours and not words & theirs and post.words & theirs and not post.words & ours:
            return f"about {min(post.words & theirs)}"
    return None


def _read(text: str) -> _Text:
    """Return a post taken apart."""
    tokens = _tokens(plain(text))
    before: dict[str, set[str]] = {}
    for left, word in zip(["", *tokens], tokens, strict=False):
        before.setdefault(stem(word), set()).add(left.lower() if left[:1].isupper() else "")
    words = frozenset(stem(token) for token in tokens)
    lowered = frozenset(token.lower() for token in tokens)
    frozen = {word: frozenset(lefts) for word, lefts in before.items()}
    return _Text(words | lowered, frozen, claims_of(text, is_title=False))


def _tokens(text: str) -> list[str]:
    """Return the words of *text* as written, known phrases joined."""
    joined, lowered, ascii_only = text, text.lower(), text.isascii()
    for phrase, pattern, stand_in in _JOINED:
        if ascii_only and phrase not in lowered:
            continue  # nothing to join, told ten times as quickly
        joined = pattern.sub(stand_in, joined)
        lowered = joined.lower()
    joined = re.sub(r"\bUS\b", "Usa", joined)
    found = [word for token in _WORD.findall(joined) for word in re.split(r"-|/", token) if word]
    return [word.removesuffix("'s") for word in found]


def _stems(text: str) -> list[str]:
    """Return the words of *text* in the form that stands for them."""
    return [stem(token) for token in _tokens(plain(text))]


def _runs(tokens: Sequence[str]) -> list[list[str]]:
    """Return the runs of capitalised words: names of people, teams, things."""
    runs: list[list[str]] = [[]]
    for token in tokens:
        if (token[0].isupper() or token[0].isdigit()) and token.lower() not in STOP:
            if stem(token) in _GENERIC_STEMS and not runs[-1]:
                continue
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _sides(title: str) -> tuple[frozenset[str], ...]:
    """Return the two sides of "A vs. B", each as its telling words; () for other titles."""
    bare = re.split(r" - | \(BO", plain(title))[0]
    halves = _VERSUS.split(bare.rsplit(": ", 1)[-1])
    if len(halves) != 2:  # noqa: PLR2004  # two sides
        return ()
    words = [{stem(t) for t in _tokens(half) if t.lower() not in STOP} for half in halves]
    shared = words[0] & words[1]
    sides = [(side - shared - SIDE_WORDS) or (side - shared) or side for side in words]
    return tuple(frozenset(side) for side in sides) if all(sides) else ()
