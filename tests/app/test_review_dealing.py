"""What a stranger asked of deciding and dealing: who may sell what, what is told, what is shut."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from dealing import NOON, SLOT, Stage, market, quiet  # beside this
from reviewing import FALL, STAY, D, by_a_person, entries, held, run, staged, told

from trading_cli.app import analyse, entering, execution, reconcile, steps, views
from trading_cli.app.cycles import Cycle, Done, Plan, run_cycle
from trading_cli.app.desk import Desk, open_account
from trading_cli.app.panel import follow, rules_of
from trading_cli.app.runs import only_run
from trading_cli.app.sealing import keep_sealed
from trading_cli.core.errors import RunLocked, TradingError, UsageError
from trading_cli.domain import (
    Action,
    Order,
    OrderState,
    Position,
    PositionState,
    Reason,
    Side,
    Token,
    from_epoch,
)
from trading_cli.store import (
    Store,
    balances,
    deals,
    decided,
    holdings,
    journal,
    listings,
    pauses,
)
from trading_cli.trading import account
from trading_cli.trading.brokers import Outcome


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Stage]:
    """Return what makes a home on paper; each market follows a line of prices."""
    return partial(staged, tmp_path)


# --- a person's holding and ours


def test_our_exit_leaves_what_a_person_holds_of_the_same_signal(made):
    """The older of two like holdings is the person's: ours is sold, theirs is as it was."""
    stage = made(FALL)
    run(stage, 0)
    own = by_a_person(stage, minutes=30)
    run(stage, 1)
    (left,) = held(stage)
    assert (left.id, left.shares, left.realized) == (own.id, D(10), 0)
    with stage.open_store() as store, store.reading() as look:
        assert reconcile.of(look)["agrees"]


def test_shares_a_person_holds_are_not_free_to_be_sold_by_us():
    """The gateway counts them as at risk, and never as ours."""
    at = from_epoch(NOON)
    position = Position(
        "p", "M0", "E0", "s", Token.YES, PositionState.OPEN, D(10), D(5), D(10), D("0.5"),
        D("0.5"), D("0.01"), at, by="person",
    )  # fmt: skip
    got = account.snapshot(at=at, cash=D(1), capital=D(1), positions=[position], values={})
    assert got.held("s", "M0", Token.YES) == 0
    assert got.exposure == D(5)


# --- a person carries out


def test_a_signal_a_person_is_to_act_on_has_passed_the_gateway(made):
    """Its size is what the limits leave, its terms say so, and a rule that forbids it is named."""
    stage = made(STAY, execution="manual", risk={"position": "0.002"})
    run(stage, 0)
    (one,) = entries(stage)
    assert (one.action, one.binding) == (Action.BUY, "position")
    assert one.shares * D("0.53") < 20 < (one.shares + 1) * D("0.56")
    assert one.facts["terms"]["shares"] == str(one.shares)
    (said,) = told(stage)
    assert f"Buy at most {one.shares} YES" in said.notice.text
    assert said.notice.text.startswith("BUY YES\n")  # this strategy gives no label
    with stage.open_store() as store, store.reading() as look:
        assert deals.orders(look) == []


def test_a_signal_the_gateway_refuses_is_not_told(made):
    """Where a person is to act, too."""
    stage = made(STAY, execution="manual", risk={"trades_per_day": 0})
    run(stage, 0)
    (one,) = entries(stage)
    assert (one.action, one.reason, one.binding) == (Action.HOLD, Reason.RISK, "trades_per_day")
    assert told(stage) == []
    with stage.open_store() as store, store.reading() as look:
        assert journal.rows(look, kind="decision", subject=one.id)


def test_a_signal_that_still_stands_is_not_given_twice(made):
    """Until it has expired; then it may come again."""
    stage = made(STAY, execution="manual")
    run(stage, 0, 1, 2, 3)
    assert [one.reason for one in entries(stage)][::-1] == [
        Reason.SIGNAL, Reason.ALREADY_IN, Reason.SIGNAL, Reason.ALREADY_IN,
    ]  # fmt: skip


def test_what_the_broker_bought_it_sells_also_when_a_person_makes_the_entries(made):
    """Else nobody would: the person does not hold it."""
    run(made(FALL), 0)
    stage = made(FALL, execution="manual")
    run(stage, 1)
    assert held(stage) == []


