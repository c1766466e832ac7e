"""Runs, sources, gaps and windows of the past say what happened, also after a kill."""

from datetime import timedelta
from pathlib import Path

import pytest
import store_world as world

from trading_cli.store import Store, Written, backfill, ledger, listings

NOON = world.NOON
HOUR = timedelta(hours=1)
SLOT = world.quote().slot


@pytest.fixture
def store(tmp_path: Path):
    """Give a new store that knows market 1."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        with opened.transaction() as tx:
            listings.record_markets(tx, [world.market(1)])
        yield opened


def test_a_source_keeps_since_when_and_its_last_good_answer(store):
    """``since`` moves with the state only; ``last_ok`` stays through a failure."""
    with store.transaction() as tx:
        for hours, state in ((0, "ok"), (1, "ok"), (2, "failed"), (3, "failed")):
            ledger.set_source_state(tx, "gdelt", state, "words", NOON + hours * HOUR)
        (found,) = ledger.source_states(tx)
    assert (found.state, found.since, found.last_ok, found.checked) == (
        "failed",
        NOON + 2 * HOUR,
        NOON + HOUR,
        NOON + 3 * HOUR,
    )


def test_what_came_late_fills_its_gap_and_stays_filled(store):
    """A gap may become received; what was received never becomes a gap."""
    missing = ledger.Gap(SLOT, "500001", received=False, cause="down")
    came = ledger.Gap(SLOT, "500001", received=True, cause="late")
    with store.transaction() as tx:
        done = [ledger.record_gaps(tx, [gap], NOON) for gap in (missing, came, missing, came)]
        kept = tx.execute("SELECT received, cause FROM gaps").fetchall()
    assert done == [Written(1), Written(1), Written(0, 1), Written(0, 1)]
    assert kept == [(1, "late")]


def test_the_past_is_fetched_window_by_window_and_resumed(store):
    """Windows cover the span without overlap; done ones do not come again, failed ones do."""
    with store.transaction() as tx:
        backfill.plan_windows(tx, "500001", "mids", NOON - 30 * 24 * HOUR, NOON, 15 * 86_400)
        planned = backfill.next_windows(tx, 9)
        assert planned[0].start == NOON - 30 * 24 * HOUR
        assert planned[-1].stop == NOON
        assert [w.stop for w in planned[:-1]] == [w.start for w in planned[1:]]
        backfill.mark_window(tx, planned[0].id, "done", 100)
        backfill.mark_window(tx, planned[1].id, "failed", 0)
    with store.transaction() as tx:
        left = backfill.next_windows(tx, 9)
        assert [w.id for w in left] == [planned[2].id, planned[1].id]
        for _ in range(backfill.TRIES):
            backfill.mark_window(tx, planned[1].id, "failed", 0)
        assert backfill.windows_left(tx) == 1


def test_a_watermark_never_goes_back(store):
    """An earlier word about how far we are changes nothing."""
    with store.transaction() as tx:
        for at in (NOON, NOON + HOUR, NOON):
            backfill.set_watermark(tx, "trades", at)
        assert backfill.watermark(tx, "trades") == NOON + HOUR
        assert backfill.watermark(tx, "other") is None
        backfill.set_meta(tx, "name", "a")
        backfill.set_meta(tx, "name", "b")
        assert (backfill.meta(tx, "name"), backfill.meta(tx, "none")) == ("b", None)


def test_the_panel_is_who_was_there_at_the_time(store):
    """A stay is seen between its beginning and its end; a second stay is a second row."""
    with store.transaction() as tx:
        listings.panel_enter(tx, "500001", NOON, NOON + 9 * HOUR)
        assert listings.panel_leave(tx, "500001", NOON + HOUR, "resolved") == Written(1)
        assert listings.panel_leave(tx, "500001", NOON + HOUR, "resolved") == Written(0, 1)
        listings.panel_enter(tx, "500001", NOON + 3 * HOUR, NOON + 9 * HOUR)
        seen = [listings.panel_members(tx, as_of=NOON + n * HOUR) for n in (-1, 0, 1, 3)]
    assert seen == [{}, {"500001": NOON}, {}, {"500001": NOON + 3 * HOUR}]
