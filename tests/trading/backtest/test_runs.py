"""What a run says of a history with little in it, and how loss limits end its trading."""

import json
from datetime import timedelta

import numpy as np
import pytest
from planted import D, Told, at, buy, deep, quoted, walks

from trading_cli.core.errors import UsageError
from trading_cli.domain import Action, Book, Purpose, Token
from trading_cli.trading import RiskSection
from trading_cli.trading.backtest.columns import FIRST_SLOT
from trading_cli.trading.backtest.engine import run, trace
from trading_cli.trading.backtest.mids import book_of_mid, book_to_decide, token_book
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.tally import line_of
from trading_cli.trading.backtest.worlds import MemoryHistory, plain_market
from trading_cli.trading.strategies import BUILT_IN
from trading_cli.trading.strategies.random_entries import RandomEntries
from trading_cli.trading.strategies.roc_only import RocOnly

BEFORE = ("0.49", "0.50")


def test_an_empty_history_is_an_empty_run() -> None:
    """No slots: nothing decided, no equity, and still a digest."""
    done = run(MemoryHistory([], np.empty((0, 0))), Rules(), [RocOnly()])
    assert (done.closed, done.still_open, dict(done.reasons)) == ((), (), {})
    assert done.equity.at_liquidation.size == 0
    assert len(done.digest) == 32


def test_a_history_without_candidates_keeps_its_money() -> None:
    """Slots without a quote leave the bankroll where it is."""
    done = run(MemoryHistory([plain_market(0)], np.full((1, 5), np.nan)), Rules(), [RocOnly()])
    assert done.equity.at_liquidation.tolist() == [10_000.0] * 5
    assert not done.reasons


def test_one_market_that_never_moves_is_never_entered() -> None:
    """A frozen price has no rate of change: warm-up first, then too low."""
    done = run(MemoryHistory([plain_market(0)], np.full((1, 60), 0.4)), Rules(), [RocOnly()])
    assert done.reasons == {"ROC_UNDEFINED": 48, "ROC_LOW": 12}
    assert not done.orders


def test_a_gap_while_holding_sells_nothing_and_ends_nothing() -> None:
    """Two slots without a book: the holding cannot be judged; then its stop fires."""
    world = quoted({0: BEFORE, 3: ("0.30", "0.31")}, slots=[0, 1, 2, 3])
    done = run(world, Rules(), [Told({(0, "m0"): buy()})], keep_decisions=True)
    exits = [one.reason.value for one in done.decisions if one.purpose is Purpose.EXIT]
    assert exits == ["STALE_BOOK", "STALE_BOOK", "STOP"]


def test_bad_arrays_are_refused_by_name() -> None:
    """Shapes that do not fit, slots that are none, a market twice."""
    market = plain_market(0)
    for wrong in (
        {"mids": np.ones((2, 3))},
        {"mids": np.ones(3)},
        {"mids": np.ones((1, 3)), "slots": np.array([0, 900])},
        {"mids": np.ones((1, 2)), "slots": np.array([900, 0])},
        {"mids": np.ones((1, 2)), "slots": np.array([1, 901])},
        {"mids": np.ones((1, 2)), "volumes": np.ones((1, 3))},
    ):
        with pytest.raises(UsageError):
            MemoryHistory([market], **wrong)
    with pytest.raises(UsageError, match="1 different markets"):
        MemoryHistory([market, market], np.ones((2, 2)))


def test_what_was_not_listed_yet_is_no_candidate() -> None:
    """A market is there from its first listing on, and its outcome once it was observed."""
    listed = np.array([FIRST_SLOT + 900, FIRST_SLOT])
    world = MemoryHistory(
        [plain_market(0), plain_market(1)], np.full((2, 3), 0.5), listed=listed,
        payouts={"m1": (at(2), D(1))},
    )  # fmt: skip
    seen = [[view.market.id for view in world.views(one.slot)] for one in world.moments()]
    assert seen == [["m1"], ["m0", "m1"], ["m0"]]
    with pytest.raises(KeyError):
        world.market("m0", at(0, 60))
    assert world.market("m1", at(1)).outcome_prices is None
    assert world.market("m1", at(2)).outcome_prices == (1, 0)


def test_a_loss_from_the_peak_ends_the_trading() -> None:
    """Two marks below the peak's limit: all is sold, nothing entered again, the run says when."""
    wide = RiskSection(
        position=D(1), event_group=D(1), category=D(1), exposure=D(1), cash=D(0), sector_other=D(1),
        tier_ceilings=(D("0.5"),) * 4, day_loss=D(1), week_loss=D(1), month_loss=D(1),
        cool_down_minutes=0, ask_depth=D(1), bid_depth=D(1),
    )  # fmt: skip
    quotes = [BEFORE, BEFORE, *[("0.44", "0.45")] * 8]
    told = Told({(slot, "m0"): buy() for slot in range(10)}, ceiling=D("0.5"))
    bare = deep("0.30", "0.31", at(2, 31))
    falls = quoted(quotes, fresh={2: bare, 3: bare, 4: bare})
    rules = Rules(risk=wide.model_copy(update={"peak_loss": D("0.04")}))
    done = run(falls, rules, [told])
    assert done.killed_at == at(3, 30)
    (trip,) = done.closed
    assert trip.reasons == ("KILL_ALL",)
    assert done.reasons["SIGNAL"] == 1
    assert done.equity.cash[-1] == done.equity.cash[-2]


