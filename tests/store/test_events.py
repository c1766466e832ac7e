"""What happened is told by the transaction it happened in: all of it, nothing else, in order."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.core.errors import StoreError
from trading_cli.domain import Notice, Severity
from trading_cli.store import (
    Store,
    Transaction,
    happenings,
    jobs,
    journal,
    kill,
    outbox,
    pauses,
    runs,
    sealed_rows,
    upkeep,
)
from trading_cli.store.schema_seals import UNWATCHED
from trading_cli.store.schema_web import WEB

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=30)
ME = jobs.Process(4711, 1.5)
OTHER = jobs.Process(4712, 2.5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield a new store in which nothing happened but that it was made."""
    with Store.open(tmp_path / "t.db", now=NOW) as made:
        yield made


def told(store: Store, after: int = 0) -> list[tuple[str, str]]:
    """Return what was told after a number, as kinds and subjects."""
    with store.reading() as look:
        return [(one.kind, one.subject) for one in happenings.after(look, after)]


def newest(store: Store) -> int:
    """Return the newest number."""
    with store.reading() as look:
        return happenings.kept(look).newest


def a_run(tx: Transaction) -> None:
    """Begin a run and end it."""
    start = runs.Start("collection", 1_772_452_800, NOW, 77)
    ticket = runs.begin(tx, start, lease=timedelta(minutes=15))
    runs.finish(tx, ticket, "OK", "", {}, SOON)


def a_pause(tx: Transaction) -> None:
    """Begin a pause and lift it."""
    pauses.pause(tx, "owner", since=NOW, until=None, reason="lunch", actor="owner")
    pauses.lift(tx, "owner", SOON)


def a_notice(tx: Transaction) -> None:
    """Queue a notice and see it."""
    outbox.put(tx, Notice("k", "health", Severity.WARN, "text", NOW))
    outbox.ack(tx, 1, at=SOON, by="me")


def a_delivery(tx: Transaction) -> None:
    """Queue a notice and send it."""
    outbox.put(tx, Notice("k", "health", Severity.WARN, "text", NOW))
    tx.execute("INSERT INTO deliveries VALUES (1, 'telegram', 'TRYING', 1, 5, NULL, 0, '', '')")
    tx.execute("UPDATE deliveries SET state = 'SENT', sent_at = 6")


def a_decision(tx: Transaction) -> None:
    """Decide to buy, and to do nothing: only what is done is told."""
    for name, action, token in (("d1", "BUY", "YES"), ("d2", "HOLD", None)):
        tx.execute(
            "INSERT INTO decisions (id, slot, decided_at, market, event, strategy, purpose, action,"
            " reason, token, shares, binding, formula, settings_hash, facts)"
            " VALUES (?, 900, 901, 'm', 'e', 's', 'entry', ?, 'edge', ?, 0, '', '', '', '{}')",
            (name, action, token),
        )


def an_order(tx: Transaction) -> None:
    """Place an order, fill it."""
    tx.execute(
        "INSERT INTO orders (id, decision, market, event, strategy, purpose, side, token, shares,"
        " limit_price, reason, state, placed_at, reserved, broker, detail) VALUES ('o1', 'd1', 'm',"
        " 'e', 's', 'entry', 'BUY', 'YES', 5, 5, 'edge', 'PENDING', 901, 0, 'paper', '')"
    )
    tx.execute(
        "INSERT INTO fills (id, order_id, market, token, side, shares, price, gross, fee, at,"
        " grade, levels, book_hash) VALUES ('f1', 'o1', 'm', 'YES', 'BUY', 5, '0.5', 2, 0, 902,"
        " 'A', '[]', 'h')"
    )
    tx.execute("UPDATE orders SET state = 'FILLED', ended_at = 902")


def a_source(tx: Transaction) -> None:
    """See a source fail; seen again, it is no news."""
    tx.execute("INSERT INTO source_states VALUES ('gdelt', 'ok', 1, '', 1, 1)")
    for _ in range(2):
        tx.execute("UPDATE source_states SET state = 'failed', checked = checked + 1")


def research(tx: Transaction) -> None:
    """End a family of correlations; keep a backtest."""
    tx.execute(
        "INSERT INTO correlation_runs (kind, at, since, until, settings_hash, data_hash, code,"
        " family) VALUES ('command', 1, 0, 1, '', '', '', '{}')"
    )
    tx.execute("UPDATE correlation_runs SET state = 'DONE', finished_at = 9")
    tx.execute(
        "INSERT INTO trials (kind, strategy, at, since, until, hash, settings_hash, data_hash,"
        " code, settings) VALUES ('backtest', 's', 1, 0, 1, 'h', '', '', '', '{}')"
    )
    tx.execute(
        "INSERT INTO backtest_runs (trial, at, since, until, strategy, engine, fees, digest,"
        " opening, closing, traded) VALUES (1, 1, 0, 1, 's', 'full', 'zero', 'd', 1, 1, 0)"
    )


