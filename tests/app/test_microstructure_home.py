"""A market's page from a home's books and trades: by hand, as the broker pays, and what is not."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import yaml
from dealt import NOON, SLOT, Dealt, book, market  # beside this

from trading_cli.app import microstructure as looking
from trading_cli.app.replayed import take_in
from trading_cli.core.errors import SourceError, StoreError, UsageError
from trading_cli.domain import FeeSchedule, Level, Side, Trade, slot_of
from trading_cli.store import listings, series
from trading_cli.trading import fills

ID = "500001"
FEE = FeeSchedule(Decimal("0.04"), Decimal(1), "market")


@pytest.fixture
def dealt(home) -> Dealt:
    """Return a home with one market, its book seen at NOON: .41/.42, 100 and 500 shares a side."""
    made = Dealt(home)
    made.see(1)
    made.clock.set(NOON + timedelta(seconds=58))
    return made


def page(made: Dealt, name: str = ID, **asked: Any) -> dict[str, Any]:
    """Return the page at the home's own time."""
    return looking.microstructure(made.config, name, clock=made.clock, **asked)


def keep(made: Dealt, *books: Any, at: Any = None) -> None:
    """Store *books*, each in the slot it was seen in."""
    with made.store() as store, store.transaction() as tx:
        for one in books:
            series.record_books(tx, slot_of(at or one.observed_at), [(ID, one)])


def cost(told: dict[str, Any], token: int, side: str, usd: Any) -> dict[str, Any]:
    """Return the one row of the curve."""
    rows = told["tokens"][token]["costs"]
    return next(one for one in rows if (one["side"], one["usd"]) == (side, Decimal(usd)))


# --- by hand


def test_a_size_by_hand_with_its_fee(dealt):
    """42 USD are the 100 shares at .42; the fee is .04 x .42 x .58 a share, both ways."""
    told = page(dealt, size=Decimal(42))
    one = cost(told, 0, "BUY", 42)
    assert one["shares"] == pytest.approx(100)
    assert one["average"] == pytest.approx(0.42)
    assert one["fee"] == 0.9744
    assert one["with_fee"] == pytest.approx((42 + 0.9744) / 100 / 0.415 - 1)
    assert one["against_mid"] == pytest.approx(0.42 / 0.415 - 1)
    assert one["against_best"] == 0
    assert one["round_trip"] == pytest.approx(1 - (41 - 0.9676) / 42.9744)
    assert told["size_usd"] == 42
    assert told["book"]["age_seconds"] == 60
    assert (told["market"]["tick"], told["market"]["tick_origin"]) == (0.01, "book")


def test_what_the_book_lacks_is_said_and_never_filled(dealt):
    """257 USD of asks in all: 300 is not filled, and none of its numbers is one."""
    one = cost(page(dealt), 0, "BUY", 300)
    assert (one["filled"], one["book_gives_usd"]) == (False, pytest.approx(257))
    given = {"side", "usd", "filled", "book_gives_usd"}
    assert {one[name] for name in one.keys() - given} == {None}


def test_below_the_smallest_order_is_marked(dealt):
    """2 USD are 4.76 shares; the venue takes 5."""
    told = page(dealt, size=Decimal(2))
    assert cost(told, 0, "BUY", 2)["below_minimum"]
    assert not cost(told, 0, "BUY", 10)["below_minimum"]


def test_the_curve_is_what_the_paper_broker_pays(dealt):
    """150 shares walked by the broker cost exactly what the curve says of that size."""
    made = book(1, NOON)
    for side, limit, name in ((Side.BUY, "0.99", "BUY"), (Side.SELL, "0.01", "SELL")):
        walked = fills.walk(made, side, Decimal(150), Decimal(limit), FEE)
        one = cost(page(dealt, size=walked.gross), 0, name, walked.gross)
        assert one["shares"] == pytest.approx(150)
        assert one["fee"] == pytest.approx(float(walked.fee), abs=1e-5)
        assert one["average"] == pytest.approx(float(walked.price))


