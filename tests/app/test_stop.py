"""The stop works whatever is broken, and only the whole way back allows trading again."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from sqlite3 import connect

import pytest
import stopping  # beside this
from stopping import COOL_DOWN, NOW, WHY, file_of, make, may, phrase, rows

from trading_cli.app import latch, release, stop
from trading_cli.core.errors import ConfigError, StoreError, UsageError
from trading_cli.domain import OrderState, Purpose
from trading_cli.store import Store, deals, journal, kill, outbox
from trading_cli.store.backfill import meta
from trading_cli.trading.killswitch import KillRefused, State

LATER = NOW + COOL_DOWN
LEVELS = (1, 2, 3, 4)


@pytest.fixture
def place(tmp_path):
    """Return an armed home."""
    return make(tmp_path / "home")


def _trip(place, level=4, reason="because", actor="person", at=NOW):
    return stop.trip(place, level=level, reason=reason, actor=actor, now=at)


@pytest.mark.parametrize("level", LEVELS)
def test_a_trip_leaves_file_row_journal_notice_and_proof(place, level):
    """Each says the same, and the notice is critical."""
    done = _trip(place, level)
    assert done.latched
    assert (done.level, done.seq, done.troubles) == (level, 2, ())
    assert file_of(place).read_text().startswith(f"level {level}\n")
    assert file_of(place).stat().st_mode & 0o777 == 0o600
    with Store.reader(place.database) as store, store.reading() as look:
        (row,) = journal.rows(look, kind="kill")
        (queued,) = outbox.rows(look)
        proof = kill.last_proof(look, 2)
    assert row.body["level"] == level
    assert queued.notice.critical
    assert str(place.home) in queued.notice.text
    assert (proof.state, proof.positions) == ("VERIFIED", 0)
    assert not may(place)
    assert may(place, Purpose.EXIT) is (level < 4)


@pytest.mark.parametrize("first", LEVELS)
@pytest.mark.parametrize("second", LEVELS)
def test_a_trip_never_lowers_another(place, first, second):
    """The highest level stands, in the file as in the rows."""
    _trip(place, first)
    done = _trip(place, second, at=NOW + timedelta(seconds=1))
    assert done.level == max(first, second)
    assert latch.file_standing(place.folder).level == max(first, second)
    assert stop.standing_at(place).level == max(first, second)
    assert rows(place)[-1] == ("TRIGGERED", max(first, second))


@pytest.mark.parametrize("level", [0, 5, -1])
def test_a_level_that_is_none_stops_nothing(place, level):
    """It is refused before anything is written."""
    with pytest.raises(UsageError):
        _trip(place, level)
    assert may(place)


def test_words_of_any_kind_stop(place):
    """Line breaks that imitate a level, surrogates, nothing at all, a novel."""
    for number, words in enumerate(("\nlevel 1\n", "\udcff\x00", "", "x" * 100_000, "level 9")):
        done = _trip(place, 3, reason=words, at=NOW + timedelta(seconds=number))
        assert done.seq == number + 2
        assert latch.file_standing(place.folder).level == 3


@pytest.mark.parametrize("kind", ["folder", "link", "dangling", "pipe", "empty", "binary", "huge"])
def test_anything_at_the_path_is_a_trigger(place, kind):
    """Whatever a person or a fault has put there, it forbids everything, and a trip adds to it."""
    path = file_of(place)
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(place.database)
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        texts = {"empty": b"", "binary": b"\xff\x00level 1", "huge": b"level 1\n" + b"x" * 10**6}
        path.write_bytes(texts[kind])
    assert not may(place, Purpose.EXIT)
    done = _trip(place, 1)
    assert (done.latched, done.level, done.file_error) == (True, 4, "")
    assert not may(place, Purpose.EXIT)


def test_a_link_is_not_followed(place, tmp_path):
    """What it points to keeps its words."""
    other = tmp_path / "other"
    other.write_text("mine")
    file_of(place).symlink_to(other)
    _trip(place)
    assert other.read_text() == "mine"


def test_a_locked_database_does_not_hold_it_up(place):
    """The file stops; the row that could not be written is named."""
    with closing(connect(place.database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        done = _trip(place)
        assert (done.latched, done.seq, done.file_error) == (True, None, "")
        assert "another process holds" in done.row_error
        assert not may(place, Purpose.EXIT)
        other.execute("ROLLBACK")
    assert not may(place, Purpose.EXIT)
    assert rows(place) == [("ARMED", 0)]
    assert stop.verify(place, NOW).state == "VERIFIED"
    assert rows(place) == [("ARMED", 0), ("TRIGGERED", 4)]


@pytest.mark.parametrize("damage", ["gone", "nonsense", "short", "other", "newer", "older", "dir"])
def test_a_database_in_any_condition_does_not_hold_it_up(place, damage):
    """The file stops; the database is neither made, nor mended, nor migrated by a stop."""
    _spoil(place, damage)
    done = _trip(place)
    assert done.latched
    assert done.seq is None
    assert done.row_error
    assert not may(place, Purpose.EXIT)
    assert place.database.exists() is (damage != "gone")
    with pytest.raises((StoreError, KillRefused)):
        stop.verify(place, NOW)


def _spoil(place, damage):
    path = place.database
    if damage in {"gone", "dir"}:
        path.unlink()
        if damage == "dir":
            path.mkdir()
    elif damage == "nonsense":
        path.write_bytes(b"no database" * 1000)
    elif damage == "short":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        name, value = {
            "other": ("application_id", 1), "newer": ("user_version", 99),
            "older": ("user_version", 1),
        }[damage]  # fmt: skip
        with closing(connect(path)) as raw:
            raw.execute(f"PRAGMA {name}={value}")


def test_a_damaged_journal_costs_the_journal_not_the_row(place):
    """The row is written alone then, and the trouble is said."""
    with closing(connect(place.database)) as raw:
        raw.execute("DROP TABLE journal")
        raw.commit()
    done = _trip(place)
    assert done.seq == 2
    assert "journal" in done.row_error
    assert rows(place)[-1] == ("TRIGGERED", 4)


@contextmanager
def _no_writes():
    """Let no file of this process grow: the first byte written fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("before", [None, 1, 4])
