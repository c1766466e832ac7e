"""kill -9 at every point of a cycle that trades: the next run goes on, the broker's books agree."""

import random
import re
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from dealing import Stage  # beside this

from trading_cli.app.steps import COLLECTION
from trading_cli.app.upkeep import POINTS as UPKEEP
from trading_cli.core.clock import FrozenClock
from trading_cli.core.faults import POINTS
from trading_cli.store import holdings

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
ROOT = Path(__file__).parents[2]
# market 0 is bought and stopped out, 1 bought and resolved, 2 bought a slot later and kept
SCRIPT = (
    ("0.50", "0.40", "0.40", "0.40", "0.40"),
    ("0.50", "0.50", "yes", "yes", "yes"),
    ("0.45", "0.50", "0.50", "0.50", "0.50"),
)
LAST = 4
DEALING, SETTLING = 1, 2  # the slot that sells one and buys another, and the one that is paid
HERE = tuple(point for point in POINTS if point.startswith(("cycle.", "trade.", "settle.")))
NTH = {"trade": (1, 2)}  # the sale comes first, then the purchase
CASES = [
    (f"{point}:{nth}", SETTLING if point.startswith("settle.") else DEALING)
    for point in HERE
    for nth in NTH.get(point.partition(".")[0], (1,))
]


def prices(number: int, turn: int) -> str:
    """Return what the script says."""
    return SCRIPT[number][turn]


class Moving(FrozenClock):
    """A world in which an order takes one second, and none of ours."""

    def sleep(self, seconds: float) -> None:
        """Let a second pass there."""
        del seconds
        self.set(self.now() + timedelta(seconds=1))


def day(
    folder: Path, fault: str, turn: int, *, again: bool = True, paper: bool = False
) -> tuple[Stage, int]:
    """Run the whole script; from *turn* on the first cycle that passes *fault* is killed there.

    The slot of the killed one is begun *again*, or its next run is the one of the slot after.
    Return the home and how many were killed.
    """
    stage = Stage(folder, prices, len(SCRIPT))
    if paper:
        stage.broker, stage.clock = None, Moving(stage.clock.now())
    killed = 0
    for now in range(LAST + 1):
        ended = stage.cycle(now, fault if now >= turn and not killed else "")
        if ended:
            assert ended == (signal.SIGTERM if "@" in fault else signal.SIGKILL)
            killed += 1
            if again:
                stage.cycle(now)
    return stage, killed


def test_a_day_without_a_kill_is_what_it_should_be(tmp_path):
    """Three are bought, one is stopped out, one settled: the points are really passed."""
    stage, killed = day(tmp_path, "", 0)
    assert not killed
    assert [(one.market, one.side.value) for one in stage.exchange.deals()] == [
        ("M0", "BUY"), ("M1", "BUY"), ("M0", "SELL"), ("M2", "BUY"),
    ]  # fmt: skip
    assert stage.judge(range(LAST)).clean


@pytest.mark.parametrize(("fault", "turn"), CASES)
def test_killed_at_any_point_the_next_run_goes_on(tmp_path, fault, turn):
    """Nothing is sent twice, nothing is lost, every slot is done once, and the ledger agrees."""
    stage, killed = day(tmp_path, fault, turn)
    assert killed == 1, f"{fault} never came by"
    found = stage.judge(range(LAST))
    assert found.clean, found
    assert {one.market for one in stage.exchange.deals()} == {"M0", "M1", "M2"}


@pytest.mark.parametrize("point", [*(p for p in HERE if p.endswith(".inside")), "trade.sent"])
def test_told_to_end_within_a_trade_it_leaves_what_a_kill_leaves(tmp_path, point):
    """SIGTERM unwinds through open transactions and locks: nothing is half done."""
    stage, ended = day(tmp_path, f"{point}@TERM", SETTLING if "settle" in point else DEALING)
    assert ended == 1
    found = stage.judge(range(LAST))
    assert found.clean, found


@pytest.mark.parametrize(("fault", "turn"), [one for one in CASES if "cycle" not in one[0]])
def test_on_paper_what_was_not_kept_never_happened(tmp_path, fault, turn):
    """The broker that forgets: the next slot deals again, and each position is there once."""
    stage, killed = day(tmp_path, fault, turn, paper=True)
    assert killed == 1
    found = stage.judge(range(LAST))
    assert replace(found, differences=[]).clean, found
    with stage.open_store() as store, store.reading() as look:
        held = {one.market_id: one.state.value for one in holdings.positions(look, every=True)}
        many = len(holdings.positions(look, every=True))
    assert held == {"M0": "CLOSED", "M1": "CLOSED", "M2": "OPEN"}
    assert many == len(held)


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("turn", [0, DEALING])
def test_killed_while_the_venue_carries_out(tmp_path, turn, again):
    """The order is there, we never heard: it is found, never sent again."""
    stage = Stage(tmp_path, prices, len(SCRIPT))
    for now in range(LAST):
        stage.exchange.behave = lambda _, now=now: "killed" if now == turn else "fills"
        if stage.cycle(now) and again:
            stage.exchange.behave = lambda _: "fills"
            stage.cycle(now)
    found = stage.judge(range(LAST))
    assert found.clean, found


@pytest.mark.nightly
@pytest.mark.parametrize("point", HERE)
def test_twenty_kills_at_each_point(tmp_path, point):
    """The same at a random pass of a random slot, begun again at once or in the slot after."""
    dice = random.Random(point)  # noqa: S311  # repeatable, not secret
    total = 0
    for number in range(20):
        fault, turn = f"{point}:{dice.randint(1, 3)}", dice.randrange(3)
        stage, killed = day(tmp_path / str(number), fault, turn, again=dice.random() < 0.7)
        found = stage.judge(range(LAST))
        assert found.clean, (fault, turn, found)
        total += killed
    assert total


def test_every_point_is_visited_by_a_test():
    """Those of the cycle here, the others where they are named; and the code has each of them."""
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    visited = {point for point in POINTS if f'"{point}"' in tests}
    assert visited | {fault.partition(":")[0] for fault, _ in CASES} == set(POINTS)
    code = "".join(path.read_text() for path in (ROOT / "trading_cli").rglob("*.py"))
    passed = set(re.findall(r'\bfault\("([a-z.]+)"\)', code))
    steps = {f"cycle.{name}.done" for name, _ in COLLECTION.steps}
    assert passed | steps == {*POINTS, *UPKEEP}  # these are killed in tests/app/upkeep
