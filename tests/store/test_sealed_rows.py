"""The sums follow whatever is written, by whatever SQL; what changed otherwise is named."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
import store_world as world
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trading_cli.domain import slot_of
from trading_cli.store import (
    Store,
    listings,
    migrations,
    runs,
    seal_check,
    sealed_rows,
    sealing,
    series,
    upkeep,
)
from trading_cli.store.schema_seals import EVIDENCE, UNWATCHED

NOON = world.NOON


@pytest.fixture
def store(tmp_path: Path):
    """Return a store with two markets, one run and its rows, sealed."""
    with Store.open(tmp_path / "t.db", now=NOON) as made:
        with made.transaction() as tx:
            start = runs.Start("collection", slot_of(NOON), NOON, 1)
            ticket = runs.begin(tx, start, lease=timedelta(hours=1))
            listings.record_markets(tx, [world.market(1), world.market(2)])
            series.record_quotes(tx, [world.quote(1), world.quote(2)])
            series.record_trades(tx, [world.trade(1), world.trade(2, name="t2")])
            runs.finish(tx, ticket, "OK", "", {}, NOON + timedelta(seconds=9))
            sealed_rows.seal(tx, run=ticket.run, now=NOON)
        yield made


def broken(store: Store) -> list[seal_check.Broken]:
    """Return what does not match."""
    with store.reading() as look:
        return upkeep.broken_seals(look)


def behind_its_back(store: Store, statement: str) -> None:
    """Change the file as no command of ours does: the triggers do not see it."""
    store.checkpoint()
    with sqlite3.connect(store.path, isolation_level=None) as raw:
        raw.execute("BEGIN")
        kept = dict(raw.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"))
        for name in kept:
            raw.execute(f'DROP TRIGGER "{name}"')
        raw.execute(statement)
        for sql in kept.values():
            raw.execute(sql)
        raw.execute("COMMIT")
    raw.close()


def test_every_table_is_watched(store):
    """Of all tables there are, none is forgotten, and evidence is what it was taken for."""
    with store.reading() as look:
        there = set(sealed_rows.tables(look))
        kept = {name for (name,) in look.execute("SELECT name FROM seal_tables")}
    assert there == kept
    assert there >= EVIDENCE
    assert not there & UNWATCHED


def test_what_is_sealed_is_sound(store):
    """Nothing is wrong after a seal, nor before the next one: what waits is counted too."""
    assert broken(store) == []
    with store.transaction() as tx:
        series.record_quotes(tx, [world.quote(1, at=NOON + timedelta(minutes=15))])
        tx.execute("UPDATE runs SET why = 'it''s odd,\nNULL', numbers = '{\"a\": 1.5}'")
        tx.execute("DELETE FROM watermarks")
    assert broken(store) == []
    with store.transaction() as tx:
        assert sealed_rows.seal(tx, run=0, now=NOON).rows > 0
        assert sealed_rows.seal(tx, run=0, now=NOON).rows == 0
    assert broken(store) == []


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("quotes", "UPDATE quotes SET bid = bid + 1 WHERE market = 2"),
        ("quotes", "DELETE FROM quotes WHERE market = 2"),
        ("trades", "UPDATE trades SET wallet = 'somebody else' WHERE id = 't2'"),
        ("quote_packs", "UPDATE quote_packs SET pack = zeroblob(48)"),
        ("runs", "UPDATE runs SET state = 'FAILED'"),
        ("markets", "UPDATE markets SET first_seen = first_seen + 1 WHERE id = 1"),
        ("seals", "UPDATE seals SET rows = rows + 1 WHERE seq = 1"),
        ("seal_sums", "UPDATE seal_sums SET rows = rows + 1 WHERE name = 'trades'"),
        ("sqlite_sequence", "UPDATE sqlite_sequence SET seq = 77 WHERE name = 'runs'"),
        ("the schema", "CREATE INDEX more ON quotes (slot)"),
        ("more", "CREATE TABLE more (x INTEGER)"),
    ],
)
def test_what_changed_behind_our_back_is_named(store, table, change):
    """The table, the time and the run are said of a changed, missing or added row."""
    behind_its_back(store, change)
    found = broken(store)
    assert table in {one.table for one in found}
    if table in {"quotes", "trades"}:
        first = next(one for one in found if one.table == table)
        assert (first.run, first.since) == (1, NOON)


def test_evidence_that_is_changed_by_our_own_sql_is_broken_too(store):
    """What is only ever added to has no way to be changed: an UPDATE is damage."""
    with store.transaction() as tx:
        tx.execute("UPDATE trades SET price = 1")
        sealed_rows.seal(tx, run=0, now=NOON)
    assert [one.table for one in broken(store)] == ["trades"]


def test_a_row_that_comes_late_belongs_to_the_run_that_wrote_it(store):
    """A quote of an old slot, written after that slot was sealed, breaks nothing."""
    with store.transaction() as tx:
        listings.record_markets(tx, [world.market(3)])
        series.record_quotes(tx, [world.quote(3, bid="0.20")])  # the slot of the first run
        assert sealed_rows.seal(tx, run=2, now=NOON).rows >= 2
        assert tx.execute("SELECT run FROM seals ORDER BY seq DESC").fetchone() == (2,)
    assert broken(store) == []


def test_much_is_sealed_in_several_transactions(store, monkeypatch):
    """A backfill's rows are taken in a few at a time; in between everything adds up too."""
    monkeypatch.setattr(sealing, "BATCH", 7)
    with store.transaction() as tx:
        series.record_trades(tx, [world.trade(1, name=f"n{n}") for n in range(30)])
        tx.execute("UPDATE runs SET why = 'x'")
    with store.transaction() as tx:
        assert sealed_rows.seal(tx, run=1, now=NOON, most=7).rows >= 7
    assert broken(store) == []
    assert sealing.seal_all(store, run=1, now=NOON).rows == 23
    with store.reading() as look:
        assert not sealed_rows.unsealed(look).touched
    assert broken(store) == []


