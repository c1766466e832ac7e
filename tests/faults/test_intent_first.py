"""Item 23: the intent is on the disk, and not only in the cache, before anything is sent."""

from decimal import Decimal
from pathlib import Path

import test_races as races  # see conftest
from dealing import NOON, Stage

from trading_cli.app import execution
from trading_cli.app.desk import Desk, open_account


def opened(folder: Path) -> Stage:
    """Return a home with money and a market to buy in."""
    return Stage(folder, lambda _n, _t: "0.50", races.MARKETS, races.SETTINGS, races.labelled)


def test_what_was_decided_once_is_not_decided_again(tmp_path):
    """A run that died after it, and the one that goes on: one decision, one order, one seal."""
    stage = opened(tmp_path)
    with stage.open_store() as store:
        desk = Desk(stage, store, NOON)
        open_account(desk)
        desk.remember(races.labelled(1), stage.book(1))
        broker = execution.broker_of(desk)
        asked = races.wish(desk, 1, None, Decimal(50), 1)
        assert execution.commit_intent(desk, broker, asked) is not None
        assert execution.commit_intent(desk, broker, asked) is None
        with store.reading() as look:
            told = look.execute("SELECT count(*) FROM journal WHERE kind = 'decision'").fetchone()
            assert told == (1,)
            assert look.execute("SELECT count(*) FROM orders").fetchone() == (1,)


def test_an_intent_is_on_the_disk_before_it_is_sent(tmp_path):
    """Its transaction waits for the disk (FULL) and has ended when the venue hears of it."""
    stage = opened(tmp_path)
    said: list[str] = []
    with stage.open_store() as store:
        desk = Desk(stage, store, NOON)
        open_account(desk)
        desk.remember(races.labelled(1), stage.book(1))
        broker = execution.broker_of(desk)
        asked = races.wish(desk, 1, None, Decimal(50), 1)
        store._connection.set_trace_callback(said.append)
        stage.exchange.behave = lambda _order: said.append("-- sent") or "fills"
        assert execution.carry_out(desk, broker, asked) is not None
        store._connection.set_trace_callback(None)
    sent = said.index("-- sent")
    placed = next(n for n, words in enumerate(said) if words.startswith("INSERT INTO orders"))
    began = max(n for n, words in enumerate(said[:placed]) if words == "BEGIN IMMEDIATE")
    ended = said.index("COMMIT", placed)
    assert said[began - 1] == "PRAGMA synchronous=FULL"
    assert began < placed < ended < sent
