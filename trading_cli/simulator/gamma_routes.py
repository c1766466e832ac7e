"""Gamma: the listing of markets and events, with its cursors, caps and silences."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trading_cli.simulator.shelf import Item, Shelf, Shelves, names_of, selected
from trading_cli.simulator.wire import instant, invalid, now_of, raw, reply, truthy

Test = Callable[[Item], bool]

SUNSET = {
    "deprecation": "true",
    "sunset": "Fri, 01 May 2026 00:00:00 GMT",
    "warning": '299 - "use /markets/keyset"',
}
MAX_OFFSET = 2000
MAX_CONDITIONS = 100
DEFAULT_LIMIT = 20
CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*")
ORDERS = frozenset(
    [
        "id",
        "slug",
        "question",
        "volume",
        "liquidity",
        "volumeNum",
        "liquidityNum",
        "volumeClob",
        "liquidityClob",
        "volume24hr",
        "volume1wk",
        "volume1mo",
        "volume1yr",
        "startDate",
        "endDate",
        "createdAt",
        "updatedAt",
        "closedTime",
        "competitive",
        "spread",
        "bestBid",
        "bestAsk",
        "lastTradePrice",
        "oneHourPriceChange",
        "oneDayPriceChange",
        "oneWeekPriceChange",
        "title",
        "ticker",
        "openInterest",
        "commentCount",
    ]
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between markets and events: the key, the cap and how one is written."""

    name: str
    cap: int
    items: Callable[[Shelf], list[Item]]
    text: Callable[[Shelf, Item, bool], str]


MARKETS = Kind(
    "markets", 100, lambda s: s.markets, lambda s, item, tags: s.market_text(item, tags=tags)
)
EVENTS = Kind("events", 500, lambda s: s.events, lambda s, item, _tags: s.event_text(item))
LEGACY_CAP = 100


def routes(shelves: Shelves) -> list[Route]:
    """Return Gamma's routes, without the host's prefix."""
    gamma = Gamma(shelves)
    return [
        Route("/markets/keyset", gamma.markets_keyset),
        Route("/events/keyset", gamma.events_keyset),
        Route("/markets", gamma.markets),
        Route("/events", gamma.events),
        Route("/markets/slug/{slug}", gamma.market_by_slug),
        Route("/markets/{id}/tags", gamma.market_tags),
        Route("/markets/{id}", gamma.market),
        Route("/events/slug/{slug}", gamma.event),
        Route("/events/{id}", gamma.event),
        Route("/tags", gamma.tags),
        Route("/status", gamma.status),
    ]


