"""Whatever operators, guards and crashes do in whatever order: no trade without arming."""

import shutil
import tempfile
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from sqlite3 import connect

import pytest
import stopping  # beside this
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stopping import COOL_DOWN, NOW, WHY, file_of

from trading_cli.app import latch, release, stop
from trading_cli.domain import OrderState, Purpose, Reason
from trading_cli.store import Store, deals
from trading_cli.trading.killswitch import KillRefused, forbids

LEVELS = st.integers(1, 4)
SHM = Path("/dev/shm")  # noqa: S108  # memory: thousands of homes are made


class Operators(RuleBasedStateMachine):
    """One home, and a model of it that knows only: was it armed, and by the whole way?"""

    def __init__(self):
        super().__init__()
        self.home = Path(tempfile.mkdtemp(dir=SHM if SHM.is_dir() else None))
        self.place = stopping.make(self.home / "home")
        self.now = NOW
        self.armed, self.disarmed = True, False
        self.since = NOW
        self.orders = 0
        self.open: set[str] = set()

    def teardown(self):
        """Leave nothing behind."""
        shutil.rmtree(self.home)

    def _stopped(self):
        self.armed = self.disarmed = False
        self.since = self.now

    @rule(minutes=st.integers(0, 20))
    def wait(self, minutes):
        """Time passes; that alone changes nothing."""
        self.now += timedelta(minutes=minutes)

    @rule(level=LEVELS, actor=st.sampled_from(["person", "guard", "risk", "chat"]))
    def trip(self, level, actor):
        """Anybody stops."""
        done = stop.trip(self.place, level=level, reason="x", actor=actor, now=self.now)
        assert done.latched
        self._stopped()

    @rule(level=LEVELS)
    def trip_while_locked(self, level):
        """Somebody stops while the database is locked: only the file can be written."""
        with closing(connect(self.place.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            stop.latch(self.place.folder, level, "died after the file")
        self._stopped()

    @rule(level=LEVELS)
    def only_the_row(self, level):
        """Write the row where the file cannot be written."""
        with Store.open(self.place.database, now=self.now) as store, store.transaction() as tx:
            stop.record_trigger(tx, self.place, level, reason="x", actor="y", now=self.now)
        self._stopped()

    @rule()
    def touch(self):
        """Make the file by hand."""
        file_of(self.place).touch()
        self._stopped()

    @rule()
    def verify(self):
        """Look what is open; it never allows anything."""
        with suppress(KillRefused):
            stop.verify(self.place, self.now)

    @rule(right=st.booleans(), reason=st.sampled_from([WHY, "no", ""]))
    def reset(self, right, reason):
        """Reset, rightly or not."""
        phrase = stopping.phrase(self.place) if right else "0000-0000"
        words = {"reason": reason, "phrase": phrase, "actor": "person", "now": self.now}
        try:
            done = release.reset(self.place, cool_down=COOL_DOWN, **words)
        except KillRefused:
            return
        assert right
        assert reason == WHY
        assert not self.open
        assert not self.armed
        assert not self.disarmed
        assert done.state == "DISARMED"
        self.disarmed = True

    @rule()
    def reset_dies_before_the_file_goes(self):
        """Die when the row says DISARMED and the file is still there."""
        before = file_of(self.place)
        kept = before.read_bytes() if before.is_file() else None
        self.reset(True, WHY)  # noqa: FBT003  # the rule's own words
        if kept is not None and self.disarmed and not self.armed:
            latch.latch(self.place.folder, 1, "put back")
            self.disarmed = False

    @rule()
    def arm(self):
        """Arm; only what is disarmed lets a person do that."""
        try:
            release.arm(self.place, reason=WHY, actor="person", now=self.now)
        except KillRefused:
            assert not self.disarmed
            return
        assert self.disarmed
        self.armed, self.disarmed = True, False

    @rule(state=st.sampled_from([OrderState.PENDING, OrderState.UNKNOWN]))
    def order(self, state):
        """Have an order under way, or unknown."""
        self.orders += 1
        name = f"o{self.orders}"
        with Store.open(self.place.database, now=self.now) as store, store.transaction() as tx:
            deals.place_order(tx, stopping.order(name, state=state))
        self.open.add(name)

    @precondition(lambda self: self.open)
    @rule()
    def order_ends(self):
        """Learn what became of it."""
        name = self.open.pop()
        with Store.open(self.place.database, now=self.now) as store, store.transaction() as tx:
            deals.end_order(tx, name, OrderState.REJECTED, "x", self.now)

    @precondition(lambda self: not self.armed)
    @rule()
    def a_row_is_damaged(self):
        """Change the newest row: nobody may trade before the whole way back."""
        with Store.open(self.place.database, now=self.now) as store, store.transaction() as tx:
            tx.execute(
                "UPDATE kill_state SET reason = reason || 'x'"
                " WHERE seq = (SELECT max(seq) FROM kill_state)"
            )
        self._stopped()

    @invariant()
    def only_what_is_armed_trades(self):
        """Let an entry go exactly while armed; no exit while disarmed."""
        standing = stop.standing_at(self.place)
        assert (not forbids(standing, Purpose.ENTRY, Reason.SIGNAL)) is self.armed
        if self.disarmed:
            assert forbids(standing, Purpose.EXIT, Reason.STOP)


def _run(examples: int) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Operators,
        settings=settings(
            max_examples=examples, stateful_step_count=12, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_no_sequence_of_operators_trades_without_arming():
    """Forty random sequences; ten thousand at night."""
    _run(40)


@pytest.mark.nightly
def test_no_sequence_of_ten_thousand_trades_without_arming():
    """Ten thousand."""
    _run(10_000)