def test_no_is_the_mirror_of_yes(dealt):
    """Its bid is 1 - the ask; its asks hold the bids' shares; the spread in price is the same."""
    yes, no = page(dealt)["tokens"]
    assert (no["bid"], no["ask"]) == (0.58, 0.59)
    assert no["spread"]["absolute"] == yes["spread"]["absolute"] == 0.01
    assert no["spread"]["bps"] == pytest.approx(100 / 0.585)
    by_ticks = [[d for d in one["depth"] if d["unit"] == "ticks"] for one in (yes, no)]
    assert [d["bid_shares"] for d in by_ticks[0]] == [d["ask_shares"] for d in by_ticks[1]]
    imbalances = [one["imbalance"]["shares_5_ticks"] for one in (yes, no)]
    assert imbalances[0] == -imbalances[1]


def test_a_book_alone_says_nothing_of_time_trades_or_impact(dealt):
    """One look and no trade: null and a reason, never 0."""
    told = page(dealt)
    assert told["tokens"][0]["weighted_spread"] == {"absolute": None, "bps": None, "of_ask": None}
    assert told["span"]["two_sided_seconds"] == 0
    assert told["resilience"]["undefined"].startswith("INSUFFICIENT: 0 of 10")
    assert [one["undefined"][:12] for one in told["impact"]] == ["INSUFFICIENT"] * 2
    assert (told["flow"]["trades"], told["flow"]["net"], told["flow"]["largest"]) == (0, None, [])
    parts = {one["name"]: one for one in told["tokens"][0]["score"]["parts"]}
    assert parts["resilience"]["value"] is None
    assert told["tokens"][0]["score"]["weight"] == pytest.approx(0.8)


# --- over time


def trade(number: int, side: Side, outcome: int, size: int, wallet: str, after: int) -> Trade:
    """Return a trade so many seconds after noon."""
    at = NOON + timedelta(seconds=after)
    token = f"71{outcome + 1}"
    price = Decimal("0.42") if outcome == 0 else Decimal("0.58")
    return Trade(f"t{number}", f"0x{1:064x}", token, outcome, side, price, Decimal(size), wallet,
                 at, at)  # fmt: skip


def test_buying_no_is_selling_yes_and_wallets_have_shares(dealt):
    """100 YES bought, 50 NO bought, 10 NO sold: +110 - 50; a wallet's share is of the USD."""
    keep(dealt, book(1, NOON + SLOT))
    with dealt.store() as store, store.transaction() as tx:
        series.record_trades(
            tx,
            [
                trade(1, Side.BUY, 0, 100, "0xaa", 10),
                trade(2, Side.BUY, 1, 50, "0xbb", 20),
                trade(3, Side.SELL, 1, 10, "0xbb", 30),
                trade(4, Side.BUY, 0, 999, "0xcc", 99_999),
            ],
        )
    dealt.clock.set(NOON + SLOT + SLOT)
    flow = page(dealt)["flow"]
    assert (flow["trades"], flow["wallets"]) == (3, 2)
    assert (flow["bought_shares"], flow["sold_shares"]) == (110, 50)
    assert flow["net"] == pytest.approx(60 / 160)
    assert [one["wallet"] for one in flow["largest"]] == ["0xaa", "0xbb"]
    assert flow["largest"][0]["share"] == pytest.approx(42 / (42 + 29 + 5.8))


def test_trades_before_the_span_are_none_of_it(dealt):
    """The book has stood since noon; of the hour before it was last seen only one trade is."""
    at = NOON + 12 * SLOT
    keep(dealt, replace(book(1, at), event_time=NOON - 4 * SLOT))
    with dealt.store() as store, store.transaction() as tx:
        early, late = (trade(n, Side.BUY, 0, 10, "0xaa", s) for n, s in ((1, 60), (2, 9000)))
        series.record_trades(tx, [early, late])
    dealt.clock.set(at + SLOT)
    assert page(dealt, since=timedelta(hours=1))["flow"]["trades"] == 1


