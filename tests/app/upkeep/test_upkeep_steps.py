"""The weekly upkeep inside a run of the validation: it swaps the file under its own feet."""

from datetime import timedelta

import pytest
import upkeep_world as world  # beside this

from trading_cli.app import stop
from trading_cli.app.cycles import Cycle, Plan, run_cycle
from trading_cli.app.toolkit import Toolkit
from trading_cli.app.upkeep import steps
from trading_cli.app.upkeep.verify import verify
from trading_cli.core.clock import FrozenClock
from trading_cli.store import Store, sealed_rows


def validation(config, *taken) -> object:
    """Run the steps *taken* as a validation; return its report."""
    plan = Plan("validation", timedelta(days=7), taken, timedelta(hours=4))
    clock = FrozenClock(world.at(40))
    with Toolkit(world.opened(config), clock=clock, env={}) as toolkit:
        return run_cycle(toolkit, plan, progress=world.quiet)


def sealed(cycle: Cycle):
    """Seal, as the end of a run does."""
    from trading_cli.app.cycles import Done

    steps.seal(cycle)
    return Done()


@pytest.fixture
def config(home, monkeypatch):
    """Return the settings of a home of four slots."""
    monkeypatch.delenv("TRADING_HOME")
    return world.make_home(home / "one")


def test_the_weekly_upkeep_leaves_a_backup_and_a_tidier_file(config):
    """Archive, backup, optimize and verify in one step; the run goes on in the new file."""
    report = validation(config, ("upkeep", steps.upkeep_step), ("seal", sealed))
    (first, _) = report.steps
    assert (report.state, first.state) == ("OK", "OK"), first.why
    assert first.numbers["swapped"]
    folder = world.opened(config).database.parent / "backups"
    assert [one.name for one in folder.iterdir()] == [first.numbers["backup"]]
    with Store.reader(world.opened(config).database) as store, store.reading() as look:
        assert look.execute("SELECT max(run) FROM seals").fetchone() == (report.run,)
        assert [row for (row,) in look.execute("SELECT name FROM steps WHERE run = ?",
                                               (report.run,))] == ["seal", "upkeep"]  # fmt: skip
    assert verify(config, world.quiet)["sound"]


def test_what_is_damaged_stops_trading(config):
    """A row that is not as sealed: no backup of it, no tidier file, the switch is pulled."""
    loaded = world.opened(config)
    with Store.open(loaded.database, now=world.NOON) as store, store.transaction() as tx:
        tx.execute("UPDATE trades SET price = 1 WHERE market = 1")
        sealed_rows.seal(tx, run=0, now=world.NOON)
    report = validation(config, ("upkeep", steps.upkeep_step))
    assert report.steps[0].state == "FAILED"
    assert "trades of run 1" in report.steps[0].why
    standing = stop.standing_at(stop.Place(loaded.home, loaded.database))
    assert (standing.state.value, standing.level) == ("TRIGGERED", 4)
    assert "trades" in standing.reason
    assert validation(config, ("verify", steps.verify_step)).steps[0].state == "FAILED"
    assert not (loaded.database.parent / "backups").exists() or not any(
        (loaded.database.parent / "backups").iterdir()
    )
