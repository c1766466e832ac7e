"""What a post is worth: does it talk of the price, is it a copy?"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from trading_cli.domain import Post
from trading_cli.research.claims import plain

VENUE = re.compile(
    r"\b(polymarket|kalshi|manifold markets?|predictit|prediction markets?|betting markets?|"
    r"betfair|draftkings|fanduel|bookmakers?|bookies|sportsbooks?|event contracts?)\b",
    re.IGNORECASE,
)
ODDS = re.compile(
    r"\b(betting (odds|line)|odds (of|on|at|are|have|now|for|that|jump\w*|surg\w*|fall\w*|drop\w*|"
    r"rose|rise|hit|slip\w*)|(the|his|her|their|latest|current) odds|implied (odds|probability)|"
    r"(yes|no) shares?|moneyline|oddsmakers?|parlay|wager\w*|bettors?)\b",
    re.IGNORECASE,
)
CHANCE = re.compile(
    r"\d{1,3}(\.\d+)?\s?(%|percent|per cent)\s(\w+\s)?(chance|probability|likelihood|odds)\b|"
    r"\b(chances?|probability|likelihood|odds|priced|trading|buy|bought|yes|no)\b[^.%]{0,24}?"
    r"\d{1,3}(\.\d+)?\s?(%|percent\b|\u00a2|c\b|cents?\b)|"
    r"\b(shares?|yes|no)\s(at|for|@)\s?\$?0?\.?\d{1,2}\s?(\u00a2|c\b|cents?\b)?",
    re.IGNORECASE,
)
OTHER_RATE = re.compile(
    r"\b(chance|probability|likelihood) of (rain|showers|snow|thunder\w*|storms?)\b", re.IGNORECASE
)

TRACKING = ("utm_", "fbclid", "gclid", "ref", "cmpid", "ocid", "smid", "taid")
SHINGLE = 3
ALIKE = 0.7
TITLE_WORDS = 30
_WORD = re.compile(r"[a-z0-9]+")
_LINK = re.compile(r"https?://\S+")
_TAIL = re.compile(r"\s[|\u2013-]\s[^|\u2013-]{2,40}$")


def about_price(text: str) -> bool:
    """Tell whether *text* talks of the price itself: the venue, the odds, the quoted percent."""
    bare = OTHER_RATE.sub(" ", text)
    return any(pattern.search(bare) for pattern in (VENUE, ODDS, CHANCE))


def canonical_url(url: str) -> str:
    """Return *url* without scheme, "www.", tracking, fragment and trailing slash; "" stays ""."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.").removeprefix("amp.").removeprefix("m.")
        query = [(k, v) for k, v in parse_qsl(parts.query) if not k.lower().startswith(TRACKING)]
    except ValueError:
        return ""
    path = parts.path.rstrip("/").removesuffix("/amp")
    return host + path + (f"?{urlencode(sorted(query))}" if query else "") if host else ""


def near_duplicate_key(text: str) -> str:
    """Return a key equal for texts that differ in case, punctuation, links or the paper's name."""
    words = _words(text)
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def duplicates(posts: Sequence[Post], *, known: int = 0) -> dict[int, int]:
    """Return {position of a copy: position of the post it copies}; the earliest is the original.

    Copies share the canonical URL, the whole wording, or 70 % of their three-word shingles. The
    first *known* posts were judged before the others came, so none of them is a copy of those.
    """
    ordered = sorted(
        range(len(posts)), key=lambda i: (i >= known, posts[i].event_time, posts[i].id)
    )
    by_key: dict[str, int] = {}
    by_shingle: dict[str, list[int]] = {}
    shingles: dict[int, frozenset[str]] = {}
    copies: dict[int, int] = {}
    for i in ordered:
        link = canonical_url(posts[i].url)
        keys = [near_duplicate_key(posts[i].text), *([link] if link else [])]
        mine = _shingles(posts[i].text)
        original = next((by_key[key] for key in keys if key in by_key), None)
        if original is None:
            shared = Counter(j for shingle in mine for j in by_shingle.get(shingle, ()))
            original = min(
                (j for j, n in shared.items() if _alike(n, len(mine), len(shingles[j]))),
                default=None,
            )
        if original is not None:
            copies[i] = original
        else:
            shingles[i] = mine
            for shingle in mine:
                by_shingle.setdefault(shingle, []).append(i)
        for key in keys:
            by_key.setdefault(key, i if original is None else original)
    return copies


def _words(text: str) -> list[str]:
    """Return the telling words of a title or post: no links, no paper's name behind a dash."""
    bare = _TAIL.sub("", _LINK.sub(" ", plain(text)).strip())
    words = _WORD.findall(bare.lower()) or _WORD.findall(plain(text).lower())
    return words[:TITLE_WORDS] or [text.strip()]


def _shingles(text: str) -> frozenset[str]:
    """Return the runs of three words in *text*, or the words where it is shorter."""
    words = _words(text)
    if len(words) <= SHINGLE:
        return frozenset({" ".join(words)})
    return frozenset(" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1))


def _alike(shared: int, ours: int, theirs: int) -> bool:
    """Tell whether two texts of so many shingles share most of them."""
    return shared >= ALIKE * (ours + theirs - shared)
