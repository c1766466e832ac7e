"""kill -9 at every point of a cycle that trades: the next run goes on, the broker's books agree."""

import os
import random
import signal
from pathlib import Path

import pytest
from dealing import Stage  # beside this

from trading_cli.core.faults import POINTS

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
LAST = 5
# market 0 is bought and stopped out, 1 bought and resolved, 2 bought a slot later and kept
SCRIPT = (
    ("0.50", "0.40", "0.40", "0.40", "0.40", "0.40"),
    ("0.50", "0.50", "yes", "yes", "yes", "yes"),
    ("0.45", "0.50", "0.50", "0.50", "0.50", "0.50"),
)
ELSEWHERE = {"notify": "test_notify_killed.py", "kill": "test_kill_faults.py"}
HERE = tuple(point for point in POINTS if point.partition(".")[0] not in ELSEWHERE)
ENTRY, EXIT, SETTLEMENT = 0, 1, 2
TURNS = {"settle": (SETTLEMENT,), "trade": (ENTRY, EXIT), "cycle": (ENTRY, EXIT)}


def prices(number: int, turn: int) -> str:
    """Return what the script says."""
    return SCRIPT[number][turn]


def day(folder: Path, fault: str, turn: int, *, again: bool = True) -> Stage:
    """Run the whole script; from *turn* on the first cycle that passes *fault* is killed there.

    The slot of the killed one is begun *again*, or its next run is the one of the slot after.
    """
    stage = Stage(folder, prices, len(SCRIPT))
    killed = 0
    for now in range(LAST + 1):
        status = stage.cycle(now, fault if now >= turn and not killed else "")
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            killed += 1
            if again:
                stage.cycle(now)
    assert killed == 1, f"{fault} never came by"
    return stage


CASES = [(point, turn) for point in HERE for turn in TURNS[point.partition(".")[0]]]


@pytest.mark.parametrize(("point", "turn"), CASES)
def test_killed_at_any_point_the_next_run_goes_on(tmp_path, point, turn):
    """Nothing is sent twice, nothing lost, every slot has its row, and the ledger agrees."""
    stage = day(tmp_path, point, turn)
    found = stage.judge(range(LAST + 1))
    assert found.clean, found
    assert stage.exchange.deals()


def test_a_day_without_a_kill_is_what_it_should_be(tmp_path):
    """Three bought, one stopped out, one settled: so the points are really passed."""
    stage = Stage(tmp_path, prices, len(SCRIPT))
    for turn in range(LAST + 1):
        assert stage.cycle(turn) == 0
    assert [(one.market, one.side.value) for one in stage.exchange.deals()] == [
        ("M0", "BUY"), ("M1", "BUY"), ("M0", "SELL"), ("M2", "BUY"),
    ]  # fmt: skip
    assert stage.judge(range(LAST + 1)).clean
