"""What comes of a person's files: a golden one by hand, identities, doing it again, stopping."""

from datetime import timedelta
from decimal import Decimal
from hashlib import blake2b

import pytest
from brought import NOW, T0, refused  # beside this

from trading_cli.app.calibrate import calibrate, gather
from trading_cli.app.calibration_question import asked
from trading_cli.app.importing import Asked, bring_in, gathering
from trading_cli.core.errors import UsageError
from trading_cli.domain import Market, Origin, Outcome, Quote, from_epoch, slot_of
from trading_cli.store import Store, backtests, history, listings, series

MARKETS = (
    "market_id,question,event_slug,outcome_yes,start,end,closed_time,volume_usd,n_points\n"
    f"7,Will A?,e1,1,2026-01-01 00:00:00,2026-01-02T00:00:00Z,{T0 + 90_000},1234.5,3\n"
    "8,Will B?,e1,,,,,,0\n"
)
PRICES = f"market_id,t,p\n7,{T0 + 60},0.25\n7,{T0 + 120},0.5\n8,{T0},0.75\n7,{T0 + 86_400},1\n"
SEVEN = "import:mine:7"


def _mine(me, **more):
    files = me.file("markets.csv", MARKETS), me.file("prices.csv.gz", PRICES)
    return me.bring(*files, source="mine", **more)


def test_a_small_file_by_hand(me):
    """Two markets and four prices: every stored number is one a person can check."""
    report = _mine(me)
    assert report["points"] == {"new": 4, "same": 0, "conflict": 0}
    assert report["markets"] == {"total": 2, "new": 2, "synthetic": 2, "settled": 1}
    assert report["refused"] == []
    assert me.points() == [
        (SEVEN, 0, T0 + 60, 0.25),
        (SEVEN, 0, T0 + 120, 0.5),
        (SEVEN, 0, T0 + 86_400, 1.0),
        ("import:mine:8", 0, T0, 0.75),
    ]
    times = me.rows("SELECT observed_at, available_at - event_time, origin FROM points")
    assert set(times) == {(int(NOW.timestamp()), 90, 2)}
    assert me.rows(
        "SELECT event_time, observed_at, available_at, origin, outcome, payout, closed_at"
        " FROM resolutions"
    ) == [
        (T0 + 90_000, int(NOW.timestamp()), T0 + 90_090, 2, "yes", 1_000_000, T0 + 90_000)
    ]  # fmt: skip


