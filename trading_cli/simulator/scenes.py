"""Scenes the demo must show: scripted markets, and one market for each refusal.

Most are alarms: talk swells, then volume, then the price jumps within minutes, an hour after the
talk. What follows is the scene. Hours are hours after the live span begins.
"""

import dataclasses
from typing import Any

from trading_cli.simulator import titles
from trading_cli.simulator.cast import DAY, HOUR, EventPlan, Form, Kind, MarketPlan
from trading_cli.simulator.casting import FEES, iso, tokens_of, words_of
from trading_cli.simulator.dice import digest, number

Knots = tuple[tuple[float, float], ...]
_VOLUME_AFTER = 0.5
_PRICE_AFTER = 1.1
_JUMP_TAKES = 0.1
_MINUTE = 60.0
_LOW, _HIGH = 0.45, 0.555


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """A script: (hour, price) knots, what it pays, what is odd, and a line that tells it.

    ``decided_h``: ``None``: long after the live span. ``talk_h`` and ``volume_h``: when talk and
    volume swell. ``free``: the market charges no fee.
    """

    name: str
    category: str
    form: str
    knots: Knots
    told: str
    payout: float = 1.0
    decided_h: float | None = None
    disputed: bool = False
    talk_h: tuple[float, ...] = ()
    volume_h: tuple[float, ...] = ()
    odd: str = ""
    free: bool = False
    kind: Kind = Kind.TALK_LEADS


def alarm(  # a scene in few words
    name: str,
    category: str,
    form: str,
    told: str,
    at: float,
    *after: tuple[float, float],
    low: float = _LOW,
    high: float = _HIGH,
    **more: Any,
) -> Scene:
    """Return a scene whose talk swells at hour *at*, and whose price then goes *low* to *high*."""
    jump = at + _PRICE_AFTER
    knots = ((0.0, low), (jump, low), (jump + _JUMP_TAKES, high), *after)
    news = {"talk_h": (at,), "volume_h": (at + _VOLUME_AFTER,)}
    return Scene(name, category, form, knots, told, **(news | more))