def test_a_day_of_looks_has_impact_and_resilience(dealt):
    """40 looks: buyers lift the mid a cent a slot and sellers bring it back; asks go and come."""
    made, trades = [], []
    for turn in range(1, 41):
        up = turn % 2
        at = NOON + turn * SLOT
        one = book(1, at, "0.42" if up else "0.41")
        if up:
            asks = (Level(one.asks[0].price, Decimal(10)), Level(one.asks[1].price, Decimal(300)))
            one = replace(one, asks=asks)
        made.append(one)
        side = Side.BUY if up else Side.SELL
        trades.append(trade(turn, side, 0, 200, f"0x{turn % 3}", turn * 900 - 60))
    keep(dealt, *made)
    with dealt.store() as store, store.transaction() as tx:
        series.record_trades(tx, trades)
    dealt.clock.set(NOON + 41 * SLOT)
    told = page(dealt)
    amihud, kyle = told["impact"]
    assert amihud["n"] == kyle["n"] == 40
    assert amihud["value"] == pytest.approx(0.01 / 84)
    assert kyle["value"] == pytest.approx(0.01 / 200)
    assert (told["resilience"]["losses"], told["resilience"]["dealt"]) == (20, 20)
    assert told["resilience"]["half_life_seconds"] == 900
    assert told["resilience"]["back_next_look"]["point"] == pytest.approx(1)
    span = told["span"]
    assert span["two_sided_seconds"] == pytest.approx(40 * 900, abs=5)
    assert span["seconds"] == 86_400
    assert told["tokens"][0]["weighted_spread"]["absolute"] == pytest.approx(0.01)
    assert page(dealt, since=timedelta(hours=1))["span"]["looks"] == 5


def test_a_crossed_look_of_the_past_is_left_out_and_counted(dealt):
    """It is no book; the others still count."""
    later = NOON + SLOT
    wrong = replace(book(1, later), bids=(Level(Decimal("0.5"), Decimal(1)),))
    keep(dealt, wrong, book(1, later + SLOT))
    dealt.clock.set(later + 2 * SLOT)
    span = page(dealt)["span"]
    assert (span["crossed"], span["looks"]) == (1, 2)


# --- which market


@pytest.mark.parametrize(
    "name", [ID, f"0x{1:064x}", "711", "712", "thing-1", "thing", "THING 1 happen", "50000"]
)
def test_a_market_is_found_by_what_a_person_has(dealt, name):
    """Its id, condition id, tokens, slug, a beginning of one, words of the question."""
    assert page(dealt, name)["market"]["id"] == ID


def test_an_unclear_name_lists_what_it_could_be(dealt):
    """Two markets begin so: both are named, none is guessed."""
    dealt.see(2)
    with pytest.raises(UsageError, match=r"'thing' is 2 markets: 500001 .*; 500002 "):
        page(dealt, "thing")


@pytest.mark.parametrize("name", ["nonsense", "", " ", "%", "x" * 300])
def test_an_unknown_market_is_refused_by_name(dealt, name):
    """And the way to find one is named."""
    with pytest.raises(UsageError, match="no market is") as no:
        page(dealt, name)
    assert "trading markets" in no.value.hint


# --- what is refused


@pytest.mark.parametrize("size", ["0", "-1", "NaN", "Infinity", "100000001"])
def test_a_size_that_cannot_be_is_refused(dealt, size):
    """Nothing, less than nothing, no number, and more than any market."""
    with pytest.raises(UsageError, match="a size is above 0"):
        page(dealt, size=Decimal(size))


@pytest.mark.parametrize("since", [timedelta(0), timedelta(minutes=14), timedelta(days=367)])
def test_a_span_that_makes_no_sense_is_refused(dealt, since):
    """Shorter than a slot, or longer than a year."""
    with pytest.raises(UsageError, match="--since"):
        page(dealt, since=since)


def test_a_market_without_a_book_says_so(dealt):
    """Known, never quoted: the code is no_book and the way out --live."""
    with dealt.store() as store, store.transaction() as tx:
        listings.record_markets(tx, [market(3, NOON)])
    with pytest.raises(looking.NoBook) as no:
        page(dealt, "500003")
    assert (no.value.code, no.value.exit_code) == ("no_book", 2)
    assert "--live" in no.value.hint


def test_a_home_without_a_database_says_so(home):
    """Nothing was ever collected."""
    with pytest.raises(StoreError):
        page(Dealt(home))


@pytest.mark.parametrize(
    ("changes", "kind", "why"),
    [
        ({"bids": ()}, looking.OneSided, "has no bids"),
        ({"asks": ()}, looking.OneSided, "has no asks"),
        ({"bids": (), "asks": ()}, looking.OneSided, "has no bids and asks"),
        ({"bids": (Level(Decimal("0.42"), Decimal(1)),)}, looking.Crossed, "0.42 is not below"),
    ],
)
def test_a_book_that_has_no_mid_is_refused(dealt, changes, kind, why):
    """One-sided or crossed: a sentence with its age and a code, no number."""
    keep(dealt, replace(book(1, NOON + SLOT), **changes))
    dealt.clock.set(NOON + SLOT + timedelta(minutes=5))
    with pytest.raises(kind, match=f"5 min ago, .*{why}") as no:
        page(dealt)
    assert no.value.code in {"one_sided", "crossed"}