def a_job(tx: Transaction) -> None:
    """Ask for a job and see it through; the same progress again is no news."""
    job = jobs.ask(tx, "backtest", {}, by="page", watcher=ME, now=NOW)
    assert job is not None
    jobs.started(tx, job, OTHER, NOW)
    jobs.progressed(tx, job, "half", NOW)
    jobs.progressed(tx, job, "half", SOON)
    jobs.ended(tx, job, jobs.End("DONE", 0, "1.out"), SOON)


CAUSES: tuple[tuple[Callable[[Transaction], object], list[tuple[str, str]]], ...] = (
    (a_run, [("run_begun", "collection:1"), ("run_ended", "collection:1")]),
    (a_pause, [("pause", "owner"), ("pause_ended", "owner")]),
    (a_notice, [("alert", "1"), ("alert_seen", "1")]),
    (a_delivery, [("alert", "1"), ("alert_sent", "1")]),
    (a_decision, [("decision", "d1")]),
    (an_order, [("order", "o1"), ("fill", "f1"), ("order_ended", "o1")]),
    (a_source, [("source", "gdelt")]),
    (research, [("correlation", "1"), ("backtest", "1")]),
    (a_job, [("job", "1")] * 4),
    (
        lambda tx: journal.append(tx, "note", "x", {"a": 1}, at=NOW),
        [("journal", "1")],
    ),
    (
        lambda tx: kill.record(tx, "TRIGGERED", 4, at=NOW, actor="me", reason="so"),
        [("kill", "kill:2")],
    ),
)  # fmt: skip


@pytest.mark.parametrize(("cause", "expected"), CAUSES)
def test_what_is_done_is_told_once_in_order(store, cause, expected):
    """Each write that counts is one row; what changes nothing is none."""
    before = newest(store)
    with store.transaction() as tx:
        cause(tx)
    assert told(store, before) == expected


@pytest.mark.parametrize(("cause", "expected"), CAUSES)
def test_what_is_undone_was_never_told(store, cause, expected):
    """The row goes back with its transaction, and its number is given again."""
    before = newest(store)
    with pytest.raises(StoreError, match="nothing"), store.transaction() as tx:
        _cut_off(tx, cause)
    assert told(store, before) == []
    with store.transaction() as tx:
        cause(tx)
    assert told(store, before) == expected
    assert newest(store) == before + len(expected)


def _cut_off(tx: Transaction, cause: Callable[[Transaction], object]) -> None:
    cause(tx)
    tx.execute("SELECT * FROM nothing")


def test_every_trigger_is_proved_above():
    """No kind is told of that no test here causes, but for those of tests elsewhere."""
    caused = {kind for _, expected in CAUSES for kind, _ in expected}
    kinds = set(re.findall(r'"tell_(\w+)_(?:insert|update)"', "\n".join(WEB)))
    assert kinds - caused == {"alert_failed", "kill_proof", "opinion"}


def test_times_are_the_writers_own(store):
    """An event is dated by the row it tells of, not by a clock of its own."""
    with store.transaction() as tx:
        a_run(tx)
    with store.reading() as look:
        begun, ended = happenings.after(look, 0)[-2:]
    assert (begun.at, ended.at) == (NOW, SOON)


@settings(max_examples=20, deadline=None)
@given(subject=st.text(max_size=600).filter(lambda text: "\x00" not in text))
def test_no_write_fails_by_being_told_of(tmp_path_factory, subject):
    """Whatever a row is called, it is written, and told of by a name of at most 200 characters."""
    path = tmp_path_factory.mktemp("odd") / "t.db"
    name = subject.encode("utf-8", "ignore").decode() or "x"
    with Store.open(path, now=NOW) as store:
        with store.transaction() as tx:
            tx.execute("INSERT INTO source_states VALUES (?, 'ok', 1, '', 1, 1)", (name,))
            tx.execute("UPDATE source_states SET state = 'off'")
        assert told(store)[-1] == ("source", name[:200])


