"""What people say: one event, one UTC day at a time; engagement grows until it is asked for."""

import math
import re
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from trading_cli.simulator.cast import DAY, HOUR, EventPlan
from trading_cli.simulator.dice import digest, stream
from trading_cli.simulator.shocks import lean, shocks, swell
from trading_cli.simulator.titles import day_words
from trading_cli.simulator.trading_day import rhythm

PER_DAY = {"gdelt": 14.0, "google_news": 14.0, "bluesky": 30.0, "hacker_news": 3.0, "x": 34.0}
NEWS = {"gdelt", "google_news"}
_IDLE = 0.12
_QUIET = 0.4  # a scene is little talked of until it plays
_LATER_S = {"gdelt": 900}  # it tells the time in quarters of an hour, rounded down
_DOMAINS = [f"{a}{b}.example" for a in ("daily", "metro", "global", "capital", "evening", "open")
            for b in ("herald", "courier", "wire", "ledger", "gazette", "observer")]  # fmt: skip
_GOOD = [
    "surges",
    "leads",
    "strong",
    "win",
    "confident",
    "breakthrough",
    "great",
    "success",
    "boost",
    "optimistic",
]
_BAD = [
    "falls",
    "trouble",
    "weak",
    "lose",
    "fears",
    "setback",
    "terrible",
    "failure",
    "doubts",
    "pessimistic",
]
_FLAT = [
    "says",
    "reports",
    "watches",
    "expects",
    "discusses",
    "considers",
    "asks",
    "notes",
    "updates",
    "waits",
]
_FILL = [
    "analysts",
    "today",
    "morning",
    "committee",
    "officials",
    "sources",
    "latest",
    "people",
    "city",
    "season",
    "public",
    "report",
    "review",
    "debate",
    "schedule",
    "insiders",
    "crowd",
    "press",
    "evening",
    "statement",
    "question",
    "members",
    "question",
    "decision",
    "weekend",
    "meeting",
    "figures",
    "outlook",
    "comment",
    "readers",
    "timeline",
    "background",
    "context",
    "summary",
    "interview",
    "desk",
    "bulletin",
    "column",
    "thread",
    "briefing",
    "agenda",
    "panel",
    "notes",
    "signal",
    "minutes",
    "audience",
]
_NOISE = [
    "recipe",
    "garden",
    "traffic",
    "playlist",
    "weather",
    "bakery",
    "museum",
    "hiking",
    "puzzle",
    "furniture",
]


@dataclass(frozen=True, slots=True)
class Said:
    """One post and what it will have gathered in the end."""

    id: str
    text: str
    author: str
    domain: str
    created: int
    likes: float
    followers: int | None
    language: str
    words: frozenset[str]


def word_set(text: str) -> frozenset[str]:
    """Return the lowercased words of three letters or more."""
    return frozenset(re.findall(r"[a-z0-9]{3,}", text.lower()))


def query_words(query: str) -> frozenset[str]:
    """Return the words a query asks for, without operators such as when:1d, OR, -is:retweet."""
    kept = [w for w in query.split() if ":" not in w and w not in {"OR", "AND", "NOT"}]
    return word_set(" ".join(kept))


def said(seed: int, event: EventPlan, source: str, day: int) -> tuple[Said, ...]:
    """Return every post of *source* about *event* on UTC day *day*, oldest first."""
    rng = stream(seed, "talk", event.key, source, day)
    hours = day * DAY + HOUR * np.arange(24.0)
    hours = hours[(hours >= event.opens) & (hours < event.closes)]
    if not len(hours) or event.zombie:
        return ()
    rate = PER_DAY[source] / 24 * (_QUIET if event.knots else 1.0 if event.liquid else _IDLE)
    fine = np.repeat(hours, 12) + np.tile(300 * np.arange(12.0), len(hours))
    news = shocks(seed, event)
    heard = fine - (_LATER_S.get(source, 0) if event.knots else 0)
    counts = rng.poisson(rate / 12 * rhythm(fine) * swell(heard, news, talk=True))
    at = np.repeat(fine, counts).astype(np.int64)
    at = np.sort(at + rng.integers(0, 300, len(at)))
    moods = lean(at.astype(np.float64), news)
    wording = _wording(event)
    out: list[Said] = []
    for i, (created, mood) in enumerate(zip(at.tolist(), moods.tolist(), strict=True)):
        text = _text(Random(rng.bit_generator.random_raw()), wording, mood)  # noqa: S311  # play
        post = _post(rng, (event, source), text, created, f"{event.key}.{source}.{day}.{i}")
        out.append(post)
        if source in NEWS and rng.random() < 0.2:  # noqa: PLR2004  # one story in five is syndicated
            out.extend(_copies(rng, post, (day + 1) * DAY))
    return tuple(sorted(out, key=lambda p: (p.created, p.id)))


