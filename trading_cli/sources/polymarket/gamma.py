"""A Gamma object -> ``Market``, or a ``Refusal`` that names the field.

No field is promised by the venue. Required here: an id, a condition id, a question, two outcomes,
two different tokens, whether it is closed, and in a group whether it is "Other". Whatever else is
used must be of its type; whatever else is sent is ignored.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading_cli.core.errors import SourceGarbled
from trading_cli.domain import FeeSchedule, Market, Refusal
from trading_cli.sources.polymarket import wire
from trading_cli.sources.polymarket.wire import Bad, RefusalReason, Row

SOURCE = "polymarket.listing"
MAX_TAGS = 100
MAX_CURSOR = 10_000
_PLACE = (
    "Person|Candidate|Individual|Player|Team|Club|Party|Company|Movie|Film|Song|Artist|Album|Book"
    "|Country|Option|Outcome|Actor|Actress|Director|Model|Nominee|Show|Game|City|Driver|Name|Other"
)
_PLACEHOLDER = re.compile(rf"(?:another )?(?:{_PLACE}) [A-Z]{{1,2}}|Other", re.IGNORECASE)
_STATUS = re.compile(r"[A-Za-z][A-Za-z _-]{0,60}")
_ASKS_PLACEHOLDER = re.compile(rf"\b(?:{_PLACE}) [A-Z]{{1,2}}\b(?!\.)")


Parsed = Market | Refusal


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a keyset listing; ``cursor`` is ``None`` on the last."""

    items: list[Any]
    cursor: str | None


def parse_page(raw: object) -> Page:
    """Return the objects of a keyset reply; raise ``SourceGarbled`` where it is none."""
    if not isinstance(raw, dict) or not isinstance(raw.get("markets"), list):
        raise SourceGarbled(SOURCE, "a page without a list of markets")
    cursor = raw.get("next_cursor")
    if cursor is not None and not (isinstance(cursor, str) and len(cursor) <= MAX_CURSOR):
        raise SourceGarbled(SOURCE, f"a next_cursor that is {type(cursor).__name__}")
    return Page(raw["markets"], cursor or None)


def parse_market(raw: object, observed_at: datetime) -> Parsed:
    """Return the market that *raw* describes, or why it describes none."""
    subject = raw.get("conditionId") or raw.get("id") if isinstance(raw, dict) else ""
    try:
        return _market(wire.row(raw), observed_at)
    except Bad as bad:
        return wire.refusal(SOURCE, "market", subject, bad, observed_at, raw)


def _market(raw: Row, observed_at: datetime) -> Market:
    event = _event(raw)
    tokens, labels = _tokens(raw), _labels(raw)
    question = _needed(wire.text(raw, "question", 2000), RefusalReason.NO_QUESTION, "question")
    return Market(
        id=_needed(wire.identity(raw, "id"), RefusalReason.NO_ID, "id"),
        condition_id=wire.condition_id(raw.get("conditionId"), "conditionId"),
        question=question,
        slug=wire.text(raw, "slug", 500) or "",
        yes_token=tokens[0],
        no_token=tokens[1],
        yes_label=labels[0],
        no_label=labels[1],
        observed_at=observed_at,
        event_id=wire.identity(event, "id"),
        event_slug=wire.text(event, "slug", 500),
        event_title=wire.text(event, "title", 2000),
        tags=_tags(raw) or _tags(event),
        description=wire.text(raw, "description", 50_000),
        resolution_source=wire.text(raw, "resolutionSource", 5000),
        active=wire.flag(raw, "active"),
        closed=_said(wire.flag(raw, "closed"), "closed"),
        accepting_orders=wire.flag(raw, "acceptingOrders"),
        enable_order_book=wire.flag(raw, "enableOrderBook"),
        neg_risk_market_id=wire.text(raw, "negRiskMarketID"),
        uma_status=wire.text(raw, "umaResolutionStatus"),
        uma_statuses=_statuses(raw),
        fee_type=wire.text(raw, "feeType"),
        fees_enabled=wire.flag(raw, "feesEnabled"),
        fee_schedule=_fees(raw),
        **_group(raw, event, question),
        **_times(raw),
        **_numbers(raw),
    )


def _group(raw: Row, event: Row, question: str) -> dict[str, Any]:
    """Return how the market stands in its group, if it is of one.

    Absence is no answer: a market whose group is unknown, or that has no title in a group with
    places still to be given away, is never taken for somebody.
    """
    told = wire.flag(raw, "negRisk")
    group = wire.flag(event, "negRisk") if told is None else told
    title = wire.text(raw, "groupItemTitle", 1000)
    nameless = title is None and bool(wire.flag(event, "negRiskAugmented"))
    other = wire.flag(raw, "negRiskOther")
    return {
        "neg_risk": bool(group),
        "neg_risk_other": _said(other, "negRiskOther") if group else bool(other),
        "neg_risk_placeholder": group is not False
        and (nameless or is_placeholder(title, question)),
    }


def _said(value: bool | None, name: str) -> bool:  # noqa: FBT001  # a field of the wire
    if value is None:
        raise Bad(RefusalReason.BAD_FLAG, f"{name} is absent")
    return value


def _needed(value: str | None, reason: RefusalReason, name: str) -> str:
    if value is None or not value.strip():
        raise Bad(reason, f"{name} is absent")
    return value


