"""A small recorded past in a real file: every row as the store's own writers keep it."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from trading_cli.app.backtests.history import StoreHistory
from trading_cli.app.settings import Settings
from trading_cli.domain import (
    Book,
    Coverage,
    FeeSchedule,
    Level,
    Market,
    Origin,
    Outcome,
    Point,
    Quote,
    Resolution,
    Side,
    Trade,
    from_epoch,
    slot_of,
)
from trading_cli.store import Store, listings, series
from trading_cli.store.ledger import Score, record_scores
from trading_cli.store.talk import record_coverage

START = datetime(2026, 3, 2, tzinfo=UTC)
SLOT = timedelta(minutes=15)
HOUR = timedelta(hours=1)
CENT = Decimal("0.01")


def at(slots, seconds=0):
    """Return the instant so many slots after the start, and some seconds."""
    return START + slots * SLOT + timedelta(seconds=seconds)


def second(slots):
    """Return the start of a slot in epoch seconds."""
    return int(at(slots).timestamp())


def market(number=1, **changes):
    """Return a market anybody may trade in, described a day before the start."""
    facts = {
        "id": f"50{number}", "condition_id": f"0xc{number}",
        "question": "Will it happen by December 31, 2026?", "slug": f"it-{number}",
        "yes_token": f"7{number}1", "no_token": f"7{number}2", "yes_label": "Yes",
        "no_label": "No", "observed_at": START - 24 * HOUR, "event_id": f"e{number}",
        "tags": ("Politics",), "description": "As the source says.", "active": True,
        "accepting_orders": True, "enable_order_book": True, "tick": CENT,
        "min_size": Decimal(5), "fee_schedule": FeeSchedule(Decimal("0.04"), Decimal(1), "m"),
        "created_at": START - timedelta(days=60), "end_at": datetime(2026, 12, 31, tzinfo=UTC),
        "best_bid": 0.4, "best_ask": 0.41, "volume": 1e6, "volume_24h": 60_000.0 + number,
        "liquidity": 20_000.0,
    }  # fmt: skip
    return Market(**(facts | changes))


def book(number, when, bid="0.40", ask="0.42", size=1000, **changes):
    """Return a YES book of one level a side; ``None`` for a side nobody is on."""
    facts = {
        "token": f"7{number}1", "condition_id": f"0xc{number}",
        "bids": () if bid is None else (Level(Decimal(bid), Decimal(size)),),
        "asks": () if ask is None else (Level(Decimal(ask), Decimal(size)),),
        "event_time": when, "observed_at": when, "hash": f"0x{number:x}{int(when.timestamp()):x}",
        "tick": CENT, "min_size": Decimal(5), "neg_risk": False,
    }  # fmt: skip
    return Book(**(facts | changes))


def quote(number, when, bid="0.40", ask="0.42", **changes):
    """Return the market's quote of the slot that holds *when*."""
    sides = (None if one is None else Decimal(one) for one in (bid, ask))
    facts = {"origin": Origin.RECORDED, "observed_at": when} | changes
    observed, origin = facts["observed_at"], facts["origin"]
    return Quote(
        f"50{number}", slot_of(when), *sides, 900.0, 800.0, when, observed, Decimal(0), "0xabcd",
        origin,
    )  # fmt: skip


def trade(name, number, when, *, price="0.41", size=1000, wallet="a", seen=None, **changes):
    """Return a trade of the YES token; ``no=True`` of the NO token."""
    no = changes.get("no", False)
    return Trade(
        name, f"0xc{number}", f"7{number}{2 if no else 1}", int(no), Side.BUY, Decimal(price),
        Decimal(size), wallet, when, seen or when + timedelta(seconds=30),
        changes.get("origin", Origin.RECORDED),
    )  # fmt: skip


def heard(number, since, until, seen=None):
    """Return that the venue answered completely about the market's trades."""
    return Coverage("polymarket.trades", f"0xc{number}", since, until, seen or until)


def point(number, when, price, *, origin=Origin.BACKFILLED, seen=None):
    """Return a history mid of YES, fetched much later unless *seen* says when."""
    return Point(f"7{number}1", price, when, seen or START + timedelta(days=400), origin)


