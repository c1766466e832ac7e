"""What a market counts towards besides itself: its sector, and its themes.

A theme is one position to the limits. It can only tighten, so a doubtful theme is kept. Kinds:

event:ID      the markets of one event
series:SLUG   events whose slugs differ only in dates and numbers
name:WORD     a person, place or thing the question names
tag:WORD      a tag narrower than a sector, such as one company or one war
own:NAME      the owner's (``risk.themes``), by words in the title or tags
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from trading_cli.domain import Market
from trading_cli.research.vocabulary import FIRST_NAMES, GENERIC, MONTHS, PHRASES, SAME, STOP

SECTORS = ("crypto", "politics", "sports", "other")

_SECTOR_TAGS = {
    "crypto": frozenset(
        """crypto bitcoin btc ethereum eth solana xrp dogecoin altcoins defi nfts stablecoins
        crypto-prices memecoins airdrops token-sales metamask""".split()  # noqa: SIM905  # a word list reads better as words
    ),
    "politics": frozenset(
        """politics elections us-election world-elections global-elections primaries midterms
        geopolitics president congress senate house world foreign-policy trump
        trump-presidency macro-geopolitics middle-east ukraine israel iran gaza russia china
        putin economic-policy taxes trade-war nyc-mayor world-affairs""".split()  # noqa: SIM905  # a word list reads better as words
    ),
    "sports": frozenset(
        """sports nba nfl nhl mlb ncaa soccer football basketball hockey baseball tennis golf
        mma ufc boxing formula-1 f1 cricket rugby olympics esports epl la-liga nascar chess
        champions-league super-bowl nfl-playoffs cbb cfb wnba mls games""".split()  # noqa: SIM905  # a word list reads better as words
    ),
}

_BROAD = frozenset().union(*_SECTOR_TAGS.values()) - {
    "trump", "ukraine", "israel", "iran", "gaza", "russia", "china", "putin", "metamask",
    "solana", "xrp", "dogecoin", "bitcoin", "btc", "ethereum", "eth", "nyc-mayor", "trade-war",
    "super-bowl",
}  # fmt: skip
_PLUMBING = frozenset(
    """all featured hide-from-new recurring new breaking business finance culture tech big-tech
    science climate-science climate weather economy celebrities movies music awards ai pop-culture
    entertainment mentions pre-market derivatives parent-for-derivative macro-indicators ipos
    ipo acquisitions daily weekly monthly yearly hourly up-or-down technology stocks indices
    commodities prediction-markets video-games health space parlays""".split()  # noqa: SIM905  # a word list reads better as words
)
_NOISE = re.compile(r"^(?:rewards?|earn)\b|\b20[2-9]\d\b|^\d")
_WORD = re.compile(r"[^\W_]+(?:[.&'-][^\W_]+)*")
_DATED = frozenset(MONTHS) | {"on", "by", "in", "of", "q1", "q2", "q3", "q4", "week", "am", "pm"}
_SHORTEST = 3
_SAID = {phrase.strip(): stand_in.title() for phrase, stand_in in PHRASES}
_PHRASE = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, _SAID))})(?!\w)", re.IGNORECASE)
_OFFICES = frozenset(
    """democratic democrat democrats gop republican republicans president presidential senate
    house governor gubernatorial mayor mayoral primeminister primary primaries election
    elections party nominee midterm midterms congress nba nfl nhl mlb ncaa wnba mls playoffs
    tournament season year best award awards ipo marketcap fdv odds increase decrease cut hike
    pause mvp vs q1 q2 q3 q4 am pm et""".split()  # noqa: SIM905  # a word list reads better as words
)
_NO_NAMES = STOP | GENERIC | frozenset(MONTHS) | _OFFICES


def sector_of(tags: Sequence[str]) -> str:
    """Return crypto, politics, sports or other: the sector of the first tag that has one."""
    for tag in tags:
        for sector, known in _SECTOR_TAGS.items():
            if _slug(tag) in known:
                return sector
    return "other"


def themes_of(market: Market, own: Mapping[str, Sequence[str]] | None = None) -> tuple[str, ...]:
    """Return the themes of *market*, sorted; *own* are the owner's: name -> words."""
    found = {f"event:{market.event_id or market.id}"}
    series = series_of(market.event_slug)
    found |= {f"series:{series}"} if series else set()
    found |= {f"name:{name}" for name in names_in(market.question)}
    found |= {f"tag:{_same(tag)}" for tag in map(_slug, market.tags) if _is_narrow(tag)}
    return tuple(sorted(found | set(_own(market, own or {}))))


def series_of(event_slug: str | None) -> str | None:
    """Return *event_slug* without dates and numbers, ``None`` where it holds none or nothing else.

    "bitcoin-above-on-march-14" and "bitcoin-above-on-march-15" are one series.
    """
    words = (event_slug or "").lower().split("-")
    kept = [word for word in words if word not in _DATED and not re.search(r"\d", word)]
    if len(kept) == len(words) or not any(len(word) >= _SHORTEST for word in kept):
        return None
    return "-".join(kept)


def names_in(question: str) -> frozenset[str]:
    """Return who and what *question* names, in the form that stands for it: "btc" is "bitcoin".

    A first name is dropped before a surname: "Donald Trump" and "Trump" are one.
    """
    names = set()
    for run in _runs(question):
        words = run[1:] if len(run) > 1 and run[0] in FIRST_NAMES else run
        name = " ".join(_same(word) for word in words)
        if len(name) >= _SHORTEST:
            names.add(name)
    return frozenset(names)


def _runs(question: str) -> Iterator[list[str]]:
    """Yield the runs of capitalised words, lower-cased, common words and months left out."""
    run: list[str] = []
    end = 0
    text = _PHRASE.sub(lambda found: _SAID[found[0].lower()], _plain(question))
    for found in _WORD.finditer(text):
        word = found[0].removesuffix("'s")
        named = word[0].isupper() and not {word.lower(), _same(word.lower())} & _NO_NAMES
        apart = text[end : found.start()].strip() != ""
        if run and (apart or not named):
            yield run
            run = []
        if named:
            run.append(word.lower())
        end = found.end()
    if run:
        yield run


def _own(market: Market, own: Mapping[str, Sequence[str]]) -> Iterator[str]:
    text = _plain(" ".join((market.question, market.event_title or "", *market.tags))).lower()
    for name, words in own.items():
        if any(_stands_in(_plain(word).lower(), text) for word in words):
            yield f"own:{name}"


def _stands_in(word: str, text: str) -> bool:
    return bool(word.strip()) and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _is_narrow(slug: str) -> bool:
    return bool(slug) and slug not in _BROAD and slug not in _PLUMBING and not _NOISE.search(slug)


def _slug(tag: str) -> str:
    return "-".join(_WORD.findall(_plain(tag).lower()))


def _same(word: str) -> str:
    return SAME.get(word, word)


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return "".join(char for char in parts if not unicodedata.combining(char))
