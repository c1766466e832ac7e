"""Killed while it writes: what was acknowledged is there, and every seal is true."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
import upkeep_world as world  # beside this

from trading_cli.app.upkeep.verify import verify
from trading_cli.store import Store

HERE = Path(__file__).parent
SLOTS_A_KILL = 1000


def campaign(config: Path, kills: int, seed: int) -> int:
    """Kill a writer *kills* times; return how many slots it said it had committed."""
    database = world.opened(config).database
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    acknowledged: list[int] = []
    for kill in range(kills):
        first = (kill + 1) * SLOTS_A_KILL
        words = [sys.executable, str(HERE / "write_cycles.py"), str(database), str(first)]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as child:
            lines = [child.stdout.readline() for _ in range(chance.randrange(1, 5))]
            try:
                child.wait(chance.random() * 0.1)
            except subprocess.TimeoutExpired:
                child.kill()
            lines += child.stdout.readlines()
        acknowledged += [int(line) for line in lines if line.endswith("\n")]
        told = verify(config, world.quiet)
        assert told["sound"], told
    with Store.reader(database) as store, store.reading() as look:
        whole = {int(s) for (s,) in look.execute("SELECT slot FROM runs WHERE state = 'OK'")}
        quoted = dict(look.execute("SELECT slot, count(*) FROM quotes GROUP BY slot"))
    slots = {int(world.at(number).timestamp()) // 900 * 900 for number in acknowledged}
    assert slots <= whole
    assert {quoted[slot] for slot in slots} == {world.MARKETS}
    assert set(quoted.values()) == {world.MARKETS}
    return len(acknowledged)


@pytest.fixture
def config(home, monkeypatch) -> Path:
    """Return the settings of a home of one slot."""
    monkeypatch.delenv("TRADING_HOME")
    return world.make_home(home / "one", slots=1)


def test_a_killed_writer_leaves_true_seals(config):
    """Five times, daily."""
    assert campaign(config, 5, 3) >= 5


def test_a_writer_that_nobody_listens_to_ends(config):
    """Its standard input closed, it ends after the slot it is at: no test leaves one behind."""
    words = [sys.executable, str(HERE / "write_cycles.py"), str(world.opened(config).database), "9"]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "9\n"


@pytest.mark.nightly
def test_200_killed_writers_leave_true_seals(config):
    """Two hundred times."""
    assert campaign(config, 200, 4) >= 200
