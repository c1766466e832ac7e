"""What a backtest may know of a stored past: as much as was known then, and not a row more."""

import shutil
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from past_world import (
    CENT,
    START,
    at,
    book,
    fill,
    follow,
    heard,
    history,
    look,
    market,
    point,
    quote,
    resolved,
    second,
    trade,
)  # fmt: skip

from trading_cli.app.settings import Settings
from trading_cli.core.errors import UsageError
from trading_cli.domain import (
    Book,
    Order,
    OrderState,
    Origin,
    Outcome,
    Purpose,
    Reason,
    Side,
    Token,
    from_epoch,
)
from trading_cli.store import Store, backfill, kill, listings, pauses, series
from trading_cli.store import history as stored
from trading_cli.store.ledger import Gap, Score, record_gaps, record_scores
from trading_cli.store.packed import PackedBook
from trading_cli.store.talk import record_coverage
from trading_cli.trading.backtest.history import Operated

TIME = timedelta(seconds=1)


@pytest.fixture
def make(tmp_path):
    """Return what makes a past of two followed markets, recorded in these slots."""

    def made(*slots, write=None):
        path = tmp_path / "past.db"
        with Store.open(path, now=START) as store, store.transaction() as tx:
            follow(tx, 1, 2)
            for step in slots:
                look(tx, step, 1, 2)
            if write is not None:
                write(tx)
        return path

    return made


def order(when, *, token=Token.YES, side=Side.BUY, limit="0.45", shares=100, name="o1", number=1):
    """Return an order sent at *when*."""
    return Order(
        name, "d1", f"50{number}", f"e{number}", "s", Purpose.ENTRY, side, token, Decimal(shares),
        Decimal(limit), Reason.SIGNAL, OrderState.PENDING, when, Decimal(50), "paper",
    )  # fmt: skip


def told(view):
    """Return everything a view says, its functions apart."""
    return {one.name: getattr(view, one.name) for one in fields(view) if one.name != "recalibrate"}


# --- nothing from later


def later(tx, when, rng_seed):
    """Write what came after *when*: about slots before it, and about slots after it."""
    seen = when + timedelta(seconds=1 + rng_seed % 5000)
    first = int(when.timestamp()) // 900 * 900
    listings.record_markets(
        tx, [market(n, observed_at=seen, closed=True, volume_24h=9e9) for n in range(1, 5)]
    )
    listings.record_resolutions(tx, [resolved(n, seen) for n in range(1, 5)])
    for n in range(1, 5):
        old = when - timedelta(minutes=8 + rng_seed % 600)
        kind = {"origin": Origin.BACKFILLED, "seen": seen}
        series.record_trades(tx, [trade(f"late-{n}", n, old, size=9e6, seen=seen)])
        series.record_trades(tx, [trade(f"fill-{n}", n, old, size=9e6, **kind)])
        record_coverage(tx, [heard(n, when - timedelta(days=3), when, seen)])
        minutes = (when - timedelta(minutes=1 + back) for back in (1, 5, 12, 12 * 60 + 3))
        series.record_points(tx, [point(n, one, 0.9, seen=seen) for one in minutes])
        filled = {"origin": Origin.BACKFILLED, "observed_at": seen}
        slots = range(first - 90_000, first + 900, 900)
        late = [quote(n, from_epoch(slot + 5), "0.90", "0.91", **filled) for slot in slots]
        series.record_quotes(tx, late)  # where there is one it stays
        series.record_books(tx, first, [(f"50{n}", book(n, seen))], purpose="exit")
    record_scores(tx, first, [Score(f"50{n}", 0.1, {}) for n in range(1, 5)], seen)
    record_gaps(tx, [Gap(first - 900, "", received=False, cause="DOWN")], seen)
    pauses.pause(tx, "stale", since=seen, until=None, reason="late", actor="data")


