"""The pace of the file: by the markets there are now, and with what has no time of its own."""

from datetime import timedelta

import pytest
import store_world as world

from trading_cli.domain import Feature, Tier, from_epoch, slot_of
from trading_cli.store import (
    Store,
    features,
    ledger,
    listings,
    pace,
    runs,
    sealed_rows,
    series,
    upkeep,
)

FIRST = int(world.NOON.timestamp()) // pace.DAY * pace.DAY
SLOTS, STEPS = 4, 2


@pytest.fixture
def store(tmp_path):
    """Return an empty store."""
    with Store.open(tmp_path / "t.db", now=world.NOON) as made:
        yield made


def live(store: Store, day: int, markets: int, candidates: int, *, past: int = 0) -> None:
    """Live a day of slots: a quote of each market, a feature of each candidate; *past* trades."""
    for turn in range(SLOTS):
        at = from_epoch(FIRST + day * pace.DAY + turn * 900)
        with store.transaction() as tx:
            started = runs.Start("collection", slot_of(at), at, 1)
            begun = runs.begin(tx, started, lease=timedelta(hours=1))
            write(tx, day * SLOTS + turn, at, markets, candidates)
            if turn == 0:
                names = [f"old {day} {n}" for n in range(past)]
                series.record_trades(tx, [world.trade(name=name, at=at) for name in names])
            for n in range(STEPS):
                runs.record_step(tx, begun.run, runs.Step(f"s{n}", "OK", 0.1, "", {}))
            runs.finish(tx, begun, "OK", "", {}, at)
            sealed_rows.seal(tx, run=begun.run, now=at)


def write(tx, turn: int, at, markets: int, candidates: int) -> None:
    """Write what one slot brings."""
    slot, numbers = slot_of(at), range(1, markets + 1)
    listings.record_markets(tx, [world.market(n, at=at) for n in numbers])
    series.record_quotes(tx, [world.quote(n, at=at) for n in numbers])
    series.record_trades(tx, [world.trade(n, name=f"{turn} {n}", at=at) for n in numbers])
    ledger.record_funnel(tx, slot, {pace.MARKETS: markets, pace.CANDIDATES: candidates})
    one = Feature("rvr", 1.5, "", Tier.NONE, provisional=False, inputs={})
    held = {str(500_000 + n): [(one, "f/1")] for n in numbers[:candidates]}
    features.record_features(tx, slot, held, at)


def told(store: Store, days: int) -> pace.Pace:
    """Return the pace by the first *days* days."""
    with store.reading() as look:
        return pace.pace(look, FIRST + days * pace.DAY, 7)


def test_it_goes_by_the_markets_there_are_now(store):
    """Three days after the exchange listed more, the pace is that of more; so is what it is of."""
    for day in range(7):
        live(store, day, *((4, 1) if day < 4 else (8, 3)))
    early, late = told(store, 4), told(store, 7)
    assert early.load == {pace.MARKETS: 4, pace.CANDIDATES: 1}
    assert (early.rows["quotes"], early.rows["features"]) == (4 * SLOTS, SLOTS)
    assert late.load == {pace.MARKETS: 8, pace.CANDIDATES: 3}
    assert (late.rows["quotes"], late.rows["features"]) == (8 * SLOTS, 3 * SLOTS)
    assert early.rows["funnel"] == late.rows["funnel"] == 2 * SLOTS


def test_a_day_of_filling_in_the_past_is_no_pace(store):
    """A first day with a thousand old trades does not count."""
    for day in range(3):
        live(store, day, 4, 1, past=0 if day else 1000)
    assert told(store, 3).rows["trades"] == 4 * SLOTS


def test_a_day_without_a_candidate_says_nothing_of_one(store):
    """It neither divides by nothing nor makes a candidate look cheap; none now is no rows now."""
    for day, candidates in enumerate((2, 0, 2, 2)):
        live(store, day, 4, candidates)
    assert told(store, 4).rows["features"] == pytest.approx(4 / 3 * SLOTS)
    for day in range(4, 7):
        live(store, day, 4, 0)
    found = told(store, 7)
    assert found.load[pace.CANDIDATES] == 0
    assert found.rows["features"] == 0


def test_what_has_no_time_and_the_seals_are_in_it(store):
    """Steps, seals and sums a day are those that are there, by the count of the rows themselves."""
    for day in range(4):
        live(store, day, 4, 1)
    found = told(store, 4)
    with store.reading() as look:
        counted, held = upkeep.facts(look).rows, pace.rows(look)
    assert found.rows["steps"] == STEPS * SLOTS
    assert found.rows["seals"] == SLOTS
    assert found.rows["seal_sums"] >= 4 * SLOTS
    assert {name: held[name] for name in ("seals", "seal_sums", "steps", "quotes")} == {
        name: counted[name] for name in ("seals", "seal_sums", "steps", "quotes")
    }


def test_no_table_that_grows_is_left_out(store):
    """Every table that got a row on the last day has a pace, but for what is thrown away again."""
    for day in range(3):
        live(store, day, 4, 1)
    with store.reading() as look:
        before = upkeep.facts(look).rows
    live(store, 3, 4, 1)
    with store.reading() as look:
        after = upkeep.facts(look).rows
    grown = {name for name, rows in after.items() if rows > before[name]}
    paced = {name for name, rows in told(store, 4).rows.items() if rows}
    assert {"quotes", "steps", "seals", "seal_sums", "runs", "funnel"} <= grown
    assert grown - paced == {"events"}


def test_what_grows_with_the_markets_is_named_as_the_tables_are(store):
    """Each name there is a table's: a table that is renamed is not silently taken as constant."""
    with store.reading() as look:
        names = set(upkeep.facts(look).rows)
    driven = {name for name in names if pace.driver(name)}
    assert driven == pace.FOLLOWED | pace.TRADABLE
    assert set(pace.ASKED) <= names


def test_below_three_days_there_is_none(store):
    """Two days say nothing."""
    for day in range(2):
        live(store, day, 4, 1)
    assert told(store, 2) == pace.Pace({}, {})
