"""Homes in the states a person can find them in, made once for a module."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from telling import make_home, tell  # beside this

from trading_cli.simulator import running
from trading_cli.simulator.world import World

DAY = 86_400


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory, small_demo: Path) -> Iterator[dict[str, Path]]:
    """Return settings files by state.

    ``empty``: nothing collected; ``alone``: nor does anybody answer; ``filled``: one slot, just
    now, and a past; ``partial``: one source did not answer; ``old``: the demo's, long ago, and its
    exchange is gone; ``wrong``: not valid; ``damaged``: the database is none; ``stopped``: a copy
    of ``filled`` for the kill switch.
    """
    folder = tmp_path_factory.mktemp("homes")
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith("TRADING_")]:
        patch.delenv(name)
    patch.setenv("XDG_STATE_HOME", str(folder / "state"))
    now = time.time()
    world = World(7, 12, start=int(now) - 9 * DAY, end=int(now) + 2 * DAY, liquid_share=0.8)
    with running.start(world, limits=False) as server:
        found = {
            name: make_home(folder / name, server.url) for name in ("empty", "filled", "partial")
        }
        found["alone"] = make_home(folder / "alone", "http://127.0.0.1:9")
        found["wrong"] = make_home(folder / "wrong", server.url)
        found["wrong"].write_text("nonsense: 1\n")
        collected = tell("collect", "--backfill", "1d", "--config", str(found["filled"]))
        assert collected.exit_code == 0, collected.err
        silent = {"TRADING__DATA_COLLECTION__GDELT__URL": "http://127.0.0.1:9"}
        with pytest.MonkeyPatch.context() as away:
            away.setenv(*silent.popitem())
            assert tell("collect", "--config", str(found["partial"])).exit_code == 0
        shutil.copytree(small_demo, folder / "old")
        found["old"] = folder / "old" / "config.yaml"
        found["damaged"] = make_home(folder / "damaged", server.url)
        shutil.copytree(folder / "filled" / "data", folder / "damaged" / "data")
        (folder / "damaged" / "data" / "trading.db").write_bytes(b"no database" * 1000)
        shutil.copytree(folder / "filled", folder / "stopped")
        found["stopped"] = folder / "stopped" / "config.yaml"
        patch.undo()
        yield found


@pytest.fixture
def no_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let --config alone say where the home is."""
    del home
    monkeypatch.delenv("TRADING_HOME")
