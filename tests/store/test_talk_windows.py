"""The windows of the talk's past: planned once, the newest first, split, tried again, counted."""

import pytest
from store_world import NOON  # beside this

from trading_cli.store import Store, talk_windows
from trading_cli.store.backfill import TRIES
from trading_cli.store.rows import Written, epoch

DAY_S = 86_400
END = epoch(NOON)
BEGIN = END - 5 * DAY_S


@pytest.fixture
def store(tmp_path):
    """Return an empty store."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        yield opened


def test_windows_cover_the_span_once(store):
    """The span is cut on the epoch's grid without overlap; planning again adds nothing."""
    with store.transaction() as tx:
        first = talk_windows.plan(tx, "gdelt", "e1", [(BEGIN, END)], 2 * DAY_S)
        again = talk_windows.plan(tx, "gdelt", "e1", [(BEGIN, END)], 2 * DAY_S)
        held = talk_windows.planned(tx, "gdelt", ["e1", "e2"])
    assert (first.new, again) == (len(held["e1"]), Written(0, first.new))
    assert held.keys() == {"e1"}
    assert (held["e1"][0][0], held["e1"][-1][1]) == (BEGIN, END)
    assert [stop for _, stop in held["e1"][:-1]] == [start for start, _ in held["e1"][1:]]


def test_the_newest_come_first_and_failed_ones_last(store):
    """Untried windows come before tried ones, of those the newest; another source's do not."""
    with store.transaction() as tx:
        for event in ("e1", "e2"):
            talk_windows.plan(tx, "gdelt", event, [(BEGIN, END)], DAY_S)
        talk_windows.plan(tx, "bluesky", "e1", [(BEGIN, END)], DAY_S)
        before = talk_windows.todo(tx, "gdelt", ["e1", "e2"])
        talk_windows.mark(tx, before[0].id, "failed", 0)
        after = talk_windows.todo(tx, "gdelt", ["e1", "e2"])
    assert [w.stop for w in before] == sorted((w.stop for w in before), reverse=True)
    assert {w.source for w in before} == {"gdelt"}
    assert [w.id for w in after] == [w.id for w in (*before[1:], before[0])]


def test_halves_take_the_place_of_a_window_cut_short(store):
    """A split window is no longer to do; its halves are, and together they are all of it."""
    with store.transaction() as tx:
        talk_windows.plan(tx, "gdelt", "e1", [(END - DAY_S, END)], 7 * DAY_S)
        whole = talk_windows.todo(tx, "gdelt", ["e1"])[0]
        talk_windows.split(tx, whole, 250)
        late, early = talk_windows.todo(tx, "gdelt", ["e1"])[:2]
    assert (early.start, late.stop) == (whole.start, whole.stop)
    assert early.stop - early.start == late.stop - late.start
    assert early.stop == late.start


def test_what_is_done_or_given_up_is_not_left(store):
    """Only windows still to ask of the events named are left; an unknown one is an error."""
    with store.transaction() as tx:
        talk_windows.plan(tx, "gdelt", "e1", [(END - 3 * DAY_S, END)], DAY_S)
        talk_windows.plan(tx, "gdelt", "gone", [(END - 3 * DAY_S, END)], DAY_S)
        first, second, *rest = talk_windows.todo(tx, "gdelt", ["e1"])
        talk_windows.mark(tx, first.id, "done", 3)
        for _ in range(TRIES):
            talk_windows.mark(tx, second.id, "failed", 0)
        assert [w.id for w in talk_windows.todo(tx, "gdelt", ["e1"])] == [w.id for w in rest]
        with pytest.raises(KeyError):
            talk_windows.mark(tx, 10_000, "done", 0)
