"""Words for the stage: questions in the venue's real forms about made-up people and places."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

_FIRST = [
    "Oren",
    "Mirela",
    "Tadeo",
    "Ysolde",
    "Kasimir",
    "Brannoc",
    "Ilvane",
    "Petra",
    "Zorion",
    "Halvard",
    "Noemi",
    "Calder",
    "Sunniva",
    "Ravik",
    "Dorthe",
    "Emeric",
    "Liora",
    "Vasken",
    "Ottilie",
    "Joran",
]
_LAST = [
    "Vantresk",
    "Holmquard",
    "Belisaro",
    "Quintarel",
    "Drummock",
    "Ashgrovane",
    "Tellerin",
    "Korvath",
    "Marchetto",
    "Ilyanov",
    "Penhaligar",
    "Sorensby",
    "Wexcombe",
    "Draganou",
    "Fontarel",
    "Okonjara",
    "Rastelli",
    "Umberlyn",
    "Yarrowick",
    "Castelmont",
]
_PLACES = [
    "Valdoria",
    "Karsenia",
    "Mirovia",
    "Estmark",
    "Tarvania",
    "Norlund",
    "Calvera",
    "Ostrava-Sul",
    "Belgaria",
    "Zephyria",
    "Lunara",
    "Granholm",
]
_TEAMS = [
    "Falcons",
    "Ironhawks",
    "Tidewater",
    "Rovers",
    "Stallions",
    "Glaciers",
    "Comets",
    "Wolverhamps",
    "Sabrecats",
    "Harriers",
    "Monarchs",
    "Buccaneers",
    "Thunderbolts",
    "Kestrels",
]
_FIRMS = [
    "Nebulon",
    "Quantara",
    "Helixor",
    "Brightforge",
    "Omnivast",
    "Stratolink",
    "Cindertech",
    "Vireo",
]
_FILMS = [
    "Crimson Meridian",
    "Hollow Lantern",
    "Paper Leviathan",
    "Winter Cartographer",
    "Saltglass",
    "Nine Embers",
]
_COINS = (("Bitcoin", 60_000, 5_000), ("Ethereum", 2_400, 200), ("Solana", 120, 10))

_CATEGORIES = {
    "politics": "Politics",
    "crypto": "Crypto",
    "sports": "Sports",
    "culture": "Pop Culture",
    "tech": "Tech",
    "economics": "Economy",
    "geopolitics": "Geopolitics",
}


@dataclass(frozen=True, slots=True)
class Wording:
    """An event's title, its members' questions and short titles, and the labels of YES and NO."""

    title: str
    questions: tuple[str, ...]
    members: tuple[str, ...]
    labels: tuple[str, str] = ("Yes", "No")
    by: bool = False


def tag_label(category: str) -> str:
    """Return the venue's label of a category."""
    return _CATEGORIES[category]


def categories() -> tuple[str, ...]:
    """Return every category's slug."""
    return tuple(_CATEGORIES)


def slugged(text: str) -> str:
    """Return *text* as the venue makes a slug of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("'", "")).strip("-")


def day_words(at: float, *, year: bool) -> str:
    """Return a date as titles write it: "March 14" or "March 14, 2026"."""
    when = datetime.fromtimestamp(at, UTC)
    text = f"{when:%B} {when.day}"
    return f"{text}, {when.year}" if year else text


def person(rng: np.random.Generator) -> str:
    """Return a made-up name."""
    return f"{_pick(rng, _FIRST)} {_pick(rng, _LAST)}"


def _pick(rng: np.random.Generator, words: list[str]) -> str:
    """Return one of *words*."""
    return words[int(rng.integers(len(words)))]


def single(rng: np.random.Generator, category: str, shown: float) -> Wording:
    """Return a stand-alone question of *category* whose title shows the day *shown*."""
    date, short = day_words(shown, year=True), day_words(shown, year=False)
    by = False
    labels = ("Yes", "No")
    place = _pick(rng, _PLACES)
    if category == "sports":
        one, two = _pick(rng, _PLACES), _pick(rng, _PLACES)
        home, away = f"{one} {_pick(rng, _TEAMS)}", f"{two} {_pick(rng, _TEAMS)}"
        text, labels = f"{home} vs. {away}", (home, away)
    elif category == "crypto":
        coin = _COINS[int(rng.integers(3))][0]
        text, labels = (
            f"{coin} Up or Down on {short}? ({_pick(rng, _PLACES)} close)",
            ("Up", "Down"),
        )
    elif category == "politics":
        by = True
        verb = _pick(rng, ["resign", "be impeached", "announce a snap election", "be nominated"])
        text = f"Will {place} minister {person(rng)} {verb} by {date}?"
    elif category == "culture":
        film = _pick(rng, _FILMS)
        text = f'Will "{film}" by {person(rng)} top the box office on {short}?'
    elif category == "tech":
        by = True
        thing = f"{_pick(rng, _LAST)} {rng.integers(2, 9)}"
        text = f"Will {_pick(rng, _FIRMS)} release {thing} before {date}?"
    elif category == "economics":
        text = f"Will the {place} central bank under {person(rng)} cut rates on {short}?"
    else:
        by = True
        text = (
            f"Will {place} and {_pick(rng, _PLACES)} sign the {_pick(rng, _LAST)} accord by {date}?"
        )
    return Wording(text, (text,), ("",), labels, by=by)


def group(rng: np.random.Generator, category: str, shown: float, count: int) -> Wording:
    """Return *count* exclusive questions; the last is "Other", from 6 on one is a placeholder."""
    place, last = _pick(rng, _PLACES), _pick(rng, _LAST)
    year = datetime.fromtimestamp(shown, UTC).year
    thing = {
        "sports": f"{year} {place} {last} Cup",
        "culture": f"{year} {last} Prize for {place} cinema",
        "politics": f"{year} {place} {last} presidential election",
    }.get(category, f"{year} {place} {last} leadership vote")
    names: list[str] = []
    while len(names) < count:
        name = (
            person(rng) if category != "sports" else f"{_pick(rng, _PLACES)} {_pick(rng, _TEAMS)}"
        )
        if name not in names:
            names.append(name)
    if count >= 4:  # noqa: PLR2004  # small groups are complete without an Other
        names[-1] = "Other"
    if count >= 6:  # noqa: PLR2004  # only large ones keep a place for who is still unknown
        names[-2] = "Person A"
    questions = tuple(
        f"Will {'another person' if n == 'Other' else n} win the {thing}?" for n in names
    )
    return Wording(f"{thing} winner", questions, tuple(names))


def ladder(rng: np.random.Generator, shown: float, count: int) -> Wording:
    """Return *count* rising price thresholds of one coin on one day."""
    coin, low, step = _COINS[int(rng.integers(3))]
    low += step * int(rng.integers(0, 9))
    short = day_words(shown, year=False)
    levels = [f"${low + k * step:,}" for k in range(count)]
    questions = tuple(f"Will the price of {coin} be above {lv} on {short}?" for lv in levels)
    return Wording(f"{coin} above ___ on {short}?", questions, tuple(levels))
