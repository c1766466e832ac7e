"""In no window more than promised: however many processes ask, whatever the clock does."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import CircuitOpen, SourceDown, SourceThrottled
from trading_cli.core.ratelimit import FAILURES_TO_OPEN, Limiter, Rate, report_of

START = 1_800_000_000.0
WORKER = """
import sys, time
from pathlib import Path
from trading_cli.core.clock import SystemClock
from trading_cli.core.ratelimit import Limiter, Rate
limiter = Limiter(Path(sys.argv[1]), clock=SystemClock())
for _ in range(int(sys.argv[2])):
    limiter.acquire("host", "/a", Rate(8, 0.3, 3), None)
    print(time.monotonic(), flush=True)
"""


class Hours(FrozenClock):
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        super().__init__(datetime.fromtimestamp(START, UTC))
        self.real = 0.0
        self.wall_at = START

    def monotonic(self) -> float:
        """Return the seconds slept."""
        return self.real

    def wall(self) -> float:
        """Return the wall time, which a test may set back."""
        return self.wall_at

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.real += seconds
        self.wall_at += seconds


def limiter_of(path, hours):
    """Return a limiter that lives in the time of *hours*."""
    return Limiter(path / "limits.db", clock=hours, wall=hours.wall)


def most_in_any_window(instants, width):
    """Return how many of *instants* the fullest window of *width* seconds holds."""
    ordered = sorted(instants)
    return max(sum(start <= at < start + width for at in ordered) for start in ordered)


RATES = st.builds(Rate, st.floats(0.2, 40), st.floats(0.1, 60), st.integers(1, 50))


@settings(max_examples=40, deadline=None)
@given(RATES, st.lists(st.floats(0, 3), min_size=2, max_size=60), st.data())
def test_no_window_is_overfull(tmp_path_factory, rate, pauses, data):
    """Whatever the rate, pauses, restarts and steps back of the clock, the promise holds."""
    folder, hours = tmp_path_factory.mktemp("limits"), Hours()
    limiter = limiter_of(folder, hours)
    sent = []
    for pause in pauses:
        event = data.draw(st.sampled_from(["", "", "", "restart", "back"]))
        if event == "restart":
            limiter.close()
            limiter = limiter_of(folder, hours)
        hours.wall_at -= 5.0 if event == "back" else 0.0
        hours.sleep(pause * rate.interval_s)
        limiter.acquire("host", "/a", rate, None)
        sent.append(hours.real)
    limiter.close()
    assert most_in_any_window(sent, rate.window_s) <= max(1, int(rate.requests))


def test_processes_share_the_promise(tmp_path):
    """Four processes at once: in no 0.3 s do more than eight requests leave."""
    command = [sys.executable, "-c", WORKER, str(tmp_path / "limits.db"), "12"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [worker.communicate()[0] for worker in workers]
    sent = [float(line) for text in said for line in text.splitlines()]
    assert len(sent) == 48
    assert most_in_any_window(sent, 0.3) <= 8


def test_another_process_heeds_retry_after(tmp_path):
    """Whoever opens the file waits as long as the host told the first."""
    hours, rate = Hours(), Rate(10, 1)
    limiter_of(tmp_path, hours).throttled("host", "/a", 42.0)
    other = limiter_of(tmp_path, hours)
    assert other.report()[0].blocked_until == START + 42
    with pytest.raises(SourceThrottled) as caught:
        other.acquire("host", "/a", rate, hours.real + 41)
    assert caught.value.retry_after == pytest.approx(42)
    assert other.acquire("host", "/a", rate, None) == pytest.approx(42)
    other.throttled("host", "/a", 3_600)
    with pytest.raises(SourceThrottled):
        other.acquire("host", "/a", rate, None)


def test_back_off_doubles_and_ends(tmp_path):
    """Without Retry-After the pauses grow to five minutes; one success ends them."""
    hours, pauses = Hours(), []
    limiter = limiter_of(tmp_path, hours)
    for _ in range(12):
        limiter.throttled("host", "/a", None)
        pauses.append(limiter.report()[0].blocked_until - hours.wall_at)
        hours.sleep(pauses[-1])
    assert all(1.0 * 2**k <= pause <= 2.0 * 2**k for k, pause in enumerate(pauses[:7]))
    assert 150 <= pauses[-1] <= 300
    limiter.succeeded("host", "/a")
    limiter.throttled("host", "/a", None)
    assert limiter.report()[0].blocked_until - hours.wall_at <= 2


def opened(limiter):
    """Let the host fail until its circuit opens."""
    for _ in range(FAILURES_TO_OPEN):
        limiter.failed("host")


def test_half_open_lets_one_probe_through(tmp_path):
    """Five failures open; after a minute one may try; its failure doubles, its success closes."""
    hours, rate = Hours(), Rate(100, 1)
    first, second = limiter_of(tmp_path, hours), limiter_of(tmp_path, hours)
    for _ in range(FAILURES_TO_OPEN - 1):
        first.failed("host")
    second.acquire("host", "/a", rate, None)
    first.failed("host")
    for limiter in (first, second):
        with pytest.raises(CircuitOpen) as caught:
            limiter.acquire("host", "/a", rate, None)
    assert caught.value.seconds == pytest.approx(60)
    second.acquire("other", "/a", rate, None)
    hours.sleep(61)
    second.acquire("host", "/a", rate, None)
    with pytest.raises(CircuitOpen):
        first.acquire("host", "/a", rate, None)
    second.failed("host")
    with pytest.raises(CircuitOpen) as caught:
        first.acquire("host", "/a", rate, None)
    assert caught.value.seconds == pytest.approx(120)
    hours.sleep(121)
    first.acquire("host", "/a", rate, None)
    first.succeeded("host", "/a")
    second.acquire("host", "/a", rate, None)
    assert {state.circuit for state in second.report()} == {"closed"}


def test_an_open_circuit_tells_the_last_failure(tmp_path):
    """Whoever is not let through reads why, also in another process; a success forgets it."""
    hours, rate = Hours(), Rate(100, 1)
    first, second = limiter_of(tmp_path, hours), limiter_of(tmp_path, hours)
    for number in range(FAILURES_TO_OPEN):
        first.failed("host", f"GET /a: HTTP 50{number}" + " and more" * 100)
    with pytest.raises(CircuitOpen, match=r"repeatedly, at last with GET /a: HTTP 504") as caught:
        second.acquire("host", "/a", rate, None)
    assert len(caught.value.cause) == 200
    hours.sleep(61)
    second.acquire("host", "/a", rate, None)
    second.succeeded("host", "/a")
    opened(second)
    with pytest.raises(CircuitOpen, match="repeatedly; next try"):
        first.acquire("host", "/a", rate, None)


def test_a_file_of_an_earlier_version_is_gone_on_with(tmp_path):
    """Before causes were kept: its budgets hold, nothing is set aside, causes are kept from now."""
    hours, rate, path = Hours(), Rate(4, 10), tmp_path / "limits.db"
    limiter = limiter_of(tmp_path, hours)
    limiter.acquire("host", "/a", rate, None)
    limiter.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("ALTER TABLE circuit DROP COLUMN cause")
    later = limiter_of(tmp_path, hours)
    assert later.acquire("host", "/a", rate, None) == pytest.approx(rate.interval_s)
    for _ in range(FAILURES_TO_OPEN):
        later.failed("host", "no answer")
    with pytest.raises(CircuitOpen, match="no answer"):
        later.acquire("host", "/a", rate, None)
    assert not list(tmp_path.glob("limits.db.damaged-*"))


def test_a_clock_set_back_makes_nobody_wait_longer(tmp_path):
    """A day back on the wall clock leaves the pause as long as it was."""
    hours = Hours()
    limiter = limiter_of(tmp_path, hours)
    limiter.throttled("host", "/a", 30.0)
    hours.wall_at -= 86_400
    assert limiter.acquire("host", "/a", Rate(10, 1), None) == pytest.approx(30)


@pytest.mark.parametrize("deadline", [0.0, 0.5])
def test_nobody_sleeps_past_the_deadline(tmp_path, deadline):
    """Our own budget has no room before it: SourceDown at once, and nothing is used up."""
    hours, rate = Hours(), Rate(1, 1)
    limiter = limiter_of(tmp_path, hours)
    limiter.acquire("host", "/a", rate, None)
    for _ in range(5):
        with pytest.raises(SourceDown, match="no room before the deadline"):
            limiter.acquire("host", "/a", rate, deadline)
    assert hours.real == 0
    assert limiter.acquire("host", "/a", rate, None) < 1.2


def spoil(path, how):
    """Damage the file at *path*."""
    if how == "gone":
        path.unlink()
    elif how == "foreign":
        path.unlink()
        path.write_bytes(b"no database at all " * 500)
    else:
        raw = bytearray(path.read_bytes())
        raw[100:] = b"\xff" * (len(raw) - 100)
        path.write_bytes(raw)


@pytest.mark.parametrize(
    ("how", "running"),
    [("gone", True), ("gone", False), ("foreign", True), ("foreign", False), ("torn", False)],
)
def test_a_damaged_file_stops_nobody(tmp_path, how, running):
    """It is set aside, and the first caller already goes on, after one careful window."""
    hours, rate, path = Hours(), Rate(4, 10), tmp_path / "limits.db"
    limiter = limiter_of(tmp_path, hours)
    limiter.acquire("host", "/a", rate, None)
    other = limiter_of(tmp_path, hours)
    if not running:
        limiter.close()
        other.close()
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    spoil(path, how)
    fresh = limiter if running else limiter_of(tmp_path, hours)
    waited = fresh.acquire("host", "/a", rate, None)
    careful = not (how == "gone" and not running)
    assert waited == pytest.approx(10.0 if careful else 0.0)
    if running:
        assert other.acquire("host", "/a", rate, None) > 0
    assert bool(list(tmp_path.glob("limits.db.damaged-*"))) == (how != "gone")
    assert len(fresh.report()) == 1


def test_who_only_looks_changes_nothing(tmp_path):
    """The same figures, not a byte of the file another; one that is damaged stays where it is."""
    hours = Hours()
    limiter = limiter_of(tmp_path, hours)
    limiter.acquire("host", "books", Rate(10, 1), None)
    path = tmp_path / "limits.db"
    wanted, before = limiter.report(), path.read_bytes()
    assert report_of(path, wall=hours.wall) == wanted
    assert path.read_bytes() == before
    limiter.close()
    path.write_bytes(damage := b"no database at all " * 99)
    for there in (path, tmp_path / "absent.db"):
        with pytest.raises(SourceDown, match="cannot be read"):
            report_of(there)
    assert path.read_bytes() == damage
    assert not (tmp_path / "absent.db").exists()
