"""What was not known yet is not in the columns either that indicators are computed of."""

from datetime import timedelta

import pytest
import store_world as world  # see conftest

from trading_cli.store import Store, history, listings, series

SLOT = timedelta(minutes=15)
NOON = world.NOON


@pytest.mark.parametrize("after_s", [-1, 0, 1, 899, 900, 2000, 7200])
def test_columns_show_what_rows_show(tmp_path, after_s):
    """As of any instant: the slots that had been seen by then, and the same as the rows."""
    with Store.open(tmp_path / "t.db", now=NOON) as store:
        with store.transaction() as tx:
            listings.record_markets(tx, [world.market(1)])
            series.record_quotes(tx, [world.quote(1, at=NOON + n * SLOT) for n in range(4)])
        as_of = NOON + timedelta(seconds=after_s)
        span = {"since": NOON - SLOT, "until": NOON + 9 * SLOT, "as_of": as_of}
        with store.reading() as look:
            columns = history.quote_columns(look, "500001", **span)
            rows = history.quotes(look, "500001", **span)
    seen = [n for n in range(4) if NOON + n * SLOT <= as_of]
    assert len(columns.slots) == len(seen)
    assert list(columns.slots) == [one.slot for one in rows]
