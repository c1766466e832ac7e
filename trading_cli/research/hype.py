"""Hype, 0 to 100: how much more an event is talked of in the last hour than is usual for it.

    hype = 100 · Σ w s / Σ w over the components that the answering sources supply

    volume      z of log1p(posts)
    engagement  z of log1p(likes + 2 reposts + replies), at an equal age of the posts
    velocity    z of log1p(posts) - log1p(posts of the hour before)
    influencer  the share of engagement from accounts over 10,000 followers
    sentiment   (1 ± s) / 2 for the side bought, only where the market's polarity is stored

with s = clip(z / 3, 0, 1) and z = (x - median) / max(1.4826 MAD, .25) against the same hour, the
one before and the one after on each of the last 28 days. What was not heard is absent, never 0; a
baseline holds only hours that the very same sources answered.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import urlsplit

from trading_cli.domain import Feature, Post, Tier, Token
from trading_cli.research.talk import duplicates
from trading_cli.research.tiers import Bars, tier_of

FORMULA = "hype/1"
NAME = "hype"
HOUR = 3600
DAY = 86_400
AROUND = (-1, 0, 1)
STALE_S = 90 * 60
UNHEARD = "no source of talk answered about this event in the last 90 minutes"
TORN = "the last hour of talk was not heard whole"
LEAST_POSTS = 5
LEAST_AUTHORS = 3
FULL_SHARE = 42 / 84
PROVISIONAL_SHARE = 18 / 21
LEAST_SCALE = 0.25
MAD_TO_SD = 1.4826
TOP_Z = 3.0
LEAST_WEIGHT = 0.5
INFLUENCER_FOLLOWERS = 10_000
EQUAL_AGE_S = HOUR
FULL, PROVISIONAL = "FULL", "PROVISIONAL"

Values = Callable[[Mapping[int, "TalkHour"], int], float | None]


def _weights() -> Mapping[str, float]:
    return {
        "volume": 0.25,
        "engagement": 0.30,
        "velocity": 0.25,
        "influencer": 0.10,
        "sentiment": 0.10,
    }


@dataclass(frozen=True, slots=True)
class HypeRules:
    """The tiers, what each component weighs, and how many days a baseline reaches and needs."""

    bars: Bars = (55.0, 70.0, 85.0)
    weights: Mapping[str, float] = field(default_factory=_weights)
    baseline_days: int = 28
    full_days: int = 14
    provisional_days: int = 7


@dataclass(frozen=True, slots=True)
class TalkHour:
    """What was said in one hour that was heard completely, near-duplicates once.

    ``engagement`` is ``None`` where no answering source counts it, or it is known of fewer than
    half of the posts that could have it; ``judged`` is the part of it whose authors' followers are
    known, ``influential`` that of accounts over 10,000 of them.
    """

    posts: int
    authors: int
    engagement: int | None = None
    judged: int | None = None
    influential: int | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The usual: how many values on how many days, and what they are worth ("" : nothing)."""

    state: str
    values: int
    days: int
    median: float = math.nan
    scale: float = math.nan


def hour_of(
    posts: Sequence[Post], engaging: Collection[str], following: Collection[str]
) -> TalkHour:
    """Return what *posts* (of one hour, engagement as at the same age) come to.

    *engaging* are the answering sources that count engagement, *following* those that know their
    authors' followers.
    """
    copies = duplicates(posts)
    own = [post for place, post in enumerate(posts) if place not in copies]
    counted = [(post, _engagement(post)) for post in own if post.source in engaging]
    known = [(post, count) for post, count in counted if count is not None]
    enough = bool(engaging) and 2 * len(known) >= len(counted)
    judged = [
        (post.followers, count)
        for post, count in known
        if post.source in following and post.followers is not None
    ]
    return TalkHour(
        len(own),
        len({_author(post) for post in own}),
        sum(count for _, count in known) if enough else None,
        sum(count for _, count in judged) if following else None,
        sum(count for followers, count in judged if followers > INFLUENCER_FOLLOWERS)
        if following
        else None,
    )


