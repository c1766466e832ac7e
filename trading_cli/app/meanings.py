"""What each reason means in words, which settings decide it, and the sentence that answers why."""

from collections.abc import Iterable, Mapping
from typing import Any

from trading_cli.app.subjects import Subject
from trading_cli.domain import Decision, Reason

MEANING: Mapping[Reason, str] = {
    Reason.SIGNAL: "every condition for an entry was met",
    Reason.WARMING_UP: "there is not enough history of this market yet",
    Reason.NO_QUOTE: "the slot brought no quote with two sides",
    Reason.RVR_UNDEFINED: "relative volume could not be computed",
    Reason.RVR_LOW: "volume is not unusual enough",
    Reason.ONE_WALLET: "one wallet, or too few, made the volume",
    Reason.ROC_UNDEFINED: "the price of 12 h ago is not known",
    Reason.ROC_LOW: "the price has not moved enough in 12 h",
    Reason.ROC_FADED: "the move of the last hour is gone, or has turned",
    Reason.HYPE_UNDEFINED: "hype could not be computed: too little talk, or too old",
    Reason.HYPE_LOW: "attention is not unusual enough",
    Reason.SENTIMENT_LOW: "what is said does not lean far enough, or too few say it",
    Reason.PRICE_MOVED: "the price has moved already",
    Reason.NO_EDGE: "the strategy sees nothing to gain",
    Reason.INSUFFICIENT: "the test the strategy rests on has too little data",
    Reason.STRATEGY_FAILED: "the strategy broke on this market",
    Reason.STRATEGY_TIMEOUT: "the strategy did not answer in time",
    Reason.QUALITY: "the market's data is not fit",
    Reason.GATE_CLOSED: "the data gate is closed for the whole cycle",
    Reason.NOT_ARMED: "the kill switch is not armed",
    Reason.PAUSED: "entries are paused",
    Reason.PAUSED_STALE: "entries are paused: the books are stale",
    Reason.ALREADY_IN: "the event is held, or was entered a short while ago",
    Reason.DEADLINE_NEAR: "the deadline is too near",
    Reason.DEADLINE_UNKNOWN: "nobody knows the deadline, or two dates contradict",
    Reason.LIQUIDITY_LOW: "too little rests in the book",
    Reason.ASK_BAND: "the ask is outside the band in which we buy",
    Reason.ROUND_TRIP: "getting in and out costs too much",
    Reason.UMA_STATUS: "the venue is settling the market, or a dispute is on",
    Reason.PLACEHOLDER: "the market is a placeholder, or the rest of its event",
    Reason.NO_RULES: "the market has no rules",
    Reason.RULES_CHANGED: "the rules changed a short while ago",
    Reason.FEE_UNKNOWN: "nobody knows the fee, and unknown is not zero",
    Reason.EXIT_WOULD_FIRE: "an exit rule would sell it again at once",
    Reason.RISK: "the risk gateway allowed nothing",
    Reason.BELOW_MINIMUM: "what is allowed is below the venue's minimum",
    Reason.NO_BOOK: "there was no fresh book to fill on",
    Reason.EXPIRED: "the signal was older than its life",
    Reason.STOP: "the bid reached the stop",
    Reason.TARGET_1: "the bid reached the first target",
    Reason.TARGET_2: "the bid reached the second target",
    Reason.TARGET_3: "the bid reached the third target",
    Reason.TRAILING: "the bid fell back from its highest",
    Reason.SLOW_3_DAYS: "it gained too little in its first days",
    Reason.SLOW_7_DAYS: "it gained too little for too long",
    Reason.DEADLINE_7_DAYS: "the deadline comes near: half is sold",
    Reason.DEADLINE_3_DAYS: "the deadline is at hand: all is sold",
    Reason.VOLUME_FADED: "the trading in it has faded",
    Reason.KILL_WINNERS: "the kill switch sells what gained",
    Reason.KILL_ALL: "the kill switch sells everything",
    Reason.CLOSED_BY_OWNER: "the owner closed it",
    Reason.NO_EXIT: "no exit rule fires",
    Reason.LOCKED: "the venue is settling it: it cannot be judged by its targets",
    Reason.STALE_BOOK: "there was no fresh book to judge by",
}

_TIERS = tuple(
    f"signals.{name}.{tier}"
    for name in ("rvr", "roc", "hype")
    for tier in ("weak", "moderate", "strong")
)
_STOP = ("exits.stop", "exits.stop_ticks", "exits.stop_spreads")
_TARGETS = ("exits.targets", "exits.target_headroom", "exits.target_shares")
_SLOW = ("exits.slow_days", "exits.slow_returns")

