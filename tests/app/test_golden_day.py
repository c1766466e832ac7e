"""A golden day: one market, three slots, every number worked by hand.

12:00  RVR 3.5, ROC 0.213, hype 78.4: two STRONG and one MODERATE, 3 % of 10,000 USD: 300 USD.
12:15  the bid is 0.67, above the first target of 0.6625: a quarter of the shares is sold.
12:30  the bid gaps to 0.45, far through the stop of 0.528: the rest is sold at what is there.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import log, log1p
from types import SimpleNamespace

import pytest

from trading_cli.app.cycles import Plan, run_cycle
from trading_cli.app.reconcile import of as reconciled
from trading_cli.app.settings import load
from trading_cli.app.steps import exits_step, features_step, signals_step
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import (
    Book,
    Coverage,
    FeeSchedule,
    Level,
    Market,
    Post,
    Quote,
    Side,
    Trade,
    Wanted,
    slot_of,
)
from trading_cli.store import (
    balances,
    deals,
    decided,
    holdings,
    journal,
    ledger,
    listings,
    outbox,
    series,
)
from trading_cli.store.talk import PostLink, record_coverage, record_links, record_posts

D = Decimal
NOON = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)
FEE = FeeSchedule(D("0.04"), D(1), "market")  # shares x 0.04 x p x (1 - p)
M = Market(
    id="M", condition_id="0xm", question="Will the vote be held on April 20, 2026?",
    slug="vote-held", yes_token="1", no_token="2", yes_label="Yes", no_label="No",  # noqa: S106  # no passwords
    observed_at=NOON, event_id="E", event_slug="vote-held", event_title="Vote held?",
    tags=("politics",), description="Resolves to Yes if the vote is held.", active=True,
    accepting_orders=True, enable_order_book=True, tick=D("0.01"), min_size=D(5),
    fees_enabled=True, fee_schedule=FEE, end_at=datetime(2026, 4, 20, 23, 59, tzinfo=UTC),
    best_bid=0.60, best_ask=0.61, volume_24h=120_000.0, liquidity=50_000.0,
)  # fmt: skip


class Clock(FrozenClock):
    """A world in which an order takes one second."""

    def sleep(self, seconds: float) -> None:
        """Let a second of the world pass, and none of ours."""
        del seconds
        self.set(self.now() + timedelta(seconds=1))


class Books:
    """The venue's books as the day has them: each look takes the next."""

    name = "polymarket.books"

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock
        self.next: list[tuple[str, str]] = []

    def collect(self, wanted: Wanted) -> Iterator[Book]:
        """Yield the next book, if the market is asked for."""
        if wanted.markets:
            yield book(*self.next.pop(0), at=self.clock.now())


def levels(text: str) -> tuple[Level, ...]:
    """Return "0.61:400 0.62:1000" as levels."""
    return tuple(Level(D(p), D(s)) for p, s in (pair.split(":") for pair in text.split()))


def book(bids: str, asks: str, *, at: datetime) -> Book:
    """Return the YES book of M."""
    name = f"{bids}|{asks}"
    return Book("1", "0xm", levels(bids), levels(asks), at, at, name, D("0.01"), D(5))


class Day(Toolkit):
    """A home with the scripted venue."""

    def __init__(self, loaded, clock: Clock) -> None:
        super().__init__(loaded, clock=clock, env={})
        self.books = Books(clock)

    def venue(self):
        """Return the venue: only its books are asked."""
        return SimpleNamespace(books=self.books, clob=SimpleNamespace(requests=0))


@pytest.fixture
def day(tmp_path):
    """Return the home at noon, with a day of trades and prices and four weeks of talk."""
    (tmp_path / "config.yaml").write_text("data_collection: {limits_path: limits.db}\n")
    toolkit = Day(load(tmp_path / "config.yaml", env={}), Clock(NOON))
    with toolkit.open_store() as store, store.transaction() as tx:
        listings.record_markets(tx, [M])
        entered = NOON - timedelta(days=6)
        listings.panel_enter(tx, "M", entered, entered + timedelta(days=7))
        _trades(tx)
        _talk(tx)
        for at, bid, ask in ((NOON - timedelta(hours=12), "0.49", "0.51"), (NOON, "0.60", "0.61")):
            series.record_quotes(tx, [quote(at, bid, ask)])
        seen = book("0.60:3000 0.59:5000", "0.61:4000 0.62:6000 0.63:10000", at=NOON)
        series.record_books(tx, slot_of(NOON), [("M", seen)])
        ledger.record_scores(tx, slot_of(NOON), [ledger.Score("M", 1.0, {})], NOON)
    return toolkit


