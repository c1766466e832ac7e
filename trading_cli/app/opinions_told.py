"""What outside opinions had to do with a decision, from the decision's own row."""

from collections.abc import Mapping
from typing import Any

from trading_cli.app.meanings import mapping_in, mappings_in
from trading_cli.domain import Decision
from trading_cli.trading.orchestrator import ALONE


def told(one: Decision) -> dict[str, Any] | None:
    """Return {said, moved_from, moved_to, sentence} of a decision; ``None`` where nobody spoke.

    Opinions are of YES; what was moved is the probability of its token, ``None`` where none was.
    """
    facts, token = one.facts, None if one.token is None else one.token.value
    said = [_one(kept) for kept in mappings_in(facts, "opinions")]
    if not said:
        return None
    before = mapping_in(facts, "indicators").get(ALONE)
    after = facts.get("probability") if before is not None else None
    return {
        "said": said,
        "moved_from": before,
        "moved_to": after,
        "sentence": _sentence(said, before, after, facts.get("probability"), token),
    }


def _one(kept: Mapping[str, Any]) -> dict[str, Any]:
    point, low, high = kept.get("skill") or (None, None, None)
    return {
        "source": str(kept.get("source", "")),
        "probability": kept.get("probability"),
        "price": kept.get("price"),
        "said_at": kept.get("said_at"),
        "observed_at": kept.get("observed_at"),
        "events": kept.get("events"),
        "added": kept.get("added"),
        "added_low": kept.get("low"),
        "skill": point,
        "skill_low": low,
        "skill_high": high,
        "weight": kept.get("weight"),
        "used": bool(kept.get("used")),
    }


def _sentence(
    said: list[dict[str, Any]], before: object, after: object, stated: object, token: str | None
) -> str:
    """Return what they changed, or why they changed nothing."""
    if isinstance(before, float) and isinstance(after, float):
        return f"They moved the probability of {token} from {before:.3f} to {after:.3f}."
    if not any(one["used"] for one in said):
        return "They changed nothing: inbound.weigh is off."
    if not any(one["weight"] for one in said):
        return "They changed nothing: no source has shown yet that it knows more than the price."
    if stated is None:
        return "They changed nothing: the strategy states no probability."
    return "They changed nothing: they say no more than the price and the strategy do."
