"""A laptop that slept: one run on waking, a row for each slot nobody ran, and no alarm."""

from trading_cli.app import stop
from trading_cli.app.cycles import run_cycle
from trading_cli.app.steps import COLLECTION
from trading_cli.store import decided, ledger, pauses, runs

HOURS = 20
SLEPT = HOURS * 4


def test_a_laptop_that_slept_wakes_to_one_run_and_no_trigger(make_home):
    """After 20 hours: one catch-up run, 79 missed slots as rows and gaps, the switch armed."""
    home = make_home(backfill_seconds=0)
    run_cycle(home.toolkit, COLLECTION, progress=home.said.append)
    home.at(SLEPT)

    report = run_cycle(home.toolkit, COLLECTION, progress=home.said.append)

    assert (report.state, report.timing) == ("OK", "catch_up")
    with home.looking() as look:
        history = runs.last(look, cycles=["collection"], limit=1000)
        gaps = ledger.gaps(look, since=history[-1].started, until=home.clock.now())
        entries = decided.decisions(look, slot=report.slot, limit=1000)
        held = pauses.active(look, home.clock.now())
    timings = [run.timing for run in history]
    assert timings.count("missed") == SLEPT - 1
    assert timings.count("catch_up") == 1
    nothing_ran = [gap for gap in gaps if not gap.market_id and not gap.received]
    assert len(nothing_ran) == SLEPT - 1
    place = stop.Place(home.toolkit.home, home.database)
    assert stop.standing_at(place).state == "ARMED"
    assert held == []
    assert all(entry.reason != "PAUSED" for entry in entries)
