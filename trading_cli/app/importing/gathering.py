"""All files of one import, read into the markets they describe and the points they hold."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trading_cli.app.importing import layouts, markets, reading, values
from trading_cli.app.importing.checking import MOST_ROWS, Checked, Gathered, check
from trading_cli.app.importing.layouts import Layout, Maps
from trading_cli.app.importing.markets import Facts
from trading_cli.app.importing.reading import Chunk
from trading_cli.app.importing.refused import Refused
from trading_cli.core.errors import UsageError
from trading_cli.domain import Book, Market, Trade

_ORDER = ("markets", "outcomes", "prices")
SAID_EVERY = 250_000
"""Of so many rows of a file one line of progress: about one a second."""


@dataclass(slots=True)
class Read:
    """One file as it was read: what it is, and how many rows it held."""

    path: Path
    layout: str
    rows: int = 0
    unused: tuple[str, ...] = ()
    unknown: tuple[layouts.Unknown, ...] = ()


@dataclass(slots=True)
class Harvest:
    """What the files hold. ``notes`` are sentences about what had to be assumed."""

    refused: Refused
    now: int
    facts: dict[str, Facts] = field(default_factory=dict)
    points: Gathered = field(default_factory=Gathered)
    files: list[Read] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    listed: list[tuple[Market, str, int]] = field(default_factory=list)
    books: list[tuple[str, Book]] = field(default_factory=list)
    trades: list[tuple[str, Trade]] = field(default_factory=list)
    described: bool = False
    told: set[tuple[str, ...]] = field(default_factory=set)
    naive: int = 0
    no_books: int = 0
    assumed_sides: bool = False
    say: Callable[[str], None] = lambda _text: None

    @property
    def names(self) -> list[str]:
        """Return the names of the files, in the order they were read."""
        return [one.path.name for one in self.files]

    def count(self, read: Read, rows: int) -> None:
        """Count *rows* more of a file, and say how far it is now and then."""
        before = read.rows // SAID_EVERY
        read.rows += rows
        if read.rows // SAID_EVERY > before:
            self.say(f"{read.path.name}: {read.rows:,} rows so far")


def tables(paths: Sequence[Path], maps: Maps, harvest: Harvest) -> None:
    """Read CSV and Parquet files: markets first, then outcomes, then prices."""
    with ExitStack() as stack:
        every = [
            (path, stack.enter_context(reading.table(path, harvest.refused))) for path in paths
        ]
        headers = [[column.strip() for column in table.header] for _, table in every]
        join = _join(headers)
        found = [
            (layouts.detect(path.name, header, maps, join), path, table.chunks)
            for (path, table), header in zip(every, headers, strict=True)
        ]
        _must_be_mapped(maps, found, headers)
        for layout, path, chunks in sorted(found, key=lambda one: _ORDER.index(one[0].kind)):
            read = Read(path, layout.told, 0, layout.unused, layout.unknown)
            harvest.files.append(read)
            harvest.described |= layout.kind == "markets"
            for chunk in chunks:
                harvest.count(read, len(chunk.rows) + chunk.lost)
                if chunk.rows:
                    _take(harvest, layout, chunk, len(harvest.files) - 1)


def _join(headers: Sequence[Sequence[str]]) -> frozenset[str]:
    """Return the columns that every table has and that may call a market by its name."""
    names = set(layouts.NAMES["markets"]["market"])
    return frozenset(names.intersection(*map(set, headers))) if len(headers) > 1 else frozenset()


def _must_be_mapped(
    maps: Maps, found: Sequence[tuple[Layout, Path, Any]], headers: Sequence[Sequence[str]]
) -> None:
    """Raise UsageError for a --map that names a column no file has."""
    used = {(ours, theirs) for layout, _, _ in found for ours, theirs in layout.columns.items()}
    for ours, theirs in maps.given.items():
        if (ours, theirs) not in used:
            columns = sorted({column for header in headers for column in header})
            raise UsageError(
                f"--map {ours}={theirs}: no file has a column {theirs!r} to read {ours} from.",
                hint=f"the columns are {', '.join(columns[:30])}",
            )


def _take(harvest: Harvest, layout: Layout, chunk: Chunk, file: int) -> None:
    name, refused = harvest.files[file].path.name, harvest.refused
    if layout.kind == "markets":
        markets.read_markets(layout, chunk, name, refused, harvest.now, harvest.facts)
    elif layout.kind == "outcomes":
        markets.read_outcomes(layout, chunk, name, refused, harvest.facts)
    else:
        _take_prices(harvest, layout, chunk, file)


def _take_prices(harvest: Harvest, layout: Layout, chunk: Chunk, file: int) -> None:
    if layout.beside is not None:
        _take_beside(harvest, layout.beside, chunk, harvest.names[file])
    columns = list(zip(*chunk.rows, strict=True))
    keys = columns[layout.at["market"]]
    at, naive = values.times(columns[layout.at["t"]])
    harvest.naive += naive
    place = layout.at.get("outcome")
    labels = [""] * len(keys) if place is None else columns[place]
    points = harvest.points
    series = np.fromiter(map(points.number, keys, labels), np.int64, len(keys))
    points.add(series, at, values.prices(columns[layout.at["p"]]), file, chunk.lines)
    must_fit(points)


def _take_beside(harvest: Harvest, layout: Layout, chunk: Chunk, name: str) -> None:
    """Read what rows of prices say of their markets, each different word of it once."""
    places = list(layout.at.values())
    fresh = Chunk([], [])
    for row, line in zip(chunk.rows, chunk.lines, strict=True):
        told = tuple(row[place] for place in places)
        if told not in harvest.told:
            harvest.told.add(told)
            fresh.rows.append(row)
            fresh.lines.append(line)
    markets.read_markets(layout, fresh, name, harvest.refused, harvest.now, harvest.facts)


def must_fit(points: Gathered) -> None:
    """Raise UsageError where there are more rows than one import takes."""
    if points.rows > MOST_ROWS:
        raise UsageError(
            f"these files hold more than {MOST_ROWS:,} rows.", hint="import them in several parts"
        )


def checked(harvest: Harvest) -> Checked:
    """Check the points; after it every market knows its labels, outcome, first and last point."""
    placed = _placed(harvest)
    for facts in harvest.facts.values():
        markets.settle(facts, harvest.refused)
    found = check(harvest.points, placed, harvest.names, now=harvest.now, refused=harvest.refused)
    for series in found.series:
        facts = harvest.facts[series.market]
        if series.outcome == 0 or facts.first is None:
            facts.first, facts.last = int(series.at[0]), int(series.at[-1])
    _note(harvest)
    return found


def _placed(harvest: Harvest) -> list[tuple[str, int] | None]:
    """Return for each series its market and outcome, counting the rows of those without."""
    told: dict[str, tuple[str, ...]] = {}
    for market, label in harvest.points.names:
        facts = harvest.facts.get(market.strip())
        if label and facts is not None and len(facts.labels) < 2:  # noqa: PLR2004  # YES and NO
            markets.add_label(facts, label)
        elif label and facts is None:
            told[market] = (*told.get(market, ()), label)
    placed: list[tuple[str, int] | None] = []
    for market, label in harvest.points.names:
        placed.append(_place(harvest, market.strip(), label, told.get(market, ())))
    _count_unplaced(harvest, placed)
    return placed


def _place(
    harvest: Harvest, market: str, label: str, labels: Sequence[str]
) -> tuple[str, int] | None:
    facts = harvest.facts.get(market)
    if facts is None:
        if harvest.described or not market or len(market) > 300:  # noqa: PLR2004  # as in markets
            return None
        facts = harvest.facts[market] = Facts(market)
        for one in labels:
            markets.add_label(facts, one)
    if not label:
        return market, 0
    outcome = markets.outcome_of(facts, label)
    return None if outcome is None else (market, outcome)


def _count_unplaced(harvest: Harvest, placed: Sequence[tuple[str, int] | None]) -> None:
    lost = np.array([one is None for one in placed], bool)
    if not lost.any():
        return
    names = list(harvest.points.names)
    points = harvest.points
    for series, files, lines in zip(points.series, points.files, points.lines, strict=True):
        mask = lost[series]
        for number in np.unique(series[mask]):
            market, label = names[int(number)]
            known = market.strip() in harvest.facts
            mine = lines[series == number]
            reason = "a third outcome" if known else "market is in no markets file"
            told = [f"{market} {label}".strip()] * len(mine)
            harvest.refused.many(reason, harvest.names[int(files[0])], mine.tolist(), told)


def _note(harvest: Harvest) -> None:
    """Say what had to be assumed."""
    if harvest.no_books:
        harvest.notes.append(f"{harvest.no_books} books of NO tokens left out: YES says the same.")
    if harvest.assumed_sides:
        harvest.notes.append(
            "JSON says no outcome: the first token of each market is taken for YES, the other NO."
        )
    if harvest.naive:
        harvest.notes.append(f"{harvest.naive} times say no time zone: taken as UTC.")
    other = [
        one for one in harvest.facts.values()
        if one.labels and not any(markets.plain(label) in {"yes", "no"} for label in one.labels)
    ]  # fmt: skip
    if other:
        example = markets.labelled(other[0])[0]
        harvest.notes.append(
            f"{len(other)} markets have outcomes of other names than Yes and No: up, over, or the"
            f" first in the file is YES (such as {example!r})."
        )
