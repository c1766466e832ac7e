"""Eight processes race intents against the caps on one file: no cap is passed, nothing is doubled.

Each reads the ledger after every commit of its own; between them they see every state.
"""

import multiprocessing
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dealing import CENT, LOOSE, NOON, Stage, market  # beside this
from venue import FEE

from trading_cli.app import execution
from trading_cli.app.desk import Desk, open_account
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import (
    Action,
    Decision,
    Intent,
    Market,
    Order,
    Position,
    Purpose,
    Reason,
    Side,
    Token,
    from_epoch,
)
from trading_cli.store import Transaction, balances, deals, holdings
from trading_cli.trading.account import Stake

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
PROCESSES, MARKETS = 8, 40
TAGS = ("politics", "crypto", "sports", "music")
WORDS = ("storm", "harvest", "comet")
PRICE = Decimal("0.52")
CAPITAL = Decimal(10_000)
AT_ONCE = 14
SETTINGS = {
    "risk": {**LOOSE, "open_positions": AT_ONCE, "themes": {word: [word] for word in WORDS}},
    "signals": {"strategies": ["eager.py:Eager"], "already_in_hours": 0},
}


def labelled(number: int) -> Market:
    """Return market *number* with a tag and a theme that it shares with others."""
    words = f"Will the {WORDS[number % 3]} number {number} come?"
    return replace(market(number), tags=(TAGS[number % 4],), question=words)


def stakes_of(look: Transaction, desk: Desk) -> list[Stake]:
    """Return what is at stake by the ledger: the cost of what is held, and what is reserved."""
    held = [
        (p.market_id, p.event_id, p.token, p.shares, p.cost, p.id) for p in holdings.positions(look)
    ]
    held += [
        (o.market_id, o.event_id, o.token, o.shares, o.reserved, o.id)
        for o in deals.open_orders(look)
        if o.purpose is Purpose.ENTRY
    ]
    return [
        Stake(name, event, token, shares, cost, desk.labels(labelled(int(name[1:]))), kind)
        for name, event, token, shares, cost, kind in held
    ]


def caps(stakes: Iterable[Stake], limits: Any) -> Iterable[tuple[str, Decimal, Decimal]]:
    """Yield (what, at stake, the most it may be) of every cap, in USD.

    The base of a cap is never above the capital, so nothing may pass the cap of that.
    """
    held = list(stakes)
    groups: dict[tuple[str, Decimal], Decimal] = defaultdict(Decimal)
    sectors: Mapping[str, Decimal] = {
        "crypto": limits.sector_crypto, "politics": limits.sector_politics,
        "sports": limits.sector_sports,
    }  # fmt: skip
    for stake in held:
        labels = stake.labels
        sector = sectors.get(labels.sector, limits.sector_other) * limits.exposure
        own = labels.sector if labels.sector in sectors else "other"
        groups["everything", limits.exposure] += stake.cost
        groups[f"market {stake.market_id}", limits.position] += stake.cost
        groups[f"event {stake.event_id}", limits.event_group] += stake.cost
        groups[f"category {labels.category}", limits.category] += stake.cost
        groups[f"sector {own}", sector] += stake.cost
        for theme in labels.themes:
            groups[f"theme {theme}", limits.position] += stake.cost
    for (what, share), used in groups.items():
        yield what, used, share * CAPITAL


def wrong(look: Transaction, desk: Desk) -> list[str]:
    """Return every cap that is passed now, and any money or share there is less than none of."""
    stakes = stakes_of(look, desk)
    found = [
        f"{what}: {used} of {most}"
        for what, used, most in caps(stakes, desk.settings.risk)
        if used > most
    ]
    held = balances.balances(look)
    if sum(held.values()):
        found.append(f"the ledger sums to {sum(held.values())}")
    free = held["cash"] - sum(order.reserved for order in deals.open_orders(look))
    if free < 0:
        found.append(f"only {free} of {held['cash']} USD are free")
    if len(stakes) > AT_ONCE:
        found.append(f"{len(stakes)} stakes")
    events = Counter(stake.event_id for stake in stakes)
    found += [f"{name} was entered {many} times" for name, many in events.items() if many > 1]
    free_shares = [p for p in holdings.positions(look) if p.shares <= 0]
    return [*found, *(f"{one.id} holds {one.shares}" for one in free_shares)]


def wish(desk: Desk, number: int, held: Position | None, shares: Decimal, name: int) -> Any:
    """Return the intent to buy so many of a market, or to sell all that is *held* of it."""
    one = labelled(number)
    purpose, side = (Purpose.EXIT, Side.SELL) if held else (Purpose.ENTRY, Side.BUY)
    size, limit = (held.shares, PRICE - 3 * CENT) if held else (shares, PRICE)
    why = Reason.STOP if held else Reason.SIGNAL
    decision = Decision(
        f"d{name}", desk.slot, desk.now(), one.id, one.event_id, "eager", purpose,
        Action.SELL if held else Action.BUY, why, Token.YES, size, limit, "", "f", "s", None, {},
    )  # fmt: skip
    labels = desk.labels(one)
    intent = Intent(
        decision.id, one.id, one.event_id, "eager", purpose, side, Token.YES, size, limit, why,
        FEE, CENT, Decimal(5), labels.category, labels.sector, labels.themes,
    )  # fmt: skip
    return execution.Asked(intent, decision, one, position=held, number=name)