def quote(at: datetime, bid: str, ask: str) -> Quote:
    """Return a quote of M."""
    return Quote("M", slot_of(at), D(bid), D(ask), 1000.0, 1000.0, at, at)


def _trades(tx) -> None:
    """Put 2,000 USD into each of the 24 hours before 10:55, and 7,000 USD by 7 wallets since."""
    begin = NOON - timedelta(minutes=65)
    spent = [(begin - timedelta(hours=h, minutes=-30), f"w{h}", D(4000)) for h in range(1, 25)]
    spent += [(NOON - timedelta(minutes=10 + i), f"fresh{i}", D(2000)) for i in range(7)]
    series.record_trades(
        tx,
        [
            Trade(f"t{i}", "0xm", "1", 0, Side.BUY, D("0.50"), size, wallet, at, at)
            for i, (at, wallet, size) in enumerate(spent)
        ],
    )
    heard = NOON - timedelta(hours=30)
    record_coverage(tx, [Coverage("polymarket.trades", "0xm", heard, NOON, NOON)])


def _talk(tx) -> None:
    """Let 4 people speak in every hour of 28 days around noon, and 8 in the last hour."""
    posts = []
    for back in range(29):
        for hour in range(-3, 3):
            if back == 0 and hour >= 0:
                continue
            end = (
                datetime(2026, 3, 2, 12, tzinfo=UTC) - timedelta(days=back) + timedelta(hours=hour)
            )
            many = 8 if (back, hour) == (0, -1) else 4
            posts += [
                (end + timedelta(minutes=5 + i), f"{back}.{hour}.{i}", i) for i in range(many)
            ]
    record_posts(
        tx,
        [
            Post("gdelt", name, f"about it {name}", f"d{i}.test", f"https://d{i}.test/{name}",
                 at, at, "E") for at, name, i in posts
        ],
    )  # fmt: skip
    record_links(
        tx,
        [
            PostLink(
                "gdelt",
                name,
                "E",
                "M",
                0.9,
                "s",
                about_price=False,
                sentiment=None,
                lexicon="l",
                duplicate_of=None,
                observed_at=at,
            )
            for at, name, _ in posts
        ],
    )
    days = [NOON - timedelta(days=back) for back in range(30)]
    record_coverage(
        tx, [Coverage("gdelt", "E", end - timedelta(days=1), end, NOON) for end in days]
    )


def cycle(toolkit: Day, *books: tuple[str, str]):
    """Run features, exits and signals once; the venue shows *books*, one a look."""
    toolkit.books.next = list(books)
    steps = (("features", features_step), ("exits", exits_step), ("signals", signals_step))
    plan = Plan("collection", timedelta(minutes=15), steps, timedelta(minutes=14))
    report = run_cycle(toolkit, plan, progress=lambda _text: None)
    assert report.state == "OK", report.reason
    with toolkit.open_store() as store, store.reading() as look:
        decisions = decided.decisions(look, limit=3)
    assert toolkit.books.next == [], [(d.reason, d.facts["features"]["hype"]) for d in decisions]
    return report


def next_slot(toolkit: Day, bid: str, ask: str) -> None:
    """Let a quarter of an hour pass, with a quote at its end."""
    slot = slot_of(toolkit.clock.now()) + 900
    toolkit.clock.set(datetime.fromtimestamp(slot + 7, UTC))
    at = toolkit.clock.now()
    with toolkit.open_store() as store, store.transaction() as tx:
        series.record_quotes(tx, [quote(at, bid, ask)])
        ledger.record_scores(tx, slot, [ledger.Score("M", 1.0, {})], at)


