"""Every limit trips by itself, the smallest answer wins and is named, and none blocks a way out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from deals import NOW, D, book, flat, intent, leaving
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Book, Intent, Level, Side, Token, Verdict
from trading_cli.trading import RiskSection
from trading_cli.trading.account import Account, Labels, Stake
from trading_cli.trading.fills import walk
from trading_cli.trading.groups import Correlation, Group, Groups
from trading_cli.trading.losses import Loss
from trading_cli.trading.risk import RULES, reserve, review, unit_cost

LIMITS = RiskSection()
APART = Groups()
OPEN = {
    name: D(1) for name in (
        "position", "event_group", "category", "exposure", "sector_crypto", "sector_politics",
        "sector_sports", "sector_other",
    )
}  # fmt: skip
WIDE = RiskSection(**OPEN, cash=D(0), open_positions=100, per_category=100, trades_per_day=100)


def stake(market: str, cost: str, event: str = "", **changes: Any) -> Stake:
    """Return a stake of 100 YES that cost so much, in an event of its own, labelled by market."""
    plain = Stake(
        market, event or f"e-{market}", Token.YES, D(100), D(cost),
        Labels(f"c-{market}", "crypto", ()),
    )  # fmt: skip
    return replace(plain, **changes)


def account(stakes: Sequence[Stake] = (), **changes: Any) -> Account:
    """Return an account of 10,000 USD: what positions cost, they are worth; the rest is cash."""
    spent = sum((s.cost for s in stakes if s.kind == "position"), D(0))
    plain = Account(NOW, 10_000 - spent, D(10_000), spent, tuple(stakes))
    return replace(plain, **changes)


def ask(
    wanted: Intent, known: Account, limits: RiskSection = LIMITS, groups: Groups = APART
) -> Verdict:
    """Return the verdict at NOW."""
    return review(wanted, known, limits, groups, NOW)


def test_a_small_entry_passes_every_limit() -> None:
    """100 shares at .50 of an empty account: all of it, nothing binds, every rule has spoken."""
    said = ask(intent(), account())
    assert (said.shares, said.binding, said.allowed) == (D(100), "", True)
    names = [check.rule for check in said.checks]
    assert len(names) == len(set(names)) == len(RULES) == 16
    assert all(check.sentence for check in said.checks)


def only(**limits: Any) -> RiskSection:
    """Return limits of which only these bind."""
    return WIDE.model_copy(update=limits)


def test_position_5_percent() -> None:
    """500 USD a market, 200 are there: 300, less a tenth of a cent for fees, are 599.99 at .50."""
    known = account([stake("m1", "200", "e1")])
    limits = only(position=D("0.05"))
    said = ask(intent("5000"), known, limits)
    assert (said.shares, said.binding) == (D("599.99"), "position")
    assert "200.00 of 500.00" in said.sentence


def test_event_group_worst_case_5_percent() -> None:
    """400 USD in another market of the event leave 99.999: 199.99 shares at .50."""
    known = account([stake("m2", "400", "e1")])
    said = ask(intent("5000"), known, only(event_group=D("0.05")))
    assert (said.shares, said.binding) == (D("199.99"), "event_group")


def test_an_exclusive_events_no_is_not_counted_twice() -> None:
    """NO b for 70 of 100 shares, and now NO a at .80: one of them pays, whatever comes."""
    groups = Groups({"e1": Group("e1", frozenset("ab"), exclusive=True)})
    held = stake("b", "70", "e1", token=Token.NO)
    wanted = intent("100", "0.80", market_id="a", token=Token.NO)
    limits = only(event_group=D("0.0055"))
    assert ask(wanted, account([held]), limits, groups).binding == "event_group"  # 70 > 55 already
    # b YES: 40 are lost; a YES: 100 x .8 - (100 - 40) = 20
    safer = replace(held, cost=D(40))
    said = ask(wanted, account([safer]), limits, groups)
    assert said.shares == D(100)
    apart = ask(wanted, account([safer]), limits)
    assert apart.shares == D("18.74")  # (55 - 40 - .001) / .80


def test_an_order_that_may_not_be_filled_makes_no_room() -> None:
    """YES for 400 is hedged by 1,000 NO that are held, not by 1,000 NO that are only ordered."""
    held = stake("m1", "400", "e1", shares=D(800))
    other = stake("m1", "500", "e1", token=Token.NO, shares=D(1000))
    limits = only(event_group=D("0.05"))
    assert ask(intent("5000"), account([held, other]), limits).shares > 300
    pending = replace(other, kind="order", cost=D(90))
    assert ask(intent("5000"), account([held, pending]), limits).shares == D("199.99")


def test_category_10_percent() -> None:
    """900 USD in the category leave 99.999."""
    known = account([stake("m2", "900", labels=Labels("Politics", "crypto"))])
    said = ask(intent("5000"), known, only(category=D("0.10")))
    assert (said.shares, said.binding) == (D("199.99"), "category")


@pytest.mark.parametrize(
    ("sector", "share"), [("crypto", 750), ("politics", 750), ("sports", 500), ("other", 500),
                          ("weather", 500)]
)  # fmt: skip
def test_a_sector_has_its_share_of_the_exposure(sector: str, share: int) -> None:
    """30, 30, 20, 20 % of 2,500 USD; an unknown sector is other."""
    known = account([stake("m2", str(share - 50), labels=Labels("x", sector))])
    limits = only(
        sector_crypto=D("0.30"), sector_politics=D("0.30"), sector_sports=D("0.20"),
        sector_other=D("0.20"), exposure=D("0.25"),
    )  # fmt: skip
    said = ask(intent("5000", sector=sector), known, limits)
    assert (said.shares, said.binding) == (D("99.99"), "sector")


def test_exposure_25_percent_counts_orders_and_the_wallet_outside() -> None:
    """1,000 held, 500 ordered, 900 outside: 99.999 of 2,500 are left."""
    known = account(
        [stake("a", "1000"), stake("b", "500", kind="order"), stake("c", "900", kind="outside")]
    )
    said = ask(intent("5000"), known, only(exposure=D("0.25")))
    assert (said.shares, said.binding) == (D("199.99"), "exposure")


def test_half_of_the_cash_stays() -> None:
    """5,200 USD of cash, 100 of it ordered away: 99.999 above the half."""
    known = account([stake("b", "100", kind="order")], cash=D(5200), liquidation=D(4800))
    said = ask(intent("5000"), known, only(cash=D("0.50")))
    assert (said.shares, said.binding) == (D("199.99"), "cash")


def test_a_theme_counts_as_one_position() -> None:
    """Two themes; the fuller one leaves 99.999 of 500."""
    known = account(
        [
            stake("a", "250", labels=Labels("x", "crypto", ("election",))),
            stake("b", "150", labels=Labels("y", "crypto", ("election", "senate"))),
        ]
    )
    limits = only(position=D("0.05"))
    said = ask(intent("5000", themes=("senate", "election")), known, limits)
    assert (said.shares, said.binding) == (D("199.99"), "theme")
    assert ask(intent("5000"), known, limits).shares == D("999.99")


def test_correlation_can_only_tighten() -> None:
    """400 USD that move with it leave 99.999 of one position; against it, nothing changes."""
    known = account([stake("b", "400")])
    limits = only(position=D("0.05"))
    together = Groups(correlations=(Correlation("m1", "b", 0.9, 200),))
    against = Groups(correlations=(Correlation("m1", "b", -0.9, 200),))
    said = ask(intent("5000"), known, limits, together)
    assert (said.shares, said.binding) == (D("199.99"), "correlation")
    assert ask(intent("5000"), known, limits, against).shares == D("999.99")


def test_ten_trades_a_day() -> None:
    """The eleventh of a UTC day is refused, whatever its size."""
    assert ask(intent(), account(entries_today=9)).shares == 100
    said = ask(intent(), account(entries_today=10))
    assert (said.shares, said.binding, said.allowed) == (0, "trades_per_day", False)


def test_an_hour_of_cool_down_after_a_loss() -> None:
    """59 minutes after a loss nothing is bought; after 60, all."""
    soon = account(last_loss_at=NOW - timedelta(minutes=59))
    assert (ask(intent(), soon).shares, ask(intent(), soon).binding) == (0, "cool_down")
    assert ask(intent(), account(last_loss_at=NOW - timedelta(minutes=60))).shares == 100


def test_eight_open_positions() -> None:
    """The ninth market is refused, orders and the wallet's own counted; more of one held is not."""
    eight = [stake(f"x{n}", "1", kind=kind) for n, kind in enumerate(
        ["position"] * 6 + ["order", "outside"]
    )]  # fmt: skip
    said = ask(intent(), account(eight))
    assert (said.shares, said.binding) == (0, "open_positions")
    assert ask(intent(), account(eight[:7])).shares == 100
    assert ask(intent(market_id="x0", event_id="e-x0"), account(eight)).shares == 100