def race(stage: Stage, own: int, intents: int, gate: Any, ends: Any) -> None:
    """In a child: deal so often, two ways, and look at the ledger after each commit."""
    dice = random.Random(own)  # noqa: S311  # repeatable, not secret
    stage.clock = FrozenClock(from_epoch(NOON))
    found: list[str] = []
    sent = 0
    try:
        with stage.open_store() as store:
            desk = Desk(stage, store, NOON)
            desk.know(labelled(n) for n in range(MARKETS))
            for n in range(MARKETS):
                desk.remember(labelled(n), stage.book(n))
            broker = execution.broker_of(desk)
            gate.wait()
            for turn in range(intents):
                with store.reading() as look:
                    positions = holdings.positions(look)
                held = dice.choice(positions) if positions and dice.random() < 0.35 else None
                number = int(held.market_id[1:]) if held else dice.randrange(MARKETS)
                shares = Decimal(dice.randrange(50, 2000))
                asked = wish(desk, number, held, shares, own * 10_000 + turn)
                order = execution.commit_intent(desk, broker, asked)
                with store.reading() as look:
                    found += wrong(look, desk)
                if order is None:
                    continue
                sent += 1
                execution.keep_outcome(desk, order, broker.submit(order), asked)
                with store.reading() as look:
                    found += wrong(look, desk)
    except BaseException as error:
        found.append(f"{type(error).__name__}: {error}")
        raise
    finally:
        ends.put((sent, found))


def behave(order: Order) -> str:
    """Return how the venue treats an order: by its id, so that it does not matter who asks."""
    return ("fills", "fills", "partial", "nothing", "rejects")[int(order.id[:4], 16) % 5]


def run(folder: Path, intents: int) -> tuple[Stage, int]:
    """Let all processes deal so often each; return the home and how many orders were sent."""
    stage = Stage(folder, lambda _n, _t: "0.50", MARKETS, SETTINGS, labelled)
    stage.exchange.behave = behave
    with stage.open_store() as store:
        open_account(Desk(stage, store, NOON))
    fork = multiprocessing.get_context("fork")
    gate, ends = fork.Barrier(PROCESSES), fork.Queue()
    children = [
        fork.Process(target=race, args=(stage, own, intents, gate, ends))
        for own in range(PROCESSES)
    ]
    for child in children:
        child.start()
    told = [ends.get(timeout=600) for _ in children]
    for child in children:
        child.join()
    assert [one for _, found in told for one in found] == []
    return stage, sum(sent for sent, _ in told)


def judged(stage: Stage, sent: int) -> None:
    """Both ledgers agree, every order was sent once, and the caps were really reached."""
    found = stage.judge(())
    assert found.clean, found
    with stage.open_store() as store, store.reading() as look:
        orders = deals.orders(look, limit=100_000)
        entries = balances.entries(look)
    assert len({one.id for one in orders}) == len(orders) == sent
    assert len({one.transfer for one in entries}) == len({one.reference for one in entries})
    assert {one.purpose for one in orders} == set(Purpose)
    with stage.open_store() as store, store.reading() as look:
        bound = {row[0] for row in look.execute("SELECT DISTINCT binding FROM decisions")}
    assert bound & {"position", "theme", "category", "sector", "exposure"}
    assert bound & {"open_positions", "already_in", "held"}


def test_eight_processes_race_two_hundred_intents(tmp_path):
    """No cap is passed after any commit, and each order is there once."""
    judged(*run(tmp_path, 25))


@pytest.mark.nightly
def test_eight_processes_race_a_thousand_intents(tmp_path):
    """The same, a thousand long."""
    judged(*run(tmp_path, 125))


def same(stage: Stage, gate: Any, ends: Any) -> None:
    """In a child: carry out the signal that all the others carry out, too."""
    stage.clock = FrozenClock(from_epoch(NOON))
    with stage.open_store() as store:
        desk = Desk(stage, store, NOON)
        desk.remember(labelled(1), stage.book(1))
        gate.wait()
        asked = wish(desk, 1, None, Decimal(50), 1)
        ends.put(execution.carry_out(desk, execution.broker_of(desk), asked) is not None)


def test_the_same_signal_ten_times_at_once_is_one_order(tmp_path):
    """Ten processes carry it out at the same instant: one order, one fill."""
    stage = Stage(tmp_path, lambda _n, _t: "0.50", MARKETS, SETTINGS, labelled)
    with stage.open_store() as store:
        open_account(Desk(stage, store, NOON))
    fork = multiprocessing.get_context("fork")
    gate, ends = fork.Barrier(10), fork.Queue()
    children = [fork.Process(target=same, args=(stage, gate, ends)) for _ in range(10)]
    for child in children:
        child.start()
    assert sum(ends.get(timeout=120) for _ in children) == 1
    for child in children:
        child.join()
    assert len(stage.exchange.deals()) == 1
    assert stage.judge(()).clean
