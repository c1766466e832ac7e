"""One world and one home of the demo: a past fetched, then slots of the whole cycle, by real HTTP.

Both clocks, the exchange's and the toolkit's, are set to each slot in turn. Within a slot the world
stands still, but for a second at each wait: an order meets a book that is newer than its decision.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from trading_cli.app.collect import collect
from trading_cli.app.cycles import CycleReport, run_cycle
from trading_cli.app.gather import Progress
from trading_cli.app.settings import Settings, load
from trading_cli.app.steps import COLLECTION
from trading_cli.app.toolkit import Toolkit
from trading_cli.core import log
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.simulator.bot_api import CHAT, TOKEN
from trading_cli.simulator.running import Running, start
from trading_cli.simulator.scenes import SCENES
from trading_cli.simulator.world import World
from trading_cli.store import journal, pauses

FIRST_SLOT = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
AFTER_SLOT_S = 7
DAY_S = 86_400
VOICES = ("gdelt", "google_news", "bluesky", "hacker_news")
SLOTS_A_WORD = 16
LEAST_FOR_SCENES = 14
PAUSE_AT = 50  # 12:30


@dataclass(frozen=True, slots=True)
class Size:
    """How large a demo is; without *planted* its world has no effect and no scene at all."""

    days: int
    cycles: int
    markets: int
    seed: int
    planted: bool = True

    @property
    def last(self) -> int:
        """Return when the last slot is run, epoch seconds."""
        return FIRST_SLOT + (self.cycles - 1) * SLOT_SECONDS + AFTER_SLOT_S

    def world(self) -> World:
        """Return the world: so many ordinary markets, and one for each scene unless it is tiny."""
        end = FIRST_SLOT + max(self.cycles * SLOT_SECONDS, DAY_S)
        scenes = len(SCENES) if self.markets >= LEAST_FOR_SCENES else 0
        return World(
            self.seed,
            self.markets + scenes,
            start=FIRST_SLOT - self.days * DAY_S,
            end=end,
            planted=self.planted,
        )


@dataclass(slots=True)
class Sums:
    """What every run reported, added up."""

    counts: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    why: Counter[str] = field(default_factory=Counter)

    def add(self, report: CycleReport) -> None:
        """Add one cycle's report."""
        self.states[report.state] += 1
        for step in report.steps:
            for name, value in step.numbers.items():
                if isinstance(value, int):
                    self.counts[name] += value
            if step.state != "OK":
                self.why[f"{step.name}: {step.why}"] += 1


class WorldTime(FrozenClock):
    """The toolkit's clock: a wait is a second of the world's time, for the exchange as well."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.exchange: Running | None = None

    def move(self, at: float) -> None:
        """Set both clocks, epoch seconds."""
        self.set(from_epoch(int(at)))
        if self.exchange is not None:
            self.exchange.clock.set(float(at))

    def sleep(self, seconds: float) -> None:
        """Let real time pass, and a second of the world's."""
        self.move(self.now().timestamp() + 1)
        super().sleep(seconds)


@dataclass(slots=True)
class Lived:
    """A world and a home after their day."""

    size: Size
    home: Path
    toolkit: Toolkit
    exchange: Running
    world: World
    sums: Sums
    seconds: Mapping[str, float]


def live(
    size: Size, home: Path, say: Progress, look: Callable[["Lived"], dict[str, Any]]
) -> dict[str, Any]:
    """Live the day of *size* in *home*, and return what *look* (of ``Lived``) says of it."""
    began = time.monotonic()
    before = FIRST_SLOT - SLOT_SECONDS + AFTER_SLOT_S
    world, clock = size.world(), WorldTime(from_epoch(before))
    with start(world, limits=False, now=before) as exchange:
        clock.exchange = exchange
        say(f"the pretend exchange is up: {len(world.events)} events, seed {size.seed}")
        config = write_home(home, exchange.url)
        with _toolkit(config, clock) as toolkit:
            sums = Sums()
            say(f"fetching the last {size.days} days of prices, trades and talk")
            past = collect(toolkit, progress=_quiet, backfill=timedelta(days=size.days))
            sums.counts.update(past.counts)
            fetched = time.monotonic()
            _cycles(toolkit, clock, size, sums, say)
            took = {"past": fetched - began, "cycles": time.monotonic() - fetched}
            return look(Lived(size, home, toolkit, exchange, world, sums, took))


def _toolkit(config: Path, clock: WorldTime) -> Toolkit:
    """Return the toolkit of the demo's home; no variable of the caller's reaches into it."""
    loaded = load(config, env={})
    section = loaded.settings.logging
    log.configure(
        loaded.logs, level=section.level, max_mb=section.max_mb, keep=section.keep,
        secrets=loaded.secrets.values(),
    )  # fmt: skip
    return Toolkit(loaded, clock=clock)


def write_home(home: Path, url: str) -> Path:
    """Write the demo's settings: all on loopback, budgets lifted, no quiet hours.

    The bot's token stands in ``secrets.env`` as a real one would. Returns the settings' path.
    """
    endpoints = ("markets", "events", "books", "book", "prices_history", "clob_market", "time")
    collection: dict[str, Any] = {
        "limits_path": "limits.db",
        "polymarket": {
            "gamma_url": f"{url}/gamma",
            "clob_url": f"{url}/clob",
            "data_url": f"{url}/data",
            "site_url": f"{url}/site",
            "requests_per_10s": dict.fromkeys((*endpoints, "data")),
        },
    }
    for name in VOICES:
        collection[name] = {"url": f"{url}/{name}", "requests_per_minute": None}
    settings: dict[str, Any] = {"data_collection": collection}
    if "alerts" in Settings.model_fields:
        bot = {"enabled": True, "api_url": f"{url}/telegram", "chat_id": CHAT, "per_minute": None}
        settings["alerts"] = {"telegram": bot, "quiet_hours": ""}
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _private(home / "secrets.env", f"TRADING_TELEGRAM_TOKEN={TOKEN}\n")
    return _private(home / "config.yaml", yaml.safe_dump(settings))


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _cycles(toolkit: Toolkit, clock: WorldTime, size: Size, sums: Sums, say: Progress) -> None:
    for turn in range(size.cycles):
        at = FIRST_SLOT + turn * SLOT_SECONDS + AFTER_SLOT_S
        clock.move(at)
        if turn == PAUSE_AT:
            _pause(toolkit)
        report = run_cycle(toolkit, COLLECTION, progress=_quiet, started_by="demo")
        sums.add(report)
        if (turn + 1) % SLOTS_A_WORD == 0 or turn + 1 == size.cycles:
            said = ", ".join(f"{sums.counts[name]} {name}" for name in ("decisions", "fills"))
            say(f"slot {turn + 1} of {size.cycles}, {from_epoch(at):%H:%M}: {said} so far")


def _pause(toolkit: Toolkit) -> None:
    """Pause entries for half an hour, as an owner does with `trading pause --for 30m`."""
    now = toolkit.clock.now()
    until = now + timedelta(minutes=30)
    with toolkit.open_store() as store, store.transaction() as tx:
        pauses.pause(tx, "owner", since=now, until=until, reason="lunch", actor="owner")
        body = {"reason": "lunch", "until": until.isoformat()}
        journal.append(tx, "pause", "owner", body, at=now, actor="owner")


def _quiet(_text: str) -> None:
    """Hear nothing: a line per source and slot would be a flood."""