def test_the_golden_day(day):  # noqa: PLR0915  # one worksheet, top to bottom
    """Features, size, fill, fees, target, gap through the stop, and the result, to the cent."""
    # 12:00 --- the decision
    cycle(day, ("0.60:500", "0.61:400 0.62:1000"))
    with day.open_store() as store, store.reading() as look:
        (entry,) = decided.decisions(look, strategy="rvr_roc_hype")
        (order,) = deals.orders(look)
        (bought,) = deals.fills(look)
        (held,) = holdings.positions(look)
        cash = balances.balances(look)["cash"]
    features = entry.facts["features"]
    assert features["rvr"]["value"] == pytest.approx(7000 / 2000)
    mid, before = 0.605, 0.50
    logit = log(mid / (1 - mid)) - log(before / (1 - before))
    assert features["roc"]["value"] == pytest.approx(logit / 2)
    loud = (log1p(8) - log1p(4)) / 0.25 / 3  # volume and velocity alike: median log1p(4), MAD 0
    assert features["hype"]["value"] == pytest.approx(100 * loud)
    tiers = [features[name]["tier"] for name in ("rvr", "roc", "hype")]
    assert tiers == ["STRONG", "STRONG", "MODERATE"]

    # size: 3 % of 10,000 at 0.63 + 0.04 x 0.63 x 0.37 = 0.639324 a share
    assert entry.limit_price == D("0.63")
    assert entry.shares == D("469.24")  # 300 / 0.639324 = 469.245...
    assert (entry.action, entry.reason, entry.binding) == ("BUY", "SIGNAL", "")
    assert order.state == "FILLED"

    # fill: 400 at 0.61 and 69.24 at 0.62
    assert [(lv.price, lv.size) for lv in bought.levels] == [
        (D("0.61"), D(400)), (D("0.62"), D("69.24")),
    ]  # fmt: skip
    #   400 x 0.04 x 0.61 x 0.39 = 3.8064     69.24 x 0.04 x 0.62 x 0.38 = 0.65252...
    assert bought.fee == D("3.80640") + D("0.65252")
    cost = D(244) + D("42.9288") + D("4.45892")
    assert held.cost == cost
    assert cash == 10_000 - cost
    assert held.entry_bid == D("0.60")

    # 12:15 --- the first target: entry 286.9288 / 469.24 = 0.61147, x 1.08 = 0.66039
    next_slot(day, "0.67", "0.68")
    cycle(day, ("0.67:900", "0.68:900"), ("0.67:100 0.66:1000", "0.69:900"))
    with day.open_store() as store, store.reading() as look:
        (sold,) = [f for f in deals.fills(look) if f.side is Side.SELL]
        (held,) = holdings.positions(look)
        balance = balances.balances(look)["cash"]
    #   a quarter of 469.24 is 117.31: 100 at 0.67 and 17.31 at 0.66
    assert [(lv.price, lv.size) for lv in sold.levels] == [
        (D("0.67"), D(100)), (D("0.66"), D("17.31")),
    ]  # fmt: skip
    #   100 x 0.04 x 0.67 x 0.33 = 0.88440    17.31 x 0.04 x 0.66 x 0.34 = 0.15537...
    assert sold.fee == D("0.88440") + D("0.15537")
    proceeds = D(67) + D("11.4246") - D("1.03977")
    assert balance == cash + proceeds
    assert (held.shares, held.targets_hit) == (D("351.93"), 1)
    #   a quarter of the cost goes with it: 291.38772 / 4 = 72.84693
    assert held.cost == cost - D("72.84693")

    # 12:30 --- through the stop: 0.60 - max(0.072, 0.03, 0.02) = 0.528, and the bid is 0.45
    next_slot(day, "0.45", "0.47")
    cycle(day, ("0.45:900", "0.47:900"), ("0.45:200 0.44:1000", "0.47:900"))
    with day.open_store() as store, store.reading() as look:
        stopped = [f for f in deals.fills(look) if f.side is Side.SELL][-1]
        (closed,) = holdings.positions(look, every=True)
        end = balances.balances(look)
        told = [one.notice.text for one in outbox.rows(look)]
        assert reconciled(look)["agrees"]
        assert journal.verify(look) is None
    #   200 at 0.45 and 151.93 at 0.44: fees 200 x 0.04 x 0.2475 = 1.98, 151.93 x 0.04 x 0.2464
    assert stopped.fee == D("1.98000") + D("1.49742")
    last = D(90) + D("66.8492") - D("3.47742")
    assert end["cash"] == 10_000 - cost + proceeds + last
    assert closed.realized == proceeds + last - cost == D("-60.63111")
    assert (closed.state, closed.shares, closed.cost) == ("CLOSED", 0, 0)
    assert any("STOP" in text and "Sold 351.93 YES" in text for text in told)