def test_a_day_loss_pauses_entries_until_midnight() -> None:
    """After losing 5 % of the day the run enters nothing more that day, and goes on the next."""
    rules = Rules(risk=RiskSection(day_loss=D("0.001"), cool_down_minutes=0))
    quotes = dict.fromkeys(range(100), BEFORE) | {1: ("0.30", "0.31")}
    told = Told({(slot, "m0"): buy() for slot in range(100)})
    world = quoted(quotes)
    done = run(world, Rules(risk=rules.risk), [told])
    assert done.pauses == {"day": 1}
    assert done.reasons["PAUSED"] == 94
    entries = [order.placed_at for order in done.orders if order.purpose is Purpose.ENTRY]
    assert entries == [at(0, 60), at(96, 60)]


def test_the_digest_is_made_of_the_lines_of_decisions() -> None:
    """Each decision's row gives the very line of the digest: parity compares these."""
    world, coin = walks(4, slots=30), [RandomEntries(0.2, 3)]
    done = run(world, Rules(), coin, keep_decisions=True)
    assert tuple(line_of(one) for one in done.decisions) == trace(world, Rules(), coin)
    json.dumps([dict(one.facts) for one in done.decisions])
    bought = next(one for one in done.decisions if one.action is Action.BUY)
    assert {"features", "sizing", "terms", "risk"} <= set(bought.facts)


def test_decisions_hold_the_vetoes_only_where_they_are_kept() -> None:
    """The rows say everything that stood against a candidate; the counts need none of it."""
    world = walks(4, slots=4, markets=2)
    kept = run(world, Rules(), [RocOnly()], keep_decisions=True)
    assert len(kept.decisions) == 8
    assert dict(kept.reasons) == dict(run(world, Rules(), [RocOnly()]).reasons)


def test_every_built_in_runs() -> None:
    """Each of ours, together and in order, over a world with volumes."""
    plain = walks(9, slots=112, step=0.1)
    rng = np.random.default_rng(9)
    volumes = rng.lognormal(7, 1, plain.mids.shape)
    world = MemoryHistory(plain.markets, plain.mids, volumes=volumes)
    made = [one.make(RiskSection().tier_ceilings) for one in BUILT_IN.values()]
    done = run(world, Rules(), made)
    assert sum(done.reasons.values()) == 112 * 6 * len(made)
    assert "STRATEGY_FAILED" not in done.reasons
    assert "RVR_LOW" in done.reasons


@pytest.mark.parametrize("mid", ["0.005", "0.3", "0.5", "0.995"])
def test_a_book_of_a_mid_keeps_its_share_for_either_token(mid: str) -> None:
    """Either token's sides are 1.5 % from its own mid, and a decision's limit holds for both."""
    market, when, slip = plain_market(0), at(0), D("0.015")
    for made in (book_of_mid, book_to_decide):
        args = (D(mid), slip) + ((market.yes_token,) if made is book_of_mid else ())
        yes: Book = made(*args, market, when)
        for token, own in ((Token.YES, D(mid)), (Token.NO, 1 - D(mid))):
            side = token_book(yes, token, market)
            assert side.best_bid == own * (1 - slip)
            assert side.best_ask in {own * (1 + slip), None}
            wide = book_to_decide(D(mid), slip, market, when)
            ask = wide.best_ask if token is Token.YES else wide.mirrored("n").best_ask
            assert ask is None or ask >= own * (1 + slip)
    back = token_book(token_book(yes, Token.NO, market), Token.NO, market)
    assert back.bids == token_book(yes, Token.YES, market).bids


def test_a_days_volume_is_what_was_heard_of_it() -> None:
    """The mean of the slots that ended by then; nothing below 20 of 24 hours."""
    world = walks(1, markets=1, slots=200)
    volumes = np.full((1, 200), 10.0)
    volumes[0, 150:] = np.nan
    world = MemoryHistory(world.markets, world.mids, volumes=volumes)
    day = timedelta(days=1)
    assert world.traded_usd("m0", at(100) - day, at(100), at(100)) == pytest.approx(960)
    assert world.traded_usd("m0", at(180) - day, at(180), at(180)) is None
    assert world.traded_usd("m0", at(40) - day, at(40), at(40)) is None
