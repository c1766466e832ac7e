"""Every write is idempotent and says so; nothing is overwritten; none is seen before its time."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import store_world as world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trading_cli.core.errors import StoreError
from trading_cli.domain import Coverage, Failure, Finding, Origin, Outcome, Refusal, Severity
from trading_cli.store import Store, Written, backfill, history, ledger, listings, series, talk
from trading_cli.store.rows import available_at

NOON = world.NOON
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path):
    """Give a new store that knows markets 1 to 5."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        with opened.transaction() as tx:
            listings.record_markets(tx, [world.market(n) for n in range(1, 6)])
        yield opened


def test_written_twice_is_written_once(store):
    """Each kind of row is new the first time and the same the second."""
    writes = [
        lambda tx: listings.record_markets(tx, [world.market(9)]),
        lambda tx: series.record_quotes(tx, [world.quote(1), world.quote(2)]),
        lambda tx: series.record_books(tx, world.quote().slot, [("500001", world.book())]),
        lambda tx: series.record_trades(tx, [world.trade()]),
        lambda tx: series.record_points(tx, [world.point()]),
        lambda tx: listings.record_resolutions(tx, [world.resolution(Outcome.OPEN, at=NOON)]),
        lambda tx: talk.record_posts(tx, [world.post()]),
        lambda tx: talk.record_links(tx, [link()]),
        lambda tx: talk.record_coverage(tx, [Coverage("gdelt", "e1", NOON, NOON + DAY, NOON)]),
        lambda tx: ledger.record_failures(tx, [Failure("gdelt", "e1", "down", "x", NOON)]),
        lambda tx: ledger.record_refusals(tx, [Refusal("p", "book", "1", "odd", "x", NOON, "{")]),
        lambda tx: ledger.record_gaps(tx, [ledger.Gap(0, "", received=False, cause="")], NOON),
        lambda tx: ledger.record_findings(tx, 0, [Finding("c", Severity.WARN, "", "m")], NOON),
        lambda tx: ledger.record_scores(tx, 0, [ledger.Score("1", 0.9, {"validity": 0.9})], NOON),
        lambda tx: ledger.record_funnel(tx, 0, {"listed": 5, "panel": 2}),
        lambda tx: listings.panel_enter(tx, "500001", NOON, NOON + DAY),
        lambda tx: backfill.plan_windows(tx, "500001", "mids", NOON, NOON + 3 * DAY, 86_400),
    ]
    for write in writes:
        with store.transaction() as tx:
            first = write(tx)
            second = write(tx)
        assert first.new > 0
        assert (first.same, first.conflict) == (0, 0)
        assert second == Written(0, first.new, 0)


def link() -> talk.PostLink:
    """Return a link of post p1 to event e1."""
    return talk.PostLink(
        "bluesky",
        "p1",
        "e1",
        None,
        0.8,
        "v1",
        about_price=False,
        sentiment=0.2,
        lexicon="l1",
        duplicate_of=None,
        observed_at=NOON,
    )


def test_what_contradicts_is_noted_and_what_was_first_stays(store):
    """The second book of a slot never replaces the first; it is a row in `conflicts`, once."""
    with store.transaction() as tx:
        series.record_quotes(tx, [world.quote(bid="0.41")])
        later = world.quote(bid="0.55", at=NOON + 60 * SECOND)
        assert series.record_quotes(tx, [later]) == Written(0, 0, 1)
        assert series.record_quotes(tx, [later]) == Written(0, 0, 1)
    with store.reading() as look:
        (kept,) = history.latest_quotes(look, later.slot, as_of=NOON + DAY)
        assert kept.bid == Decimal("0.41")
        assert look.execute("SELECT kept_in, observed_at FROM conflicts").fetchall() == [
            ("quotes", int(later.observed_at.timestamp()))
        ]


