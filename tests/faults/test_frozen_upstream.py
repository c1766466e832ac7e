"""Item 20: an upstream that serves the same bytes again and again is noticed, and not traded on."""

from homes import Home  # see conftest

from trading_cli.app.cycles import run_cycle
from trading_cli.app.steps import COLLECTION
from trading_cli.domain import Action, Purpose, from_epoch
from trading_cli.store import Transaction, decided, glance

QUIET = {name: {"enabled": False} for name in ("gdelt", "google_news", "bluesky", "hacker_news")}
EIGHT = 8


def closing(look: Transaction, slot: int, home: Home) -> list[str]:
    """Return what closes the gate in *slot*."""
    return glance.closing(look, slot, since=from_epoch(slot), as_of=home.clock.now())


def test_eight_slots_of_the_same_books(make_home):
    """Flagged by the eighth slot at the latest, the gate closed, nothing bought; later it opens."""
    home = make_home(backfill_seconds=0, **QUIET)
    run_cycle(home.toolkit, COLLECTION, progress=home.said.append)
    closed = []
    for turn in range(1, EIGHT + 1):
        slot = home.at(turn)
        cached = {"fault": "cached_reply", "match": "/clob/book", "args": {"age": turn * 900}}
        home.exchange.faults(cached)
        run_cycle(home.toolkit, COLLECTION, progress=home.said.append)
        with home.looking() as look:
            reasons = closing(look, slot, home)
            taken = decided.decisions(look, slot=slot, limit=1000)
        entries = [one for one in taken if one.purpose is Purpose.ENTRY]
        if any("frozen" in one for one in reasons):
            closed.append(turn)
            assert entries
            assert {one.action for one in entries} == {Action.HOLD}
            assert not any(one.shares for one in entries)
    assert closed, "nobody noticed"
    assert closed == list(range(closed[0], EIGHT + 1)), "it opened while nothing moved"
    assert home.rows("SELECT count(*) FROM orders") == [(0,)]

    home.exchange.faults()
    slot = home.at(EIGHT + 1)
    run_cycle(home.toolkit, COLLECTION, progress=home.said.append)
    with home.looking() as look:
        assert not any("frozen" in one for one in closing(look, slot, home))
