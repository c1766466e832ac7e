"""JSON as the venue says it: descriptions of markets, price histories, order books, trades.

What an object is follows from its fields; an object of no kind we read is refused. A description
without a time of its own is dated by its ``updatedAt``; a page says its time (``run_ts``).
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trading_cli.app.importing import markets, reading, values
from trading_cli.app.importing.gathering import Harvest, Read, must_fit
from trading_cli.app.importing.markets import Facts
from trading_cli.app.importing.refused import UNREADABLE
from trading_cli.core.errors import UsageError
from trading_cli.core.foreign import clean_text
from trading_cli.domain import Origin, Refusal, Trade, from_epoch
from trading_cli.sources.polymarket import books, gamma, trades

MAX_LINE = 64 << 20
HISTORY, BOOK, MARKET, TRADE = "price history", "book", "market", "trade"
DEEPEST = 4


class Found(NamedTuple):
    """One object of a file: its kind ("" for none), itself, and its place in the file from 1."""

    kind: str
    raw: Any
    place: int
    at: int | None


@dataclass(slots=True)
class Reader:
    """One JSON file on its way into the harvest."""

    harvest: Harvest
    name: str
    file: int
    dealt: list[Found] = field(default_factory=list)

    def take(self, one: Found) -> None:
        """Read one object into the harvest, or refuse it."""
        if one.kind == HISTORY:
            self._history(one)
        elif one.kind == BOOK:
            self._book(one)
        elif one.kind == MARKET:
            self._market(one)
        elif one.kind == TRADE:
            self.dealt.append(one)
        else:
            fields = ", ".join(list(one.raw)[:8]) if isinstance(one.raw, dict) else str(one.raw)
            self._refuse("an object we have no table for", one, fields)

    def _refuse(self, reason: str, one: Found, detail: str) -> None:
        self.harvest.refused.add(reason, self.name, one.place, detail)

    def _history(self, one: Found) -> None:
        key = str(one.raw.get("market_id") or one.raw.get("market") or self.name.partition(".")[0])
        token = str(one.raw.get("token_id") or one.raw.get("asset_id") or "")
        facts = self.harvest.facts.setdefault(key, Facts(key, where=(self.name, one.place)))
        label = _side_of(facts, token)
        if label is None:
            self._refuse("a third outcome", one, f"{key}: {token[:80]}")
            return
        facts.venue_id = facts.venue_id or str(one.raw.get("market_id") or "")
        items = [item for item in one.raw["history"] if isinstance(item, dict)]
        at, _ = values.times([str(item.get("t", "")) for item in items])
        price = values.prices([str(item.get("p", "")) for item in items])
        points = self.harvest.points
        series = np.full(len(items), points.number(key, label), np.int64)
        points.add(series, at, price, self.file, [one.place] * len(items))
        must_fit(points)
        self.harvest.files[self.file].rows += len(items) - 1

    def _book(self, one: Found) -> None:
        key = str(one.raw.get("market_slug") or one.raw.get("market") or "")
        token = str(one.raw.get("asset_id") or "")
        facts = self.harvest.facts.setdefault(key, Facts(key, where=(self.name, one.place)))
        label = _side_of(facts, token) if key and token else None
        if label is None:
            self._refuse("a third outcome" if key else "book without a market", one, token[:80])
            return
        facts.slug = key
        at = from_epoch(self.harvest.now)
        read = books.parse_book(one.raw, at, condition_id=str(one.raw.get("market") or key))
        if isinstance(read, Refusal):
            self._refuse(f"book: {read.reason}", one, read.detail)
        elif read.event_time > at:
            self._refuse("time in the future", one, f"{key}: {read.event_time.isoformat()}")
        elif label == "No":
            self.harvest.no_books += 1  # the YES book says the same, mirrored
        else:
            self.harvest.books.append((key, read))
            self._seen(facts, int(read.event_time.timestamp()))

    def _seen(self, facts: Facts, at: int) -> None:
        facts.first = at if facts.first is None else min(at, facts.first)
        facts.last = at if facts.last is None else max(at, facts.last)

    def _market(self, one: Found) -> None:
        at = one.at
        if at is None and isinstance(one.raw.get("updatedAt"), str):
            at, _ = values.time(one.raw["updatedAt"])
        if at is None or not values.FIRST <= at <= self.harvest.now:
            late = at is not None and at > self.harvest.now
            reason = "time in the future" if late else "market without a time of its own"
            self._refuse(reason, one, str(one.raw.get("id"))[:80])
            return
        read = gamma.parse_market(one.raw, from_epoch(at))
        if isinstance(read, Refusal):
            self._refuse(f"market: {read.reason}", one, read.detail)
        else:
            self.harvest.listed.append((read, self.name, one.place))

    def finish(self) -> None:
        """Read the trades, all together: two alike in everything are told apart by their count."""
        read = trades.parse_trades(
            [one.raw for one in self.dealt], from_epoch(self.harvest.now), {}
        )
        for one, trade in zip(self.dealt, read, strict=True):
            if isinstance(trade, Refusal):
                self._refuse(f"trade: {trade.reason}", one, trade.detail)
            else:
                self._trade(one, trade)

    def _trade(self, one: Found, read: Trade) -> None:
        at = int(read.event_time.timestamp())
        if at > self.harvest.now:
            self._refuse("time in the future", one, read.event_time.isoformat())
            return
        key = read.condition_id
        facts = self.harvest.facts.setdefault(key, Facts(key, where=(self.name, one.place)))
        facts.condition_id = key
        facts.question = facts.question or clean_text(one.raw.get("title"), 2000)
        facts.slug = facts.slug or clean_text(one.raw.get("slug"), 500)
        facts.event = facts.event or clean_text(one.raw.get("eventSlug"), 500)
        if read.outcome_index == 0:
            facts.yes_token = facts.yes_token or read.token
        else:
            facts.no_token = facts.no_token or read.token
        self._seen(facts, at)
        self.harvest.trades.append((key, replace(read, origin=Origin.IMPORTED)))


def _side_of(facts: Facts, token: str) -> str | None:
    """Return which side a token is: the first that a file names is YES, the second NO."""
    if not token:
        return "Yes"
    for label in ("Yes", "No"):
        if facts.tokens.setdefault(label.casefold(), token) == token:
            markets.add_label(facts, label)
            return label
    return None


def read(path: Path, harvest: Harvest) -> None:
    """Read a JSON or JSON lines file. Raises UsageError where it holds nothing we read."""
    one = Read(path, "")
    harvest.files.append(one)
    reader = Reader(harvest, path.name, len(harvest.files) - 1)
    kinds: dict[str, int] = {}
    for found in _objects(path, harvest):
        harvest.count(one, 1)
        kinds[found.kind] = kinds.get(found.kind, 0) + 1
        reader.take(found)
    reader.finish()
    told = [f"{count:,} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items() if kind]
    if not told:
        raise UsageError(
            f"{path.name} holds nothing we read.",
            hint="markets, price histories, books or trades as the venue's services send them",
        )
    one.layout = f"JSON: {', '.join(told)}".replace("historys", "histories")
    if HISTORY in kinds or BOOK in kinds:
        harvest.assumed_sides = True


def _objects(path: Path, harvest: Harvest) -> Iterator[Found]:
    """Yield every object of the file."""
    if reading.ending(path) == ".json":
        with reading.opened(path, reading.MAX_JSON) as stream:
            text = stream.read()
        document = _parsed(text)
        if document is None:
            raise UsageError(f"{path.name} is not JSON.", hint="look at its beginning and its end")
        for place, (raw, at) in enumerate(_inside(document, None, DEEPEST), start=1):
            yield Found(_kind(raw), raw, place, at)
        return
    with reading.opened(path) as stream:
        place = 0
        while line := stream.readline(MAX_LINE):
            place += 1
            raw = _parsed(line) if line.strip() else {}
            if raw is None:
                harvest.refused.add(UNREADABLE, path.name, place, repr(line[:100]))
                harvest.files[-1].rows += 1
                continue
            for inner, at in _inside(raw, None, DEEPEST) if raw else ():
                yield Found(_kind(inner), inner, place, at)


def _parsed(text: bytes) -> Any:
    """Return what JSON *text* says, ``None`` where it says nothing that can be read."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return None


