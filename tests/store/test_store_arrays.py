"""The matrices say what the rows say, in the order asked, and nothing before its time."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import store_world as world
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.store import Store, history, listings, series
from trading_cli.store.arrays import quote_matrix

NOON = world.NOON
SLOT = timedelta(minutes=15)
NAMES = ["500003", "500001", "500009", "500002"]  # 500009 is not known


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    """Give a store with quotes of three markets in twelve slots, some missing, some one-sided."""
    path: Path = tmp_path_factory.mktemp("arrays") / "t.db"
    with Store.open(path, now=NOON) as opened:
        with opened.transaction() as tx:
            listings.record_markets(tx, [world.market(n) for n in (1, 2, 3)])
            for k in range(12):
                at = NOON + k * SLOT + timedelta(seconds=40)
                rows = [
                    world.quote(n, at=at, bid=f"0.{10 * n + k}") for n in (1, 2, 3) if k % n < 2
                ]
                rows += [world.quote(3, at=at, bid_depth=None, ask=None)] * (k % 3 == 2)
                series.record_quotes(tx, rows[:1])
                series.record_quotes(tx, rows)
        yield opened


@settings(max_examples=40, deadline=None)
@given(first=st.integers(-3, 12), length=st.integers(1, 15), seen=st.integers(-60, 12_000))
def test_whatever_the_span_the_matrix_is_the_rows(store, first, length, seen):
    """Each cell equals the row of its market and slot known at the instant, NaN where none is."""
    since = NOON + first * SLOT
    span = {"since": since, "until": since + length * SLOT, "as_of": NOON + timedelta(seconds=seen)}
    with store.reading() as look:
        found = quote_matrix(look, NAMES, **span)
        rows = [history.quotes(look, name, **span) for name in NAMES]
    assert found.slots.tolist() == [int(since.timestamp()) + k * 900 for k in range(length)]
    expected = np.full((5, len(NAMES), length), np.nan)
    for market, series_of in enumerate(rows):
        for row in series_of:
            cells = (row.bid, row.ask, row.mid, row.bid_depth, row.ask_depth)
            at = (row.slot - int(since.timestamp())) // 900
            expected[:, market, at] = [np.nan if c is None else float(c) for c in cells]
    whole = [found.bid, found.ask, found.mid, found.bid_depth, found.ask_depth]
    np.testing.assert_allclose(np.array(whole), expected, rtol=1e-6)


def test_no_quotes_at_all_is_a_matrix_of_nothing(tmp_path):
    """An empty store gives NaN of the shape asked for."""
    with Store.open(tmp_path / "t.db", now=NOON) as store, store.reading() as look:
        found = quote_matrix(look, NAMES, since=NOON, until=NOON + 4 * SLOT, as_of=NOON)
    assert found.mid.shape == (4, 4)
    assert np.isnan(found.mid).all()
