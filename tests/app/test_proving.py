"""The gate, live: judged when a strategy's trades change, said with its decisions, journaled."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from dealing import NOON as START
from dealing import Stage, quiet
from dealt import DAY, NOON, SLOT, Dealt  # beside this

from trading_cli.app import proving, track_record
from trading_cli.app.cycles import run_cycle
from trading_cli.app.desk import Desk
from trading_cli.domain import Reason, from_epoch
from trading_cli.store import decided, journal, outbox, proofs

WON, LOST = ("0.40", "0.60"), ("0.40", "0.30")
LONG = NOON + 400 * DAY
SAID = "UNPROVEN: no bet of it is over yet"
WORDS = ("drill", {"passed": True}), ("parity", {"identical": True}), ("geoblock", {"clear": True})


def desk_of(home, store, **gates):
    """Return a desk of the home whose gate is as given."""
    section = SimpleNamespace(**{
        "paper": "warn", "min_trades": 100, "min_events": 50, "min_days": 90, **gates,
    })  # fmt: skip
    toolkit = SimpleNamespace(settings=SimpleNamespace(gates=section), clock=home.clock)
    return Desk(toolkit, store, 0)


def judged(home, at=LONG, **gates):
    """Judge the strategy at *at*; return what its decisions then say of it."""
    with home.store() as store:
        desk = desk_of(home, store, **gates)
        proving.look_again(desk, ["rvr_roc_hype"], at)
        with store.reading() as look:
            return proving.standing(look, desk.settings, at).get("rvr_roc_hype")


def told(home, kind="gate"):
    """Return the bodies of the journal's rows of the gate, oldest first."""
    with home.store() as store, store.reading() as look:
        return [row.body for row in journal.rows(look, kind=kind)]


def word(home, kind, body, at=NOON):
    """Journal a proof."""
    with home.store() as store, store.transaction() as tx:
        journal.append(tx, kind, kind, body, at=at)


@pytest.fixture
def home(tmp_path):
    """Return a home in which nothing was traded."""
    return Dealt(tmp_path / "home")


def trips(home, count, *, days=2.0, first=1):
    """Buy and sell *count* markets, one after the other: two won, one lost."""
    if first == 1:
        home.open_account()
    for number in range(first, first + count):
        at = NOON + (number * days) * DAY
        bought, sold = LOST if number % 3 == 0 else WON
        made = home.decide(number, at=at)
        home.trade(made, bought, at=at)
        home.trade(made, sold, at=at + SLOT, sell=Reason.STOP)


def test_nothing_traded_is_unproven_and_said_once(home):
    """Every minimum and proof is named; a second look in the same state writes nothing."""
    first = judged(home)
    assert first["state"] == "UNPROVEN"
    assert first["bound"] is None
    for part in ("0 of 100 closed trades", "0 of 50 events", "0 of 90 days", "parity", "drill"):
        assert part in first["sentence"]
    assert judged(home, LONG + SLOT) == first
    assert len(told(home)) == 1


def test_a_record_with_an_edge_and_all_proofs_is_proven(home):
    """60 bets, two of three won: the bound is above 0; the change is a row of the journal."""
    trips(home, 60)
    for kind, body in WORDS:
        word(home, kind, body)
    before = judged(home, LONG, min_trades=100)
    after = judged(home, LONG + SLOT, min_trades=60)
    assert before["state"] == "UNPROVEN"
    assert after["state"] == "PROVEN"
    assert 0 < after["bound"] < 0.4
    assert (after["trades"], after["bets"]) == (60, 60)
    assert [row["state"] for row in told(home)] == ["UNPROVEN", "PROVEN"]


def test_a_verdict_is_of_its_time(home):
    """What closed after an instant was not known then, be it judged later; no verdict before."""
    trips(home, 6)
    middle = NOON + 7 * DAY
    early = judged(home, middle, min_trades=1)
    late = judged(home, LONG, min_trades=1)
    assert (early["trades"], late["trades"]) == (3, 6)
    with home.store() as store, store.reading() as look:
        settings = desk_of(home, store).settings
        assert proving.standing(look, settings, middle)["rvr_roc_hype"] == early
        assert proving.standing(look, settings, middle - SLOT) == {}


