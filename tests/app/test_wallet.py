"""A person's own wallet is read over real HTTP and counts in the limits."""

import json
from decimal import Decimal
from urllib.request import urlopen

import pytest

from trading_cli.app import positions, wallet
from trading_cli.app.desk import Desk
from trading_cli.core.errors import SourceError, UsageError
from trading_cli.domain import Token
from trading_cli.store import Store, holdings, journal


@pytest.fixture
def busy(exchange, kit) -> str:
    """Return a wallet that bought something in the world's last days."""
    del kit
    url = f"{exchange.url}/data/trades?limit=100&side=BUY"
    with urlopen(url, timeout=30) as reply:  # noqa: S310  # ours
        rows = json.load(reply)
    return str(rows[0]["proxyWallet"])


def outside(kit) -> list[holdings.Outside]:
    """Return what is known to be held outside."""
    with Store.reader(kit.database) as store, store.reading() as look:
        return holdings.outside_positions(look)


def test_what_a_wallet_holds_is_read_and_counted(kit, busy):
    """Each position is stored with its market and its cost, shown, journaled, and a stake."""
    kit.collect()
    told = wallet.sync(kit.config, busy, clock=kit.clock)
    rows = outside(kit)
    assert told["positions"]
    assert len(rows) == len(told["positions"])
    assert told["cost"] == pytest.approx(float(sum(row.cost for row in rows)))
    assert all(not row.market_id.startswith("0x") for row in rows), "each market was looked up"
    shown = positions.positions(kit.config, clock=kit.clock)
    assert len(shown["outside"]) == len(rows)
    assert all(row["question"] for row in shown["outside"])
    with kit.toolkit.open_store() as store:
        desk = Desk(kit.toolkit, store, 0)
        with store.reading() as look:
            account = desk.account(look)
            (row,) = journal.rows(look, kind="operator")
    assert sum(stake.cost for stake in account.stakes) == sum(row.cost for row in rows)
    assert {stake.kind for stake in account.stakes} == {"outside"}
    assert (row.subject, row.actor) == (busy.lower(), "person")


def test_a_second_look_replaces_the_first(kit, busy):
    """Syncing again leaves as many rows, and an empty wallet leaves none of its own."""
    wallet.sync(kit.config, busy, clock=kit.clock)
    first = outside(kit)
    wallet.sync(kit.config, busy, clock=kit.clock)
    assert outside(kit) == first
    other = "0x" + "12" * 20
    with kit.toolkit.open_store() as store, store.transaction() as tx:
        row = holdings.Outside(
            other, "500001", "e1", Token.YES, Decimal(5), Decimal(3), kit.clock.now()
        )
        holdings.replace_outside(tx, other, [row], kit.clock.now())
    told = wallet.sync(kit.config, other, clock=kit.clock)
    assert (told["positions"], told["cost"]) == ([], 0)
    assert outside(kit) == first


def test_a_venue_that_fails_leaves_what_was_known(kit, busy):
    """A wallet that cannot be read whole is not an empty one: the limits keep counting it."""
    wallet.sync(kit.config, busy, clock=kit.clock)
    first = outside(kit)
    kit.exchange.faults({"fault": "server_error", "match": "/data/positions"})
    with pytest.raises(SourceError):
        wallet.sync(kit.config, busy, clock=kit.clock)
    assert outside(kit) == first


def test_what_is_no_address_is_refused(kit):
    """A typing error is named before anything is asked."""
    with pytest.raises(UsageError, match="no wallet"):
        wallet.sync(kit.config, "0x12", clock=kit.clock)
