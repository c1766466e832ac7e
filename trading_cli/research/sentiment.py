"""What a text feels: VADER's frozen word list and a few words of our trade laid over it.

The version names both, is stored with every score, and changes when either does. English only.
"""

import re
from functools import lru_cache
from typing import Any

VERSION = "vader-3.3.2+pm1"

OVERLAY = {
    "acquitted": 1.5,
    "approves": 1.6,
    "ban": -1.4,
    "bearish": -2.0,
    "bullish": 2.0,
    "ceasefire": 1.6,
    "collapses": -2.2,
    "concedes": -1.0,
    "convicted": -1.9,
    "crashes": -2.2,
    "cruises": 1.4,
    "deadlock": -1.3,
    "default": -1.6,
    "delayed": -1.2,
    "delays": -1.2,
    "denies": -1.0,
    "downgrade": -1.7,
    "frontrunner": 1.5,
    "gains": 1.5,
    "indicted": -2.0,
    "indictment": -1.9,
    "invasion": -2.2,
    "landslide": 1.6,
    "leads": 1.1,
    "outage": -1.7,
    "plunges": -2.2,
    "rallies": 1.5,
    "rebounds": 1.3,
    "recession": -2.0,
    "rout": -1.8,
    "sanctions": -1.2,
    "setback": -1.7,
    "shutdown": -1.4,
    "slumps": -2.0,
    "soars": 2.0,
    "stalls": -1.3,
    "surges": 1.8,
    "tumbles": -1.9,
    "upset": -0.3,
    "vetoes": -1.3,
    "withdraws": -1.2,
}
NEUTRAL = ("trump", "united", "share", "shares", "security", "like", "no", "yes", "kind")

_WORD = re.compile(r"[^\W\d_]+")
_COMMON = frozenset(
    """the and for that with this from are was has have not but will would they you his her its
    who what when why how after over into out about more new says said than been were their is it
    of in on at to by as an be or if no so we he up down all can could just my your our may amid
    before against top first win wins vs""".split()  # noqa: SIM905  # a list of words reads better
)
SHORT = 4
ENGLISH_SHARE = 0.08
ASCII_SHARE = 0.9


def is_english(text: str, language: str | None = None) -> bool:
    """Tell whether *text* is English: as its source says, else by its letters and small words."""
    if language:
        return language.lower().split("-")[0] in {"en", "english"}
    words = [word.lower() for word in _WORD.findall(text)]
    letters = "".join(words)
    if not letters or sum(c.isascii() for c in letters) < ASCII_SHARE * len(letters):
        return False
    small = sum(word in _COMMON for word in words)
    return small >= max(1, ENGLISH_SHARE * len(words)) or len(words) <= SHORT


def score(text: str, language: str | None = None) -> float | None:
    """Return how *text* feels, -1 (bad) to 1 (good); ``None`` where empty or not English."""
    if not _WORD.search(text) or not is_english(text, language):
        return None
    return float(_analyzer().polarity_scores(text[:5000])["compound"])


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    """Return the analyzer, read once, when first needed."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415  # 60 ms

    analyzer = SentimentIntensityAnalyzer()
    for word in NEUTRAL:
        analyzer.lexicon.pop(word, None)
    analyzer.lexicon.update(OVERLAY)
    return analyzer
