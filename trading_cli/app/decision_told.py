"""A decision as every answer has it: the command's, the page's, the chat's."""

from typing import Any

from trading_cli.domain import Decision


def shown(one: Decision) -> dict[str, Any]:
    """Return a decision as the envelope has it."""
    return {
        "id": one.id,
        "market": one.market_id,
        "question": one.facts.get("question"),
        "strategy": one.strategy,
        "side": one.token and one.token.value,
        "action": one.action.value,
        "reason": one.reason.value,
        "features": {
            name: held.get("value") if isinstance(held, dict) else None
            for name, held in _features(one).items()
        },
        "size": float(one.shares),
        "limit_price": None if one.limit_price is None else float(one.limit_price),
        "verdict": one.binding,
        "vetoes": one.facts.get("vetoes", []),
        "terms": one.facts.get("terms"),
        "decided_at": one.decided_at.isoformat(),
        "expires_at": None if one.expires_at is None else one.expires_at.isoformat(),
    }


def _features(one: Decision) -> dict[str, Any]:
    held = one.facts.get("features")
    return dict(held) if isinstance(held, dict) else {}
