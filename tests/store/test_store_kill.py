"""The kill switch's rows: whatever is done to them, they are believed or they stop."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trading_rows import trial  # beside this

from trading_cli.store import Store, kill
from trading_cli.store.backfill import set_meta

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
STATES = (("TRIGGERED", 4), ("DISARMED", 0), ("ARMED", 0), ("TRIGGERED", 1))
COLUMNS = ("seq", "state", "level", "at", "actor", "reason", "seal")


@pytest.fixture
def store(tmp_path):
    """Return the store of a new home."""
    with Store.open(tmp_path / "t.db", now=NOW) as found:
        yield found


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a store for many trials that leave nothing behind."""
    with Store.open(tmp_path_factory.mktemp("kill") / "t.db", now=NOW) as found:
        yield found


def _write(tx, count):
    for number in range(count):
        state, level = STATES[number % len(STATES)]
        at = NOW + timedelta(minutes=number)
        kill.record(tx, state, level, at=at, actor="me", reason=f"reason {number}")


def test_a_new_home_is_armed(store):
    """Once, by the first migration."""
    with store.reading() as look:
        row = kill.standing(look).row
        assert (row.seq, row.state, row.level) == (1, "ARMED", 0)
        assert kill.verify(look) == ""


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 30])
def test_what_was_written_last_stands(store, count):
    """However long the chain is."""
    with store.transaction() as tx:
        _write(tx, count)
    with store.reading() as look:
        row = kill.standing(look).row
        assert (row.state, row.level) == STATES[(count - 1) % 4]
        assert row.reason == f"reason {count - 1}"
        assert kill.verify(look) == ""
        assert [one.seq for one in kill.history(look)] == list(range(count + 1, 0, -1))


@settings(max_examples=300, deadline=None)
@given(count=st.integers(1, 12), data=st.data())
def test_a_change_to_a_row_is_noticed(kept, count, data):
    """Whatever is changed in whichever row, the whole chain says so; in the newest, each look."""
    with trial(kept) as tx:
        tx.execute("PRAGMA ignore_check_constraints=ON")
        _write(tx, count)
        seq = data.draw(st.integers(1, count + 1))
        column = data.draw(st.sampled_from(COLUMNS))
        values = (
            st.integers(-(2**63), 2**63 - 1)
            if column in {"seq", "level", "at"}
            else st.binary(max_size=20)
            if column == "seal"
            else st.text(max_size=9) | st.sampled_from(["ARMED", "DISARMED"])
        )
        value = data.draw(values)
        old = tx.execute(f"SELECT {column} FROM kill_state WHERE seq = ?", (seq,)).fetchone()[0]  # noqa: S608  # ours
        taken = column == "seq" and 1 <= value <= count + 1
        if old != value and not taken:
            tx.execute(f"UPDATE kill_state SET {column} = ? WHERE seq = ?", (value, seq))  # noqa: S608  # ours
            assert kill.verify(tx)
            if seq > count - 6:
                assert kill.standing(tx).row is None


@settings(max_examples=100, deadline=None)
@given(count=st.integers(1, 12), gone=st.sets(st.integers(1, 13), min_size=1))
def test_a_missing_row_is_noticed(kept, count, gone):
    """One, several, the newest, or all."""
    gone = {seq for seq in gone if seq <= count + 1} or {count + 1}
    with trial(kept) as tx:
        _write(tx, count)
        tx.executemany("DELETE FROM kill_state WHERE seq = ?", [(seq,) for seq in gone])
        assert kill.verify(tx)
        if max(gone) > count - 6:
            assert kill.standing(tx).row is None


@pytest.mark.parametrize("name", [kill.HEAD, kill.BASE])
@pytest.mark.parametrize("value", ["", "nonsense", "1", "1:00", "99", "-1", None, "9" * 4000])
def test_a_changed_note_of_the_head_or_the_base_is_noticed(store, name, value):
    """The rows are believed only as a whole."""
    with store.transaction() as tx:
        _write(tx, 5)
        if value is None:
            tx.execute("DELETE FROM meta WHERE name = ?", (name,))
        else:
            set_meta(tx, name, value)
        row = kill.standing(tx).row
    assert row is None or (row.seq == 6 and name == kill.BASE and value in {None, "1", ""})


@pytest.mark.parametrize("table", ["kill_state", "meta"])
def test_a_missing_table_is_noticed(store, table):
    """It cannot be read, so it stops."""
    with store.transaction() as tx:
        tx.execute(f"DROP TABLE {table}")
        assert kill.standing(tx).row is None
        assert kill.verify(tx)


def test_rows_of_any_type_are_no_surprise(tmp_path):
    """A table that was made anew without its rules holds anything; none of it is believed."""
    path = tmp_path / "t.db"
    Store.open(path, now=NOW).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("DROP TABLE kill_state")
        raw.execute("CREATE TABLE kill_state (seq, state, level, at, actor, reason, seal)")
        for values in (
            (None,) * 7,
            ("one", b"ARMED", 0.5, "yesterday", None, 1, "seal"),
            (2, "ARMED", 0, 10**18, "me", "x", 10**12),
            (2, "ARMED", "0", -(10**18), "me", "x", b""),
        ):
            raw.execute("DELETE FROM kill_state")
            raw.execute("INSERT INTO kill_state VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            assert kill.standing(raw).row is None
            assert kill.verify(raw)


def test_a_reset_of_damaged_rows_begins_the_chain_anew(store):
    """What is before the base is not believed and not needed; what comes after is sealed again."""
    with store.transaction() as tx:
        _write(tx, 20)
        tx.execute("DELETE FROM kill_state WHERE seq IN (3, 19)")
        assert kill.verify(tx)
        kill.record(tx, "TRIGGERED", 4, at=NOW, actor="me", reason="damage")
        assert kill.standing(tx).row is None
        seq = kill.record(tx, "DISARMED", 0, at=NOW, actor="me", reason="looked", anew=True)
        assert kill.standing(tx).row.seq == seq
        _write(tx, 20)
        assert kill.standing(tx).row.seq == seq + 20
        assert kill.verify(tx) == ""
        tx.execute("DELETE FROM kill_state WHERE seq = ?", (seq,))
        assert kill.verify(tx)


def test_the_newest_proof_of_a_trigger_is_found(store):
    """Each verification is kept; the last one counts."""
    first = kill.ProofRow(2, "UNVERIFIED", NOW, 1, 1, 0, 2, 5_000_000, 0.1, "one")
    second = kill.ProofRow(2, "VERIFIED", NOW, 0, 0, 0, 2, 5_000_000, 0.1, "two")
    with store.transaction() as tx:
        kill.record_proof(tx, first)
        kill.record_proof(tx, second)
        assert kill.last_proof(tx, 2) == second
        assert kill.last_proof(tx, 3) is None