def test_a_person_is_told_to_sell_again_when_the_advice_has_expired(made):
    """A stop at any hour, every half hour while it holds, and each check is in the journal."""
    stage = made(FALL)
    own = by_a_person(stage)
    run(stage, 1, 2, 3, 4)
    said = [one.notice for one in told(stage) if own.id in one.notice.key]
    assert len(said) == 3  # at 12:15, 12:30 and 13:00
    assert all(one.critical and one.expires_at for one in said)
    with stage.open_store() as store, store.reading() as look:
        rows = journal.rows(look, kind="decision")
    assert [row.body["reason"] for row in rows if row.body["purpose"] == "exit"] == ["STOP"] * 4


def test_what_a_wallet_holds_in_the_event_says_how_its_markets_hang_together(made):
    """A market outside the exclusive set of the event makes its worst outcome a sum."""
    stage = made(STAY)
    alone = replace(market(0), neg_risk=True, neg_risk_market_id="0xset")
    beside = replace(market(1), event_id="E0")
    at = stage.clock.now()
    held_there = holdings.Outside("0xme", "M1", "E0", Token.NO, D(10), D(5), at)
    with stage.open_store() as store:
        desk = Desk(stage, store, NOON)
        asked = SimpleNamespace(market=alone)
        with store.transaction() as tx:
            listings.record_markets(tx, [replace(beside, observed_at=at)])
            assert execution.groups_of(tx, desk, asked).events["E0"].exclusive
            holdings.replace_outside(tx, "0xme", [held_there], at)
            assert not execution.groups_of(tx, desk, asked).events["E0"].exclusive


# --- what holds at the instant of the order, not of the decision


def proposed(stage: Stage, store: Store, strategy: str = "eager") -> tuple[Desk, list]:
    """Return a desk and what *strategy* wants to enter now."""
    desk = Desk(stage, store, NOON)
    open_account(desk)
    at = desk.now()
    with store.reading() as look:
        ready = views.ready(look, desk, at)
    found = analyse.features(
        store, slot=NOON, at=at, markets=ready.markets, signals=stage.settings.signals,
        hype_section=stage.settings.hype,
    )  # fmt: skip
    asked = [replace_name(one, strategy) for one in entering.asked_strategies(desk)]
    return desk, entering.propose(desk, ready, found, asked, at)


def replace_name(one, name: str):
    """Return the strategy under another name."""
    one.name = name
    return one


def looked(stage: Stage) -> None:
    """Collect slot 0, and no more."""
    plan = Plan("collection", timedelta(minutes=15), (("collect", stage.look_around),),
                timedelta(minutes=14))  # fmt: skip
    assert run_cycle(stage, plan, progress=quiet).state == "OK"


@pytest.mark.parametrize(
    ("kind", "reason"), [("owner", Reason.PAUSED), ("stale", Reason.PAUSED_STALE)]
)
def test_a_pause_between_decision_and_order_stops_the_entry(made, kind, reason):
    """The owner said stop: what was decided a moment before is not ordered."""
    stage = made(STAY)
    looked(stage)
    with stage.open_store() as store:
        desk, wanted = proposed(stage, store)
        at = desk.now()
        with store.transaction() as tx:
            pauses.pause(tx, kind, since=at, until=None, reason="x", actor="owner")
        assert entering.enter(desk, wanted, at).orders == 0
    assert [one.reason for one in entries(stage)] == [reason]


def test_two_deciders_at_once_enter_an_event_once(made):
    """Whoever comes second finds it entered, whatever he saw when he decided."""
    stage = made(STAY)
    looked(stage)
    with stage.open_store() as store:
        one, first = proposed(stage, store, "first")
        two, second = proposed(stage, store, "second")
        assert [len(first), len(second)] == [1, 1]
        assert entering.enter(one, first, one.now()).fills == 1
        assert entering.enter(two, second, two.now()).orders == 0
    assert {one.strategy: one.reason for one in entries(stage)} == {
        "first": Reason.SIGNAL, "second": Reason.ALREADY_IN,
    }  # fmt: skip


def test_an_expired_signal_is_never_ordered(made):
    """However long the orders before it took."""
    stage = made(STAY)
    looked(stage)
    with stage.open_store() as store:
        desk, wanted = proposed(stage, store)
        at = desk.now()
        stage.clock.set(at + timedelta(minutes=31))
        assert entering.enter(desk, wanted, at).orders == 0
    assert [one.reason for one in entries(stage)] == [Reason.EXPIRED]


