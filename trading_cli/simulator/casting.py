"""Chooses the cast: which events there are, when, how liquid, and what is wrong with them."""

import dataclasses
import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from trading_cli.simulator import titles
from trading_cli.simulator.cast import DAY, HOUR, EventPlan, Form, Kind, MarketPlan
from trading_cli.simulator.dice import chance, digest, number, stream

LOOKBACK_DAYS = 30
FEES = {
    "crypto": ("crypto_fees_v2", 0.07),
    "sports": ("sports_fees_v3", 0.05),
    "politics": ("politics_fees", 0.04),
    "tech": ("tech_fees", 0.04),
    "economics": ("economics_fees", 0.05),
    "culture": ("culture_fees", 0.05),
}
# How often a field is missing from a real listing (35,955 open markets, March 2026).
MISSING = {
    "endDate": 0.009,
    "image": 0.026,
    "resolvedBy": 0.045,
    "resolutionSource": 0.204,
    "groupItemThreshold": 0.08,
    "updatedAt": 0.001,
    "acceptingOrders": 0.002,
    "feeSchedule": 0.15,
}
# The last of every four liquid events carries something, by turns; the rest are null.
_PLANTED = (
    Kind.TALK_LEADS,
    Kind.PRICE_LEADS,
    Kind.TALK_LEADS,
    Kind.COMMON_CAUSE,
    Kind.VOLATILITY_ONLY,
)
_NULL_RUN = 4
_LEGACY = 0.1


@dataclasses.dataclass(frozen=True, slots=True)
class _Course:
    """When an event is decided, proposed, perhaps disputed, and paid."""

    decided: float
    proposed: float
    disputed: float | None
    closes: float


def iso(at: float) -> str:
    """Return *at* as Gamma writes most times, to the second."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def spaced(at: float) -> str:
    """Return *at* as Gamma writes game and closing times."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}+00"


def words_of(text: str) -> tuple[str, ...]:
    """Return the distinctive lowercased words of *text*, in order, each once."""
    dull = {"will", "the", "and", "for", "above", "win", "winner", "price", "before", "vs"}
    found = re.findall(r"[a-z0-9]{3,}", text.lower())
    return tuple(dict.fromkeys(w for w in found if w not in dull))


def cast(seed: int, markets: int, start: float, end: float, liquid_share: float) -> list[EventPlan]:
    """Return every event of a world in which about *markets* markets are open at any time."""
    out: list[EventPlan] = []
    placed, slot = 0, 0
    liquid_left = round(markets * liquid_share)
    while placed < markets:
        rng = stream(seed, "slot", slot)
        liquid = liquid_left > 0
        form, count = _form(rng, liquid=liquid)
        count = min(count, markets - placed)
        form = Form.SINGLE if count == 1 else form
        out.extend(_chain(seed, slot, (form, count), (start, end), liquid=liquid))
        placed += count
        liquid_left -= min(count, 3) if liquid else 0
        slot += 1
    return _told(out, start)