def test_three_positions_in_a_category() -> None:
    """The fourth of a category is refused."""
    same = Labels("Politics", "crypto")
    three = [stake(f"x{n}", "1", labels=same) for n in range(3)]
    said = ask(intent(), account(three))
    assert (said.shares, said.binding) == (0, "per_category")
    assert ask(intent(), account(three[:2])).shares == 100
    assert ask(intent(category="Weather"), account(three)).shares == 100


@pytest.mark.parametrize("kind", ["day", "week", "month", "peak"])
def test_a_loss_limit_in_force_forbids_entries(kind: str) -> None:
    """The verdict says which, in its own sentence."""
    level = 3 if kind == "peak" else None
    loss = Loss(kind, D("0.2"), D("0.1"), f"lost too much in a {kind}", None, level)
    said = ask(intent(), account(losses=(loss,)))
    assert (said.shares, said.binding) == (0, f"{kind}_loss")
    assert f"lost too much in a {kind}" in said.sentence


def test_the_smallest_answer_wins_and_is_named() -> None:
    """Position leaves 99.99 shares, category 19.99: category binds, and the sentence says so."""
    known = account(
        [stake("m1", "450", "e9"), stake("b", "540", labels=Labels("Politics", "crypto"))]
    )
    said = ask(intent("5000"), known)
    by_rule = {check.rule: check.allowed for check in said.checks}
    assert by_rule["position"] == D("99.99")
    assert said.shares == min(by_rule.values())
    known = account([stake("b", "990", labels=Labels("Politics", "crypto"))])
    said = ask(intent("5000"), known)
    assert (said.shares, said.binding) == (D("19.99"), "category")


