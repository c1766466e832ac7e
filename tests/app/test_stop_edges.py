"""The stop at its edges: where it looks, what it says, what it counts, and what it leaves open."""

import shutil
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from sqlite3 import connect
from time import perf_counter

import pytest
import stopping  # beside this
from stopping import NOW, file_of, make, may, rows

from trading_cli.app import brief, latch, stop
from trading_cli.core.errors import ConfigError
from trading_cli.domain import OrderState, Position, PositionState, Purpose, Token
from trading_cli.store import Store, deals, holdings, journal, kill, outbox
from trading_cli.trading.killswitch import KillRefused, Proof

SETTINGS = "database:\n  path: other/x.db\n"
MINUS = "\N{MINUS SIGN}"
LATER = NOW + timedelta(seconds=1)


@pytest.fixture
def place(tmp_path):
    """Return an armed home."""
    return make(tmp_path / "home")


@pytest.fixture
def other(place):
    """Return another database in that home, at other/x.db."""
    path = place.home / "other" / "x.db"
    path.parent.mkdir()
    shutil.copyfile(place.database, path)
    return path


def _trip(place, level=4, actor="person", at=NOW):
    return stop.trip(place, level=level, reason="because", actor=actor, now=at)


def _found(place, text=None, **env):
    if text is not None:
        (place.home / "config.yaml").write_text(text)
    return stop.find_place(None, {"TRADING_HOME": str(place.home), **env})


def test_the_numbers_of_the_stop():
    """It waits 0.2 s for the database, a look 5 s; unless told, it is of level 4; 3 sells all."""
    assert (stop.BUSY_MS, stop.PATIENT_MS) == (200, 5_000)
    assert (stop.DEFAULT_LEVEL, stop.SELLS_ALL) == (4, 3)
    assert Path("data/trading.db") == stop.DATABASE
    assert stop.Place(Path("a"), Path("b")).oddities == ()


@pytest.mark.parametrize(
    ("file_error", "seq", "latched"),
    [("", 2, True), ("", None, True), ("no room", 2, True), ("no room", None, False)],
)
def test_one_of_the_file_and_the_row_is_enough(place, file_error, seq, latched):
    """Only where neither stands nothing was stopped; what could not be done is said."""
    row_error = "" if seq else "it is locked"
    done = stop.Tripped(place, 4, file_error, seq, row_error, None, 0.0, 0.0)
    assert done.latched is latched
    said = []
    if file_error:
        said.append("the file could not be written: no room")
    if row_error:
        said.append("the database could not be told: it is locked")
    assert done.troubles == tuple(said)


def test_settings_or_a_database_make_a_home(place, tmp_path):
    """A folder with neither is stopped all the same, and called odd; with one of them it is not."""
    empty = tmp_path / "empty"
    empty.mkdir()
    (odd,) = stop.find_place(None, {"TRADING_HOME": str(empty)}).oddities
    assert "neither settings nor a database" in odd
    assert _found(place).oddities == ()
    place.database.unlink()
    assert _found(place, "").oddities == ()


def test_the_home_that_is_named_counts_where_the_settings_are_gone(place, tmp_path):
    """TRADING_HOME is the home; the file that is gone was only to be its settings."""
    gone = tmp_path / "elsewhere" / "gone.yaml"
    found = stop.find_place(gone, {"TRADING_HOME": str(place.home)})
    assert (found.home, found.database) == (place.home, place.database)
    with pytest.raises(ConfigError, match="nothing was stopped"):
        stop.find_place(gone, {})


def test_without_a_word_the_home_is_here(place, monkeypatch):
    """Neither --config nor TRADING_HOME: the folder one stands in."""
    monkeypatch.chdir(place.home)
    assert stop.find_place(None, {}) == place
    assert stop._folder_of(None) == place.home


def test_the_database_that_was_noted_is_found(place, other, tmp_path):
    """Settings only a YAML parser understands: the last look noted what they say."""
    (place.home / "config.yaml").write_text('"database": {"path": "other/x.db"}\n')
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    assert _found(place, **env).database == place.database
    brief.read(None, {"TRADING_HOME": str(place.home), **env})
    assert _found(place, **env).database == other


def test_only_the_variable_of_the_database_names_it(place, other):
    """Not another that holds the name of a file, and not where it is empty."""
    assert _found(place, TRADING__DATABASE__PATH="other/x.db").database == other
    assert _found(place, trading__database__path="other/x.db").database == other
    assert _found(place, OTHER="other/x.db").database == place.database
    assert _found(place, TRADING__DATABASE__PATH="").database == place.database