@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_what_came_later_changes_no_answer(seed, tmp_path_factory):
    """Whatever was observed or available after a slot was decided, its answers are the same."""
    folder = tmp_path_factory.mktemp("past")
    fill(folder / "a.db", seed, slots=6)
    shutil.copy(folder / "a.db", folder / "b.db")

    def answers(path, last):
        with history(path, 2, 6) as past:
            found = []
            for moment in [one for one in past.moments() if one.slot <= last]:
                when = moment.decided_at
                names = [f"50{n}" for n in range(1, 5)]
                found.append(
                    (
                        moment,
                        [told(view) for view in past.views(moment.slot)],
                        past.operated(moment.slot),
                        [past.payout(name, when) for name in names],
                        [past.market(name, when) for name in names],
                        past.exit_books(moment.slot, names),
                        [past.traded_usd(n, when - timedelta(days=1), when, when) for n in names],
                    )
                )
            return found

    with history(folder / "a.db", 2, 6) as past:
        moments = past.moments()
    last = moments[len(moments) // 2]
    before = answers(folder / "a.db", last.slot)
    with Store.open(folder / "b.db", now=START) as store, store.transaction() as tx:
        later(tx, last.decided_at, seed)
    assert answers(folder / "b.db", last.slot) == before


def test_an_outcome_is_unknown_until_it_was_observed(make):
    """Neither payout nor listing tells how a market ended before we saw it."""

    def write(tx):
        listings.record_resolutions(tx, [resolved(1, at(3, 30), Outcome.NO)])
        listings.record_markets(tx, [market(1, observed_at=at(3, 30), closed=True)])

    with history(make(0, 1, 2, 3, 4, write=write), 0, 5) as past:
        assert past.payout("501", at(3, 29)) is None
        assert not past.market("501", at(3, 29)).closed
        assert past.payout("501", at(3, 30)) == 0
        assert past.market("501", at(3, 30)).closed
        assert "501" in past.candidates(second(2))
        assert "501" not in past.candidates(second(3))
        with pytest.raises(KeyError):
            past.market("nobody", at(3))
        with pytest.raises(KeyError):
            past.market("501", START - timedelta(days=50))


# --- slots and markets that are not there


def test_a_slot_without_quotes_within_the_recording_is_missing(make):
    """What nobody recorded was not decided; what was waits until a slot is whole again."""

    def write(tx):
        record_gaps(tx, [Gap(second(2), "", received=False, cause="DOWN")], at(3, 1))

    with history(make(0, 1, 3, 5, write=write), 0, 7) as past:
        assert [one.slot for one in past.moments()] == [second(n) for n in (0, 1, 3, 5)]
        assert past.coverage().missing_slots == 3
        assert past.coverage().recorded == 8
        assert past.views(second(1))[0].state.held_back == ""
        assert "no slot has been whole since" in past.views(second(3))[0].state.held_back


def test_a_market_that_left_the_panel_is_no_candidate_but_still_has_a_book(make):
    """A delisted market is not entered; what is held of it is judged and sold on what came."""

    def write(tx):
        listings.panel_leave(tx, "502", at(2), "NOT_LISTED")

    with history(make(0, 1, 2, 3, write=write), 0, 4) as past:
        assert past.candidates(second(1)) == ("502", "501")
        assert past.candidates(second(2)) == ("501",)
        assert past.exit_books(second(3), ["502"])["502"].best_bid == Decimal("0.40")
        assert past.market("502", at(3)).id == "502"


def test_a_one_sided_quote_is_no_candidate_and_no_mid(make):
    """A slot in which nobody bids leaves the market out, and its mid out of the day's mids."""

    def write(tx):
        look(tx, 1, 1, bid=None)
        look(tx, 2, 1)

    with history(make(0, write=write), 0, 3) as past:
        assert "501" not in past.candidates(second(1))
        view = next(one for one in past.views(second(2)) if one.market.id == "501")
        assert [when for when, _ in view.mids] == [at(0), at(2)]


def test_a_decision_has_its_own_book_and_an_exit_the_one_fetched_for_it(make):
    """The view shows the collected book; the exits see the one of purpose "exit" where there is."""

    def write(tx):
        fresh = book(1, at(1, 40), "0.44", "0.46")
        series.record_books(tx, second(1), [("501", fresh)], purpose="exit")

    with history(make(0, 1, write=write), 0, 2) as past:
        assert past.views(second(1))[1].book.best_bid == Decimal("0.40")
        assert past.exit_books(second(1), ["501", "502"])["501"].best_bid == Decimal("0.44")
        assert past.exit_books(second(1), ["502"])["502"].best_bid == Decimal("0.40")
        assert past.exit_books(second(0), ["501"])["501"].best_bid == Decimal("0.40")


# --- what an order meets


def test_an_order_meets_the_book_that_was_fetched_for_it(make):
    """Grade A: the book of the order's own purpose, mirrored for NO."""

    def write(tx):
        own = book(1, at(0, 61), "0.43", "0.45")
        series.record_books(tx, second(0), [("501", own)], purpose="execution:o1")

    with history(make(0, 1, write=write), 0, 2) as past:
        asked, listed = order(at(0, 60)), past.market("501", at(0, 60))
        meets = past.execution(asked, listed)
        assert (meets.grade, meets.late, meets.book.best_ask) == ("A", False, Decimal("0.45"))
        mirrored = past.execution(replace(asked, token=Token.NO), listed).book
        assert mirrored.best_ask == Decimal("0.57")
        assert mirrored.token == listed.no_token


def test_without_its_own_book_an_order_meets_the_first_one_seen_after_it(make):
    """Never the book of the decision; the next slot's, late."""
    with history(make(0, 1, 2), 0, 3) as past:
        meets = past.execution(order(at(0, 60)), past.market("501", at(0, 60)))
        assert (meets.grade, meets.late) == ("A", True)
        assert meets.book.observed_at == at(1, 5)


def test_without_a_book_a_printed_trade_through_the_limit_is_met(make):
    """Grade B: strictly through the limit, within 15 minutes, at the limit, at most its size."""

    def write(tx):
        rows = [
            ("before", at(0, 50), "0.30", 5), ("at", at(0, 70), "0.45", 7),
            ("through", at(0, 80), "0.44", 70), ("late", at(1, 100), "0.10", 900),
        ]  # fmt: skip
        series.record_trades(tx, [trade(n, 1, t, price=p, size=s) for n, t, p, s in rows])
        no = trade("no", 2, at(0, 80), price="0.44", size=70, no=True)
        series.record_trades(tx, [no])

    with history(make(0, write=write), 0, 3) as past:
        listed = past.market("501", at(0, 60))
        meets = past.execution(order(at(0, 60)), listed)
        (level,) = meets.book.asks
        assert (meets.grade, level.price, level.size) == ("B", Decimal("0.45"), 70)
        assert meets.book.bids == ()
        assert past.execution(order(at(0, 60), limit="0.44"), listed) is None
        assert past.execution(order(at(0, 60), side=Side.SELL, limit="0.46"), listed) is None
        other = past.market("502", at(0, 60))
        bought = past.execution(order(at(0, 60), token=Token.NO, number=2), other)
        assert bought.book.asks[0].price == Decimal("0.45")
        sold = order(at(0, 60), side=Side.SELL, limit="0.50", number=2)
        assert past.execution(sold, other).book.bids[0].price == Decimal("0.50")
        assert past.execution(order(at(0, 60), number=9), listed) is None


# --- mid-only history


def imported(tx, *, origin=Origin.IMPORTED):
    """Write ten hours of mids of market 1, fetched a year later."""
    rows = [point(1, at(step, 30), 0.30 + step / 1000, origin=origin) for step in range(40)]
    series.record_points(tx, rows, lag_s=20)


@pytest.fixture
def bare(tmp_path):
    """Return what makes a past of mids alone; the market was described a year later."""

    def made(origin=Origin.IMPORTED):
        path = tmp_path / f"bare-{origin}.db"
        with Store.open(path, now=START) as store, store.transaction() as tx:
            seen = START + timedelta(days=380)
            later = market(1, observed_at=seen, closed=True, closed_at=seen, uma_status="resolved")
            listings.record_markets(tx, [later])
            listings.record_resolutions(tx, [resolved(1, seen)])
            imported(tx, origin=origin)
        return path

    return made


def test_mids_alone_are_waived_by_name_and_counted(bare):
    """Each rule whose input was never recorded is named; nothing of the end is known."""
    with history(bare(), 0, 40, fees="zero") as past:
        (view,) = past.views(second(20))
        assert past.evidence(second(20)) == "mids"
        assert past.coverage().imported == 40
        assert past.coverage().recorded == past.coverage().backfilled == 0
        assert {Reason.QUALITY, Reason.LIQUIDITY_LOW, Reason.NO_RULES} <= view.waived
        assert past.coverage().waived == frozenset(one.value for one in view.waived)
        assert not view.market.closed
        assert (view.market.closed_at, view.market.uma_status) == (None, None)
        assert (view.market.volume_24h, view.market.outcome_prices) == (None, None)
        assert past.payout("501", view.at) is None
        assert view.mid == Decimal("0.32")
        assert view.ask(Token.YES) > view.mid > view.bid(Token.YES)
        assert view.fee.rate == 0
        assert view.state.kill_state == "ARMED"
        assert view.mids[-1] == (at(20, 30), 0.32)


def test_mids_that_were_fetched_later_are_counted_as_backfilled(bare):
    """The share of a run that rests on backfilled mids is said."""
    with history(bare(Origin.BACKFILLED), 0, 40) as past:
        assert (past.coverage().backfilled, past.coverage().imported) == (40, 0)


def test_a_mid_older_than_a_quarter_hour_is_no_price(bare):
    """A slot whose last mid is older has no candidate; one not available yet does not count."""
    path = bare()
    with Store.open(path, now=START) as store, store.transaction() as tx:
        tx.execute("DELETE FROM points WHERE event_time BETWEEN ? AND ?", (second(10), second(12)))
    with history(path, 0, 40) as past:
        assert past.candidates(second(9)) == ("501",)
        assert past.candidates(second(10)) == ()
        assert past.candidates(second(11)) == ()
        assert past.candidates(second(12)) == ("501",)


def test_an_order_on_mids_pays_the_slippage_of_its_own_token(bare):
    """Grade C: to buy mid x (1 + slippage), to sell mid x (1 - slippage), for NO from 1 - mid."""
    with history(bare(), 0, 40, slippage=Decimal("0.02")) as past:
        when = at(20, 60)
        listed = past.market("501", when)
        yes = past.execution(order(when, limit="0.9"), listed)
        assert (yes.grade, yes.book.best_ask) == ("C", Decimal("0.32") * Decimal("1.02"))
        no = past.execution(order(when, token=Token.NO, limit="0.9"), listed)
        assert no.book.best_ask == Decimal("0.68") * Decimal("1.02")
        assert no.book.best_bid == Decimal("0.68") * Decimal("0.98")
        assert past.exit_books(second(20), ["501"])["501"].best_bid == yes.book.best_bid


# --- who ran it


def test_the_switch_and_the_owners_pauses_count_only_as_operated(make):
    """Armed by default, paused by stale data alone; as operated, as it all stood then."""

    def write(tx):
        kill.record(tx, "ARMED", 0, at=at(-5), actor="t", reason="t")
        kill.record(tx, "TRIGGERED", 2, at=at(1, 30), actor="owner", reason="t")
        pauses.pause(tx, "owner", since=at(0, 30), until=at(1, 20), reason="t", actor="owner")
        pauses.pause(tx, "day", since=at(0, 30), until=None, reason="t", actor="risk")
        pauses.pause(tx, "stale", since=at(0, 40), until=None, reason="t", actor="data")
        pauses.lift(tx, "stale", at(1, 10))

    path = make(0, 1, 2, write=write)
    with history(path, 0, 3) as past:
        assert [past.operated(second(n)) for n in (0, 1)] == [
            Operated(pauses=("stale",)),
            Operated(),
        ]
        assert past.views(second(2))[0].state.kill_state == "ARMED"
    with history(path, 0, 3, as_operated=True) as past:
        assert past.operated(second(0)).pauses == ("owner", "stale")
        assert past.operated(second(1)) == Operated("TRIGGERED", 2)
        assert past.views(second(2))[0].state.kill_level == 2


def test_the_gate_is_as_it_was_judged_then(make):
    """A slot that was not judged is closed; quality is the score of then."""
    path = make(0, 1)
    with Store.open(path, now=START) as store, store.transaction() as tx:
        tx.execute("DELETE FROM scores WHERE slot = ?", (second(1),))
    with history(path, 0, 2) as past:
        first, then = past.views(second(0))[0], past.views(second(1))[0]
        assert (first.state.gate_open, first.quality) == (True, 0.99)
        assert not then.state.gate_open
        assert then.quality == 0.99


def test_what_cannot_be_opened_says_so(make):
    """An empty span, a span nothing is stored for, and an unknown word for fees are named."""
    path = make(0)
    for asked, word in (
        ({"first": 1, "last": 1}, "nothing lies between"),
        ({"first": 5000, "last": 5001}, "no prices are stored"),
        ({"fees": "free"}, "fees 'free'"),
    ):
        with pytest.raises(UsageError, match=word), history(path, **asked):
            pass


def test_a_packed_book_is_the_book_it_unpacks_to(tmp_path):
    """Equal in every field and hash; a changed copy is a plain book."""
    held = book(1, at(0, 5), tick=None, neg_risk=None)
    one = PackedBook.of(
        held.condition_id, second(0) + 5, second(0) + 5, held.hash, _packed(tmp_path, held)
    )
    assert one == held
    assert held == one
    assert hash(one) == hash(held)
    assert one != book(1, at(0, 6))
    changed = replace(one, tick=CENT)
    assert type(changed) is Book
    assert changed == replace(held, tick=CENT)
    assert one.mirrored("n") == held.mirrored("n")


def _packed(folder, held):
    with Store.open(folder / "b.db", now=START) as store, store.transaction() as tx:
        follow(tx, 1)
        series.record_books(tx, second(0), [("501", held)])
        assert stored.book(tx, "501", second(0), as_of=at(1)) == held
        backfill.set_meta(tx, "kept", "1")
        return tx.execute("SELECT levels FROM books").fetchone()[0]


def test_the_fees_and_the_slippage_come_from_the_settings_unless_said(bare):
    """`backtest.slippage` is taken where none is given."""
    with history(bare(), 0, 40, settings=Settings()) as past:
        (view,) = past.views(second(20))
        assert view.book.best_ask == Decimal("0.32") + Decimal("0.015") * Decimal("0.68")
