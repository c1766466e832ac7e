"""The pretend exchange and the homes of tests/app, for faults that need a whole collection."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

TESTS = Path(__file__).resolve().parent.parent
for room in ("app", "store", "sources", "trading"):
    sys.path.append(str(TESTS / room))  # what those rooms' tests are made of stands there

from homes import AFTER_SLOT_S, DAY, NOON, Exchange, Home, settings_for  # noqa: E402  # see above

from trading_cli.app.settings import load  # noqa: E402
from trading_cli.app.toolkit import Toolkit  # noqa: E402
from trading_cli.core.clock import FrozenClock  # noqa: E402
from trading_cli.domain import from_epoch  # noqa: E402
from trading_cli.simulator import running  # noqa: E402
from trading_cli.simulator.world import World  # noqa: E402


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """Return a running exchange with 30 markets, most of them worth following."""
    world = World(7, 30, start=NOON - 35 * DAY, end=NOON + 2 * DAY, liquid_share=0.8)
    with running.start(world, limits=False, now=float(NOON + AFTER_SLOT_S)) as server:
        yield Exchange(world, server)


@pytest.fixture
def make_home(tmp_path: Path, exchange: Exchange) -> Iterator[Callable[..., Home]]:
    """Return what makes a home that collects from the exchange, which has no fault in force."""
    exchange.faults()
    made: list[Toolkit] = []

    def make(name: str = "home", **options: object) -> Home:
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        sections = options.pop("sections", {})
        section = settings_for(exchange.url, **options) | {"read_timeout_s": 10.0}
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump({"data_collection": section, **sections}))
        config.chmod(0o600)
        clock = FrozenClock(from_epoch(NOON))
        toolkit = Toolkit(load(config, env={}), clock=clock, env={})
        made.append(toolkit)
        home = Home(toolkit, clock, exchange, config)
        home.at(0)
        return home

    yield make
    for toolkit in made:
        toolkit.__exit__(None, None, None)
    exchange.faults()