def test_what_was_imported_before_what_was_recorded_is_known_to_be_apart(me):
    """A backtest is over what was recorded; the imported span before it can be named."""
    _mine(me)
    begin = from_epoch(T0 // 900 * 900)
    with Store.reader(me.database) as store, store.reading() as look:
        alone = backtests.extent(look)
    assert alone.usual == alone.whole == alone.imported
    assert alone.left_out(*alone.usual) == ()
    at = begin + timedelta(days=3)
    seen = Quote(SEVEN, slot_of(at), Decimal("0.4"), Decimal("0.5"), 1.0, 1.0, at, at)
    with Store.open(me.database, now=NOW) as store, store.transaction() as tx:
        series.record_quotes(tx, [seen])
    with Store.reader(me.database) as store, store.reading() as look:
        found = backtests.extent(look)
    assert found.usual == (at, at + timedelta(minutes=15))
    assert found.left_out(*found.usual) == (alone.whole,)
    assert found.left_out(begin + timedelta(hours=1), at) == ((begin, begin + timedelta(hours=1)),)


def test_a_market_is_open_and_without_a_volume_until_it_closed(me):
    """What the file knows at the end is not known at the beginning."""
    _mine(me)
    with Store.reader(me.database) as store, store.reading() as look:
        early = {one.id: one for one in listings.listing_at(look, as_of=from_epoch(T0 + 80_000))}[
            SEVEN
        ]
        late = listings.listing_at(look, as_of=from_epoch(T0 + 90_090), venue_ids=[SEVEN])[0]
        none = listings.listing_at(look, as_of=from_epoch(T0 + 89), venue_ids=[SEVEN])
        open_still = listings.resolution_at(look, SEVEN, as_of=from_epoch(T0 + 90_089))
        closed = listings.resolution_at(look, SEVEN, as_of=from_epoch(T0 + 90_090))
    assert none == []
    assert (early.question, early.closed, early.volume, early.outcome_prices) == (
        "Will A?", False, None, None,
    )  # fmt: skip
    assert early.end_at == from_epoch(T0 + 86_400)
    assert early.event_id == "import:mine:e1"
    assert (late.closed, late.volume) == (True, 1234.5)
    assert open_still is None
    assert closed is not None
    assert closed.outcome is Outcome.YES


def test_a_price_is_known_only_after_the_lag(me):
    """At t + lag - 1 it is not there; at t + lag it is."""
    _mine(me, lag=300)
    span = {"since": from_epoch(T0), "until": from_epoch(T0 + 10**6)}
    with Store.reader(me.database) as store, store.reading() as look:
        before = history.points(look, SEVEN, **span, as_of=from_epoch(T0 + 359))
        after = history.points(look, SEVEN, **span, as_of=from_epoch(T0 + 360))
    assert before == []
    assert [(one.price, one.origin) for one in after] == [(0.25, Origin.IMPORTED)]


def test_again_adds_nothing_and_says_so(me):
    """The second time everything is there already; a new row in the file is the one that is new."""
    _mine(me)
    before = me.points()
    me.clock.set(NOW + timedelta(days=1))
    again = _mine(me, lag=60)
    assert again["points"] == {"new": 0, "same": 4, "conflict": 0}
    assert again["resolutions"] == {"new": 0, "same": 1, "conflict": 0}
    assert again["markets"]["new"] == 0
    assert "keeps the lag" in again["notes"][0]
    assert me.points() == before
    more = me.file("prices.csv.gz", PRICES + f"8,{T0 + 60},0.7\n")
    third = me.bring(more, me.file("markets.csv", MARKETS), source="mine")
    assert third["points"] == {"new": 1, "same": 4, "conflict": 0}
    assert len(me.points()) == 5
    assert me.rows("SELECT count(*) FROM listing_seen") == [(3,)]


def test_a_dry_run_stores_nothing_and_says_the_same(me):
    """Without a database, and beside one: the same page, the same file afterwards."""
    dry = _mine(me, dry_run=True)
    assert not me.database.exists()
    real = _mine(me)
    volatile = {"dry_run", "seconds", "rows_per_second"}
    assert {k: v for k, v in dry.items() if k not in volatile} == {
        k: v for k, v in real.items() if k not in volatile
    }
    before = me.rows("SELECT count(*) FROM imports")
    assert _mine(me, dry_run=True)["points"]["same"] == 4
    assert me.rows("SELECT count(*) FROM imports") == before


def test_another_price_for_what_is_kept_is_a_conflict(me):
    """What is kept stays, the other is noted; so for an outcome."""
    _mine(me)
    prices = me.file("prices.csv", PRICES.replace("0.5\n", "0.6\n"))
    markets = me.file("markets.csv", MARKETS.replace("e1,1,", "e1,0,"))
    report = me.bring(markets, prices, source="mine")
    assert report["points"] == {"new": 0, "same": 3, "conflict": 1}
    assert report["resolutions"] == {"new": 0, "same": 0, "conflict": 1}
    assert (SEVEN, 0, T0 + 120, 0.5) in me.points()
    noted = me.rows("SELECT kept_in FROM conflicts ORDER BY 1")
    assert {"points", "resolutions"} <= {one for (one,) in noted}


def test_all_four_names_make_it_that_very_market(me):
    """Id, condition id and both tokens: the venue's market, its NO prices beside its YES ones."""
    condition = "0x" + "ab" * 32
    markets = me.file(
        "m.csv",
        "k,market_id,gamma_id,condition_id,winning_outcome_label,resolved_at\n"
        f"0,uuid,501,{condition},Nets,{T0 + 999}\n",
    )
    outcomes = me.file(
        "o.csv", f"k,outcome_label,token_id,n\n0,Bulls,{'1' * 70},2\n0,Nets,{'2' * 70},2\n"
    )
    prices = me.file("p.csv", f"k,outcome_label,t,p\n0,Nets,{T0},0.4\n0,Bulls,{T0},0.6\n")
    report = me.bring(prices, outcomes, markets)
    assert report["markets"]["synthetic"] == 0
    assert "Bulls" in report["notes"][0]
    assert me.points() == [("501", 0, T0, 0.6), ("501", 1, T0, 0.4)]
    assert me.rows("SELECT condition_id, yes_token FROM markets") == [(condition, "1" * 70)]
    assert me.rows("SELECT outcome FROM resolutions") == [("no",)]


def test_a_made_identity_is_the_same_everywhere_and_stands_in_nobodys_way(me):
    """The names follow from source and key alone; the real market can still be collected."""
    _mine(me)
    name = "import:" + blake2b(b"mine\0" + b"7", digest_size=32).hexdigest()
    made = me.rows("SELECT venue_id, condition_id, yes_token, no_token FROM markets ORDER BY 1")
    assert made[0] == (SEVEN, name, f"{name}:yes", f"{name}:no")
    real = Market("7", "0x" + "1" * 64, "Will A?", "a", "11", "22", "Yes", "No", NOW)
    with Store.open(me.database, now=NOW) as store, store.transaction() as tx:
        assert listings.record_markets(tx, [real]).new == 1


def test_a_stopped_import_goes_on_where_it_was(me):
    """Stopped after its first transaction of points, run again: as if it had never been stopped."""

    class Stopped(Exception):
        """Somebody pulled the plug."""

    def pull(text):
        if text.endswith("points"):
            raise Stopped

    lines = "".join(f"a,{T0 + 60 * n},0.{n % 9 + 1}\n" for n in range(60_000))
    path = me.file("a.csv", "market,t,p\n" + lines)
    with pytest.raises(Stopped):
        bring_in(me.config, Asked([path]), clock=me.clock, told=pull)
    assert len(me.points()) == 20_000
    assert me.bring(path)["points"] == {"new": 40_000, "same": 20_000, "conflict": 0}
    assert me.rows("SELECT state FROM imports ORDER BY id") == [("RUNNING",), ("DONE",)]


def test_a_long_file_says_how_far_it_is(me, monkeypatch):
    """A line each so many rows while it is read, then what is stored; a short file says neither."""
    monkeypatch.setattr(gathering, "SAID_EVERY", 50_000)
    said = []
    lines = "".join(f"a,{T0 + 60 * n},0.{n % 9 + 1}\n" for n in range(120_000))
    path = me.file("a.csv", "market,t,p\n" + lines)
    bring_in(me.config, Asked([path], dry_run=True), clock=me.clock, told=said.append)
    assert said[:2] == ["a.csv: 50,000 rows so far", "a.csv: 100,000 rows so far"]
    assert len(said) == 3
    said.clear()
    short = me.file("b.csv", f"market,t,p\nb,{T0},0.5\n")
    bring_in(me.config, Asked([short], dry_run=True), clock=me.clock, told=said.append)
    assert [text for text in said if "so far" in text] == []


def test_the_ledger_says_which_file_brought_what(me):
    """Name, digest, rows and refused of each file; the refused rows themselves are kept."""
    path = me.file("x.csv", f"market,t,p\na,{T0},0.5\na,{T0 + 1},7\n")
    me.bring(path)
    assert me.rows("SELECT name, length(sha256), rows, refused FROM imported_files") == [
        ("x.csv", 32, 2, 1)
    ]
    assert me.rows("SELECT source, subject, reason FROM refusals") == [
        ("import.x", "x.csv:3", "price outside 0 to 1")
    ]


def test_a_market_that_contradicts_a_known_one_is_refused_with_its_points(me):
    """The same id with another token is another market under a stolen name."""
    header = "market_id,condition_id,yes_token_id,no_token_id,question\n"
    first = f"5,0x{'1' * 64},{'1' * 20},{'2' * 20},A\n"
    other = f"5,0x{'1' * 64},{'3' * 20},{'2' * 20},A\n"
    prices = me.file("p.csv", f"market_id,t,p\n5,{T0},0.5\n")
    me.bring(me.file("m.csv", header + first), prices, source="one")
    report = me.bring(me.file("m.csv", header + other), prices, source="two")
    assert list(refused(report)) == ["market contradicts one that is known"]
    assert report["points"]["new"] == 0


def test_calibrate_reads_what_was_imported(me):
    """Forty markets at 0.2 of which every fourth is won: Brier by hand, by source and by label."""
    markets = "market,outcome_yes,closed_time\n" + "".join(
        f"{n},{int(n % 4 == 0)},{T0 + 86_400}\n" for n in range(40)
    )
    prices = "market,t,p\n" + "".join(f"{n},{T0 + 3600},0.2\n" for n in range(40))
    me.bring(me.file("m.csv", markets), me.file("p.csv", prices), source="mine")
    question = asked({"22 h": timedelta(hours=22)}, source="mine", label="yes")
    data = calibrate(me.config, clock=me.clock, question=question)
    (found,) = [one for one in data["groups"] if one["by"] == "horizon"]
    assert found["n"] == 40
    assert found["brier"]["point"] == pytest.approx(0.25 * 0.64 + 0.75 * 0.04)
    assert data["not_recorded_share"] == 1
    with pytest.raises(UsageError, match="nothing was imported as 'other'"):
        calibrate(me.config, clock=me.clock, question=asked({}, source="other"))
    none = calibrate(me.config, clock=me.clock, question=asked({}, label="Bulls"))
    assert none["markets"] == 0


def test_better_words_later_do_not_change_what_was_known_then(me):
    """A question that comes with a second import is noted, and the first word stands."""
    prices = me.file("p.csv", f"market,t,p\na,{T0},0.5\n")
    me.bring(prices, source="s")
    report = me.bring(prices, me.file("m.csv", "market,question\na,Will A?\n"), source="s")
    assert report["notes"] == ["1 markets were described otherwise before: the first word stands."]
    with Store.reader(me.database) as store, store.reading() as look:
        (found,) = listings.listing_at(look, as_of=NOW)
    assert found.question == "a"


@pytest.mark.parametrize(
    ("take", "within", "price"),
    [
        ("known", 3600, 0.2), ("known", 100, None), ("nearest", 3600, 0.6), ("nearest", 60, 0.6),
        ("nearest", 59, None), ("after", 3600, 0.6), ("after", 60, 0.6), ("after", 59, None),
    ],
)  # fmt: skip
def test_which_price_counts_at_a_horizon(me, take, within, price):
    """Points 60 s before (known 30 s after the instant) and 60 s after: at a tie the later."""
    lines = f"a,{T0 - 300},0.2\na,{T0 - 60},0.4\na,{T0 + 60},0.6\n"
    markets = f"market,outcome_yes,closed_time\na,1,{T0 + 3600}\n"
    me.bring(me.file("m.csv", markets), me.file("p.csv", "market,t,p\n" + lines), source="s")
    question = asked({"1 h": timedelta(hours=1)}, take=take, within=timedelta(seconds=within))
    with Store.reader(me.database) as store, store.reading() as look:
        rows = gather(look, NOW, question).prices
    assert [row.price for row in rows] == ([] if price is None else [price])