def resolved(number, when, outcome=Outcome.YES):
    """Return how the market was found to have ended."""
    paid = {Outcome.YES: Decimal(1), Outcome.NO: Decimal(0), Outcome.OPEN: None}[outcome]
    return Resolution(f"0xc{number}", outcome, paid, "resolved", when, when, "paid")


def follow(tx, *numbers, since=START - timedelta(days=3)):
    """List the markets and put them on the panel."""
    listings.record_markets(tx, [market(number) for number in numbers])
    for number in numbers:
        listings.panel_enter(tx, f"50{number}", since, since + timedelta(days=7))


def look(tx, slots, *numbers, bid="0.40", ask="0.42", **changes):
    """Record a slot as the live step does: listing, quotes, books, scores."""
    seen = at(slots, 3)
    listings.record_markets(tx, [market(n, observed_at=seen, **changes) for n in numbers])
    when = at(slots, 5)
    series.record_quotes(tx, [quote(n, when, bid, ask) for n in numbers])
    series.record_books(tx, second(slots), [(f"50{n}", book(n, when, bid, ask)) for n in numbers])
    record_scores(tx, second(slots), [Score(f"50{n}", 0.99, {}) for n in numbers], when)


def fill(path, seed, *, markets=4, slots=40):
    """Make a past by chance: gaps, late rows, one-sided books, markets that come and go."""
    rng = np.random.default_rng(seed)
    numbers = range(1, markets + 1)
    reach = 108
    with Store.open(path, now=START) as store, store.transaction() as tx:
        follow(tx, *numbers)
        bids = np.clip(40 + np.cumsum(rng.normal(0, 1.2, (reach + slots, markets)), axis=0), 3, 95)
        for step in range(-reach, slots):
            if rng.random() < 0.04:
                continue
            for n in numbers:
                if rng.random() < (0.05 if step < 0 else 0.2):
                    continue
                cents = int(bids[step + reach, n - 1])
                sides = [f"0.{cents:02d}", f"0.{cents + 2:02d}"]
                if rng.random() < 0.05:
                    sides[int(rng.integers(2))] = None
                volume = float(rng.choice([None, 40_000.0, *[60_000.0, 90_000.0 + n] * 4]) or 0)
                look(tx, step, n, bid=sides[0], ask=sides[1], volume_24h=volume or None)
                late = timedelta(seconds=int(rng.choice([5] * 18 + [1000, 90_000])))
                since = at(step, 5) - timedelta(minutes=50)
                record_coverage(tx, [heard(n, since, at(step, 5), at(step, 5) + late)])
        for n in numbers:
            count = int(rng.integers(50, 600))
            moments = rng.integers(second(-reach), second(slots), count)
            lags = rng.choice([30, 900, 40_000], count, p=[0.6, 0.35, 0.05])
            series.record_trades(
                tx,
                [
                    trade(
                        f"t{n}-{k}", n, from_epoch(int(when)), size=int(rng.integers(1, 30_000)),
                        wallet=f"w{rng.integers(9)}", seen=from_epoch(int(when + lag)),
                        no=bool(rng.random() < 0.3),
                        origin=Origin.BACKFILLED if k % 3 == 0 else Origin.RECORDED,
                    )
                    for k, (when, lag) in enumerate(zip(moments, lags, strict=True))
                ],
            )  # fmt: skip
            if rng.random() < 0.3:
                listings.panel_leave(tx, f"50{n}", at(int(rng.integers(0, slots))), "OVER_CAP")
            series.record_points(
                tx,
                [
                    point(
                        n,
                        at(int(step), int(rng.integers(900))),
                        round(float(rng.uniform(0.2, 0.8)), 3),
                        seen=at(int(step) + int(rng.integers(1, 6))),
                    )
                    for step in rng.integers(-reach, slots, 200)
                ],
            )


@contextmanager
def history(path, first=0, last=4, **more):
    """Open the slots [first, last) of a past."""
    settings = more.pop("settings", None) or Settings()
    with Store.reader(path) as store:
        asked = {"since": at(first), "until": at(last)} | more
        with StoreHistory.open(store, settings, **asked) as past:
            yield past