def test_old_events_go_and_the_newest_stays(store):
    """Whatever its age, the newest row stays: numbers are never given twice, seals stay sound."""
    for step in range(3):
        with store.transaction() as tx:
            at = NOW + timedelta(days=step)
            journal.append(tx, "note", "x", {"n": step}, at=at)
    last = newest(store)
    with store.transaction() as tx:
        assert happenings.forget(tx, NOW + timedelta(days=1)) == last - 2
    with store.reading() as look:
        assert happenings.kept(look) == happenings.Kept(last - 1, last)
    with store.transaction() as tx:
        happenings.forget(tx, NOW + timedelta(days=99))
        sealed_rows.seal(tx, run=0, now=NOW)
    with store.reading() as look:
        assert happenings.kept(look) == happenings.Kept(last, last)
        assert upkeep.broken_seals(look) == []


def test_what_is_kept_has_no_holes(store):
    """A row of an earlier moment than those before it stays as long as they do: none is missed."""
    for days in (0, 9, 0, 9):  # the third is dated before the second
        with store.transaction() as tx:
            journal.append(tx, "note", "x", {"n": days}, at=NOW + timedelta(days=days))
    last = newest(store)
    with store.transaction() as tx:
        happenings.forget(tx, NOW + timedelta(days=1))
    with store.reading() as look:
        assert happenings.kept(look) == happenings.Kept(last - 2, last)
        assert [one.id for one in happenings.after(look, 0)] == [last - 2, last - 1, last]


def test_events_and_jobs_are_not_sealed(store):
    """Nothing rests on them: they are read, changed and forgotten without a broken seal."""
    with store.transaction() as tx:
        a_job(tx)
        sealed_rows.seal(tx, run=0, now=NOW)
        tx.execute("UPDATE events SET subject = 'another'")
    with store.reading() as look:
        assert upkeep.broken_seals(look) == []
        assert {"events", "jobs"} <= UNWATCHED


def test_one_job_of_a_kind_at_a_time(store):
    """The file itself refuses a second one, until the first has ended."""
    with store.transaction() as tx:
        first = jobs.ask(tx, "analysis", {}, by="page", watcher=ME, now=NOW)
        assert jobs.ask(tx, "analysis", {}, by="page", watcher=OTHER, now=NOW) is None
        assert jobs.ask(tx, "backtest", {}, by="page", watcher=ME, now=NOW) is not None
        assert first is not None
        error = {"code": "lost", "message": "gone", "hint": ""}
        assert jobs.ended(tx, first, jobs.End("LOST", error=error), SOON)
        assert not jobs.ended(tx, first, jobs.End("DONE", 0, "1.out"), SOON)
        assert jobs.ask(tx, "analysis", {}, by="page", watcher=ME, now=SOON) is not None
        found = jobs.find(tx, first)
    assert found is not None
    assert (found.state, found.ended_at, found.error) == ("LOST", SOON, error)


FORGED = (
    "INSERT INTO jobs SELECT 9, 'x', '{}', 1, '', %s, NULL, NULL, 1, 1, 1, %s, 1, 0, '', %s, NULL"
)


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE jobs SET state = 'RUNNING', ended_at = NULL, result = NULL",
        "UPDATE jobs SET progress = 'more'",
        'UPDATE jobs SET parameters = \'{"fees": "zero"}\'',
        "UPDATE jobs SET asked_by = 'somebody'",
        FORGED % ("'DONE'", 1, "NULL"),
        FORGED % ("'ODD'", 1, "'a'"),
        FORGED % ("'RUNNING'", "NULL", "NULL"),
        FORGED % ("'FAILED'", 1, "NULL"),
        FORGED % ("'QUEUED'", 1, "NULL"),
    ],
)
def test_a_forged_state_is_refused_by_the_file(store, forged):
    """An ended job stays as it ended, what was asked stays as asked, no state stands half."""
    with store.transaction() as tx:
        a_job(tx)
        before = jobs.newest(tx)
    with pytest.raises(StoreError, match="refused"), store.transaction() as tx:
        tx.execute(forged)
    with store.reading() as look:
        assert jobs.newest(look) == before


def test_a_job_is_taken_over_by_one(store):
    """Of two who see a job left alone, one takes it."""
    with store.transaction() as tx:
        job = jobs.ask(tx, "analysis", {}, by="page", watcher=ME, now=NOW)
        assert job is not None
        seen = jobs.find(tx, job)
        assert seen is not None
        assert jobs.take_over(tx, seen, OTHER)
        assert not jobs.take_over(tx, seen, jobs.Process(1, 1.0))
        found = jobs.find(tx, job)
    assert found is not None
    assert found.watcher == OTHER
