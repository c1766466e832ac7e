"""Every event has its turn once an hour, in an order nobody chose."""

from hypothesis import given
from hypothesis import strategies as st

from trading_cli.research.rotation import due, order

events = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=80)


@given(ids=events, hour=st.integers(0, 500_000))
def test_each_event_is_asked_once_an_hour(ids, hour):
    """The four quarters of an hour share the events without overlap."""
    asked = [e for q in range(4) for e in due(ids, hour * 3600 + q * 900, per_slot=60)]

    assert sorted(asked) == sorted(ids)


@given(ids=events, slot=st.integers(0, 10**6), per_slot=st.integers(0, 20))
def test_no_slot_is_overfull(ids, slot, per_slot):
    """At most per_slot events, and the same ones every hour."""
    now = due(ids, slot * 900, per_slot=per_slot)

    assert len(now) <= per_slot
    assert now == due(reversed(ids), slot * 900 + 3600, per_slot=per_slot)


def test_only_the_first_take_part():
    """Google News: the first 60 of the order, 15 a slot; the others never."""
    ids = [str(i) for i in range(200)]
    asked = [e for q in range(4) for e in due(ids, q * 900, per_slot=15, first=60)]

    assert asked == list(order(ids)[:60])


def test_one_event_more_moves_few_others():
    """A newcomer shifts at most four events to another quarter."""
    ids = [str(i) for i in range(100)]
    before = {e: q for q in range(4) for e in due(ids, q * 900, per_slot=60)}
    after = {e: q for q in range(4) for e in due([*ids, "new"], q * 900, per_slot=60)}

    assert sum(before[e] != after[e] for e in ids) <= 4