def test_an_unknown_fee_is_not_zero(dealt):
    """The costs stand without a fee, and the page says why."""
    with dealt.store() as store, store.transaction() as tx:
        other = replace(market(1, NOON + SLOT), fee_schedule=None, fee_type="moon_fees")
        listings.record_markets(tx, [other])
    dealt.clock.set(NOON + 2 * SLOT)
    told = page(dealt)
    assert "moon_fees" in told["market"]["fee_unknown"]
    one = cost(told, 0, "BUY", 10)
    assert (one["fee"], one["with_fee"], one["round_trip"]) == (None, None, None)
    assert one["average"] == pytest.approx(0.42)


# --- live


@contextmanager
def clob(answer: Callable[[], tuple[int, Any]]) -> Iterator[str]:
    """Serve *answer* to every question about books, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            code, value = answer()
            body = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815  # the base class's name

        def log_message(self, *_args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def wire(bid: str, ask: str) -> list[dict[str, Any]]:
    """Return what the venue says of both tokens."""
    stamp = str(int(NOON.timestamp() * 1000))

    def one(token: str, low: str, high: str) -> dict[str, Any]:
        return {
            "market": f"0x{1:064x}", "asset_id": token, "timestamp": stamp, "hash": "live",
            "bids": [{"price": low, "size": "30"}], "asks": [{"price": high, "size": "40"}],
            "min_order_size": "5", "tick_size": "0.01",
        }  # fmt: skip

    return [one("711", bid, ask), one("712", str(1 - Decimal(ask)), str(1 - Decimal(bid)))]


def _asks(made: Dealt, url: str) -> None:
    venue = {"clob_url": url, "requests_per_10s": {"book": None, "books": None}}
    section = {"limits_path": "limits.db", "polymarket": venue}
    made.config.write_text(yaml.safe_dump({"data_collection": section}))


def test_live_fetches_the_book_of_now_and_writes_nothing(dealt):
    """Its numbers, its age 0, the stored look before it; the database is the same after it."""
    before = dealt.database.read_bytes()
    with clob(lambda: (200, wire("0.30", "0.35"))) as url:
        _asks(dealt, url)
        told = page(dealt, live=True)
    assert (told["book"]["source"], told["book"]["hash"]) == ("live", "live")
    assert (told["tokens"][0]["bid"], told["tokens"][0]["ask"]) == (0.30, 0.35)
    assert told["span"]["looks"] == 2
    assert dealt.database.read_bytes() == before


def test_live_refuses_what_the_source_refuses(dealt):
    """A crossed book, none at all, a venue that is broken: each by its own name."""
    for answer, kind in (
        ((200, wire("0.40", "0.35")), looking.Crossed),
        ((200, []), looking.NoBook),
        ((403, {}), SourceError),
    ):
        with clob(lambda given=answer: given) as url:
            _asks(dealt, url)
            with pytest.raises(kind):
                page(dealt, live=True)


# --- recorded


def test_a_recorded_game_by_the_venues_times(shared_data, tmp_path):
    """Books of one real game, taken in: placed by the venue's times, and the last one by hand."""
    folder = tmp_path / "recorded"
    folder.mkdir()
    name = "20250619_mlb-kc-tex-2025-06-19_books.jsonl.gz"
    source = shared_data / "ws_market_channel_mlb_2025-06" / name
    (folder / name).symlink_to(source)
    taken = take_in(folder, tmp_path / "home", progress=lambda _text: None)
    told = looking.microstructure(
        tmp_path / "home" / "config.yaml", "mlb-kc-tex", since=timedelta(days=60)
    )
    assert taken["markets"] == 1
    with gzip.open(source, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    first = min(int(row["timestamp"]) for row in rows) // 1000
    last = max(int(row["timestamp"]) for row in rows) // 1000
    assert told["span"]["venue_times"]
    assert told["span"]["seconds"] == last - first
    assert told["book"]["changed_at"].timestamp() == last
    yes = told["tokens"][0]
    assert 0 < yes["bid"] < yes["ask"] < 1
    assert told["market"]["tick_origin"] == "seen"
    assert told["market"]["fee_unknown"]