def _engagement(post: Post) -> int | None:
    """Return likes + 2 reposts + replies, ``None`` where none of them is known."""
    counts = (post.likes, None if post.reposts is None else 2 * post.reposts, post.replies)
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _author(post: Post) -> str:
    """Return who speaks: the author, else the domain, else the source."""
    named = post.author.strip() or (urlsplit(post.url).hostname or "").removeprefix("www.")
    return named.casefold() or post.source


def baseline_ends(end: int, days: int) -> dict[int, int]:
    """Return the ends of the hours that *end*'s is compared with, each with its day back."""
    return {
        end - DAY * back + HOUR * shift: back for back in range(1, days + 1) for shift in AROUND
    }


def wanted_ends(end: int, days: int) -> list[int]:
    """Return the ends of all hours that hype at *end* looks at, the newest first."""
    ends = baseline_ends(end, days)
    return sorted({end, end - HOUR, *ends, *(one - HOUR for one in ends)}, reverse=True)


def standing(backs: Sequence[int], rules: HypeRules) -> str:
    """Return FULL, PROVISIONAL or "": what values of the days *backs*, one each, are worth.

    FULL: half of the three a day, on ``full_days`` of them or more. PROVISIONAL: 18 of 21 over the
    last ``provisional_days``.
    """
    a_day = len(AROUND)
    if (
        len(backs) >= FULL_SHARE * a_day * rules.baseline_days
        and len(set(backs)) >= rules.full_days
    ):
        return FULL
    late = sum(back <= rules.provisional_days for back in backs)
    enough = late >= PROVISIONAL_SHARE * a_day * rules.provisional_days - 1e-9
    return PROVISIONAL if enough else ""


