"""A toolkit wired to the pretend exchange: a backfill, then slots, then the sums checked.

Both clocks, the exchange's and the toolkit's, are set to each slot in turn; the data goes the whole
way over real HTTP through the same client, limits and store as the real thing.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from trading_cli.app.collect import collect
from trading_cli.app.collection import CollectReport
from trading_cli.app.gather import Progress
from trading_cli.app.past import DEPTH
from trading_cli.app.toolkit import Toolkit, build
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import TradingError, UsageError
from trading_cli.domain import SLOT_SECONDS, Market, from_epoch
from trading_cli.simulator.running import Running, start
from trading_cli.simulator.world import World
from trading_cli.store import Store, Transaction, history, ledger, listings

FIRST_SLOT = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
AFTER_SLOT_S = 7
VOICES = ("gdelt", "google_news", "bluesky", "hacker_news")


@dataclass(slots=True)
class Sums:
    """What every run reported, added up."""

    stored: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)

    def add(self, report: CollectReport) -> None:
        """Add one run's report."""
        self.states[report.state] += 1
        for name, tally in report.sources.items():
            self.stored[name] += tally.stored


def demo(  # one argument for each option of the command
    days: int, cycles: int, markets: int, seed: int, keep: Path | None, progress: Progress
) -> dict[str, Any]:
    """Run the demo in a home of its own and return its report; ``lines`` are for people.

    Raises ``TradingError`` when the sums of exchange, store and report differ.
    """
    began = time.monotonic()
    home = _home(keep)
    last = FIRST_SLOT + (cycles - 1) * SLOT_SECONDS + AFTER_SLOT_S
    world = World(
        seed, markets, start=FIRST_SLOT - days * 86_400, end=FIRST_SLOT + cycles * SLOT_SECONDS
    )
    clock = FrozenClock(from_epoch(FIRST_SLOT + AFTER_SLOT_S))
    with start(world, limits=False, now=FIRST_SLOT + AFTER_SLOT_S) as exchange:
        progress(f"the pretend exchange is up: {markets} markets, seed {seed}")
        config = _write_config(home, exchange.url)
        with build(config, clock=clock) as toolkit:
            sums = _cycles(toolkit, exchange, clock, days=days, cycles=cycles, say=progress)
            data = _sums(toolkit, world, sums, days=days, last=last)
    data |= {
        "home": str(home),
        "seed": seed,
        "days": days,
        "cycles": cycles,
        "seconds": round(time.monotonic() - began, 1),
    }
    wrong = [row["what"] for row in data["sums"] if len({row[k] for k in _COLUMNS}) > 1]
    if wrong:
        raise TradingError(
            f"the sums differ between exchange, store and report: {', '.join(wrong)}.",
            hint=f"look at {home}",
        )
    data["lines"] = _lines(data)
    return data


_COLUMNS = ("exchange", "store", "report")


def _home(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="trading-demo-"))
    if keep.exists() and any(keep.iterdir()):
        raise UsageError(f"{keep} is not empty.", hint="give --keep a new folder")
    keep.mkdir(parents=True, exist_ok=True, mode=0o700)
    return keep.resolve()


def _write_config(home: Path, url: str) -> Path:
    """Write the demo's settings: all on loopback, budgets lifted, limits of its own."""
    endpoints = ("markets", "events", "books", "book", "prices_history", "clob_market", "time")
    section: dict[str, Any] = {
        "limits_path": "limits.db",
        "polymarket": {
            "gamma_url": f"{url}/gamma",
            "clob_url": f"{url}/clob",
            "data_url": f"{url}/data",
            "requests_per_10s": dict.fromkeys((*endpoints, "data")),
        },
    }
    for name in VOICES:
        section[name] = {"url": f"{url}/{name}", "requests_per_minute": None}
    path = home / "config.yaml"
    path.write_text(yaml.safe_dump({"data_collection": section}))
    path.chmod(0o600)
    return path


def _cycles(  # what the slots are run with
    toolkit: Toolkit,
    exchange: Running,
    clock: FrozenClock,
    *,
    days: int,
    cycles: int,
    say: Progress,
) -> Sums:
    """Backfill in the first slot, then run each slot with both clocks set to it."""
    sums = Sums()
    for turn in range(cycles):
        at = FIRST_SLOT + turn * SLOT_SECONDS + AFTER_SLOT_S
        exchange.clock.set(float(at))
        clock.set(from_epoch(at))
        past = timedelta(days=days) if turn == 0 else None
        report = collect(toolkit, progress=_quiet, backfill=past)
        sums.add(report)
        if turn == 0 or (turn + 1) % 16 == 0:
            say(
                f"slot {turn + 1} of {cycles}, {from_epoch(at):%d %b %H:%M}: {report.state},"
                f" {report.counts.get('quotes', 0)} quotes, {sum(sums.stored.values())} rows so far"
            )
    return sums