def test_a_market_with_another_condition_is_refused_not_mixed(store):
    """A known id that comes with another condition is a conflict; the market stays."""
    with store.transaction() as tx:
        odd = world.market(1, condition_id="0xother", at=NOON + SECOND)
        assert listings.record_markets(tx, [odd]) == Written(0, 0, 1)
    with store.reading() as look:
        (kept,) = listings.listing_at(look, as_of=NOON + DAY, venue_ids=["500001"])
    assert kept == world.market(1)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_the_order_and_the_repeats_the_content_is_the_same(data, tmp_path_factory):
    """Rows given in any order, in any batches, up to three times, leave the same content."""
    slots = [NOON + timedelta(minutes=15 * n) for n in range(3)]
    rows = [world.quote(n, at=at, bid=f"0.{40 + n}") for n in (1, 2, 3) for at in slots]
    rows += [world.trade(n, name=f"t{n}{at:%H%M}", at=at) for n in (1, 2, 3) for at in slots]
    rows += [world.point(n, at=at) for n in (1, 2, 3) for at in slots]
    rows += [world.post(f"p{n}", at=at, likes=n) for n, at in enumerate(slots)]
    given_rows = data.draw(st.permutations(rows * data.draw(st.integers(1, 3))))
    size = data.draw(st.integers(1, len(given_rows)))
    folder = tmp_path_factory.mktemp("order")
    assert content(folder / "a.db", [rows]) == content(
        folder / "b.db", [given_rows[i : i + size] for i in range(0, len(given_rows), size)]
    )


def content(path: Path, batches) -> dict[str, object]:
    """Write *batches* into a new store and return all it then says."""
    with Store.open(path, now=NOON) as store:
        with store.transaction() as tx:
            listings.record_markets(tx, [world.market(n) for n in range(1, 4)])
        for batch in batches:
            with store.transaction() as tx:
                series.record_quotes(tx, [r for r in batch if hasattr(r, "pair_gap")])
                series.record_trades(tx, [r for r in batch if hasattr(r, "wallet")])
                series.record_points(tx, [r for r in batch if type(r).__name__ == "Point"])
                talk.record_posts(tx, [r for r in batch if hasattr(r, "author")])
        span = {"since": NOON - DAY, "until": NOON + DAY, "as_of": NOON + 9 * DAY}
        with store.reading() as look:
            names = [f"50000{n}" for n in (1, 2, 3)]
            packs = look.execute("SELECT slot, quotes, pack FROM quote_packs ORDER BY slot")
            return {
                "quotes": [history.quotes(look, name, **span) for name in names],
                "trades": [history.trades(look, name, **span) for name in names],
                "points": [history.points(look, name, **span) for name in names],
                "posts": sorted(talk.posts_for(look, "e1", **span), key=lambda p: p.id),
                "packs": [
                    (slot, n, sorted(series.PACK.iter_unpack(pack))) for slot, n, pack in packs
                ],
                "conflicts": look.execute("SELECT count(*) FROM conflicts").fetchone(),
            }


def test_words_are_versions_and_numbers_are_looks(store):
    """A changed rule is a second version beside the first; a changed volume only a new look."""
    hour = timedelta(hours=1)
    with store.transaction() as tx:
        for at, changes in (
            (NOON + hour, {"volume_24h": 70_000.0}),
            (NOON + 2 * hour, {"description": "Now the rules are others."}),
            (NOON + 3 * hour, {}),
        ):
            assert listings.record_markets(tx, [world.market(1, at=at, **changes)]).new == 1
        versions = tx.execute("SELECT count(*) FROM listing_versions WHERE market = 1").fetchone()
    assert versions == (2,)
    with store.reading() as look:

        def seen(at):
            (found,) = listings.listing_at(look, as_of=at, venue_ids=["500001"])
            return found

        assert seen(NOON) == world.market(1)
        assert seen(NOON + hour + SECOND).volume_24h == 70_000.0
        assert seen(NOON + 2 * hour).description == "Now the rules are others."
        assert seen(NOON + 3 * hour).description == world.market(1).description
        assert listings.listing_at(look, as_of=NOON - SECOND) == []


