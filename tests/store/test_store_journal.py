"""The journal is only added to, and no row of it changes, goes, comes or moves unseen."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trading_rows import FACTS, NOON, WORDS, trial

from trading_cli.core.errors import StoreError
from trading_cli.store import Store, journal

ROWS = 9
MANY = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store with a journal of nine rows, two of them alike but for their place."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        with opened.transaction() as tx:
            for number in range(ROWS):
                at = NOON + timedelta(seconds=number // 2)
                journal.append(tx, "order", f"o{number % 4}", {"n": number // 3}, at=at)
        yield opened


def test_rows_come_back_in_order_and_by_what_is_asked(store):
    """Everything appended is read as it was, from a row on, by kind and by subject."""
    with store.transaction() as tx:
        assert journal.append(tx, "note", "o1", {"text": "hm"}, at=NOON, actor="me") == ROWS + 1
        assert [row.seq for row in journal.rows(tx)] == list(range(1, ROWS + 2))
        assert [row.seq for row in journal.rows(tx, since_seq=8)] == [9, 10]
        (note,) = journal.rows(tx, kind="note")
        assert (note.actor, note.body, note.at) == ("me", {"text": "hm"}, NOON)
        assert [row.seq for row in journal.rows(tx, subject="o1")] == [2, 6, 10]
        assert [row.seq for row in journal.newest(tx, subject="o1", limit=2)] == [10, 6]
        assert journal.head(tx)[0] == ROWS + 1
        assert journal.verify(tx) is None


def test_an_empty_journal_is_whole(tmp_path):
    """Nothing written is nothing broken."""
    with Store.open(tmp_path / "t.db", now=NOON) as store, store.reading() as look:
        assert journal.head(look) == (0, journal.GENESIS)
        assert journal.verify(look) is None


@MANY
@given(kind=WORDS, subject=WORDS, actor=WORDS, body=FACTS)
def test_whatever_is_written_is_sealed_and_read_back(store, kind, subject, actor, body):
    """Any words, however odd, verify and come back."""
    with trial(store) as tx:
        seq = journal.append(tx, kind, subject, body, at=NOON, actor=actor)
        assert journal.verify(tx) is None
        (row,) = journal.rows(tx, since_seq=ROWS)
        assert row == journal.Row(seq, NOON, kind, subject, actor, body)


@pytest.mark.parametrize("sql", ["UPDATE journal SET kind = 'x'", "DELETE FROM journal"])
def test_the_file_itself_refuses_a_change(store, sql):
    """Whoever comes through SQL is told that the journal is only added to."""
    with pytest.raises(StoreError, match="only ever added to"), store.transaction() as tx:
        tx.execute(sql)


CHANGED = {
    "at": st.integers(0, 2**40),
    "kind": WORDS,
    "subject": WORDS,
    "actor": WORDS,
    "body": WORDS,
    "previous": st.binary(min_size=32, max_size=32),
    "hash": st.binary(min_size=32, max_size=32),
    "seq": st.integers(-3, 30),
}


@st.composite
def damages(draw):
    """Draw one thing done to the rows by a hand that can write the file, and where it must show."""
    row = draw(st.integers(1, ROWS))
    how = draw(st.sampled_from(["change", "delete", "swap", "insert"]))
    if how == "change":
        column = draw(st.sampled_from(sorted(CHANGED)))
        return how, row, (column, draw(CHANGED[column]))
    if how == "swap":
        return how, row, draw(st.integers(1, ROWS).filter(lambda other: other != row))
    return how, row, draw(st.booleans())


def hurt(tx: sqlite3.Connection, how: str, row: int, detail: object) -> None:
    """Do it."""
    tx.execute("DROP TRIGGER journal_keeps_its_words")
    tx.execute("DROP TRIGGER journal_keeps_its_rows")
    if how == "change":
        column, value = detail
        tx.execute(f"UPDATE journal SET {column} = ? WHERE seq = ?", (value, row))  # noqa: S608  # ours
    elif how == "delete":
        tx.execute("DELETE FROM journal WHERE seq = ?", (row,))
        if detail:  # and close the hole
            for seq in range(row + 1, ROWS + 1):
                tx.execute("UPDATE journal SET seq = ? WHERE seq = ?", (seq - 1, seq))
    elif how == "swap":
        for old, new in ((row, -1), (detail, row), (-1, detail)):
            tx.execute("UPDATE journal SET seq = ? WHERE seq = ?", (new, old))
    else:
        place = ROWS + 1 if detail else row
        for seq in range(ROWS, place - 1, -1):
            tx.execute("UPDATE journal SET seq = ? WHERE seq = ?", (seq + 1, seq))
        tx.execute(
            "INSERT INTO journal SELECT ?, at, kind, subject, actor, body, previous, randomblob(32)"
            " FROM journal WHERE seq = ?",
            (place, row - 1 if place == row and row > 1 else row + (place == row)),
        )


@MANY
@given(damage=damages())
def test_any_one_damage_is_named_at_its_row(store, damage):
    """Whatever row is changed, deleted, moved or added, the first broken row is the one named."""
    how, row, detail = damage
    with trial(store) as tx:
        before = tx.execute("SELECT * FROM journal ORDER BY seq").fetchall()
        try:
            hurt(tx, how, row, detail)
        except sqlite3.IntegrityError:  # the number or the hash is taken
            return
        after = tx.execute("SELECT * FROM journal ORDER BY seq").fetchall()
        found = journal.verify(tx)
        if before == after:
            assert found is None
        else:
            assert found is not None
            pairs = zip_longest(before, after, fillvalue=(ROWS + 1,))
            assert found.seq == next(min(a[0], b[0]) for a, b in pairs if a != b)


def test_a_missing_end_is_seen(store):
    """Rows cut off at the end leave a chain that holds, and the head that knows of more."""
    with store.transaction() as tx:
        tx.execute("DROP TRIGGER journal_keeps_its_rows")
        tx.execute("DELETE FROM journal WHERE seq > 6")
        found = journal.verify(tx)
    assert found == journal.Broken(7, "rows 7 to 9 are missing at the end")


def write_many(path: Path, who: str, count: int) -> None:
    """Append in as many transactions, whoever else does."""
    with Store.open(path, now=NOON, busy_timeout_ms=30_000) as store:
        for number in range(count):
            with store.transaction() as tx:
                journal.append(tx, "note", who, {"n": number}, at=NOON, actor=who)


def test_processes_that_write_at_once_keep_one_chain(store):
    """Three processes appending at the same time leave every row once in one unbroken chain."""
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=write_many, args=(store.path, who, 40)) for who in ("a", "b", "c")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    with store.reading() as look:
        assert journal.verify(look) is None
        assert journal.head(look)[0] == ROWS + 120
        for who in ("a", "b", "c"):
            assert [row.body["n"] for row in journal.rows(look, subject=who)] == list(range(40))
