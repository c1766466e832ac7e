"""The listing as it stood in one minute: indexed once, serialised once, sliced often."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from trading_cli.simulator.backend import Backend
from trading_cli.simulator.wire import dumps

Item = dict[str, Any]


def names_of(market: Item, field: str) -> list[str]:
    """Return the list that hides in a string field, [] where the field is missing."""
    text = market.get(field)
    return [str(one) for one in json.loads(text)] if text else []


class Shelf:
    """Every market and event known at one instant."""

    def __init__(self, markets: Sequence[Item]) -> None:
        self.markets = list(markets)
        self._texts: dict[tuple[str, bool], str] = {}
        self.selections: dict[Any, list[Item]] = {}

    @cached_property
    def by_id(self) -> dict[str, Item]:
        """Markets by Gamma id."""
        return {str(market["id"]): market for market in self.markets}

    @cached_property
    def by_slug(self) -> dict[str, Item]:
        """Markets by slug."""
        return {str(market.get("slug")): market for market in self.markets}

    @cached_property
    def by_condition(self) -> dict[str, Item]:
        """Markets by condition id."""
        return {str(market.get("conditionId")): market for market in self.markets}

    @cached_property
    def by_token(self) -> dict[str, Item]:
        """Markets by either token id."""
        return {t: market for market in self.markets for t in names_of(market, "clobTokenIds")}

    @cached_property
    def tags(self) -> list[Item]:
        """Every tag once, in order of first appearance."""
        found: dict[str, Item] = {}
        for market in self.markets:
            for tag in market.get("_tags", ()):
                found.setdefault(str(tag["id"]), tag)
        return list(found.values())

    @cached_property
    def events(self) -> list[Item]:
        """Every event once, with its markets embedded and ``_tags`` for the filters."""
        found: dict[str, Item] = {}
        for market in self.markets:
            for event in (market.get("events") or [])[:1]:
                known = found.setdefault(
                    str(event["id"]), {**event, "_tags": market.get("_tags", []), "markets": []}
                )
                known["markets"].append(market)
        for event in found.values():
            event.setdefault("closed", all(m.get("closed") for m in event["markets"]))
            for total in ("volume", "liquidity"):
                event.setdefault(
                    total, sum(float(m.get(f"{total}Num") or 0) for m in event["markets"])
                )
        return list(found.values())

    def market_text(self, market: Item, *, tags: bool) -> str:
        """Return one market as JSON, with its tags only where asked for."""
        key = (str(market["id"]), tags)
        if key not in self._texts:
            self._texts[key] = dumps(public(market, tags=tags))
        return self._texts[key]

    def event_text(self, event: Item) -> str:
        """Return one event as JSON, its markets without their own ``events``."""
        key = ("event:" + str(event["id"]), True)
        if key not in self._texts:
            shown = public(event, tags=True)
            shown["markets"] = [
                {k: v for k, v in public(m, tags=False).items() if k != "events"}
                for m in event["markets"]
            ]
            self._texts[key] = dumps(shown)
        return self._texts[key]


def public(item: Item, *, tags: bool) -> Item:
    """Return *item* without its private keys."""
    shown = {key: value for key, value in item.items() if not key.startswith("_")}
    if tags:
        shown["tags"] = item.get("_tags", [])
    return shown


class Shelves:
    """The shelf of any instant; the last few are kept. *lag_s* is how stale a listing may be."""

    def __init__(self, backend: Backend, *, lag_s: int = 60, keep: int = 8) -> None:
        self._backend = backend
        self._lag_s = lag_s
        self._keep = keep
        self._shelves: dict[float, Shelf] = {}

    def at(self, now: float) -> Shelf:
        """Return the listing as the venue's cache shows it at *now*."""
        bucket = now // self._lag_s * self._lag_s if self._lag_s else now
        if bucket not in self._shelves:
            while len(self._shelves) >= self._keep:
                self._shelves.pop(next(iter(self._shelves)))
            self._shelves[bucket] = Shelf(self._backend.listing(bucket))
        return self._shelves[bucket]


def selected(items: list[Item], tests: Sequence[Callable[[Item], bool]]) -> list[Item]:
    """Return the items that pass every test."""
    return [item for item in items if all(test(item) for test in tests)]
