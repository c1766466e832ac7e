"""`trading alerts` as a person reads it."""

import pytest
from telling import make_home, tell  # beside this

from trading_cli.app.settings import load
from trading_cli.core.clock import SystemClock
from trading_cli.domain import Notice, Severity
from trading_cli.store import Store, outbox


@pytest.fixture
def config(home):
    """Return the settings of a home with one notice in the queue."""
    home.rmdir()
    made = make_home(home, "http://127.0.0.1:9")
    now = SystemClock().now()
    text = "Entries are paused: \x1b[31ma loss\x1b[0m\nExits go on."
    with Store.open(load(made).database, now=now) as store, store.transaction() as tx:
        outbox.put(tx, Notice("pause:1", "pause", Severity.WARN, text, now, critical=True))
    return made


def test_the_queue_is_shown_with_the_channels_and_why_they_are_off(config):
    """One line a notice; no escape sequence reaches the terminal."""
    told = tell("alerts", "list", "--config", str(config))
    assert told.exit_code == 0, told.err
    assert "pause !" in told.out
    assert "PENDING" in told.out
    assert "1 wait, the oldest for 0 min" in told.out
    assert "alerts.telegram.enabled is false" in told.out
    assert "\x1b" not in told.out


def test_without_a_channel_a_test_says_how_to_get_one(config):
    """Exit 4, with the way out."""
    told = tell("alerts", "test", "--config", str(config))
    assert told.exit_code == 4
    assert "no channel is on" in told.err
    assert "enable one under `alerts`" in told.err


def test_an_ack_is_counted(config):
    """A notice that is not there is a mistake of the command line."""
    told = tell("alerts", "ack", "pause:1", "--config", str(config))
    assert "1 marked as seen" in told.out
    assert tell("alerts", "ack", "pause:2", "--config", str(config)).exit_code == 2


def test_the_bot_needs_to_be_allowed(config):
    """Off by default: exit 4 and what to set."""
    told = tell("alerts", "bot", "--config", str(config))
    assert told.exit_code == 4
    assert "no chat may command" in told.err
