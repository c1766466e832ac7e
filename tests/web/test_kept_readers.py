"""What a server keeps open for a moment is in nobody's way, and never shows another file."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from time import perf_counter

from reading import asking  # beside this

from trading_cli.app.upkeep.optimize import optimize
from trading_cli.app.upkeep.restore import restore
from trading_cli.store import readers
from trading_cli.web.api import create_app

PATHS = ("status", "positions", "decisions?limit=1", "ledger?limit=1", "kill", "equity")
NEWEST = {"cache-control": "no-cache"}


def _quiet(_text: str) -> None:
    """Say nothing."""


def test_replies_are_made_over_a_few_connections(own_home, monkeypatch):
    """Not one for each: the schema is read a few times, not for every reply."""
    opened: list[str] = []
    connect = sqlite3.connect

    def noting(address, *words, **more):
        if "trading.db" in str(address):
            opened.append(str(address))
        return connect(address, *words, **more)

    monkeypatch.setattr(readers, "LIVES_S", 60.0)
    with asking(create_app(own_home, {})) as api:
        monkeypatch.setattr(sqlite3, "connect", noting)
        for path in PATHS:
            assert api.get(path).status_code == 200
        assert 1 <= len(opened) < len(PATHS)


def test_the_file_is_tidied_while_the_page_is_looked_at(own_home):
    """What is kept open for the next who asks is let go of while it is waited for."""
    with asking(create_app(own_home, {})) as api:
        for path in PATHS:
            assert api.get(path).status_code == 200
        done = optimize(own_home, _quiet)
        assert (done["swapped"], done["why"]) == (True, "")
        for path in PATHS:
            assert api.get(path, headers=NEWEST).status_code == 200


def test_a_restored_file_is_shown_and_not_the_one_before(own_home):
    """The server that looked at the old one shows the new one, stopped as it is."""
    data = own_home.parent / "data"
    copy = data / "copy.db"
    with (
        closing(sqlite3.connect(data / "trading.db")) as old,
        closing(sqlite3.connect(copy)) as new,
    ):
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")
    with asking(create_app(own_home, {})) as api:
        before = {path: api.data(path) for path in ("kill", "journal?limit=1")}
        assert before["kill"]["state"] == "ARMED"
        restore(own_home, copy, _quiet)
        assert api.data("kill")["state"] == "TRIGGERED"
        until = perf_counter() + 5
        while api.data("journal?limit=1")["total"] == before["journal?limit=1"]["total"]:
            assert perf_counter() < until


def test_a_server_that_is_left_alone_holds_nothing(own_home):
    """A while after the last who asked, nothing of the database is open any more."""
    database = str(own_home.parent / "data" / "trading.db")

    def opened() -> list[str]:
        found = []
        for one in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found.append(str(one.readlink()))
        return [name for name in found if name.startswith(database)]

    with asking(create_app(own_home, {})) as api:
        assert api.get("status").status_code == 200
        until = perf_counter() + 20
        while opened():
            assert perf_counter() < until
