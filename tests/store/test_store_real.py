"""The venue's own recorded objects come back from the file as they went in."""

import gzip
import json
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path

import pytest
import store_world as world

from trading_cli.domain import Market
from trading_cli.store import Store, Written, listings


def to_the_second(market: Market) -> Market:
    """Return *market* with its times as the file keeps them."""
    values = ((field.name, getattr(market, field.name)) for field in fields(market))
    return replace(
        market, **{n: v.replace(microsecond=0) for n, v in values if isinstance(v, datetime)}
    )


def test_every_recorded_market_comes_back_whole(shared_data: Path, tmp_path: Path):
    """All recorded Gamma objects are kept once and read back equal, but for parts of a second."""
    gamma = pytest.importorskip("trading_cli.sources.polymarket.gamma", exc_type=ImportError)
    folder = shared_data / "gamma_markets_raw_2026-03-11"
    pages = [json.loads(gzip.decompress(file.read_bytes())) for file in folder.glob("*.json.gz")]
    raw = [item for page in pages for item in page["markets"]]
    parsed = {
        market.id: to_the_second(market)
        for market in (gamma.parse_market(item, world.NOON) for item in raw)
        if isinstance(market, Market)
    }
    assert len(parsed) > 1000
    with Store.open(tmp_path / "t.db", now=world.NOON) as store:
        with store.transaction() as tx:
            assert listings.record_markets(tx, parsed.values()) == Written(len(parsed))
            assert listings.record_markets(tx, parsed.values()) == Written(0, len(parsed))
        with store.reading() as look:
            found = listings.listing_at(look, as_of=world.NOON)
    assert {market.id: market for market in found} == parsed