class Gamma:
    """Answers from the shelf of the request's minute."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves

    async def markets_keyset(self, request: Request) -> Response:
        """Page through markets by cursor."""
        return self._keyset(request, MARKETS)

    async def events_keyset(self, request: Request) -> Response:
        """Page through events by cursor."""
        return self._keyset(request, EVENTS)

    async def markets(self, request: Request) -> Response:
        """Page through markets by offset: deprecated, and shallow."""
        return self._legacy(request, MARKETS)

    async def events(self, request: Request) -> Response:
        """Page through events by offset: deprecated, and shallow."""
        return self._legacy(request, EVENTS)

    async def market(self, request: Request) -> Response:
        """Answer one market by id, closed or not."""
        shelf = self._shelf(request)
        return self._one(shelf, shelf.by_id.get(request.path_params["id"]), request)

    async def market_by_slug(self, request: Request) -> Response:
        """Answer one market by slug, closed or not."""
        shelf = self._shelf(request)
        return self._one(shelf, shelf.by_slug.get(request.path_params["slug"]), request)

    async def market_tags(self, request: Request) -> Response:
        """Answer one market's tags."""
        found = self._shelf(request).by_id.get(request.path_params["id"])
        return _missing() if found is None else reply(found.get("_tags", []))

    async def event(self, request: Request) -> Response:
        """Answer one event by id or slug."""
        shelf = self._shelf(request)
        field, wanted = next(iter(request.path_params.items()))
        for event in shelf.events:
            if str(event.get(field)) == wanted:
                return raw(shelf.event_text(event))
        return _missing()

    async def tags(self, request: Request) -> Response:
        """Answer the tags in use."""
        limit, offset = _count(request, "limit", 100), _count(request, "offset", 0)
        return reply(self._shelf(request).tags[offset : offset + min(limit, 300)])

    async def status(self, _request: Request) -> Response:
        """Say that all is well."""
        return Response("OK", media_type="text/plain")

    def _shelf(self, request: Request) -> Shelf:
        return self._shelves.at(now_of(request))

    def _one(self, shelf: Shelf, market: Item | None, request: Request) -> Response:
        if market is None:
            return _missing()
        return raw(shelf.market_text(market, tags=truthy(request, "include_tag")))

    def _keyset(self, request: Request, kind: Kind) -> Response:
        if "offset" in request.query_params:
            raise invalid("offset is not supported, use after_cursor")
        shelf = self._shelf(request)
        items, keys = _ordered(shelf, kind, request)
        start = _resume(request, keys)
        limit = _count(request, "limit", DEFAULT_LIMIT, kind.cap)
        page = items[start : start + limit]
        tags = truthy(request, "include_tag")
        body = ",".join(kind.text(shelf, item, tags) for item in page)
        end = ""
        if page and start + limit < len(items):
            end = f',"next_cursor":"{_cursor(keys[start + len(page) - 1])}"'
        return raw(f'{{"{kind.name}":[{body}]{end}}}', headers=_cached(request))

    def _legacy(self, request: Request, kind: Kind) -> Response:
        offset = _count(request, "offset", 0)
        if offset > MAX_OFFSET:
            raise invalid("offset too large, use /markets/keyset for deeper pagination")
        shelf = self._shelf(request)
        items, _ = _ordered(shelf, kind, request)
        limit = _count(request, "limit", DEFAULT_LIMIT, LEGACY_CAP)
        tags = truthy(request, "include_tag")
        body = ",".join(kind.text(shelf, item, tags) for item in items[offset : offset + limit])
        return raw(f"[{body}]", headers={**SUNSET, **_cached(request)})


def _missing() -> Response:
    return reply({"type": "not found error", "error": "id not found"}, 404)


def _cached(request: Request) -> dict[str, str]:
    """Return the cache headers: how old the listing in this answer is."""
    return {"cache-control": "max-age=300", "age": str(int(now_of(request) % 60))}


def _count(request: Request, name: str, default: int, cap: int | None = None) -> int:
    """Return a non-negative integer, silently clamped to *cap*."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise invalid(f"{name} must be a non-negative integer")
    return int(text) if cap is None else min(int(text), cap)


def _ordered(shelf: Shelf, kind: Kind, request: Request) -> tuple[list[Item], list[Any]]:
    """Return the wanted items in the wanted order, with their sort keys; kept on the shelf."""
    query = tuple(
        sorted(
            pair
            for pair in request.query_params.multi_items()
            if pair[0] not in {"limit", "offset", "after_cursor", "cursor", "next_cursor"}
        )
    )
    key = (kind.name, query)
    known = shelf.selections.get(key)
    if known is None:
        fields = _fields(request)
        items = selected(kind.items(shelf), _tests(request, kind))
        pairs = sorted(((_key(item, fields), item) for item in items), key=lambda pair: pair[0])
        if not truthy(request, "ascending", default=True):
            pairs.reverse()
        known = [{"items": [item for _, item in pairs], "keys": [one for one, _ in pairs]}]
        shelf.selections[key] = known
    return known[0]["items"], known[0]["keys"]


def _fields(request: Request) -> list[str]:
    """Return the order fields; 422 for anything but known camelCase names."""
    text = request.query_params.get("order")
    fields = [part.strip() for part in text.split(",")] if text else []
    if any(field not in ORDERS or not CAMEL.fullmatch(field) for field in fields):
        raise invalid("order fields are not valid")
    return fields


def _key(item: Item, fields: list[str]) -> list[Any]:
    """Return what sorts *item*: its fields (absent first), then its id."""
    key: list[Any] = []
    for field in [*fields, "id"]:
        value = item.get(field)
        if field == "id":
            text = str(value)
            key.append([int(text) if text.isdigit() else 0, text])
        else:
            shown = str(value) if field in {"volume", "liquidity"} else value
            kind = 0 if value is None else 2 if isinstance(shown, str) else 1
            key.append([kind, "" if value is None else shown])
    return key


def _cursor(key: Any) -> str:
    """Return an opaque cursor for "after this item"."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _resume(request: Request, keys: list[Any]) -> int:
    """Return where to go on: the first item past the one the cursor names."""
    text = request.query_params.get("after_cursor")
    if not text:
        return 0
    try:
        after = json.loads(base64.urlsafe_b64decode(text.encode()))
        rising = truthy(request, "ascending", default=True)
        return sum((key <= after) if rising else (key >= after) for key in keys)
    except (binascii.Error, ValueError, TypeError):
        raise invalid("invalid cursor") from None


