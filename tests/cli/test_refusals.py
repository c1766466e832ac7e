"""What a person can get wrong is told as such, never called a bug; looking makes nothing."""

import socket

import pytest
from telling import tell  # beside this

from trading_cli.app.simulate import new_home, serve
from trading_cli.core.errors import UsageError

LOOKS = (
    ("status",), ("positions",), ("readiness",), ("correlate",), ("calibrate",), ("trials",),
    ("monte-carlo",), ("markets",), ("quality-check",), ("journal", "list"), ("journal", "verify"),
    ("journal", "stats"), ("journal", "reconcile"), ("portfolio", "exposure"), ("kill", "history"),
    ("alerts", "list"), ("alerts", "retry"), ("db", "stats"), ("explain", "x"),
)  # fmt: skip


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_a_look_at_a_database_that_is_gone_is_refused(home, words):
    """The mark says that there was one: exit 6 with the way out, and nothing is made."""
    (home / "data").mkdir()
    (home / "data" / ".trading.db.born").touch()
    told = tell(*words)
    assert (told.exit_code, told.out) == (6, "")
    assert "it is gone" in told.err
    assert "put back a copy of it" in told.err
    assert [path.name for path in (home / "data").iterdir()] == [".trading.db.born"]


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_a_look_at_a_new_home_makes_no_database(home, words):
    """Whatever it says of nothing, it leaves nothing behind."""
    assert tell(*words).exit_code in {0, 2, 6}
    assert not (home / "data" / "trading.db").exists()


def test_a_port_that_is_taken_is_a_mistake_of_usage():
    """Somebody else listens there: exit 2, and another port is proposed."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UsageError, match="Address already in use") as told,
    ):
        serve(None, 1, 2, taken.getsockname()[1], 0, str)
    assert "--port 0" in told.value.hint


def test_a_folder_that_cannot_be_made_is_a_mistake_of_usage(tmp_path):
    """Neither below a file nor where nobody may write is a home made."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be made"):
        new_home(tmp_path / "file" / "home")
    assert tell("simulate", "--home", "/proc/x").exit_code == 2
    assert tell("demo", "--keep", "/proc/x").exit_code == 2


def test_stopping_what_does_not_run_is_done_already(home):
    """Nothing runs, as was asked: exit 0, and it says so."""
    del home
    told = tell("stop")
    assert (told.exit_code, told.out) == (0, "nothing is running for this home\n")


def test_nothing_is_run_while_all_is_forbidden(home):
    """`run` begins no cycle under a stop of the highest level, and names the way back: exit 8."""
    (home / "data").mkdir()
    (home / "data" / "KILL").touch()
    told = tell("run")
    assert told.exit_code == 8
    assert "the way back: trading kill status" in told.out
    assert "next at" not in told.out + told.err
    assert not (home / "data" / "collection.lock").exists()