def test_below_the_venues_minimum_there_is_no_trade() -> None:
    """Room for 4 shares is room for none, and the rule that left so little is named."""
    known = account([stake("m1", "498", "e9")])
    said = ask(intent("100"), known, only(position=D("0.05")))
    assert (said.shares, said.binding) == (0, "position")
    assert "minimum of 5" in said.sentence
    small = ask(intent("4"), account())
    assert (small.shares, small.binding) == (0, "minimum")


def test_exactly_the_venues_minimum_is_enough() -> None:
    """Five asked for, or left by a limit (500 - 497.499 - .001 at .50), are five; one is, too."""
    said = ask(intent("5"), account())
    assert (said.shares, said.binding) == (5, "")
    known = account([stake("m1", "497.499", "e9")])
    said = ask(intent("100"), known, only(position=D("0.05")))
    assert (said.shares, said.binding) == (5, "position")
    assert ask(intent("1", min_size=D(1)), account()).shares == 1


def test_a_cancelled_event_pays_half() -> None:
    """NO of a, b, c at .80 lose 90 if all is cancelled; YES at .60 loses .10 more a share then."""
    groups = Groups({"e1": Group("e1", frozenset({"m1", "a", "b", "c"}), exclusive=True)})
    known = account([stake(m, "80", "e1", token=Token.NO) for m in "abc"])
    said = ask(intent("5000", "0.60"), known, only(event_group=D("0.0095")), groups)
    assert (said.shares, said.binding) == (D("49.99"), "event_group")  # (95 - 90 - .001) / .10