def test_more_trades_of_the_same_verdict_are_kept_but_not_journaled(home):
    """The row of the day has the numbers; the journal has changes of the verdict only."""
    trips(home, 3)
    judged(home, NOON + 7 * DAY)
    trips(home, 3, first=4)
    assert judged(home)["trades"] == 6
    assert len(told(home)) == 1


def test_an_open_position_of_the_bet_holds_it_back(home):
    """Two markets of one theme open at once are one bet, and it is not over."""
    trips(home, 2, days=0.001)  # the second is bought before the first is sold
    with home.store() as store, store.transaction() as tx:
        tx.execute("UPDATE positions SET body = json_set(body, '$.themes', json_array('name:x'))")
    assert judged(home)["bets"] == 1
    made = home.decide(9, at=NOON + SLOT)
    home.trade(made, "0.40", at=NOON + SLOT)
    with home.store() as store, store.transaction() as tx:
        tx.execute("UPDATE positions SET body = json_set(body, '$.themes', json_array('name:x'))")
    assert judged(home, LONG + SLOT)["bets"] == 0


def test_a_proof_that_fails_takes_it_back(home):
    """The newest row counts: a drill that failed is no proof, and the journal says so."""
    for kind, body in WORDS:
        word(home, kind, body)
    judged(home)
    word(home, "drill", {"passed": False}, at=NOON + DAY)
    assert "kill drill is not proved" in judged(home, LONG + SLOT)["sentence"]
    assert [row["conditions"]["kill drill"] for row in told(home)] == [True, False]


def test_net_and_cost_are_those_of_the_track_record(home):
    """Position by position what `journal stats` says; what a person traded is no strategy's."""
    trips(home, 5)
    with home.store() as store, store.reading() as look:
        (mine,) = proofs.traded(look, as_of=LONG).values()
        theirs = track_record.closed_trades(look)
    assert [(one.net, one.paid) for one in mine] == [
        (pytest.approx(one.net), pytest.approx(one.paid)) for one in theirs
    ]
    with home.store() as store, store.transaction() as tx:
        tx.execute("UPDATE positions SET by = 'person'")
    with home.store() as store, store.reading() as look:
        assert proofs.traded(look, as_of=LONG) == {}


def test_off_is_off(home):
    """`gates.paper: off` judges nothing and says nothing."""
    assert judged(home, paper="off") is None
    assert told(home) == []


def test_only_live_is_anything_forbidden():
    """In paper an unproven strategy trades; live it does not, nor one never judged."""
    proof = {"state": "UNPROVEN", "sentence": "UNPROVEN: 0 of 100 closed trades"}
    assert proving.forbids("paper", proof) == proving.forbids("paper", None) == ""
    assert proving.forbids("live", proof) == proof["sentence"]
    assert proving.forbids("live", None) == "UNPROVEN"
    assert proving.forbids("live", {"state": "PROVEN", "sentence": ""}) == ""


def test_the_live_cycle_judges_its_strategies(tmp_path):
    """One row in the journal for the strategy, on the first slot; it still trades in paper."""
    stage = Stage(tmp_path / "home", lambda _n, _turn: "0.50", 2)
    for turn in range(3):
        stage.at(turn)
        run_cycle(stage, stage.plan(), progress=quiet)
    with stage.open_store() as store, store.reading() as look:
        rows = journal.rows(look, kind="gate")
        orders = decided.decisions(look, slot=START, limit=10)
        standing = proving.standing(look, stage.settings, from_epoch(START) + timedelta(hours=1))
        texts = [one.notice.text for one in outbox.rows(look) if one.notice.kind == "signal"]
    assert [(row.subject, row.body["state"]) for row in rows] == [("eager", "UNPROVEN")]
    assert any(one.action.value == "BUY" for one in orders)
    assert standing["eager"]["trades"] == 0
    assert {one.facts["proof"]["said"] for one in orders} == {SAID}
    assert texts
    assert all(f"UTC. {SAID}." in text for text in texts)