@pytest.mark.parametrize(
    "text",
    ["database:\n  path:\n", "database:\n  path: ''\n", "database:\n  path: other/x.db\0\n",
     "  path: other/x.db\n", "database: x\n  path: other/x.db\n", "path: other/x.db\n"],
)  # fmt: skip
def test_what_names_no_database_leaves_the_usual_one(place, other, text):
    """No name, a name no file can have, a path that is not the database's."""
    assert other.exists()
    assert _found(place, text).database == place.database


def test_the_name_of_a_database_that_is_not_there_is_kept(place):
    """It is what a person must be told: the first that is named, not the usual one."""
    place.database.unlink()
    assert _found(place, SETTINGS).database == place.home / "other" / "x.db"
    assert _found(place, "").database == place.database


def test_settings_are_read_up_to_four_million_characters(place, other):
    """The name that ends there is read whole; one further, and its last letter is not."""
    line = SETTINGS.removesuffix("\n")
    room = 4_000_000 - len(line) - 1
    assert _found(place, "#" * room + "\n" + line).database == other
    assert _found(place, "#" * (room + 1) + "\n" + line).database == place.database


def test_what_was_opened_is_closed(place):
    """To write, the look before it is over; afterwards nothing is held."""

    def held():
        links = Path("/proc/self/fd").iterdir()
        return sum(one.readlink() == place.database for one in links if one.exists())

    with Store.open(place.database, now=NOW):
        alone = held()
    with stop.opened(place, now=NOW, busy_ms=200) as store:
        assert held() == alone
    assert held() == 0
    with pytest.raises(Exception, match="closed"), store.transaction():
        pass


@pytest.fixture
def passed(monkeypatch):
    """Return the points a stop passes at which a test may kill it, each with its moment."""
    seen = {}
    monkeypatch.setattr(stop, "fault", lambda name: seen.update({name: perf_counter()}))
    return seen


def test_its_seconds_are_those_until_the_file_stands(place, passed):
    """The row and the proof come after it, and take their own."""
    began = perf_counter()
    done = _trip(place)
    assert list(passed) == ["kill.file", "kill.row", "kill.done"]
    assert 0 < done.seconds < passed["kill.file"] - began
    assert 0 <= done.proof.seconds < passed["kill.done"] - passed["kill.row"]


def _no_file(monkeypatch):
    def refused(*_):
        raise OSError("no room")

    monkeypatch.setattr(stop, "latch", refused)


def test_where_neither_could_be_done_nothing_is_forbidden_and_it_says_so(place, monkeypatch):
    """No file, no database: level 0, not the one that was asked for."""
    _no_file(monkeypatch)
    place.database.unlink()
    done = _trip(place)
    assert (done.latched, done.level, done.seq, done.proof) == (False, 0, None, None)
    assert "OSError: no room" in done.file_error


def test_a_row_without_its_file_is_in_the_database_itself(place, monkeypatch, passed):
    """Not only in the log beside it, which may be lost, also while somebody else looks.

    Only the row stops, so its seconds are those until it stands.
    """
    _no_file(monkeypatch)
    began = perf_counter()
    with closing(connect(place.database)) as reader:
        reader.execute("SELECT count(*) FROM kill_state").fetchone()
        done = _trip(place, 3)
        alone = shutil.copyfile(place.database, place.home / "alone.db")
    assert (done.level, done.seq, done.latched) == (3, 2, True)
    assert passed["kill.file"] - began < done.seconds < passed["kill.row"] - began
    with closing(connect(alone)) as copy:
        states = copy.execute("SELECT state, level FROM kill_state ORDER BY seq").fetchall()
    assert states == [("ARMED", 0), ("TRIGGERED", 3)]


def test_what_the_rows_forbid_already_stays_forbidden(place):
    """The file of a level 4 is gone; a trip of level 1 says 4, for so much is still forbidden."""
    _trip(place, 4)
    file_of(place).unlink()
    done = _trip(place, 1, at=LATER)
    assert (done.level, latch.file_standing(place.folder).level) == (4, 1)


@pytest.mark.parametrize("damage", ["gone", "unbelievable"])
def test_a_guard_stops_where_it_cannot_see_that_it_did(place, damage):
    """No database, or rows that make no sense: the file is made, whatever stood."""
    if damage == "gone":
        place.database.unlink()
    else:
        with closing(connect(place.database)) as raw:
            raw.execute("UPDATE kill_state SET reason = 'nothing'")
            raw.commit()
    done = _trip(place, 3, actor="guard")
    assert done.latched
    assert file_of(place).exists()
    assert not may(place)