def test_an_event_exactly_at_its_limit_may_still_be_hedged() -> None:
    """1,000 NO for 500 lose 500 where YES wins, and 500 is the limit: YES makes that less."""
    known = account([stake("m1", "500", "e1", token=Token.NO, shares=D(1000))])
    limits = only(event_group=D("0.05"))
    assert ask(intent("100"), known, limits).shares == 100
    beyond = account([stake("m1", "500.01", "e1", token=Token.NO, shares=D(1000))])
    assert ask(intent("100"), beyond, limits).shares == 0


def test_a_cool_down_says_until_when() -> None:
    """A loss at 11:01 forbids until 12:01."""
    said = ask(intent(), account(last_loss_at=NOW - timedelta(minutes=59)))
    assert "a loss at 11:01: no entry until 12:01 UTC" in said.sentence


def test_an_entry_that_is_none_is_refused() -> None:
    """There is no short: an entry never sells, and nothing buys nothing or at nothing."""
    assert ask(intent(side=Side.SELL), account()).binding == "entry"
    for nothing in (intent("0"), intent("-1"), intent("5", "0")):
        said = ask(nothing, account())
        assert (said.shares, said.binding) == (0, "entry")
    assert ask(leaving(side=Side.BUY), account([stake("m1", "1")])).binding == "held"


def test_an_account_that_lost_everything_buys_nothing() -> None:
    """A base of 0 leaves no room under any limit."""
    broke = account(cash=D(0), liquidation=D(0))
    assert ask(intent(), broke).shares == 0


@pytest.mark.parametrize("wanted", ["1", "0.01", "100", "250"])
def test_no_limit_blocks_a_reduction(wanted: str) -> None:
    """Everything forbids an entry, and 100 shares can be sold all the same; not one more."""
    losses = tuple(Loss(kind, D(1), D("0.1"), "x") for kind in ("day", "week", "month", "peak"))
    held = stake("m1", "9000", "e1", strategy="s")
    known = account(
        [held, *(stake(f"x{n}", "100") for n in range(20))],
        cash=D(0), entries_today=99, last_loss_at=NOW, losses=losses,
    )  # fmt: skip
    assert ask(intent(), known).shares == 0
    said = ask(leaving(wanted), known)
    assert said.shares == min(D(wanted), D(100))
    assert said.binding == ("held" if D(wanted) > 100 else "")


def test_what_is_being_sold_is_not_sold_twice() -> None:
    """70 of 100 are under an open exit order: 30 can go; another strategy's are not ours."""
    held = stake("m1", "50", "e1", strategy="s")
    known = account([held], selling={("s", "m1", Token.YES): D(70)})
    assert ask(leaving("100"), known).shares == 30
    assert ask(leaving("100", strategy="t"), known).shares == 0
    outside = replace(held, kind="outside")
    assert ask(leaving("100"), account([outside])).shares == 0


money = st.integers(0, 300_000).map(lambda n: D(n) / 100)
names = st.sampled_from(["m1", "m2", "m3", "m4"])
stakes = st.lists(
    st.builds(
        lambda m, token, cost, kind: Stake(
            m, "e1" if m in {"m1", "m2"} else m, token, cost * 2, cost,
            Labels("Politics", "politics", ("t",)), kind, "s",
        ),
        names, st.sampled_from(list(Token)), money,
        st.sampled_from(["position", "order", "outside"]),
    ),
    max_size=6,
)  # fmt: skip