def test_nothing_is_entered_in_a_slot_nobody_judged(made):
    """Scores of an earlier slot are no scores of this one."""
    stage = made(STAY)
    looked(stage)
    with stage.open_store() as store:
        with store.transaction() as tx:
            tx.execute("UPDATE scores SET slot = slot - 900")
        _, wanted = proposed(stage, store)
    assert [one.reason for one in wanted] == [Reason.GATE_CLOSED]


def test_nothing_is_entered_where_the_exits_failed(made):
    """What is held was not looked after: nothing is added to it."""
    stage = made(STAY)
    stage.at(0)

    def fails(cycle: Cycle) -> Done:
        cycle.said[steps.UNDONE] = True
        raise TradingError("no exits")

    plan = stage.plan()
    plan = replace(plan, steps=tuple((n, fails if n == "exits" else s) for n, s in plan.steps))
    report = run_cycle(stage, plan, progress=quiet)
    assert {one.name: one.state for one in report.steps}["signals"] == "FAILED"
    assert entries(stage) == []


def test_the_terms_kept_are_of_the_shares_the_gateway_left(made):
    """Worst case and USD in the decision row are of what may be bought, not of what was asked."""
    stage = made(STAY, risk={"position": "0.002"})
    run(stage, 0)
    (one,) = entries(stage)
    assert one.binding == "position"
    assert one.facts["terms"]["shares"] == str(one.shares)
    assert D(one.facts["terms"]["worst_case"]) <= 20


# --- what is told, and written down


class Stubborn:
    """A broker that sells nothing."""

    name = "stubborn"

    def __init__(self, inner) -> None:
        self.inner = inner

    def submit(self, order: Order) -> Outcome:
        """Buy, and never sell."""
        if order.side is Side.SELL:
            return Outcome(order.id, OrderState.CANCELLED, "nothing within the limit")
        return self.inner.submit(order)

    def find(self, order: Order) -> Outcome:
        """Ask the other."""
        return self.inner.find(order)

    cancel = find

    def open_orders(self) -> tuple[str, ...]:
        """Return none."""
        return ()


def test_a_stop_that_sells_nothing_is_told(made):
    """Once a day, and tried again in every slot."""
    stage = made(FALL)
    stage.broker = Stubborn(stage.exchange)
    run(stage, 0, 1, 2)
    (said,) = [one.notice for one in told(stage) if one.notice.key.startswith("unsold:")]
    assert "NOT SOLD" in said.text
    assert "STOP" in said.text
    with stage.open_store() as store, store.reading() as look:
        tried = [o for o in deals.orders(look) if o.side is Side.SELL]
    assert [one.state for one in tried] == [OrderState.CANCELLED] * 2


def test_a_dispute_is_told_when_it_is_seen(made):
    """Not as of the day the position was opened: old news waits for the digest."""
    stage = made(("0.50",) * 3 + ("0.505",) * 3)
    run(stage, 0)
    stage.at(1)
    now = stage.clock.now()
    with stage.open_store() as store, store.transaction() as tx:
        later = replace(market(0), uma_status="disputed", yes_label="Falcons", observed_at=now)
        listings.record_markets(tx, [later])
    run(stage, 1)
    assert [one.state for one in held(stage)] == [PositionState.LOCKED]
    (said,) = [one.notice for one in told(stage) if one.notice.key.startswith("locked:")]
    assert said.created_at >= now
    assert market(0).question in said.text
    assert 'YES (the outcome "Falcons")' in said.text  # as the market names it
    assert "its stop is not" in said.text


def test_every_decision_stands_in_the_journal(made):
    """Those to stay, too: under the seal of their slot; and the opening deposit."""
    stage = made(STAY, ("0.45",) * 6)
    run(stage, 0, 1)
    with stage.open_store() as store, store.reading() as look:
        kept = {one.id for one in decided.decisions(look)}
        alone = {row.subject for row in journal.rows(look, kind="decision")}
        sealed = {
            name
            for row in journal.rows(look, kind="decisions")
            for name in row.body["seals"]  # type: ignore[attr-defined]
        }
        assert len(journal.rows(look, kind="deposit")) == 1
        (bought,) = journal.rows(look, kind="fill")
    assert kept == alone | sealed
    assert (bought.body["market"], bought.body["reason"]) == ("M0", "SIGNAL")


