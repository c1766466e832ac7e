"""A small but real home, with decisions, trades and talk; and its API, served."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from page_world import build  # beside this
from reading import Api, asking  # beside this
from traded import trade  # beside this

from trading_cli.store import Store, history
from trading_cli.web.api import create_app

MadeOnce = Callable[[str, Callable[[Path], None]], Path]
SLOT = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
AFTER = timedelta(seconds=20)


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory, made_once: MadeOnce) -> Path:
    """Return the settings of a home that nobody may write to: `own_home` is for that."""

    def make(folder: Path) -> None:
        folder.mkdir(mode=0o700)
        with pytest.MonkeyPatch.context() as patch:
            _alone(patch, folder.with_name("web-home-state"))
            build(folder, SLOT)
            trade(folder / "config.yaml", _newest(folder) + AFTER / 2)

    home = tmp_path_factory.mktemp("web") / "home"
    shutil.copytree(made_once("web-home", make), home)  # its readers leave files beside it
    return home / "config.yaml"


def _alone(patch: pytest.MonkeyPatch, state: Path) -> None:
    """Let no variable name a home, and keep what a person's own folder would hold in *state*."""
    for name in [name for name in os.environ if name.startswith("TRADING_")]:
        patch.delenv(name)
    patch.setenv("XDG_STATE_HOME", str(state))


def _newest(home: Path) -> datetime:
    with Store.reader(home / "data" / "trading.db") as store, store.reading() as look:
        newest = history.newest_quote_at(look)
    assert newest is not None
    return newest


@pytest.fixture(scope="session")
def moment(demo_home: Path) -> datetime:
    """Return an instant of the demo's last slot, just after its quotes came."""
    return _newest(demo_home.parent) + AFTER


@pytest.fixture(scope="module")
def standing_still(
    moment: datetime, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[datetime]:
    """Let the world stand still there, for commands and server alike; no variable names a home."""
    with pytest.MonkeyPatch.context() as patch:
        _alone(patch, tmp_path_factory.mktemp("state"))
        with time_machine.travel(moment, tick=False):
            yield moment


@pytest.fixture(scope="module")
def api(demo_home: Path, standing_still: datetime) -> Iterator[Api]:
    """Return a client of the demo's API, whose reads are open."""
    del standing_still
    with asking(create_app(demo_home, {})) as client:
        yield client


@pytest.fixture
def own_home(demo_home: Path, tmp_path: Path, standing_still: datetime) -> Path:
    """Return the settings of a copy of the demo's home, to be written to."""
    del standing_still
    shutil.copytree(demo_home.parent, tmp_path / "own")
    return tmp_path / "own" / "config.yaml"
