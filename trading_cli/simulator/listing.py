"""One market as Gamma writes it: strings in strings, and what is absent is left out."""

import json
from dataclasses import dataclass
from typing import Any

from trading_cli.simulator import titles
from trading_cli.simulator.cast import DAY, HOUR, STEP, EventPlan, MarketPlan
from trading_cli.simulator.casting import iso, spaced
from trading_cli.simulator.dice import digest, number

_PLAIN: dict[str, Any] = {
    "active": True,
    "new": False,
    "featured": False,
    "archived": False,
    "restricted": True,
    "enableOrderBook": True,
    "hasReviewedDates": True,
    "ready": False,
    "funded": False,
    "cyom": False,
    "approved": True,
    "rewardsMinSize": 20,
    "rewardsMaxSpread": 3.5,
    "pendingDeployment": False,
    "deploying": False,
    "rfqEnabled": False,
    "holdingRewardsEnabled": False,
    "clearBookOnStart": True,
    "automaticallyActive": True,
    "manualActivation": False,
    "requiresTranslation": False,
    "pagerDutyNotificationEnabled": False,
}


@dataclass(frozen=True, slots=True)
class Quote:
    """Best YES prices in ticks (a bid of 0: none), or what YES paid once that is so."""

    bid: int = 0
    ask: int = 0
    payout: float | None = None


def tags(event: EventPlan) -> list[dict[str, str]]:
    """Return the event's tags, its category first."""
    first = {
        "id": str(number("tag", event.category) % 10**6),
        "label": titles.tag_label(event.category),
        "slug": event.category,
    }
    return [first, {"id": "102169", "label": "Hide From New", "slug": "hide-from-new"}]


def event_object(event: EventPlan) -> dict[str, Any]:
    """Return the event as it is embedded in its markets."""
    out: dict[str, Any] = {
        "id": event.id,
        "ticker": event.slug,
        "slug": event.slug,
        "title": event.title,
        "startDate": iso(event.opens),
        "creationDate": iso(event.opens),
        "endDate": iso(event.deadline),
        "active": True,
        "closed": False,
        "archived": False,
        "restricted": True,
        "negRisk": event.form.value == "group",
        "enableNegRisk": event.form.value == "group",
        "negRiskAugmented": any(m.placeholder for m in event.markets),
    }
    return out


def fixed(seed: int, event: EventPlan, market: MarketPlan) -> dict[str, Any]:
    """Return what never changes in a market's object."""
    exact = f"{iso(event.opens)[:-1]}.{number(seed, 'us', market.id) % 10**6:06d}".rstrip("0")
    group = event.form.value == "group"
    out: dict[str, Any] = {
        "id": market.id,
        "question": market.question,
        "conditionId": market.condition,
        "slug": market.slug,
        "startDate": exact.rstrip(".") + "Z",
        "createdAt": exact.rstrip(".") + "Z",
        "startDateIso": iso(event.opens)[:10],
        "description": market.description,
        "outcomes": json.dumps(market.labels),
        "clobTokenIds": json.dumps(market.tokens),
        "marketMakerAddress": "",
        "questionID": "0x" + digest(seed, "question", market.id).hex(),
        "orderPriceMinTickSize": market.tick,
        "orderMinSize": market.min_size,
        "negRisk": group,
        "negRiskOther": market.other,
        "feesEnabled": market.fees_enabled,
        "feeType": market.fee_type,
        "_tags": tags(event),
        **_PLAIN,
    }
    if market.end_date is not None:
        out |= {"endDate": market.end_date, "endDateIso": market.end_date[:10]}
    if group:
        out["negRiskMarketID"] = "0x" + digest(seed, "negRisk", event.id).hex()
    if market.game_start is not None:
        out |= {"gameStartTime": market.game_start, "secondsDelay": 3}
        out |= {"sportsMarketType": "moneyline", "gameId": event.id}
    if market.fee_rate is not None and "feeSchedule" not in market.absent:
        out["feeSchedule"] = {
            "exponent": 1,
            "rate": market.fee_rate,
            "takerOnly": True,
            "rebateRate": 0.25,
        }
    return out | _mostly(event, market)


def _mostly(event: EventPlan, market: MarketPlan) -> dict[str, Any]:
    """Return the fields that most listings have, less those this one lacks."""
    groups: dict[str, dict[str, Any]] = {
        "image": {"image": f"https://images.example/{market.id}.png"},
        "resolvedBy": {"resolvedBy": "0x" + digest("uma", size=20).hex(), "umaBond": "500"},
        "resolutionSource": {"resolutionSource": f"https://results.example/{event.slug}"},
        "groupItemThreshold": {
            "groupItemThreshold": str(market.member),
            "groupItemTitle": market.group_title,
        },
    }
    out: dict[str, Any] = {}
    for name, fields in groups.items():
        if name not in market.absent:
            out |= fields
    return out