def _tests(request: Request, kind: Kind) -> list[Test]:
    """Return what an item must pass to be listed."""
    closed = truthy(request, "closed")
    tests: list[Test] = [lambda item: bool(item.get("closed")) == closed]
    for name, field in (("id", "id"), ("slug", "slug"), ("condition_ids", "conditionId")):
        tests += _among(request, name, field)
    tests += _tokens(request)
    for name in ("volume", "liquidity"):
        tests += _at_least(request, name, kind)
    for name, field in (("start_date", "startDate"), ("end_date", "endDate")):
        tests += _dated(request, name, field)
    tests += _tagged(request)
    return tests


def _among(request: Request, name: str, field: str) -> list[Test]:
    """Test for a field being one of a repeated parameter's values."""
    wanted = set(request.query_params.getlist(name))
    if not wanted:
        return []
    if len(wanted) > MAX_CONDITIONS and name == "condition_ids":
        raise invalid("condition_ids: at most 100 values")
    return [lambda item: str(item.get(field)) in wanted]


def _tokens(request: Request) -> list[Test]:
    """Test for holding one of the wanted tokens."""
    wanted = set(request.query_params.getlist("clob_token_ids"))
    if not wanted:
        return []
    return [lambda item: not wanted.isdisjoint(names_of(item, "clobTokenIds"))]


def _at_least(request: Request, name: str, kind: Kind) -> list[Test]:
    """Test for a number's bounds; an absent number counts as zero, as the venue counts it."""
    prefix, field = (f"{name}_num", f"{name}Num") if kind is MARKETS else (name, name)
    tests: list[Test] = []
    for end in ("min", "max"):
        text = request.query_params.get(f"{prefix}_{end}")
        if text is None:
            continue
        try:
            bound = float(text)
        except ValueError:
            raise invalid(f"{prefix}_{end} must be a number") from None
        sign = 1 if end == "min" else -1
        tests.append(_bounded(lambda item: float(item.get(field) or 0), bound, sign))
    return tests


def _dated(request: Request, name: str, field: str) -> list[Test]:
    """Test for a date's bounds; an item without the date fails them."""
    tests: list[Test] = []
    for end in ("min", "max"):
        text = request.query_params.get(f"{name}_{end}")
        if text is None:
            continue
        try:
            bound = instant(text)
        except ValueError:
            raise invalid(f"{name}_{end} must be RFC 3339 or YYYY-MM-DD") from None
        tests.append(lambda item: bool(item.get(field)))
        tests.append(_bounded(lambda item: instant(item[field]), bound, 1 if end == "min" else -1))
    return tests


def _bounded(value: Callable[[Item], float], bound: float, sign: int) -> Test:
    """Return a test for ``value >= bound`` (sign 1) or ``value <= bound`` (sign -1)."""
    return lambda item: sign * value(item) >= sign * bound


def _tagged(request: Request) -> list[Test]:
    """Test for carrying one of the wanted tags."""
    tests: list[Test] = []
    for name, field in (("tag_id", "id"), ("tag_slug", "slug")):
        wanted = set(request.query_params.getlist(name))
        if wanted:
            tests.append(_carries(field, wanted))
    return tests


def _carries(field: str, wanted: set[str]) -> Test:
    """Return a test for a tag whose *field* is *wanted*."""
    return lambda item: any(str(tag[field]) in wanted for tag in item.get("_tags", ()))