DECIDES: Mapping[Reason, tuple[str, ...]] = {
    Reason.SIGNAL: (*_TIERS, "risk.tier_ceilings", "risk.limit_ticks"),
    Reason.RVR_LOW: ("signals.rvr.moderate", "signals.rvr_form"),
    Reason.RVR_UNDEFINED: ("signals.rvr_form",),
    Reason.ROC_LOW: ("signals.roc.moderate", "signals.roc_form"),
    Reason.ROC_FADED: ("signals.roc.weak",),
    Reason.HYPE_LOW: ("signals.hype.moderate", "hype.weights.volume", "hype.weights.velocity"),
    Reason.HYPE_UNDEFINED: ("hype.provisional_days", "hype.full_days"),
    Reason.STRATEGY_TIMEOUT: ("signals.strategy_timeout_s",),
    Reason.QUALITY: ("signals.min_quality",),
    Reason.ALREADY_IN: ("signals.already_in_hours",),
    Reason.DEADLINE_NEAR: ("signals.min_days_to_deadline",),
    Reason.LIQUIDITY_LOW: ("signals.min_liquidity",),
    Reason.ASK_BAND: ("signals.min_ask", "signals.max_ask"),
    Reason.ROUND_TRIP: ("signals.max_round_trip", *_STOP),
    Reason.RULES_CHANGED: ("signals.rules_quiet_days",),
    Reason.EXIT_WOULD_FIRE: _STOP,
    Reason.EXPIRED: ("signals.expiry_minutes",),
    Reason.STOP: _STOP,
    Reason.TARGET_1: _TARGETS,
    Reason.TARGET_2: _TARGETS,
    Reason.TARGET_3: _TARGETS,
    Reason.TRAILING: ("exits.trailing",),
    Reason.SLOW_3_DAYS: _SLOW,
    Reason.SLOW_7_DAYS: _SLOW,
    Reason.DEADLINE_7_DAYS: ("exits.deadline_days",),
    Reason.DEADLINE_3_DAYS: ("exits.deadline_days",),
    Reason.VOLUME_FADED: ("exits.volume_fade",),
    Reason.NO_EXIT: (*_STOP, "exits.targets"),
}

_LIMITS: Mapping[str, str] = {
    "cool_down": "risk.cool_down_minutes",
    "day": "risk.day_loss",
    "week": "risk.week_loss",
    "month": "risk.month_loss",
    "tier": "risk.tier_ceilings",
    "theme": "risk.position",
    "correlation": "risk.position",
}


def settings_of(reason: Reason, binding: str, known: frozenset[str]) -> tuple[str, ...]:
    """Return the settings that decide *reason*, and the limit that bound; only *known* keys."""
    rule = binding.replace(" ", "_")
    keys = [*DECIDES.get(reason, ()), _LIMITS.get(rule, f"risk.{rule}")]
    keys += sorted(key for key in known if rule == "sector" and key.startswith("risk.sector_"))
    return tuple(key for key in dict.fromkeys(keys) if key in known)


def why(found: Subject) -> str:
    """Return the one sentence that answers first."""
    decision = found.decision
    if decision is None:
        return _without(found)
    reason = f"{decision.reason.value}: {MEANING[decision.reason]}"
    detail = _detail(decision)
    verb = {"BUY": "Bought", "SELL": "Sold", "HOLD": "No trade"}[decision.action.value]
    verb = verb if found.order is not None or verb == "No trade" else "Decided"
    return f"{verb}. {reason}" + (f" ({detail})" if detail else "")


def _detail(one: Decision) -> str:
    """Return the sentence with the numbers that made the reason, "" where none was kept."""
    if said := one.facts.get("sentence"):
        return str(said)
    vetoes = [
        veto for veto in mappings_in(one.facts, "vetoes") if veto.get("reason") == one.reason.value
    ]
    if vetoes:
        return str(vetoes[0].get("sentence", ""))
    if one.reason is Reason.WARMING_UP:
        return str(one.facts.get("warming") or "")
    if one.reason in {Reason.RISK, Reason.BELOW_MINIMUM, Reason.NOT_ARMED}:
        parts = [mapping_in(one.facts, part).get("sentence") for part in ("risk", "sizing")]
        return next((str(part) for part in parts if part), "")
    name = one.reason.value.split("_")[0].lower()
    told = mapping_in(mapping_in(one.facts, "features"), name)
    value = told.get("value")
    if value is None:
        return str(told.get("undefined") or "")
    return f"{name} {value:.4g}, {told.get('tier')}"


def _without(found: Subject) -> str:
    """Return why of what no decision of ours stands behind."""
    order = found.order
    if order is not None:
        return f"Order {order.id}: {order.reason.value}: {MEANING[order.reason]}"
    return f"{found.kind} {found.id} has no decision behind it"


def mapping_in(facts: Mapping[str, object], key: str) -> Mapping[str, Any]:
    """Return the mapping under *key*; an empty one where there is none."""
    found = facts.get(key)
    return found if isinstance(found, Mapping) else {}


def mappings_in(facts: Mapping[str, object], key: str) -> list[Mapping[str, Any]]:
    """Return the mappings listed under *key*; none where there is no list."""
    found = facts.get(key)
    items: Iterable[object] = found if isinstance(found, (list, tuple)) else ()
    return [item for item in items if isinstance(item, Mapping)]