def _times(raw: Row) -> dict[str, Any]:
    return {
        "created_at": wire.moment(raw, "createdAt"),
        "start_at": wire.moment(raw, "startDate"),
        "end_at": wire.moment(raw, "endDate"),
        "game_start_at": wire.moment(raw, "gameStartTime"),
        "event_start_at": wire.moment(raw, "eventStartTime"),
        "closed_at": wire.moment(raw, "closedTime"),
        "updated_at": wire.moment(raw, "updatedAt"),
    }


def _numbers(raw: Row) -> dict[str, Any]:
    tick = wire.decimal(raw, "orderPriceMinTickSize")
    if tick is not None and not wire.MILLIONTH <= tick <= Decimal("0.5"):
        raise Bad(RefusalReason.BAD_NUMBER, f"orderPriceMinTickSize is {tick}")
    least = wire.decimal(raw, "orderMinSize")
    if least is not None and least > wire.MAX_QUANTITY:
        raise Bad(RefusalReason.BAD_NUMBER, f"orderMinSize is {least}")
    return {
        "tick": tick,
        "min_size": None if least is None else least.quantize(wire.MILLIONTH),
        "best_bid": wire.probability(raw, "bestBid"),
        "best_ask": wire.probability(raw, "bestAsk"),
        "last_price": wire.probability(raw, "lastTradePrice"),
        "outcome_prices": _outcome_prices(raw),
        "volume": _first_number(raw, "volumeNum", "volume"),
        "volume_24h": wire.number(raw, "volume24hr"),
        "liquidity": _first_number(raw, "liquidityNum", "liquidity"),
    }


def _first_number(raw: Row, *names: str) -> float | None:
    values = [wire.number(raw, name) for name in names]
    return next((value for value in values if value is not None), None)


def _event(raw: Row) -> Row:
    """Return the first embedded event, an empty one where there is none."""
    events = wire.items(raw, "events")
    return wire.row(events[0]) if events else {}


def _tokens(raw: Row) -> tuple[str, str]:
    values = wire.items(raw, "clobTokenIds")
    if values is None or len(values) != 2:  # noqa: PLR2004  # YES and NO
        count = 0 if values is None else len(values)
        raise Bad(RefusalReason.BAD_TOKENS, f"clobTokenIds holds {count}, not 2")
    yes, no = (wire.token(value, "clobTokenIds") for value in values)
    if yes == no:
        raise Bad(RefusalReason.BAD_TOKENS, "clobTokenIds holds the same token twice")
    return yes, no


def _labels(raw: Row) -> tuple[str, str]:
    values = wire.items(raw, "outcomes")
    if values is None or len(values) != 2:  # noqa: PLR2004  # YES and NO
        count = 0 if values is None else len(values)
        raise Bad(RefusalReason.NOT_BINARY, f"outcomes holds {count}, not 2")
    yes, no = (wire.text({"outcomes": value}, "outcomes") for value in values)
    if yes is None or no is None:
        raise Bad(RefusalReason.NOT_BINARY, "outcomes holds an empty label")
    return yes, no


def _outcome_prices(raw: Row) -> tuple[Decimal, Decimal] | None:
    values = wire.items(raw, "outcomePrices")
    if not values:
        return None
    if len(values) != 2:  # noqa: PLR2004  # YES and NO
        raise Bad(RefusalReason.BAD_PRICE, f"outcomePrices holds {len(values)}, not 2")
    yes, no = (wire.as_decimal(value, "outcomePrices") for value in values)
    if not (0 <= yes <= 1 and 0 <= no <= 1):
        raise Bad(RefusalReason.BAD_PRICE, "outcomePrices lie outside [0, 1]")
    return yes, no


def _tags(raw: Row) -> tuple[str, ...]:
    values = wire.items(raw, "tags") or []
    labels = (wire.text(wire.row(value), "label") for value in values[:MAX_TAGS])
    return tuple(label for label in labels if label)


def _statuses(raw: Row) -> tuple[str, ...]:
    values = wire.items(raw, "umaResolutionStatuses") or []
    name = "umaResolutionStatuses"
    labels = [wire.text({name: value}, name) or "" for value in values[:MAX_TAGS]]
    odd = next((label for label in labels if label and not _STATUS.fullmatch(label)), None)
    if odd is not None:
        raise Bad(RefusalReason.BAD_TEXT, f"{name} holds {odd!r:.40}, no status")
    return tuple(label for label in labels if label)


def _fees(raw: Row) -> FeeSchedule | None:
    value = raw.get("feeSchedule")
    if value is None:
        return None
    fees = wire.row(value)
    rate, exponent = wire.decimal(fees, "rate"), wire.decimal(fees, "exponent")
    if rate is None or exponent is None:
        return None
    if rate > 1 or exponent > 10:  # noqa: PLR2004  # the highest exponent ever used is 2
        raise Bad(RefusalReason.BAD_NUMBER, f"feeSchedule {{rate {rate}, exponent {exponent}}}")
    return FeeSchedule(rate, exponent, "market")


def is_placeholder(title: str | None, question: str) -> bool:
    """Return whether a market of a negRisk group stands for somebody not yet named."""
    if title is not None:
        return _PLACEHOLDER.fullmatch(title.strip()) is not None
    return _ASKS_PLACEHOLDER.search(question) is not None