STATEMENTS = st.sampled_from(
    [
        "INSERT INTO meta VALUES ('{0}', '{1}') ON CONFLICT DO NOTHING",
        "INSERT OR REPLACE INTO meta VALUES ('{0}', '{1}')",
        "INSERT INTO meta VALUES ('{0}', '{1}') ON CONFLICT (name) DO UPDATE SET value = 'x{1}'",
        "UPDATE meta SET value = value || '{1}' WHERE name = '{0}'",
        "DELETE FROM meta WHERE name = '{0}'",
        (
            "INSERT INTO steps VALUES (1, '{0}', 'OK', {1}.25, '', '', 0) ON CONFLICT DO UPDATE SET"
            " seconds = seconds / 3"
        ),
        (
            "UPDATE steps SET name = '{1}' WHERE name = '{0}' AND NOT EXISTS"
            " (SELECT 1 FROM steps WHERE name = '{1}')"
        ),
        "INSERT INTO gaps VALUES ({1} * 900, '{0}', 1, '', {1}) ON CONFLICT DO NOTHING",
        (
            "INSERT INTO marks (slot, at, cash, liquidation, mid, exposure, equity, flows, open,"
            " fresh) VALUES ({1} * 900, 1, 2, 3, 4, 5, 6, 7, 8, 0)"
            " ON CONFLICT (slot) DO UPDATE SET at = at + 1"
        ),
        (
            "INSERT INTO refusals (source, kind, subject, reason, detail, observed_at, raw, hash)"
            " VALUES ('', '', '', '', '', {1}, x'00ff', randomblob(4))"
        ),
    ]
)
SEAL = "seal"
STEP = "INSERT INTO steps VALUES (1, '{0}', 'OK', 1, '', '', 0)"
RENAME = "UPDATE steps SET name = '{1}' WHERE name = '{0}'"


@settings(max_examples=15, deadline=None)
@given(
    words=st.lists(
        st.tuples(st.one_of(STATEMENTS, st.just(SEAL)), st.sampled_from("ab'"), st.integers(0, 3)),
        max_size=14,
    )
)
@example(words=[(STEP, "a", 0), (SEAL, "", 0), (RENAME, "a", 7), (STEP, "a", 0), (SEAL, "", 0)])
@example(words=[(STEP, "a", 0), (RENAME, "a", 7), (STEP, "a", 0), (SEAL, "", 0)])
def test_whatever_is_written_the_sums_follow(tmp_path_factory, words):
    """Inserts, upserts, replaces, changed keys and deletions, sealed at whatever moment."""
    path = tmp_path_factory.mktemp("seals") / "t.db"
    with Store.open(path, now=NOON) as store:
        with store.transaction() as tx:
            runs.begin(tx, runs.Start("collection", 0, NOON, 1), lease=timedelta(hours=1))
        for text, name, number in words:
            with store.transaction() as tx:
                if text == SEAL:
                    sealed_rows.seal(tx, run=1, now=NOON)
                else:
                    tx.execute(text.format(name.replace("'", "''"), number))
            assert broken(store) == []


def test_an_older_file_is_taken_in_as_it_is(tmp_path):
    """The migration that brings the seals hashes what is there; a changed row is noticed after."""
    path = tmp_path / "old.db"
    with sqlite3.connect(path, isolation_level=None) as raw:
        for number in (1, 2, 3):
            migrations._apply(raw, number, 1_000, 0x54524144, lost=False)
        raw.execute("INSERT INTO watermarks VALUES ('trades', 5)")
    raw.close()
    with Store.open(path, now=NOON) as store:
        assert broken(store) == []
        with store.reading() as look:
            taken = seal_check.taken_in(look)
        assert 0 < taken.found <= taken.rows
        assert taken.began is not None
        behind_its_back(store, "UPDATE watermarks SET at = 6")
        assert [one.table for one in broken(store)] == ["watermarks"]


def test_values_written_by_sqlite_are_read_back(tmp_path):
    """Whatever a row says, its quoted text is the same values again."""
    row = (None, 0, -5, 1 << 62, 0.1, -1e300, 2.5e-310, "it's, NULL\n'", "", b"", b"\x00\xff'")
    with sqlite3.connect(tmp_path / "q.db") as raw:
        marks = "||','||".join(["quote(?)"] * len(row))
        (told,) = raw.execute(f"SELECT {marks}", row).fetchone()  # marks alone
    raw.close()
    assert tuple(sealed_rows.values_of(told)) == row