SCENES = (
    alarm(
        "win", "politics", "Will Valdoria premier Mirela Holmquard resign by {}?",
        "it goes on rising, through all three targets",
        0.5, (4, 0.555), (5.2, 0.64), (6.2, 0.72), (20, 0.74), low=0.44,
    ),
    alarm(
        "stop_out", "culture", "Will the film Crimson Meridian earn a jury prize by {}?",
        "a false alarm: it falls back, and the stop sells",
        0.75, (6.3, 0.555), (6.45, 0.475), (10, 0.44), free=True,
    ),
    alarm(
        "gap", "tech", "Will Nebulon unveil its Quartzline processor by {}?",
        "it falls from 0.55 to 0.3 within five minutes: the stop sells far below its price",
        1.0, (9, 0.555), (9.08, 0.3),
    ),
    alarm(
        "settles_at_0", "geopolitics", "Will Karsenia devalue its copperback currency by {}?",
        "it is decided against us: settled at 0",
        1.5, payout=0.0, decided_h=11,
    ),
    alarm(
        "settles_at_half", "geopolitics",
        "Will Tarvania and Norlund ratify the Drummock accord by {}?",
        "nobody can say who was right: settled at 0.5",
        2.0, payout=0.5, decided_h=12,
    ),
    alarm(
        "dispute_lock", "crypto", "Will the Veridian token pause its withdrawals by {}?",
        "proposed, then disputed: it is locked, and its targets are frozen",
        2.5, decided_h=10, disputed=True, free=True,
    ),
    alarm(
        "early_resolution", "sports", "Will striker Sunniva Rastelli join Wolverhamps by {}?",
        "it is decided weeks before its deadline: settled at 1",
        3.0, decided_h=8, free=True,
    ),
    alarm(
        "late_entry", "culture", "Will singer Ottilie Fontarel announce a farewell tour by {}?",
        "held back by the cool-down after a loss, then bought, and decided in our favour",
        5.75, decided_h=18, free=True,
    ),
    Scene(
        "missed", "tech", "Will Helixor acquire startup Stratolink by {}?",
        ((0, 0.45), (4, 0.45), (18, 0.66)),
        "talk led here too, but the price crept: nothing was bought",
        talk_h=(3.0,), volume_h=(3.75,),
    ),
    Scene(
        "unheard", "politics", "Will senator Brannoc Penhaligar switch parties by {}?",
        ((0, 0.45), (6.1, 0.45), (6.2, 0.56)),
        "volume and price without any talk",
        volume_h=(5.6,), kind=Kind.PRICE_LEADS,
    ),
    Scene(
        "faded", "geopolitics", "Will Zephyria reopen its northern border by {}?",
        ((0, 0.45), (6.2, 0.45), (6.3, 0.56), (7.05, 0.56), (7.15, 0.45)),
        "the price jumps, and falls back within the hour",
        volume_h=(6.0,), kind=Kind.VOLATILITY_ONLY,
    ),
    alarm(
        "ask_band", "tech", "Will Quantara ship its Emberglass headset by {}?",
        "the ask is above 0.85", 4.0, low=0.78, high=0.88,
    ),
    Scene(
        "wrong_end_date", "economics", "Will Estmark inflation exceed nine percent by {}?",
        ((0, 0.5), (24, 0.5)),
        "its end date contradicts its title", odd="wrong_end_date", kind=Kind.NULL,
    ),
    Scene(
        "unparsable_deadline", "politics", "Will Mirovia senators abolish the salt levy by {}?",
        ((0, 0.5), (24, 0.5)),
        "nobody can say when it ends", odd="no_end_date", kind=Kind.NULL,
    ),
    alarm(
        "deadline_moves", "economics", "Will Ostrava-Sul mint its harvest guilder by {}?",
        "its end date is moved during the day and contradicts its title then",
        4.5, odd="end_date_later",
    ),
    alarm(
        "deadline_near", "economics", "Will Belgaria publish its gold audit by {}?",
        "too near its deadline", 5.0, odd="near", free=True,
    ),
    Scene(
        "newcomer", "politics", "Will mayor Vasken Umberlyn veto the tram budget by {}?",
        ((0, 0.5), (24, 0.5)),
        "listed during the day: too young to be judged", odd="new", kind=Kind.NULL,
    ),
    Scene(
        "no_quote", "culture", "Will curators return the Paper Leviathan manuscript by {}?",
        ((0, 0.5), (24, 0.5)),
        "its book is not served for an hour", odd="hushed", free=True, kind=Kind.NULL,
    ),
    alarm(
        "fee_unknown", "culture", "Will the novel Hollow Lantern outsell Saltglass by {}?",
        "nobody knows its fee", 4.0, odd="fee_unknown",
    ),
    alarm(
        "placeholder", "politics", "Will anyone challenge chancellor Ilvane Korvath by {}?",
        "a placeholder: its name is given later", 4.25, odd="placeholder",
    ),
    alarm(
        "no_rules", "tech", "Will astronauts aboard Brightforge capsule orbit Ceres by {}?",
        "it has no rules", 4.5, odd="no_rules",
    ),
    alarm(
        "rules_changed", "geopolitics", "Will Calvera tariffs on copper imports expire by {}?",
        "its rules were changed during the day", 4.75, odd="rules_changed",
    ),
    alarm(
        "wide_spread", "culture", "Will painter Noemi Ashgrovane sell Winter Cartographer by {}?",
        "buying and selling it would cost too much", 5.0, odd="wide_spread", free=True,
    ),
    Scene(
        "one_wallet", "tech", "Will Omnivast satellites cover Granholm villages by {}?",
        ((0, 0.5), (24, 0.5)),
        "one wallet trades with itself", volume_h=(5.25,), odd="one_wallet", kind=Kind.NULL,
    ),
    alarm(
        "large_minimum", "crypto", "Will the Cindertech ledger split in two by {}?",
        "the venue's smallest order is larger than what we may buy", 5.5, odd="large_minimum",
        free=True,
    ),
    alarm(
        "in_settlement", "sports", "Will the Tidewater stadium lose its licence by {}?",
        "the venue is settling it already", 6.25, (8, 0.555), decided_h=7, disputed=True,
        odd="in_settlement", free=True,
    ),
)  # fmt: skip


