"""A family of correlations as it is kept and as it is told, also long after it ran."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from trading_cli.research import lead, pooled, verdicts
from trading_cli.store import correlations

MONITORING, CONFIRMATORY, COMMAND = "monitoring", "confirmatory", "command"


def head(
    number: int, planned: correlations.Planned, max_lag: int, looks: Mapping[str, int]
) -> dict[str, Any]:
    """Return which run it was, on what, and how often anybody looked."""
    return {
        "run": number,
        "kind": planned.kind,
        "since": planned.since.isoformat(),
        "until": planned.until.isoformat(),
        "max_lag": max_lag,
        "looks": {name: looks.get(name, 0) for name in (MONITORING, CONFIRMATORY, COMMAND)},
        "family": {
            "markets": len(planned.family["markets"]),
            "data": planned.data_hash,
            "settings": planned.settings_hash,
            "code": planned.code,
        },
    }


def plain(value: Any) -> Any:
    """Return *value* with every number that does not exist as ``None``, tuples as lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def market_row(one: verdicts.Verdict) -> correlations.MarketRow:
    """Return one verdict as it is kept."""
    found, ahead = one.examined, one.examined.forward
    body = {
        "event": found.event,
        "category": found.category,
        "sentence": one.sentence,
        "hours": found.hours,
        "coverage": found.coverage,
        "q_any_dependence": one.q_any,
        "reverse_q": one.reverse_q,
        "reverse_q_any_dependence": one.reverse_q_any,
        "same_hour_r": found.same_hour,
        "same_hour_p": found.same_hour_p,
        "hype_state": found.hype_state,
        "price_state": found.price_state,
        "out_of_sample_r2": found.out_of_sample,
        "clark_west_p": found.clark_west,
        "gross_cents": found.gross_cents,
        "net_cents": found.net_cents,
        "forward": _direction(ahead),
        "reverse": _direction(found.reverse),
    }
    q = one.q if math.isfinite(one.q) else None
    return correlations.MarketRow(found.id, one.word, one.tier, ahead.lag, q, plain(body))


def _direction(one: lead.Direction) -> dict[str, Any]:
    joint = one.joint
    return {
        "p": one.p,
        "lag": one.lag,
        "b": one.b,
        "t": one.t,
        "r": one.r,
        "effect_per_sd": one.effect,
        "own_lags": one.own,
        "rows": one.rows,
        "method": one.method,
        "by_lag": list(one.by_lag),
        "joint_lags": None if joint is None else joint.lags,
        "joint_p": None if joint is None else joint.p,
        "joint_hc1_p": None if joint is None else joint.hc1_p,
        "joint_hac_p": None if joint is None else joint.hac_p,
        "partial_r2": None if joint is None else joint.partial_r2,
        "toda_yamamoto_p": one.toda_yamamoto,
        "conditional_p": one.conditional,
        "conditional_r": one.conditional_r,
        "shift_p": one.shift,
    }


def pooled_row(one: pooled.Pooled) -> correlations.PooledRow:
    """Return the test of one category and horizon as it is kept."""
    body = plain(asdict(one)) | {"leads": one.leads}
    return correlations.PooledRow(one.category, one.horizon, one.leads, body["q"], body)


def told_pooled(
    row: correlations.PooledRow, standing: Mapping[str, correlations.LabelRow]
) -> dict[str, Any]:
    """Return a category and horizon as it is told, with what it is called now."""
    label = standing.get(correlations.pooled_subject(row.category, row.horizon))
    return {**row.body, "label": _told_label(label)}


def told_market(
    row: correlations.MarketRow, standing: Mapping[str, correlations.LabelRow]
) -> dict[str, Any]:
    """Return a market as it is told, with what it is called now."""
    return {
        "market": row.market,
        "verdict": row.word,
        "tier": row.tier.name,
        "q": row.q,
        **row.body,
        "label": _told_label(standing.get(row.market)),
    }


def _told_label(label: correlations.LabelRow | None) -> dict[str, Any]:
    """Return what the subject is called by confirmed runs, and what is claimed of it."""
    if label is None:
        return {"leads": False, "tier": "NONE", "since": None, "confirmed": None}
    return {
        "leads": label.leads,
        "tier": label.tier.name,
        "since": label.at.isoformat(),
        "confirmed": label.pending.get("confirmed"),
    }


def ranked(rows: Sequence[correlations.MarketRow]) -> list[correlations.MarketRow]:
    """Return leads first, the smallest q first, those that cannot be told last."""
    return sorted(rows, key=lambda one: (
        one.word != verdicts.LEADS, one.word == verdicts.INSUFFICIENT,
        math.inf if one.q is None else one.q, one.market,
    ))  # fmt: skip
