"""Scenes the demo must show: scripted markets, and one market for each refusal."""

import dataclasses
from typing import Any

from trading_cli.simulator import titles
from trading_cli.simulator.cast import DAY, HOUR, EventPlan, Form, Kind, MarketPlan
from trading_cli.simulator.casting import FEES, iso, tokens_of, words_of
from trading_cli.simulator.dice import digest, number

Knots = tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """A script: (hours after the live span begins, price), what it pays, and what is odd.

    ``decided_h``, ``disputed`` are hours after the live span begins; ``None``: long after it.
    """

    name: str
    knots: Knots
    payout: float = 1.0
    decided_h: float | None = None
    disputed: bool = False
    talk_h: tuple[float, ...] = ()
    odd: str = ""


SCENES = (
    Scene("win", ((0, 0.42), (4, 0.42), (12, 0.62), (20, 0.74)), talk_h=(2, 5)),
    Scene("stop_out", ((0, 0.44), (3, 0.44), (9, 0.58), (11, 0.58), (17, 0.4)), talk_h=(1, 4)),
    Scene("gap", ((0, 0.43), (3, 0.43), (10, 0.6), (12, 0.6), (12.08, 0.22)), talk_h=(1, 4)),
    Scene("settles_at_0", ((0, 0.45), (2, 0.45), (9, 0.6), (14, 0.58)), 0.0, 14, talk_h=(1, 3)),
    Scene("settles_at_half", ((0, 0.45), (2, 0.45), (9, 0.6), (15, 0.6)), 0.5, 15, talk_h=(1, 3)),
    Scene(
        "dispute_lock",
        ((0, 0.44), (2, 0.44), (9, 0.6), (13, 0.65)),
        1.0,
        13,
        disputed=True,
        talk_h=(1, 3),
    ),
    Scene("early_resolution", ((0, 0.46), (2, 0.46), (9, 0.62), (16, 0.7)), 1.0, 16, talk_h=(1, 3)),
    Scene("wrong_end_date", ((0, 0.5), (24, 0.5)), odd="wrong_end_date"),
    Scene("unparsable_deadline", ((0, 0.5), (24, 0.5)), odd="no_end_date"),
    Scene("fee_unknown", ((0, 0.47), (6, 0.47), (14, 0.62)), talk_h=(4,), odd="fee_unknown"),
    Scene("placeholder", ((0, 0.47), (6, 0.47), (14, 0.6)), talk_h=(4,), odd="placeholder"),
    Scene("no_rules", ((0, 0.47), (6, 0.47), (14, 0.62)), talk_h=(4,), odd="no_rules"),
    Scene("rules_changed", ((0, 0.47), (6, 0.47), (14, 0.62)), talk_h=(4,), odd="rules_changed"),
    Scene("wide_spread", ((0, 0.47), (6, 0.47), (14, 0.62)), talk_h=(4,), odd="wide_spread"),
    Scene("one_wallet", ((0, 0.47), (6, 0.47), (14, 0.62)), talk_h=(4,), odd="one_wallet"),
)

# Category and question of each scene: no two share the words that a search would use.
_TITLES = {
    "win": ("politics", "Will Valdoria premier Mirela Holmquard resign by {}?"),
    "stop_out": ("culture", "Will the film Crimson Meridian earn a jury prize by {}?"),
    "gap": ("tech", "Will Nebulon unveil its Quartzline processor by {}?"),
    "settles_at_0": ("economics", "Will Karsenia devalue its copperback currency by {}?"),
    "settles_at_half": ("politics", "Will Tarvania and Norlund ratify the Drummock accord by {}?"),
    "dispute_lock": ("culture", "Will singer Sunniva Rastelli announce a farewell tour by {}?"),
    "early_resolution": ("tech", "Will Helixor acquire startup Stratolink by {}?"),
    "wrong_end_date": ("economics", "Will Estmark inflation exceed nine percent by {}?"),
    "unparsable_deadline": ("politics", "Will Mirovia senators abolish the salt levy by {}?"),
    "fee_unknown": ("culture", "Will the novel Hollow Lantern outsell Saltglass by {}?"),
    "placeholder": ("politics", "Will anyone challenge chancellor Ilvane Korvath by {}?"),
    "no_rules": ("tech", "Will astronauts aboard Brightforge capsule orbit Ceres by {}?"),
    "rules_changed": ("economics", "Will Calvera tariffs on copper imports expire by {}?"),
    "wide_spread": ("culture", "Will museum curators return Paper Leviathan manuscript by {}?"),
    "one_wallet": ("tech", "Will Omnivast satellites cover Granholm villages by {}?"),
}


def stage(seed: int, start: float, end: float) -> list[EventPlan]:
    """Return one event per scene; the live span is the last day before *end*."""
    return [_event(seed, scene, start, end - DAY) for scene in SCENES]


def _event(seed: int, scene: Scene, start: float, live: float) -> EventPlan:
    """Return the scene as an event."""
    key = f"scene.{scene.name}"
    category, form = _TITLES[scene.name]
    opens = float(int(start - 35 * DAY))
    deadline = (live + 40 * DAY) // DAY * DAY + DAY - 60
    decided = deadline if scene.decided_h is None else live + scene.decided_h * HOUR
    proposed = decided + HOUR / 2
    disputed = proposed + HOUR if scene.disputed else None
    closes = disputed + 4 * DAY if disputed else proposed + 2 * HOUR
    title = form.format(titles.day_words(deadline, year=True))
    event = EventPlan(
        key=key,
        id=str(10_000 + number(seed, "event id", key) % 10**9),
        slug=titles.slugged(title),
        title=title,
        category=category,
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
        kind=Kind.TALK_LEADS if scene.talk_h else Kind.NULL,
        lag_h=2,
        knots=tuple((live + h * HOUR, p) for h, p in scene.knots),
        payout=scene.payout,
        talk_at=tuple(live + h * HOUR for h in scene.talk_h),
    )
    return dataclasses.replace(event, markets=(_market(seed, scene, event, live),))


def _market(seed: int, scene: Scene, event: EventPlan, live: float) -> MarketPlan:
    """Return the scene's market with its oddity."""
    odd: dict[str, dict[str, Any]] = {
        "wrong_end_date": {"end_date": iso(event.deadline + 21 * DAY)},
        "no_end_date": {"end_date": None},
        "fee_unknown": {"fee_type": "novelty_fees_v9", "fee_rate": None},
        "placeholder": {"placeholder": True, "group_title": "Person A"},
        "no_rules": {"description": ""},
        "rules_changed": {"rules_changed_at": live - 2 * DAY},
        "wide_spread": {"spread_ticks": 8},
        "one_wallet": {"wash": True},
    }
    question = event.title
    fee_type, fee_rate = FEES[event.category]
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
        fees_enabled=True,
        fee_rate=fee_rate,
        end_date=iso(event.deadline),
        description=f'Resolves to Yes if the answer to "{question}" is yes by the deadline.',
        traded_once=True,
    )
    return dataclasses.replace(plan, **odd.get(scene.odd, {}))
