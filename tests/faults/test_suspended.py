"""Item 12: a machine that slept 26 hours, with something held and a signal not yet told."""

from datetime import timedelta

from trading_cli.app.cycles import run_cycle
from trading_cli.app.steps import COLLECTION
from trading_cli.domain import Notice, Purpose, Severity, from_epoch
from trading_cli.store import decided, journal, ledger, outbox, runs
from trading_cli.store.rows import epoch

QUIET = {name: {"enabled": False} for name in ("gdelt", "google_news", "bluesky", "hacker_news")}
HOURS = 26
SLEPT = HOURS * 4


def test_a_machine_that_slept_for_26_hours(make_home):
    """One catch-up run, 103 rows, the old signal untold, and no entry from before the sleep."""
    home = make_home(panel={"max_markets": 6}, **QUIET)
    run_cycle(home.toolkit, COLLECTION, progress=home.said.append)
    now = home.clock.now()
    with home.toolkit.open_store() as store, store.transaction() as tx:
        told = Notice("signal:old", "signal", Severity.INFO, "BUY YES", now,
                      now + timedelta(minutes=30), facts={})  # fmt: skip
        outbox.put(tx, told)
    home.at(SLEPT)

    report = run_cycle(home.toolkit, COLLECTION, progress=home.said.append)
    again = run_cycle(home.toolkit, COLLECTION, progress=home.said.append)

    assert (report.timing, again.state) == ("catch_up", "SKIPPED")
    with home.looking() as look:
        held = runs.last(look, cycles=["collection"], limit=1000)
        gaps = ledger.gaps(look, since=from_epoch(0), until=home.clock.now())
        due = outbox.due(look, home.clock.now())
        taken = decided.decisions(look, limit=10_000)
        orders = look.execute("SELECT count(*) FROM orders").fetchone()[0]
        assert journal.verify(look) is None
    by_slot = sorted(run.slot for run in held if run.timing != "duplicate")
    assert by_slot == [report.slot - 900 * back for back in range(SLEPT, -1, -1)]
    assert [run.timing for run in held].count("missed") == SLEPT - 1
    nothing_ran = {gap.slot for gap in gaps if not gap.market_id and not gap.received}
    assert len(nothing_ran) == SLEPT - 1
    assert "signal:old" not in {one.notice.key for one in due}, (
        "a signal of yesterday would be told"
    )
    entries = [one for one in taken if one.purpose is Purpose.ENTRY and one.slot == report.slot]
    assert all(epoch(one.decided_at) >= report.slot for one in entries)
    assert orders == 0