def test_a_decision_taken_again_is_not_sealed_again(made):
    """A run that goes on in its slot seals what is new, never words that were not kept."""
    stage = made(STAY)
    run(stage, 0)
    (one,) = entries(stage)
    other = replace(one, action=Action.HOLD, reason=Reason.ALREADY_IN)
    with stage.open_store() as store:
        desk = Desk(stage, store, NOON)
        with store.transaction() as tx:
            keep_sealed(tx, desk, [other, replace(other, id="new")], desk.now())
        with store.reading() as look:
            (row,) = journal.rows(look, kind="decisions")
    assert list(row.body["seals"]) == ["new"]  # type: ignore[call-overload]


# --- numbers


def test_deciding_alone_marks_what_is_held_at_its_worth(made):
    """`trading signal` without exits before it: the account's worth is not cash alone."""
    stage = made(STAY)
    run(stage, 0)
    stage.at(1)
    quieter = replace(market(0), volume_24h=1.0, observed_at=stage.clock.now())
    with stage.open_store() as store, store.transaction() as tx:
        listings.record_markets(tx, [quieter])  # no candidate any more: nobody else asks its book
    both = (("collect", stage.look_around), *steps.DECIDING.steps)
    plan = Plan("signal", timedelta(minutes=15), both, timedelta(minutes=5))
    assert run_cycle(stage, plan, progress=quiet).state == "OK"
    with stage.open_store() as store, store.reading() as look:
        before, after = balances.marks(look)
    assert after.slot == before.slot + SLOT
    assert after.fresh
    assert after.liquidation > 90


def test_a_bankroll_changed_in_the_settings_changes_no_loss(made):
    """A loss is a share of what was deposited: 0.3 % of 10,000 is no day's loss of 5 %."""
    run(made(FALL), 0)
    stage = made(FALL, bankroll=200)
    run(stage, 1, 2, 3)
    with stage.open_store() as store, store.reading() as look:
        assert balances.balances(look)["capital"] == -10_000
        assert balances.balances(look)["cash"] < 9_990
        assert pauses.active(look, stage.clock.now()) == []


def test_an_older_book_does_not_take_the_place_of_a_newer_one(made):
    """The account is worth what the newest book says."""
    stage = made(STAY)
    with stage.open_store() as store:
        desk = Desk(stage, store, NOON)
        new = stage.book(0)
        desk.remember(market(0), new)
        desk.remember(market(0), replace(new, observed_at=new.observed_at - timedelta(seconds=9)))
        assert desk.books["M0", Token.YES] is new


def test_a_market_we_hold_is_followed_when_the_panel_has_dropped_it(made):
    """Its trades and quotes are what exits are judged by."""
    stage = made(STAY)
    run(stage, 0)
    with stage.open_store() as store:
        later = from_epoch(NOON) + timedelta(days=40)
        quieter = replace(market(0), volume_24h=1.0, observed_at=later)
        slot = NOON + 40 * 86_400
        rules = rules_of(stage.settings)
        got = follow(store, [quieter], rules=rules, slot=slot, now=later)
        with store.reading() as look:
            assert listings.panel_members(look, as_of=later) == {}
    assert [one.id for one in got.markets] == ["M0"]


# --- one at a time


class Prying(Stubborn):
    """A broker that looks, at the moment of the send, whether anybody else might deal."""

    def __init__(self, inner, stage: Stage) -> None:
        super().__init__(inner)
        self.stage, self.said = stage, ""

    def submit(self, order: Order) -> Outcome:
        """Try to deal beside the order that is being sent."""
        folder = self.stage.loaded.database.parent
        try:
            with only_run(folder, "dealing", self.stage.clock.now()):
                self.said = "two at once"
        except RunLocked:
            self.said = "alone"
        return self.inner.submit(order)


def test_nobody_asks_about_an_order_that_is_just_being_sent(made):
    """Else a cycle would call the order of a `close` beside it lost, and its fill would be."""
    stage = made(STAY)
    stage.broker = prying = Prying(stage.exchange, stage)
    run(stage, 0)
    assert prying.said == "alone"
    with stage.open_store() as store:
        assert execution.recover(Desk(stage, store, NOON), prying) == []


def test_signal_before_the_collection_decides_nothing(made):
    """It would write NO_QUOTE for every candidate, and the cycle could not decide any more."""
    from trading_cli.app import signalling

    stage = made(STAY)
    run(stage, 0)
    stage.at(1)
    with pytest.raises(UsageError, match="not collected"):
        signalling.signal(
            stage.home / "config.yaml", dry_run=False, market=None, progress=quiet,
            clock=stage.clock,
        )  # fmt: skip
    assert {one.slot for one in entries(stage)} == {NOON}
