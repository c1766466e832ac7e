"""What moved with what we hold, read from the file as known at an instant."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from dealing import EAGER, NOON, Stage, market, quiet  # beside this

from trading_cli.app.comovement import measured
from trading_cli.app.cycles import run_cycle
from trading_cli.domain import Point, Quote, Token, from_epoch
from trading_cli.store import Store, decided, holdings, listings, series
from trading_cli.store.hourly_mids import HourlyMids, hourly_mids
from trading_cli.trading.account import Labels, Stake
from trading_cli.trading.groups import Groups

HOUR = 3600
AT = from_epoch(NOON + 60)
CENT = Decimal("0.01")


@pytest.fixture
def store(tmp_path):
    """Return a file that knows three markets."""
    with Store.open(tmp_path / "t.db", now=AT) as opened:
        with opened.transaction() as tx:
            listings.record_markets(tx, [market(n) for n in range(3)])
        yield opened


def quoted(number, hour, mid, *, late=0, seen=None):
    """Return a quote of a market at an hour, *late* slots after it began."""
    at = from_epoch(NOON + hour * HOUR + late * 900 + 5)
    bid = Decimal(str(round(float(mid), 2)))
    return Quote(
        f"M{number}", NOON + hour * HOUR + late * 900, bid - CENT, bid + CENT, 9.0, 9.0, at,
        seen or at,
    )  # fmt: skip


def point(number, hour, mid, *, after=600, seen=None):
    """Return a history mid so many seconds after an hour."""
    at = from_epoch(NOON + hour * HOUR + after)
    return Point(f"{number}1", float(mid), at, seen or at + timedelta(seconds=100))


def prices(seed, hours=200):
    """Return the prices of three markets: two of one story, the third by itself."""
    rng = np.random.default_rng(seed)
    shared, own = np.cumsum(rng.normal(0, 0.15, (2, hours)), axis=1)
    noise = np.cumsum(rng.normal(0, 0.03, hours))
    legs = np.stack([shared, shared + noise, own])
    return np.clip(1 / (1 + np.exp(-legs)), 0.08, 0.92)


def test_the_hours_price_is_the_first_seen_from_it_on(store):
    """Its slot, else the next slot, else a history mid within half an hour, else none."""
    with store.transaction() as tx:
        series.record_quotes(tx, [
            quoted(0, -4, 0.40), quoted(0, -4, 0.45, late=1), quoted(0, -3, 0.50, late=1),
            quoted(0, -2, 0.60, late=2),
        ])  # fmt: skip
        series.record_points(tx, [
            point(0, -4, 0.99), point(0, -2, 0.70), point(0, -2, 0.75, after=900),
            point(0, -1, 0.80, after=1900),
        ])  # fmt: skip
    ends = NOON + HOUR * np.arange(-5, 1)
    with store.reading() as look:
        found = hourly_mids(look, "M0", ends, as_of=AT)
        nobody = hourly_mids(look, "M9", ends, as_of=AT)
    assert found.tolist() == pytest.approx([np.nan, 0.40, 0.50, 0.70, np.nan, np.nan], nan_ok=True)
    assert np.isnan(nobody).all()


def test_what_came_later_is_not_known_before(store):
    """A history mid fetched at noon is none a minute earlier."""
    with store.transaction() as tx:
        series.record_points(tx, [point(0, -3, 0.5, seen=AT)])
    ends = NOON + HOUR * np.arange(-5, 1)
    with store.reading() as look:
        early = hourly_mids(look, "M0", ends, as_of=AT - timedelta(seconds=1))
        then = hourly_mids(look, "M0", ends, as_of=AT)
    assert np.isnan(early).all()
    assert np.isfinite(then).sum() == 1


def test_what_is_kept_of_a_past_is_what_is_read_anew(store):
    """Hour by hour through a past with gaps and late words: the same prices at every instant."""
    rng = np.random.default_rng(5)
    quotes, points = [], []
    for hour in range(-600, 1):
        for kind, late in zip(rng.integers(0, 4, 3).tolist(), range(3), strict=True):
            seen = from_epoch(NOON + hour * HOUR + int(rng.integers(1, 9)) * 1800)
            if kind == 1:
                quotes.append(quoted(0, hour, rng.uniform(0.1, 0.9), late=late, seen=seen))
            if kind == 2:
                after = 850 * late
                points.append(point(0, hour, rng.uniform(0.1, 0.9), after=after, seen=seen))
    with store.transaction() as tx:
        series.record_quotes(tx, quotes)
        series.record_points(tx, points)
    with store.reading() as look:
        kept = HourlyMids(look)
        for back in (*range(300, 0, -7), 290, 1):
            ends = NOON + HOUR * np.arange(-back - 290, 1 - back)
            at = from_epoch(NOON - back * HOUR + 60)
            found = kept.read("M0", ends, at)
            assert np.array_equal(found, hourly_mids(look, "M0", ends, as_of=at), equal_nan=True)
            assert 0 < np.isfinite(found).sum() < found.size
        assert np.isnan(kept.read("M9", ends, at)).all()


def test_what_is_held_of_one_story_is_measured_to_move_with_it(store):
    """YES of both legs stand together, YES against NO do not; the third market with neither."""
    with store.transaction() as tx:
        for number, row in enumerate(prices(1)):
            quotes = [quoted(number, hour - 199, mid) for hour, mid in enumerate(row)]
            series.record_quotes(tx, quotes)
    levels = {}
    with store.reading() as look:
        found = measured(look, "M0", ["M1", "M2", "M0"], slot=NOON, as_of=AT, levels=levels)
        again = measured(look, "M0", ["M1"], slot=NOON, as_of=AT, levels=levels)
        alone = measured(look, "M0", ["M0"], slot=NOON, as_of=AT, levels={})
    rho = {one.other: one.rho for one in found}
    assert rho["M1"] > 0.9
    assert abs(rho["M2"]) < 0.5
    assert all(150 < one.moves < 200 for one in found)
    assert again == (found[0],)
    assert alone == ()
    groups = Groups({}, found)
    stakes = [
        Stake(name, f"E{name}", token, Decimal(9), Decimal(3), Labels(), "position")
        for name, token in (("M1", Token.YES), ("M1", Token.NO), ("M2", Token.YES))
    ]
    assert [groups.moves_with("M0", Token.YES, one) for one in stakes] == [True, False, False]
    assert [groups.moves_with("M0", Token.NO, one) for one in stakes] == [False, True, False]


def test_a_young_market_is_measured_with_nothing(store):
    """Two days of hours: the number is there, and too few moves to bind."""
    with store.transaction() as tx:
        for number, row in enumerate(prices(2, hours=48)[:2]):
            quotes = [quoted(number, hour - 47, mid) for hour, mid in enumerate(row)]
            series.record_quotes(tx, quotes)
    with store.reading() as look:
        (one,) = measured(look, "M0", ["M1"], slot=NOON, as_of=AT, levels={})
    assert one.moves < 100
    stake = Stake("M1", "E1", Token.YES, Decimal(9), Decimal(3), Labels(), "position")
    assert not Groups({}, (one,)).moves_with("M0", Token.YES, stake)


@pytest.mark.parametrize(("seed", "binding"), [(1, "correlation"), (None, "")])
def test_the_live_gateway_counts_what_moves_together_as_one(tmp_path, seed, binding):
    """Both legs together stay within the 5 % of one position, unless nothing was measured."""
    stage = Stage(tmp_path / "home", lambda _n, _turn: "0.50", 2)
    (stage.home / "eager.py").write_text(EAGER.replace('Decimal("0.01")', 'Decimal("0.5")'))
    if seed is not None:
        with stage.open_store() as store, store.transaction() as tx:
            for number, row in enumerate(prices(seed)[:2]):
                quotes = [quoted(number, hour - 200, mid) for hour, mid in enumerate(row)]
                series.record_quotes(tx, quotes)
    stage.at(0)
    run_cycle(stage, stage.plan(), progress=quiet)
    with stage.open_store() as store, store.reading() as look:
        first, second = sorted(decided.decisions(look, slot=NOON, limit=9), key=lambda d: -d.shares)
        paid = sum(one.cost for one in holdings.positions(look))
    checks = {one["rule"]: one["sentence"] for one in second.facts["risk"]["checks"]}
    assert first.shares > second.shares > 0 or binding == ""
    if binding:
        assert second.binding == "correlation"
        assert paid <= 500
    else:
        assert checks["correlation"] == "nothing held is measured to move with it"
        assert paid > 500
