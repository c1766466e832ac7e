"""How `trading status` looks to a person: whole, and never wider than 80 columns."""

import os
import pty
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telling import tell  # beside this

from trading_cli.cli import status
from trading_cli.cli.answer import Facts
from trading_cli.cli.render import WIPE, _text

STAGES = ("listed", "open", "accepting", "two_sided", "volume", "liquidity", "deadline", "panel")
FULL = {
    "mode": "paper",
    "home": "/srv/trading",
    "last_run": {"slot": "2026-03-02T23:45:00+00:00", "state": "OK", "age_s": 9},
    "data_gate": {"open": False, "reasons": ["freshness: the newest quote is 22781959 s old"] * 3},
    "funnel": dict.fromkeys(STAGES, 1234),
    "account": {
        "equity": 9990.25,
        "cash": 9875.5,
        "exposure": 124.5,
        "open": 1,
        "at": "2026-03-02T23:45:07+00:00",
    },
    "pauses": [
        {
            "kind": "day",
            "reason": "the day's loss of 5.2 % is above its limit of 5 %",
            "since": "2026-03-02T14:15:07+00:00",
            "until": "2026-03-03T00:00:00+00:00",
        },
    ],
    "outbox": {"pending": 3, "oldest_s": 900},
    "waiting": "hype baseline: 2.0 of 7 days; enough on 2026-03-07 00:00 UTC",
    "sources": {
        "polymarket.past_trades": {
            "state": "degraded",
            "last_ok": "2026-03-02T23:45:07+00:00",
            "message": "polymarket.past_trades: 3 of 40 requests brought nothing, see the log",
        },
        "x": {
            "state": "off",
            "last_ok": None,
            "message": "off: data_collection.x.enabled is false",
        },
    },
}
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


def _told(data) -> list[str]:
    """Return the lines of *data* as `trading status` writes them into a pipe."""
    blocks = [Facts(status._fitted(status._facts(data))), status._sources(data["sources"])]
    return "".join(_text(block) for block in blocks).splitlines()


def test_a_full_status_fits_eighty_columns():
    """Long facts and messages go on below themselves; pairs of the funnel are not torn apart."""
    lines = _told(FULL)
    assert max(len(line) for line in lines) <= 80
    shown = "\n".join(lines)
    assert all(f"{stage} 1234" in shown for stage in STAGES)
    funnel = next(line for line in lines if line.startswith("funnel"))
    following = lines[lines.index(funnel) + 1]
    assert funnel.endswith(",")
    assert following.startswith(" " * funnel.index("listed"))


def test_a_source_that_is_off_does_not_say_so_twice():
    """The state has its own column, the minute is told in UTC, and no message is lost."""
    lines = _told(FULL)
    row = next(line for line in lines if line.startswith("x "))
    assert row.split() == ["x", "off", "-", "data_collection.x.enabled", "is"]
    assert "2026-03-02 23:45  " in next(line for line in lines if "past_trades" in line)
    shown = " ".join(" ".join(lines).split())
    assert "brought nothing" in shown
    assert lines[-1].strip() == "false"


@given(st.lists(words, min_size=1, max_size=40), st.integers(20, 70))
def test_whatever_a_fact_says_no_word_is_lost(said, room):
    """Wrapping moves words to other lines, in their order, and cuts none."""
    lines = [line for _, line in status._lines(" ".join(said), room)]
    assert " ".join(lines).split() == said
    assert all(len(line) <= room for line in lines)


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_what_is_absent_still_has_its_line(value):
    """An absent or empty fact is one line, not none."""
    assert len(status._lines(value, 40)) == 1


def test_a_path_is_never_broken():
    """A long home stays one word, so that it can be copied."""
    home = "/srv/" + "very-long-name/" * 8
    assert status._lines(home, 40) == [(True, home)]


def test_money_pauses_and_messages_are_told_to_people():
    """The account with its instant, each pause with its end and reason, how many messages wait."""
    shown = " ".join(" ".join(_told(FULL)).split())
    assert "equity 9,990.25 USD, cash 9,875.50, at stake 124.50, 1 open" in shown
    assert "day, since 2026-03-02 14:15 UTC, until 2026-03-03 00:00 UTC: the day's loss" in shown
    assert "to be told 3, the oldest queued 15 min ago" in shown


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [("status", "--watch"), ("status", "--watch", "--json")])
def test_a_watch_is_for_a_terminal_alone(words):
    """Into a pipe, or as JSON, it is refused and says what to do instead."""
    told = tell(*words, screen="--json" in words)
    assert (told.exit_code, told.out) == (2, "")
    assert "--watch" in told.err
    assert "trading status --json" in told.err


def test_a_watch_draws_again_until_it_is_interrupted(home):
    """On a terminal it is drawn anew, and Ctrl-C ends it without a complaint."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "trading_cli", "status", "--watch"],
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE,
        env={**os.environ, "TRADING_HOME": str(home), "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while seen.count(WIPE.encode()) < 2 or not seen.rstrip().endswith(b"first slot"):
        seen += os.read(ours, 65_536)
    child.send_signal(signal.SIGINT)
    _, complaint = child.communicate(timeout=30)
    os.close(ours)
    assert (child.returncode, complaint) == (0, b"")
    assert b"newest quote" in seen


def test_a_stop_names_the_next_step(home):
    """Who sees that trading is stopped is told where the way back begins."""
    assert "trading kill status" not in tell("status").out
    (home / "data").mkdir()
    (home / "data" / "KILL").touch()
    assert tell("status").out.splitlines()[-1] == "next: trading kill status"


def test_a_run_that_failed_says_why():
    """What ended it stands beside its state."""
    run = {"slot": "2026-03-02T23:45:00+00:00", "state": "FAILED", "why": "ended without a word"}
    shown = " ".join(" ".join(_told(FULL | {"last_run": run})).split())
    assert "FAILED: ended without a word" in shown