def robust(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and 1.4826 times the median absolute deviation."""
    middle = median(values)
    return middle, MAD_TO_SD * median(abs(value - middle) for value in values)


def sentiment_share(mean: float | None, polarity: int | None, token: Token) -> float | None:
    """Return (1 ± s) / 2 for *token*; ``None`` where the talk's mean or the polarity is absent.

    *polarity* is 1 where good news is good for YES, -1 where it is bad for YES.
    """
    if mean is None or polarity not in {1, -1}:
        return None
    return (1 + mean * polarity * (1 if token is Token.YES else -1)) / 2


def hype(  # the inputs of the formula, by name
    hours: Mapping[int, TalkHour],
    end: int | None,
    *,
    age_s: int | None,
    sources: Sequence[str],
    rules: HypeRules | None = None,
    sentiment: float | None = None,
) -> Feature:
    """Return the feature of the hour that ends at *end* (epoch seconds), heard *age_s* ago.

    Both are ``None`` where nobody answered.

    *hours*: by their end, those that all of *sources* answered; *sentiment*: its component in
    [0, 1] where there is one. Undefined: nobody answered, or not in the last 90 minutes; the hour
    not heard; fewer than 5 posts or 3 authors; no baseline; less than half of the weight.
    """
    rules = rules or HypeRules()
    inputs: dict[str, object] = {"sources": sorted(sources), "hour_end": end, "age_s": age_s}
    if not sources or end is None or age_s is None or age_s > STALE_S:
        return undefined(UNHEARD, inputs)
    now = hours.get(end)
    if now is None:
        return undefined(TORN, inputs)
    inputs |= {"posts": now.posts, "authors": now.authors}
    if not enough(now):
        return undefined(
            f"{now.posts} posts from {now.authors} authors, needs {LEAST_POSTS} from"
            f" {LEAST_AUTHORS}",
            inputs,
        )
    parts: dict[str, dict[str, object]] = {}
    shares: dict[str, float] = {}
    states: list[str] = []
    for name, values in (("volume", _volume), ("engagement", _engaged), ("velocity", _velocity)):
        x, past = values(hours, end), list(_past(hours, end, rules, values))
        base = _baseline(past, rules)
        inputs.setdefault("baseline_days", base.days)
        if x is not None and base.state:
            z = (x - base.median) / base.scale
            shares[name] = min(max(z / TOP_Z, 0.0), 1.0)
            parts[name] = _part(x, z, shares[name], base)
            states.append(base.state)
    for name, share in (("influencer", _influencer(now)), ("sentiment", sentiment)):
        if share is not None:
            shares[name] = share
            parts[name] = {"s": round(share, 6)}
    return _composed(shares, parts, states, rules, inputs)


def enough(hour: TalkHour) -> bool:
    """Return whether enough was said by enough people for hype to mean anything."""
    return hour.posts >= LEAST_POSTS and hour.authors >= LEAST_AUTHORS


def undefined(why: str, inputs: Mapping[str, object]) -> Feature:
    """Return hype that cannot be said, and why."""
    return Feature(NAME, None, why, Tier.NONE, inputs)


def _part(x: float, z: float, share: float, base: Baseline) -> dict[str, object]:
    return {
        "x": round(x, 6),
        "median": round(base.median, 6),
        "scale": round(base.scale, 6),
        "z": round(z, 6),
        "s": round(share, 6),
        "n": base.values,
        "days": base.days,
        "baseline": base.state,
    }


def _composed(
    shares: Mapping[str, float],
    parts: Mapping[str, object],
    states: Sequence[str],
    rules: HypeRules,
    inputs: dict[str, object],
) -> Feature:
    """Return 100 · Σ w s / Σ w, or what is missing for it."""
    if "volume" not in shares or "velocity" not in shares:
        return undefined(
            f"baseline: {inputs['baseline_days']} of {rules.provisional_days} days heard", inputs
        )
    used = {name: rules.weights.get(name, 0.0) for name in shares}
    weight, total = sum(used.values()), sum(rules.weights.values())
    inputs |= {
        "set": sorted(shares),
        "components": dict(parts),
        "weight": round(weight / total, 9) if total > 0 else 0.0,
        "baseline": FULL if set(states) == {FULL} else PROVISIONAL,
    }
    if weight <= 0 or weight < LEAST_WEIGHT * total - 1e-9:
        return undefined("the components we have weigh less than half", inputs)
    value = 100 * sum(used[name] * share for name, share in shares.items()) / weight
    provisional = inputs["baseline"] == PROVISIONAL
    return Feature(NAME, value, "", tier_of(value, rules.bars), inputs, provisional)


def _past(
    hours: Mapping[int, TalkHour], end: int, rules: HypeRules, values: Values
) -> Iterator[tuple[int, float]]:
    """Yield (day back, value) of each hour of the baseline that has one."""
    for one, back in baseline_ends(end, rules.baseline_days).items():
        value = values(hours, one)
        if value is not None:
            yield back, value


def _baseline(past: Sequence[tuple[int, float]], rules: HypeRules) -> Baseline:
    backs = [back for back, _ in past]
    state = standing(backs, rules)
    if not state:
        return Baseline("", len(backs), len(set(backs)))
    middle, spread = robust([value for _, value in past])
    return Baseline(state, len(backs), len(set(backs)), middle, max(spread, LEAST_SCALE))


def _volume(hours: Mapping[int, TalkHour], end: int) -> float | None:
    hour = hours.get(end)
    return None if hour is None else math.log1p(hour.posts)


def _engaged(hours: Mapping[int, TalkHour], end: int) -> float | None:
    hour = hours.get(end)
    return None if hour is None or hour.engagement is None else math.log1p(hour.engagement)


def _velocity(hours: Mapping[int, TalkHour], end: int) -> float | None:
    now, before = _volume(hours, end), _volume(hours, end - HOUR)
    return None if now is None or before is None else now - before


def _influencer(hour: TalkHour) -> float | None:
    """Return the share of engagement from large accounts; ``None`` where there is none to share."""
    if not hour.judged or hour.influential is None:
        return None
    return hour.influential / hour.judged