def _told(events: list[EventPlan], start: float) -> list[EventPlan]:
    """Return *events* with their kinds; some that were paid before *start* show no payout."""
    out, liquid = [], 0
    for event in events:
        kind = Kind.NULL
        if event.liquid:
            liquid += 1
            if liquid % _NULL_RUN == 0:
                kind = _PLANTED[liquid // _NULL_RUN % len(_PLANTED)]
        markets = event.markets
        if event.closes < start:
            markets = tuple(
                dataclasses.replace(m, legacy=chance("legacy", m.id) < _LEGACY) for m in markets
            )
        out.append(dataclasses.replace(event, kind=kind, markets=markets))
    return out


def _form(rng: np.random.Generator, *, liquid: bool) -> tuple[Form, int]:
    """Return a slot's form and number of markets."""
    roll = rng.random()
    if roll < (0.62 if liquid else 0.5):
        return Form.SINGLE, 1
    if roll < (0.85 if liquid else 0.92):
        return Form.GROUP, int(rng.integers(2, 5 if liquid else 7))
    return Form.LADDER, int(rng.integers(2, 5 if liquid else 8))


def _chain(
    seed: int, slot: int, shape: tuple[Form, int], span: tuple[float, float], *, liquid: bool
) -> Iterator[EventPlan]:
    """Yield the events that follow one another in one slot over the whole world."""
    rng = stream(seed, "chain", slot)
    life = float(rng.uniform(30, 120)) * DAY
    opens = span[0] - LOOKBACK_DAYS * DAY - float(rng.random()) * life
    zombie = shape[0] is Form.SINGLE and not liquid and rng.random() < 0.08  # noqa: PLR2004  # rare
    for turn in itertools.count():
        event = _event(seed, f"{slot}.{turn}", shape, (opens, life), liquid=liquid)
        if zombie:
            yield dataclasses.replace(event, zombie=True, closes=float("inf"))
            return
        if event.closes > span[0] - LOOKBACK_DAYS * DAY:
            yield event
        if event.closes > span[1]:
            return
        opens = event.closes + float(rng.uniform(1, 20)) * HOUR
        life = float(rng.uniform(30, 120)) * DAY


def _event(
    seed: int, key: str, shape: tuple[Form, int], life: tuple[float, float], *, liquid: bool
) -> EventPlan:
    """Return one event with its markets."""
    rng = stream(seed, "event", key)
    form, count = shape
    category = _category(rng, form, liquid=liquid)
    opens = float(int(life[0]))
    deadline = (int(opens + life[1]) // DAY) * DAY + DAY - 60.0
    shown = deadline + (6 * DAY if rng.random() < 0.03 else 0)  # noqa: PLR2004  # titles that err
    if form is Form.LADDER:
        wording = titles.ladder(rng, shown, count)
    elif form is Form.GROUP:
        wording = titles.group(rng, category, shown, count)
    else:
        wording = titles.single(rng, category, shown)
    course = _course(rng, form, (opens, deadline), by=wording.by)
    event = EventPlan(
        key=key,
        id=str(10_000 + number(seed, "event id", key) % 10**9),
        slug=titles.slugged(wording.title),
        title=wording.title,
        category=category,
        form=form,
        opens=opens,
        deadline=deadline,
        decided=course.decided,
        proposed=course.proposed,
        closes=course.closes,
        words=words_of(wording.questions[0] if form is Form.LADDER else wording.title),
        disputed=course.disputed,
        half=form is Form.SINGLE and course.disputed is None and rng.random() < 0.25,  # noqa: PLR2004
        liquid=liquid,
        by=wording.by,
        lag_h=int(rng.integers(1, 7)),
        strength=float(rng.uniform(0.35, 0.7)),
        theme=category,
    )
    made = tuple(_market(seed, event, wording, k) for k in range(count))
    return dataclasses.replace(event, markets=made)


def _course(
    rng: np.random.Generator, form: Form, life: tuple[float, float], *, by: bool
) -> _Course:
    """Return the course of an event open from life[0] to life[1]; a "by" title may end early."""
    opens, deadline = life
    early = form is Form.SINGLE and rng.random() < (0.5 if by else 0.08)
    decided = deadline - float(rng.uniform(0, 6)) * HOUR
    if early:
        decided = opens + float(rng.uniform(0.3, 0.95)) * (deadline - opens)
    proposed = decided + float(rng.uniform(0.2, 3)) * HOUR
    disputed, closes = None, proposed + 2 * HOUR + float(rng.uniform(0, 0.5)) * HOUR
    if form is Form.SINGLE and rng.random() < 0.06:  # noqa: PLR2004  # disputes are rare
        disputed = proposed + float(rng.uniform(0.2, 1.8)) * HOUR
        closes = disputed + float(rng.uniform(2, 6)) * DAY
    return _Course(float(int(decided)), float(int(proposed)), disputed, float(int(closes)))


def _category(rng: np.random.Generator, form: Form, *, liquid: bool) -> str:
    """Return a category; idle listings are mostly games, as the real ones are."""
    if form is Form.LADDER:
        return "crypto"
    if rng.random() < (0.15 if liquid else 0.8):
        return "sports"
    names = [n for n in titles.categories() if n != "sports"]
    return names[int(rng.integers(len(names)))]


def tokens_of(seed: int, key: str) -> tuple[str, str]:
    """Return a market's two token ids, 77 digits each."""
    one, two = (int.from_bytes(digest(seed, "token", key, k), "big") for k in (0, 1))
    return str(10**76 + one % (9 * 10**76)), str(10**76 + two % (9 * 10**76))


def _market(seed: int, event: EventPlan, wording: titles.Wording, member: int) -> MarketPlan:
    """Return member *member* of *event*."""
    key = f"{event.key}.{member}"
    rng = stream(seed, "market", key)
    name = wording.members[member]
    question = wording.questions[member]
    small = name in {"Other", "Person A"}
    rich = event.liquid and member < 3 and not small  # noqa: PLR2004  # the panel's cap per event
    traded = rich or rng.random() < 0.05  # noqa: PLR2004  # few idle listings trade at all
    daily = float(rng.lognormal(np.log(55_000), 0.9)) if rich else float(rng.lognormal(6, 1))
    deep = float(rng.lognormal(np.log(60_000), 0.6)) if rich else float(rng.lognormal(7.5, 1))
    fee_type, rate = FEES.get(event.category, (None, 0.0))
    ends = event.deadline
    game = event.category == "sports"
    if game and rng.random() < 1 / 6:
        ends += float(rng.integers(4, 9)) * DAY
    absent = frozenset(f for f, share in MISSING.items() if chance(seed, f, key) < share)
    return MarketPlan(
        id=str(500_000 + number(seed, "market id", key) % 10**10),
        condition="0x" + digest(seed, "condition", key).hex(),
        tokens=tokens_of(seed, key),
        question=question,
        slug=f"{titles.slugged(question)}-{number(seed, 'slug', key) % 1000}",
        member=member,
        labels=wording.labels,
        group_title=name,
        other=name == "Other",
        placeholder=name == "Person A",
        tick=0.001 if rng.random() < (0.1 if rich else 0.3) else 0.01,
        daily_usd=max(daily, 9_000) if rich else daily if traded else 0.0,
        liquidity=max(deep, 14_000) if rich else deep,
        spread_ticks=1 if rich and rng.random() < 0.75 else int(rng.integers(1, 4 if rich else 5)),  # noqa: PLR2004
        fee_type=fee_type,
        fees_enabled=fee_type is not None,
        fee_rate=rate if fee_type else None,
        end_date=None if "endDate" in absent else iso(ends),
        game_start=spaced(event.deadline - 3 * HOUR) if game else None,
        description=_rules(question, event),
        wash=rich and rng.random() < 0.1,  # noqa: PLR2004  # one market in ten is washed
        traded_once=bool(traded or rng.random() < 0.2),  # noqa: PLR2004  # idle since long
        absent=absent,
    )


def _rules(question: str, event: EventPlan) -> str:
    """Return the rules text of a market."""
    day = titles.day_words(event.deadline, year=True)
    return (
        f'This market resolves to the first outcome if the answer to "{question}" is yes on {day},'
        " 11:59 PM ET, according to a consensus of credible reporting; otherwise to the second."
    )