def _inside(raw: Any, at: int | None, deep: int) -> Iterator[tuple[Any, int | None]]:
    """Yield the objects in lists and pages, each with the time its page says."""
    if isinstance(raw, list) and deep:
        for item in raw:
            yield from _inside(item, at, deep - 1)
    elif isinstance(raw, dict) and isinstance(raw.get("markets"), list) and deep:
        if isinstance(raw.get("run_ts"), str):
            at, _ = values.time(raw["run_ts"])
        event = {name: value for name, value in raw.items() if name != "markets"}
        for item in raw["markets"]:
            whole = isinstance(item, dict) and "events" not in item and "title" in raw
            yield from _inside({**item, "events": [event]} if whole else item, at, deep - 1)
    elif isinstance(raw, dict) and isinstance(raw.get("data"), list) and deep:
        yield from _inside(raw["data"], at, deep - 1)
    else:
        yield raw, at


def _kind(raw: Any) -> str:
    if not isinstance(raw, dict):
        return ""
    fields: Mapping[str, Any] = raw
    if isinstance(fields.get("history"), list):
        return HISTORY
    if "asset_id" in fields and ("bids" in fields or "asks" in fields):
        return BOOK
    if "conditionId" in fields and "clobTokenIds" in fields:
        return MARKET
    if {"conditionId", "asset", "side", "price"} <= fields.keys():
        return TRADE
    return ""