def test_resolutions_are_rows_by_time(store):
    """A settlement that went from open to yes shows open before and yes after."""
    with store.transaction() as tx:
        for days, outcome in ((0, Outcome.OPEN), (1, Outcome.OPEN), (2, Outcome.YES)):
            listings.record_resolutions(tx, [world.resolution(outcome, at=NOON + days * DAY)])
        listings.panel_enter(tx, "500001", NOON, NOON + DAY)
    with store.reading() as look:
        before = listings.resolution_at(look, "500001", as_of=NOON + DAY)
        after = listings.resolution_at(look, "500001", as_of=NOON + 2 * DAY)
        assert (before.outcome, after.outcome) == (Outcome.OPEN, Outcome.YES)
        assert after.payout == 1
        assert listings.resolution_at(look, "500001", as_of=NOON - SECOND) is None
        open_then = listings.open_markets_unresolved(look, as_of=NOON + DAY)
        assert [found.id for found in open_then] == ["500001"]
        assert listings.open_markets_unresolved(look, as_of=NOON + 2 * DAY) == []


@pytest.mark.parametrize("origin", list(Origin))
def test_a_row_is_known_when_the_specification_says(origin):
    """Recorded rows are known when seen and not before their bucket ends; others at event + lag."""
    assert available_at(origin, 100, 500, lag_s=90) == (500 if origin is Origin.RECORDED else 190)
    closed = available_at(Origin.RECORDED, 100, 500, lag_s=90, bucket_close=900)
    assert closed == 900


@pytest.fixture(scope="module")
def eight_slots(tmp_path_factory):
    """Give a store with eight slots of everything about market 1."""
    with Store.open(tmp_path_factory.mktemp("as_of") / "t.db", now=NOON) as store:
        with store.transaction() as tx:
            listings.record_markets(tx, [world.market(1)])
            for n in range(8):
                at = NOON + n * timedelta(minutes=15)
                slot = world.quote(at=at).slot
                series.record_quotes(tx, [world.quote(1, at=at)])
                series.record_books(tx, slot, [("500001", world.book(at=at))])
                series.record_trades(tx, [world.trade(name=f"t{n}", at=at)])
                series.record_points(tx, [world.point(at=at)])
                talk.record_posts(tx, [world.post(f"p{n}", at=at)])
        yield store


@settings(max_examples=60, deadline=None)
@given(seconds=st.integers(-2000, 200_000))
def test_whatever_as_of_nothing_later_is_shown(eight_slots, seconds):
    """No reader shows a row that became available after the instant asked for."""
    as_of = NOON + seconds * SECOND
    span = {"since": NOON - DAY, "until": NOON + DAY, "as_of": as_of}
    with eight_slots.reading() as look:
        quotes = history.quotes(look, "500001", **span)
        trades = history.trades(look, "500001", **span)
        points = history.points(look, "500001", **span)
        posts = talk.posts_for(look, "e1", **span)
        kept = history.book(look, "500001", world.quote().slot, as_of=as_of)
        markets = listings.listing_at(look, as_of=as_of)
    shown = [*quotes, *trades, *posts, *markets, *([kept] if kept else [])]
    assert all(row.observed_at <= as_of for row in shown)
    assert all(row.event_time + timedelta(seconds=90) <= as_of for row in points)
    expected = sum(NOON + n * timedelta(minutes=15) <= as_of for n in range(8))
    assert (len(quotes), len(trades)) == (expected, expected)
    ready = NOON + 90 * SECOND
    assert len(points) == sum(ready + n * timedelta(minutes=15) <= as_of for n in range(8))


def test_books_come_back_as_they_went_in(store):
    """A stored book has the levels, in order and to the last digit."""
    with store.transaction() as tx:
        series.record_books(tx, world.quote().slot, [("500001", world.book())])
    with store.reading() as look:
        assert history.book(look, "500001", world.quote().slot, as_of=NOON) == world.book()


def test_an_unknown_market_is_named(store):
    """Rows of a market that was never listed are refused by its name."""
    with pytest.raises(KeyError, match="500099"), store.transaction() as tx:
        series.record_quotes(tx, [world.quote(99)])
    with pytest.raises(KeyError, match="0xc99"), store.transaction() as tx:
        series.record_trades(tx, [world.trade(99)])


def test_no_row_may_say_the_impossible(store):
    """A crossed quote is stopped by the schema itself, and its transaction with it."""
    with pytest.raises(StoreError, match="CHECK"), store.transaction() as tx:
        series.record_quotes(tx, [world.quote(1), world.quote(2, ask=Decimal("0.30"))])
    with store.reading() as look:
        assert history.counts(look)["quotes"] == 0
