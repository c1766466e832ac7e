"""A pretend exchange on loopback, and homes that collect from it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from homes import AFTER_SLOT_S, DAY, NOON, Exchange, Home, MakeHome, settings_for  # beside this

from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import from_epoch
from trading_cli.simulator import running
from trading_cli.simulator.world import World


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """Return a running exchange with 30 markets, most of them worth following."""
    world = World(7, 30, start=NOON - 35 * DAY, end=NOON + DAY, liquid_share=0.8)
    with running.start(world, limits=False, now=float(NOON + AFTER_SLOT_S)) as server:
        yield Exchange(world, server)


@pytest.fixture
def make_home(tmp_path: Path, exchange: Exchange) -> Iterator[MakeHome]:
    """Return what makes a home that collects from the exchange, which has no fault in force."""
    exchange.faults()
    made: list[Toolkit] = []

    def make(
        name: str = "home",
        *,
        env: Mapping[str, str] | None = None,
        sections: Mapping[str, Any] | None = None,
        **collection: Any,
    ) -> Home:
        folder = tmp_path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        config = folder / "config.yaml"
        section = settings_for(exchange.url, **collection)
        config.write_text(yaml.safe_dump({"data_collection": section, **(sections or {})}))
        config.chmod(0o600)
        clock = FrozenClock(from_epoch(NOON + AFTER_SLOT_S))
        toolkit = Toolkit(load(config, env=env or {}), clock=clock, env=env or {})
        made.append(toolkit)
        home = Home(toolkit, clock, exchange, config)
        home.at(0)
        return home

    yield make
    for toolkit in made:
        toolkit.__exit__(None, None, None)
    exchange.faults()


@pytest.fixture
def kit(make_home: MakeHome) -> Home:
    """Return an empty home."""
    return make_home()