def _copies(rng: np.random.Generator, post: Said, until: int) -> list[Said]:
    """Return the same story on other domains within three hours, before *until*."""
    out = []
    for k in range(int(rng.integers(1, 5))):
        created = post.created + int(rng.integers(60, 3 * HOUR))
        domain = _DOMAINS[int(rng.integers(len(_DOMAINS)))]
        if created < until:
            new = digest(post.id, k, size=8).hex()
            out.append(Said(new, post.text, domain, domain, created, post.likes,
                            post.followers, post.language, post.words))  # fmt: skip
    return out


def _post(
    rng: np.random.Generator, about: tuple[EventPlan, str], text: str, created: int, key: str
) -> Said:
    """Return one post about an event in a source."""
    event, source = about
    draws = rng.random(3)
    domain = _DOMAINS[int(draws[0] * len(_DOMAINS))] if source in NEWS else f"{source}.example"
    author = domain if source in NEWS else f"{event.words[0][:6]}{int(rng.pareto(1.2) * 20) % 900}"
    famous = rng.lognormal(6, 2)
    return Said(
        digest(key, size=8).hex(),
        text,
        author,
        domain,
        created,
        float(rng.lognormal(1.5, 1.4)),
        int(famous) if source in {"x", "bluesky"} else None,
        "en" if draws[1] < 0.93 else ("es", "de", "pt")[int(draws[2] * 3)],  # noqa: PLR2004
        word_set(text),
    )


@dataclass(frozen=True, slots=True)
class _Wording:
    """How an event may be named in a post."""

    subject: str
    keywords: str
    words: tuple[str, ...]
    date: str


def _wording(event: EventPlan) -> _Wording:
    """Return the names of *event*."""
    return _Wording(
        event.title.rstrip("?").replace("Will ", "").replace(" ___", ""),
        " ".join(word.title() for word in event.words),
        event.words,
        day_words(event.deadline, year=False),
    )


def _text(dice: Random, wording: _Wording, mood: float) -> str:
    """Return a sentence that holds most of the event's words; *mood* (-1..1) tints its verb.

    Mostly it is on the subject, sometimes about the price, sometimes noise.
    """
    roll = dice.random()
    fill = dice.sample(_FILL, 7)
    if roll < 0.06:  # noqa: PLR2004  # off-topic posts that share one word
        noise = " ".join(dice.sample(_NOISE, 4))
        return f"{dice.choice(wording.words).title()} {noise} {' '.join(fill[:4])}"
    good = 0.35 + 0.4 * max(mood, 0.0) - 0.3 * max(-mood, 0.0)
    bad = 0.25 + 0.5 * max(-mood, 0.0) - 0.2 * max(mood, 0.0)
    tint = dice.random()
    verb = dice.choice(_GOOD if tint < good else _BAD if tint < good + bad else _FLAT)
    core = wording.subject if dice.random() < 0.6 else wording.keywords  # noqa: PLR2004
    if roll < 0.14:  # noqa: PLR2004  # talk about the price itself
        return f"{core}: now {dice.randrange(5, 96)}% on Polymarket, {fill[0]} {fill[1]} {verb}"
    rest = " ".join(fill[2:6])
    return f"{fill[0].title()} {fill[1]} {verb}: {core}, {rest} ahead of {wording.date}"


def neutral(post: Said, source: str, now: float) -> dict[str, Any]:
    """Return the post as the server wants it, with the engagement it has at *now*."""
    grown = 1 - math.exp(-max(0.0, now - post.created) / (5 * HOUR))
    social = source not in NEWS
    return {
        "id": post.id,
        "text": post.text,
        "author": post.author,
        "url": f"https://{post.domain}/{post.id}",
        "domain": post.domain,
        "created": post.created,
        "likes": int(post.likes * 6 * grown) if social else None,
        "reposts": int(post.likes * grown) if social and source != "hacker_news" else None,
        "replies": int(post.likes * 1.5 * grown) if social else None,
        "followers": post.followers,
        "language": post.language,
    }