def test_a_guard_that_said_it_already_takes_no_time(place):
    """What stands is told with its number; nothing is proven again."""
    _trip(place, 3, actor="guard")
    again = _trip(place, 2, actor="guard", at=LATER)
    assert (again.seq, again.level, again.seconds, again.proof) == (2, 2, 0.0, None)
    assert len(rows(place)) == 2


def test_a_locked_database_is_asked_once(place, monkeypatch):
    """Who waits 0.2 s for another process does not wait twice."""
    asked = []

    def counted(*words, **more):
        asked.append(1)
        return real(*words, **more)

    real = stop.opened
    monkeypatch.setattr(stop, "opened", counted)
    with closing(connect(place.database, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        done = _trip(place)
        holder.execute("ROLLBACK")
    assert (done.seq, len(asked)) == (None, 1)


def test_nothing_is_verified_where_nothing_is_stopped(place):
    """An armed switch has no trigger to be proven, and gets no row by being asked."""
    with pytest.raises(KillRefused, match="nothing to verify"):
        stop.verify(place, NOW)
    assert rows(place) == [("ARMED", 0)]


def test_a_trigger_is_verified_as_often_as_one_likes(place):
    """Each look belongs to the same row; none is written."""
    _trip(place, 2)
    first, second = stop.verify(place, NOW), stop.verify(place, LATER)
    assert (first.trigger, second.trigger, len(rows(place))) == (2, 2, 2)


def test_a_file_made_by_hand_gets_its_row_its_journal_and_its_notice(place):
    """In the name of the file, as if somebody had said it."""
    file_of(place).touch()
    stop.verify(place, NOW)
    with Store.reader(place.database) as store, store.reading() as look:
        row = kill.history(look)[0]
        (told,) = journal.rows(look, kind="kill")
        (queued,) = outbox.rows(look)
    assert (row.level, row.actor) == (4, f"the file {file_of(place)}")
    assert (told.body["level"], queued.notice.critical) == (4, True)


def _held(name, cost, state=PositionState.OPEN):
    return Position(
        name, "500001", "e1", "s", Token.YES, state, Decimal(10), Decimal(cost), Decimal(10),
        Decimal("0.4"), Decimal("0.4"), Decimal(0), NOW,
    )  # fmt: skip


def test_a_proof_counts_what_is_open_and_what_is_held(place):
    """Two entries, one of them unknown, an exit, two holdings of 4.50 USD; a closed one not."""
    orders = [
        stopping.order("o1"), stopping.order("o2", state=OrderState.UNKNOWN),
        stopping.order("o3", Purpose.EXIT),
    ]  # fmt: skip
    closed = replace(_held("p3", 0, PositionState.CLOSED), shares=Decimal(0), closed_at=NOW)
    with Store.open(place.database, now=NOW) as store, store.transaction() as tx:
        for one in orders:
            deals.place_order(tx, one)
        for holding in (_held("p1", 4), _held("p2", "0.5"), closed):
            holdings.save_position(tx, holding)
        assert stop.proof_of(tx) == (Proof(3, 2, 1, 2), 4_500_000)
    proof = _trip(place, 3).proof
    counted = (proof.open_orders, proof.opening_orders, proof.unknown_orders, proof.positions)
    assert (counted, proof.worst_case, proof.state) == ((3, 2, 1, 2), 4_500_000, "UNVERIFIED")


def test_a_proof_of_nothing_is_of_nothing(place):
    """Where nothing is held nothing can be lost."""
    assert (_trip(place).proof.worst_case, _trip(place).proof.positions) == (0, 0)


@pytest.mark.parametrize(
    ("proof", "cost", "level", "worst", "more"),
    [
        (Proof(0, 0, 0, 0), 0, 4, "0.00", ""),
        (Proof(0, 0, 0, 0), 0, 3, "0.00", ""),
        (Proof(1, 0, 0, 2), 1_000_000, 2, f"{MINUS}1.00", ""),
        (Proof(0, 0, 0, 1), 4_999, 1, "0.00", ""),
        (Proof(0, 0, 0, 3), 5 * 10**12, 3, f"{MINUS}5000000.00",
         "; 3 UNCLOSED: each cycle tries again"),
        (Proof(2, 0, 1, 3), 12_340_000, 4, f"{MINUS}12.34",
         "; 1 orders are unknown; 3 positions have no stop while this lasts"),
    ],
)  # fmt: skip
def test_what_was_found_in_words(proof, cost, level, worst, more):
    """Only what can be lost has a sign; what is unclosed, unknown or without a stop is named."""
    begun = f"open orders {proof.open_orders}; positions {proof.positions}"
    assert stop._sentence(proof, cost, level) == f"{begun}, worst case {worst} USD{more}"