def object_at(
    base: dict[str, Any],
    event: EventPlan,
    market: MarketPlan,
    quote: Quote,
    volume_24h: float,
    now: float,
) -> dict[str, Any]:
    """Return the market's object as it stands at *now*; *base* is `fixed`, not changed."""
    closed = now >= event.closes
    out = dict(base)
    out["events"] = [event_object(event) | {"closed": closed}]
    out["closed"] = closed
    stuck = event.zombie and now > event.deadline
    if "acceptingOrders" not in market.absent:
        out["acceptingOrders"] = not closed and not stuck
        out["acceptingOrdersTimestamp"] = iso(event.opens)
    if "updatedAt" not in market.absent:
        until = min(now, event.closes)
        out["updatedAt"] = iso(max(event.opens, until // STEP * STEP))
    if market.rules_changed_at is not None and now >= market.rules_changed_at:
        out["description"] = f"{market.description} Clarification: only official counts matter."
    if market.end_date_later is not None and now >= market.end_date_later[0]:
        later = market.end_date_later[1]
        out |= {"endDate": later, "endDateIso": later[:10]}
    _status(out, event, now)
    _prices(out, market, quote)
    if market.daily_usd > 0 and not event.zombie:
        _volume(out, event, market, volume_24h, now)
    return out


def _status(out: dict[str, Any], event: EventPlan, now: float) -> None:
    """Write where the settlement stands."""
    steps = [(event.proposed, "proposed")]
    if event.disputed is not None:
        steps += [(event.disputed, "disputed"), (event.disputed + 2 * HOUR, "proposed")]
        steps += [(event.disputed + 3 * HOUR, "disputed")]
    steps.append((event.closes, "resolved"))
    reached = [] if event.zombie else [name for at, name in steps if now >= at]
    past = [name for name in reached if name != "resolved"]
    out["umaResolutionStatuses"] = json.dumps(past)
    if reached:
        out["umaResolutionStatus"] = reached[-1]
    if reached and reached[-1] == "resolved":
        out["closedTime"] = spaced(event.closes)
        out["umaEndDate"] = spaced(event.closes)


def _prices(out: dict[str, Any], market: MarketPlan, quote: Quote) -> None:
    """Write prices and liquidity; the oldest settlements read "0", "0", as the venue's do."""
    paid, bid, ask = quote.payout, quote.bid, quote.ask
    if paid is not None:
        shown = ["0", "0"] if market.legacy else [f"{paid:g}", f"{1 - paid:g}"]
        out["outcomePrices"] = json.dumps(shown)
        out |= {"bestAsk": 1, "spread": 1, "lastTradePrice": paid}
        return
    middle = round((bid + ask) / (2 * market.ticks), 6)
    out["outcomePrices"] = json.dumps([f"{middle:g}", f"{round(1 - middle, 6):g}"])
    if bid > 0:
        out["bestBid"] = round(bid / market.ticks, 4)
    out["bestAsk"] = round(ask / market.ticks, 4)
    out["spread"] = round((ask - bid) / market.ticks, 4)
    if market.traded_once:
        out["lastTradePrice"] = round((bid or ask) / market.ticks, 4)
    liquidity = round(market.liquidity, 4)
    out |= {"liquidity": f"{liquidity}", "liquidityNum": liquidity, "liquidityClob": liquidity}
    out["competitive"] = round(1 - (middle - 0.5) ** 2, 6)


def _volume(
    out: dict[str, Any], event: EventPlan, market: MarketPlan, day: float, now: float
) -> None:
    """Write volumes: the last day from its trades, the rest at the market's usual pace."""
    age = (min(now, event.closes) - event.opens) / DAY
    for name, span in (("1wk", 7), ("1mo", 30), ("1yr", 365)):
        total = round(day + market.daily_usd * max(0.0, min(age, span) - 1), 2)
        out |= {f"volume{name}": total, f"volume{name}Clob": total}
    whole = round(day + market.daily_usd * max(0.0, age - 1), 6)
    out |= {"volume": f"{whole}", "volumeNum": whole, "volumeClob": whole}
    out |= {"volume24hr": round(day, 6), "volume24hrClob": round(day, 6)}