@given(
    held=stakes,
    cash=money,
    capital=money,
    shares=st.integers(-10, 10**6).map(lambda n: D(n) / 100),
    entries=st.integers(0, 20),
    lost=st.booleans(),
)
def test_whatever_the_account_an_exit_is_allowed_in_full(
    held: list[Stake], cash: Decimal, capital: Decimal, shares: Decimal, entries: int, *, lost: bool
) -> None:
    """min(asked, held), never more, never less, whatever else is wrong."""
    losses = (Loss("peak", D(1), D("0.1"), "x", None, 3),) if lost else ()
    known = Account(NOW, cash, capital, D(0), tuple(held), entries, NOW, losses)
    said = ask(leaving(str(shares)), known)
    mine = sum(
        (
            s.shares for s in held
            if s.kind == "position" and s.market_id == "m1" and s.token is Token.YES
        ),
        D(0),
    )  # fmt: skip
    assert said.shares == max(D(0), min(shares, mine))


@given(
    held=stakes,
    shares=st.integers(1, 10**7).map(lambda n: D(n) / 100),
    limit=st.integers(1, 99).map(lambda n: D(n) / 100),
    rate=st.sampled_from(["0", "0.04", "0.07", "0.25"]),
    token=st.sampled_from(list(Token)),
    exclusive=st.booleans(),
)
def test_whatever_is_asked_what_is_allowed_breaks_no_limit(
    held: list[Stake], shares: Decimal, limit: Decimal, rate: str, token: Token, *, exclusive: bool
) -> None:
    """With what is reserved for it, every cap holds; where one was broken, nothing is bought."""
    groups = Groups({"e1": Group("e1", frozenset({"m1", "m2"}), exclusive=exclusive)})
    known = account(held)
    wanted = intent(str(shares), str(limit), fee=flat(rate), token=token, themes=("t",))
    said = ask(wanted, known, LIMITS, groups)
    assert 0 <= said.shares <= shares
    if said.shares == 0:
        return
    cost = reserve(wanted, said.shares)
    base, used = known.base, [(s.cost, s) for s in held]
    assert said.shares >= wanted.min_size
    assert cost + sum(c for c, s in used if s.market_id == "m1") <= base * LIMITS.position
    assert cost + sum(c for c, _ in used) <= base * LIMITS.category
    assert cost + sum(c for c, _ in used) <= base * LIMITS.position  # all of them share a theme
    assert known.cash - known.reserved - cost >= base * LIMITS.cash


@given(
    sizes=st.lists(st.integers(1, 10_000).map(lambda n: D(n) / 100), min_size=1, max_size=60),
    limit=st.integers(60, 990).map(lambda n: D(n) / 1000),
    rate=st.sampled_from(["0", "0.04", "0.07", "0.25"]),
)
def test_whatever_the_book_a_fill_never_costs_more_than_was_reserved(
    sizes: list[Decimal], limit: Decimal, rate: str
) -> None:
    """Level by level the fee is rounded up; the reserve has room for it."""
    rows = tuple(
        Level(limit - D(n) / 1000, size) for n, size in enumerate(sizes) if limit * 1000 > n
    )
    there = book()
    deep = Book(there.token, "0x1", (), tuple(reversed(rows)), NOW, NOW)
    wanted = intent(str(sum(sizes)), str(limit), fee=flat(rate))
    got = walk(deep, Side.BUY, wanted.shares, limit, wanted.fee)
    assert got.net <= reserve(wanted, wanted.shares)


def test_what_is_reserved_by_hand() -> None:
    """100 at up to .52 with a fee rate of .04: 52 + .9984 and a tenth of a cent; an exit, 0."""
    assert unit_cost(D("0.52"), flat("0.04")) == D("0.529984")
    assert reserve(intent("100", "0.52", fee=flat("0.04")), D(100)) == D("52.9994")
    assert reserve(leaving(), D(100)) == 0
    assert reserve(intent(), D(0)) == 0