def test_a_full_disk_leaves_an_empty_file_which_forbids_everything(place, before):
    """No byte can be written, neither in the file nor in the database; also when it is raised."""
    if before is not None:
        _trip(place, before)
    with _no_writes():
        done = _trip(place, 2)
    assert (done.latched, done.seq) == (True, None)
    assert done.row_error
    assert done.level == (2 if before is None else 4) or before is None
    assert not may(place)
    assert latch.file_standing(place.folder).level >= 2


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EIO])
def test_where_no_file_can_be_made_a_folder_stops(place, monkeypatch, error):
    """A folder of that name needs no file."""
    real = os.open

    def refuse(path, flags, mode=0o777, **more):
        if flags & os.O_CREAT and str(path).endswith("KILL"):
            raise OSError(error, os.strerror(error))
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", refuse)
    done = _trip(place, 1)
    assert done.latched
    assert file_of(place).is_dir()
    assert not may(place, Purpose.EXIT)


def _as_nobody(work):
    """Return what *work* returns in a child of another user, who may not write."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os.write(writer, repr(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return told


def test_where_nothing_can_be_written_it_says_so(tmp_path_factory):
    """Neither file nor row: not latched, both named; nobody could write an order there either."""
    place = make(tmp_path_factory.mktemp("read-only") / "home")
    for folder in (place.home.parent, *place.home.parent.parents[:3]):
        if folder.stat().st_uid == os.geteuid() and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o055)
    place.home.chmod(0o555)
    place.database.chmod(0o444)
    place.folder.chmod(0o555)
    try:
        assert _as_nobody(lambda: _trip(place).latched) == "False"
        assert _as_nobody(lambda: len(_trip(place).troubles)) == "2"
    finally:
        place.folder.chmod(0o755)
        place.home.chmod(0o755)
    place.folder.chmod(0o000)
    try:
        assert _as_nobody(lambda: may(place, Purpose.EXIT)) == "False"
    finally:
        place.folder.chmod(0o755)


@pytest.mark.parametrize("point", ["kill.file", "kill.row", "kill.done"])
def test_killed_at_any_point_it_is_stopped(place, point):
    """Who dies in the middle of a stop has stopped."""
    words = ["-m", "trading_cli", "kill", "--reason", "because", "--level", "2"]
    env = {**os.environ, "TRADING_HOME": str(place.home), "TRADING_FAULT": point}
    ran = subprocess.run([sys.executable, *words], env=env, check=False, capture_output=True)
    assert ran.returncode == -signal.SIGKILL
    assert not may(place)
    assert latch.file_standing(place.folder).level == 2
    proof = stop.verify(place, NOW)
    assert proof.state == "VERIFIED"
    assert rows(place)[-1] == ("TRIGGERED", 2)


def _breaks_at(number, events):
    """Return a trace that raises at the *number*-th line of the stop, from the latch on."""

    def lines(_frame, event, _arg):
        if event == "line" and events:
            events.append(1)
            if len(events) == number + 1:
                raise ValueError("injected")
        return lines

    def calls(frame, _event, _arg):
        if not frame.f_code.co_filename.endswith(("app/stop.py", "app/latch.py")):
            return None
        if frame.f_code.co_name == "latch" and not events:
            events.append(1)
        return lines

    return calls


@pytest.mark.parametrize(
    ("again", "step"),
    [
        (False, 7),
        pytest.param(False, 1, marks=pytest.mark.nightly),
        pytest.param(True, 1, marks=pytest.mark.nightly),
    ],
)
def test_an_error_in_any_line_of_it_leaves_it_stopped(tmp_path, again, step):
    """Lines from the latch on raise once each: file or row stands, also on a second stop."""
    number, events = 0, [1] * 10_000
    while number < len(events):
        number += step
        place = make(tmp_path / str(number))
        if again:
            _trip(place, 2)
        events = []
        before = sys.gettrace()
        sys.settrace(_breaks_at(number, events))
        try:
            with suppress(ValueError):
                _trip(place, 3)
        finally:
            sys.settrace(before)
        assert not may(place), number
    assert number > 60


def test_the_way_back_is_reset_then_arm(place):
    """First DISARMED, which is no trading; then ARMED; the file is gone, the peak begins anew."""
    _trip(place, 3)
    with pytest.raises(KillRefused):
        release.arm(place, reason=WHY, actor="person", now=LATER)
    stopping.release_whole(place, LATER)
    assert may(place)
    assert not file_of(place).exists()
    assert [state for state, _ in rows(place)] == ["ARMED", "TRIGGERED", "DISARMED", "ARMED"]
    with Store.reader(place.database) as store, store.reading() as look:
        assert journal.verify(look) is None
        assert len(journal.rows(look, kind="kill")) == 3
    with Store.open(place.database, now=NOW) as store, store.transaction() as tx:
        assert meta(tx, release.PEAK_SINCE) == str(int(LATER.timestamp()))


def _reset(place, **changes):
    words = {
        "reason": WHY, "phrase": phrase(place), "actor": "person", "now": LATER,
        "cool_down": COOL_DOWN,
    }  # fmt: skip
    return release.reset(place, **(words | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"phrase": "0000-0000"},
        {"phrase": ""},
        {"reason": "short"},
        {"now": LATER - timedelta(seconds=2)},
    ],
)
def test_a_refused_reset_changes_nothing(place, changes):
    """File and rows are as they were."""
    _trip(place, 2)
    before = file_of(place).read_bytes()
    with pytest.raises(KillRefused):
        _reset(place, **changes)
    assert file_of(place).read_bytes() == before
    assert rows(place)[-1] == ("TRIGGERED", 2)


@pytest.mark.parametrize("state", [OrderState.PENDING, OrderState.UNKNOWN])
def test_a_reset_waits_for_every_order(place, state):
    """While one could still be filled the stop is UNVERIFIED, and no reset passes."""
    with Store.open(place.database, now=NOW) as store, store.transaction() as tx:
        deals.place_order(tx, stopping.order(state=state))
    done = _trip(place)
    assert done.proof.state == "UNVERIFIED"
    assert "open orders 1" in done.proof.detail
    with pytest.raises(KillRefused, match="UNVERIFIED"):
        _reset(place)
    with Store.open(place.database, now=NOW) as store, store.transaction() as tx:
        deals.end_order(tx, "o1", OrderState.REJECTED, "never arrived", NOW)
    assert stop.verify(place, NOW).state == "VERIFIED"
    assert _reset(place).state == "DISARMED"


def test_a_file_made_by_hand_is_adopted_and_can_be_reset(place):
    """`touch data/KILL` stops; verify writes its row; from then on the cool-down counts."""
    file_of(place).touch()
    assert not may(place, Purpose.EXIT)
    with pytest.raises(KillRefused, match="no row"):
        _reset(place)
    stop.verify(place, NOW)
    assert rows(place)[-1] == ("TRIGGERED", 4)
    stopping.release_whole(place, LATER)
    assert may(place)


def test_a_trip_during_a_reset_is_not_lost(place, monkeypatch):
    """Between the row DISARMED and the removal of the file somebody stops: it stays stopped."""
    _trip(place)
    real = latch.unlatch

    def late(folder, before):
        latch.latch(folder, 4, "meanwhile")  # its row could not be written
        return real(folder, before)

    monkeypatch.setattr(latch, "unlatch", late)
    done = _reset(place)
    assert "again" in done.trouble
    assert done.state == "TRIGGERED"
    assert file_of(place).exists()
    assert not may(place)


@pytest.mark.parametrize("instant", ["rename", "lstat", "unlink"])
def test_a_trip_within_the_removal_is_not_lost(place, monkeypatch, instant):
    """At whichever step of the removal the trip comes, the file is there afterwards."""
    _trip(place)
    before, path = latch.seen(place.folder), type(file_of(place))
    real, busy = getattr(path, instant), []

    def meanwhile(self, *words, **more):
        if not busy:
            busy.append(1)
            latch.latch(place.folder, 4, "meanwhile")
        return real(self, *words, **more)

    monkeypatch.setattr(path, instant, meanwhile)
    latch.unlatch(place.folder, before)
    monkeypatch.undo()
    assert file_of(place).exists()


def test_a_folder_with_something_in_it_is_not_deleted(place):
    """A person looks into it first; an empty one goes."""
    file_of(place).mkdir()
    (file_of(place) / "note").write_text("mine")
    _trip(place)
    with pytest.raises(KillRefused, match="not empty"):
        _reset(place)
    (file_of(place) / "note").unlink()
    stopping.release_whole(place, LATER)
    assert may(place)


def test_damaged_rows_can_be_reset_once_a_new_trigger_stands(place):
    """Verify writes the trigger, its reset begins the chain anew, and trading is possible again."""
    _trip(place)
    stopping.release_whole(place, LATER)
    with closing(connect(place.database)) as raw:
        raw.execute("UPDATE kill_state SET reason = 'nothing' WHERE seq = 2")
        raw.commit()
    assert not may(place, Purpose.EXIT)
    with pytest.raises(KillRefused):
        _reset(place)
    stop.verify(place, LATER)
    assert not may(place)
    stopping.release_whole(place, LATER + COOL_DOWN)
    assert may(place)


@pytest.mark.parametrize("level", LEVELS)
def test_a_trip_of_what_is_disarmed_forbids_no_less(place, level):
    """Disarmed nothing goes; a stop, at whatever level, must not let exits go again."""
    _trip(place)
    _reset(place)
    _trip(place, level, at=LATER)
    assert not may(place, Purpose.EXIT)
    assert rows(place)[-1] == ("TRIGGERED", 4)


def test_a_guard_says_the_same_once(place):
    """It asks in every slot; row and file stay as they are, and so does the cool-down."""
    for _ in range(3):
        done = _trip(place, 3, actor="guard")
        assert (done.latched, done.seq, done.level) == (True, 2, 3)
    size = file_of(place).stat().st_size
    _trip(place, 4, actor="guard")
    assert rows(place)[-1] == ("TRIGGERED", 4)
    assert len(rows(place)) == 3
    assert file_of(place).stat().st_size > size
    file_of(place).unlink()
    _trip(place, 4, actor="guard")
    assert file_of(place).exists()


@pytest.mark.parametrize("torn", [b"", b"lev", b"level", b"level 1\nwhy\nlev", b"level 2\nwhy"])
def test_a_torn_page_never_hides_what_comes_after(place, torn):
    """What a full disk cut off does not swallow the next word."""
    file_of(place).write_bytes(torn)
    assert latch.latch(place.folder, 4, "again").level == 4
    assert latch.file_standing(place.folder).level == 4


def test_hundreds_of_trips_do_not_fill_the_file(place):
    """The file stays readable, and says the highest level there was."""
    for number in range(400):
        latch.latch(place.folder, 2 + (number == 200), "x" * 100)
    assert latch.file_standing(place.folder).level == 3


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("database:\n  path: other/x.db\n", "other/x.db"),
        ("a: b\ndatabase: # c\n  # d\n  e: 1\n  path: 'other/x.db'  # y\n", "other/x.db"),
        ("database: {path: other/x.db, more: 1}\n", "other/x.db"),
        ("database:\n  path: other/x.db\n\tbroken: [\n", "other/x.db"),
        ("nonsense: [\n", "data/trading.db"),
        ("data:\n  path: other/x.db\n", "data/trading.db"),
        ("", "data/trading.db"),
    ],
)  # fmt: skip
def test_the_database_is_found_without_valid_settings(place, text, there):
    """As a person would read it in the file, else at its usual place."""
    other = place.home / "other" / "x.db"
    other.parent.mkdir()
    shutil.copyfile(place.database, other)
    (place.home / "config.yaml").write_text(text)
    found = stop.find_place(None, {"TRADING_HOME": str(place.home)})
    assert found.database == place.home / there
    assert found.folder == place.folder


def test_the_home_is_found_without_its_settings(place, tmp_path):
    """A settings file that is gone names its folder still; no folder at all is an error."""
    found = stop.find_place(place.home / "gone.yaml", {})
    assert found.home == place.home
    assert "gone.yaml" in found.oddities[0]
    assert replace(found, oddities=()) == place
    with pytest.raises(ConfigError, match="nothing was stopped"):
        stop.find_place(tmp_path / "absent" / "config.yaml", {})
    named = stop.find_place(None, {"TRADING_HOME": str(place.home), "TRADING__DATABASE__PATH": "x"})
    assert named.database == place.database


def test_the_standing_without_a_database_forbids(tmp_path):
    """Where there is nothing to read nobody trades."""
    assert stop.standing_at(stop.Place(tmp_path, tmp_path / "data" / "x.db")).state is (
        State.TRIGGERED
    )