def stage(seed: int, start: float, end: float) -> list[EventPlan]:
    """Return one event per scene; the live span is the last day before *end*."""
    return [_event(seed, scene, start, end - DAY) for scene in SCENES]


def _event(seed: int, scene: Scene, start: float, live: float) -> EventPlan:
    """Return the scene as an event."""
    key = f"scene.{scene.name}"
    opens = live + 11 * HOUR if scene.odd == "new" else float(int(start - 35 * DAY))
    deadline = (live + 40 * DAY) // DAY * DAY + DAY - 60
    if scene.odd == "near":
        deadline = live + 10 * DAY + 5 * HOUR
    # just after the look of that slot: in the next one it is proposed already
    decided = deadline if scene.decided_h is None else live + scene.decided_h * HOUR + 320
    proposed = decided + _MINUTE
    disputed = proposed + HOUR if scene.disputed else None
    closes = disputed + 4 * DAY if disputed else proposed + 2 * HOUR
    title = scene.form.format(titles.day_words(deadline, year=True))
    event = EventPlan(
        key=key,
        id=str(10_000 + number(seed, "event id", key) % 10**9),
        slug=titles.slugged(title),
        title=title,
        category=scene.category,
        form=Form.GROUP if scene.odd == "placeholder" else Form.SINGLE,
        opens=opens,
        deadline=deadline,
        decided=float(int(decided)),
        proposed=float(int(proposed)),
        closes=float(int(closes)),
        words=words_of(title),
        disputed=disputed,
        liquid=True,
        by=True,
        kind=scene.kind,
        lag_h=1,
        knots=tuple((live + h * HOUR, p) for h, p in scene.knots),
        payout=scene.payout,
        talk_at=tuple(live + h * HOUR for h in scene.talk_h),
        volume_at=tuple(live + h * HOUR for h in scene.volume_h),
    )
    return dataclasses.replace(event, markets=(_market(seed, scene, event, live),))


def _market(seed: int, scene: Scene, event: EventPlan, live: float) -> MarketPlan:
    """Return the scene's market with its oddity."""
    question = event.title
    fee_type, fee_rate = (None, None) if scene.free else FEES.get(event.category, (None, None))
    if scene.odd == "no_end_date":
        question = question.split(" by ")[0] + " by the end of the session?"
    plan = MarketPlan(
        id=str(500_000 + number(seed, "market id", event.key) % 10**10),
        condition="0x" + digest(seed, "condition", event.key).hex(),
        tokens=tokens_of(seed, event.key),
        question=question,
        slug=titles.slugged(question),
        member=0,
        daily_usd=120_000.0,
        liquidity=150_000.0,
        fee_type=fee_type,
        fees_enabled=fee_type is not None,
        fee_rate=fee_rate,
        end_date=iso(event.deadline),
        description=f'Resolves to Yes if the answer to "{question}" is yes by the deadline.',
        traded_once=True,
    )
    return dataclasses.replace(plan, **_oddity(scene, event, live))


def _oddity(scene: Scene, event: EventPlan, live: float) -> dict[str, Any]:
    """Return what is unusual about the scene's market."""
    late = iso(event.deadline + 21 * DAY)
    odd: dict[str, dict[str, Any]] = {
        "wrong_end_date": {"end_date": late},
        "no_end_date": {"end_date": None},
        "end_date_later": {"end_date_later": (live + 3 * HOUR, late)},
        "fee_unknown": {"fee_type": "novelty_fees_v9", "fee_rate": None, "fees_enabled": True},
        "placeholder": {"placeholder": True, "group_title": "Person A"},
        "no_rules": {"description": ""},
        "rules_changed": {"rules_changed_at": live + 2 * HOUR},
        "wide_spread": {"spread_ticks": 8},
        "one_wallet": {"wash": True},
        "hushed": {"hushed": (live + 5 * HOUR, live + 6 * HOUR)},
        "large_minimum": {"min_size": 5_000},
        "new": {"daily_usd": 900_000.0},
    }
    return odd.get(scene.odd, {})
