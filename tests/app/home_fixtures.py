"""The fixtures of a pretend exchange on loopback and of homes that collect from it.

Two rooms' conftests take them from here; each may say otherwise how long the exchange's world goes
on (``world_days``) and what its homes are set to (``usual``).
"""

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
def world_days() -> int:
    """Return how many days after the first noon the world ends."""
    return 1


@pytest.fixture
def usual() -> Mapping[str, Any]:
    """Return what every home's ``data_collection`` says beside the addresses."""
    return {}


@pytest.fixture(scope="module")
def exchange(world_days: int) -> Iterator[Exchange]:
    """Return a running exchange with 30 markets, most of them worth following."""
    end = NOON + world_days * DAY
    world = World(7, 30, start=NOON - 35 * DAY, end=end, liquid_share=0.8)
    with running.start(world, limits=False, now=float(NOON + AFTER_SLOT_S)) as server:
        yield Exchange(world, server)


def home_in(
    folder: Path,
    exchange: Exchange,
    collection: Mapping[str, Any],
    *,
    env: Mapping[str, str] | None = None,
    sections: Mapping[str, Any] | None = None,
) -> Home:
    """Return the home in *folder*, which may hold a database, at the world's first noon."""
    folder.mkdir(mode=0o700, exist_ok=True)
    config = folder / "config.yaml"
    section = settings_for(exchange.url, **collection)
    config.write_text(yaml.safe_dump({"data_collection": section, **(sections or {})}))
    config.chmod(0o600)
    clock = FrozenClock(from_epoch(NOON + AFTER_SLOT_S))
    toolkit = Toolkit(load(config, env=env or {}), clock=clock, env=env or {})
    home = Home(toolkit, clock, exchange, config)
    home.at(0)
    return home


@pytest.fixture
def make_home(tmp_path: Path, exchange: Exchange, usual: Mapping[str, Any]) -> Iterator[MakeHome]:
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
        settings = {**usual, **collection}
        home = home_in(tmp_path / name, exchange, settings, env=env, sections=sections)
        made.append(home.toolkit)
        return home

    yield make
    for toolkit in made:
        toolkit.__exit__(None, None, None)
    exchange.faults()


@pytest.fixture
def kit(make_home: MakeHome) -> Home:
    """Return an empty home."""
    return make_home()