def _quiet(_text: str) -> None:
    """Hear nothing: a line per source and slot would be a flood."""


def _sums(toolkit: Toolkit, world: World, sums: Sums, *, days: int, last: int) -> dict[str, Any]:
    """Return the same counts as the exchange, the store and the reports have them."""
    now = from_epoch(last)
    with Store.reader(toolkit.loaded.database) as store, store.reading() as look:
        counts = history.counts(look)
        states = {one.name: one.state for one in ledger.source_states(look)}
        markets = listings.listing_at(look, as_of=now)
        stays = _stays(look, markets, days=days, last=last)
        held = sum(
            len(history.trades(look, s.market.id, since=from_epoch(0), until=now, as_of=now))
            for s in stays
        )
        expected = ledger.gaps(look, since=from_epoch(0), until=now)
    token = {stay.market.id: stay.market.yes_token for stay in stays}
    books = sum(
        world.book(token[gap.market_id], gap.slot + AFTER_SLOT_S) is not None
        for gap in expected
        if gap.market_id in token
    )
    trades = sums.stored["polymarket.trades"] + sums.stored["polymarket.past_trades"]
    rows = [
        {
            "what": "trades of the followed markets",
            "exchange": sum(
                len(world.trades([s.market.condition_id], s.since, s.until, last)) for s in stays
            ),
            "store": held,
            "report": trades,
        },
        {
            "what": "quotes",
            "exchange": books,
            "store": counts["quotes"],
            "report": sums.stored["polymarket.books"],
        },
    ]
    return {
        "sums": rows,
        "rows": dict(counts),
        "runs": dict(sums.states),
        "sources": states,
        "gaps": sum(not gap.received for gap in expected),
        "followed": len(stays),
        "planted": dict(Counter(event["kind"] for event in world.truth()["events"].values())),
    }


@dataclass(frozen=True, slots=True)
class Stay:
    """What we were to collect of one market: its trades in [since, until), epoch seconds."""

    market: Market
    since: int
    until: int


def _stays(look: Transaction, markets: Sequence[Market], *, days: int, last: int) -> list[Stay]:
    """Return the span owed to each market: its past when it entered, then every slot till it left.

    A market that left in a slot was last collected in the slot before.
    """
    by_id = {market.id: market for market in markets}
    found: dict[str, Stay] = {}
    for name, entered, left in listings.panel_stays(look):
        at = int(entered.timestamp())
        depth = timedelta(days=days) if at < FIRST_SLOT + SLOT_SECONDS else DEPTH
        since = int((from_epoch(at) - depth).timestamp()) // 86_400 * 86_400
        until = last if left is None else int(left.timestamp()) - SLOT_SECONDS
        before = found.get(name)
        since = since if before is None else min(since, before.since)
        found[name] = Stay(by_id[name], since, until + 1)
    return list(found.values())


def _lines(data: Mapping[str, Any]) -> list[str]:
    """Return the report for people, narrow enough for 80 columns."""
    rows = data["rows"]
    ends = ", ".join(f"{n} {state}" for state, n in data["runs"].items())
    lines = [
        "",
        f"{data['cycles']} slots after {data['days']} days, in {data['seconds']} s: {ends}",
        "",
        f"{'what':34}{'exchange':>12}{'store':>12}{'report':>12}",
    ]
    lines += [
        f"{row['what']:34}{row['exchange']:>12,}{row['store']:>12,}{row['report']:>12,}"
        for row in data["sums"]
    ]
    kept = ("points", "posts", "resolutions", "refusals")
    lines += [
        "the three columns agree.",
        "",
        "also kept: " + ", ".join(f"{rows[name]:,} {name}" for name in kept if name in rows),
        "sources: " + ", ".join(f"{name} {state}" for name, state in data["sources"].items()),
        f"gap ledger: {data['gaps']} expected quotes did not come, each with its cause",
        "the world planted: " + ", ".join(f"{n} {k}" for k, n in data["planted"].items()),
        "this version collects and judges; it decides and trades nothing yet",
        "",
        f"look around:  trading status --config {data['home']}/config.yaml",
    ]
    return lines
