"""Processes that send orders as fast as they can, through the guard, to a broker that counts."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import stopping

from trading_cli.app.stop import Place, standing_of, trip
from trading_cli.domain import Order, OrderState, Purpose
from trading_cli.store import Store
from trading_cli.trading.brokers import GuardedBroker, Outcome
from trading_cli.trading.killswitch import forbids

AFTER = 40  # so many refusals, and it ends
LONGEST_S = 20.0


@dataclass
class Counting:
    """A broker that only writes down what reached it, and when."""

    name = "counting"
    sent: list[tuple[float, Purpose]] = field(default_factory=list)

    def submit(self, order: Order) -> Outcome:
        """Count."""
        self.sent.append((time.time(), order.purpose))
        return Outcome(order.id, OrderState.CANCELLED)

    cancel = find = submit

    def open_orders(self) -> tuple[str, ...]:
        """Return none."""
        return ()


def submit(place: Place, seed: int) -> list[tuple[float, float, str]]:
    """Send until entries were refused for a while: (asked, sent, purpose) of what reached it."""
    dice, counting, asked = random.Random(seed), Counting(), 0.0  # noqa: S311  # no secret
    orders = [stopping.order("a", Purpose.ENTRY), stopping.order("b", Purpose.EXIT)]
    found, refused, until = [], 0, time.monotonic() + LONGEST_S
    with Store.reader(place.database) as store:

        def permitted(order: Order) -> str:
            with store.reading() as look:
                standing = standing_of(look, place.folder)
            return forbids(standing, order.purpose, order.reason)

        guard = GuardedBroker(counting, permitted)
        while refused < AFTER and time.monotonic() < until:
            order = dice.choice(orders)
            before = len(counting.sent)
            asked = time.time()
            guard.submit(order)
            if len(counting.sent) > before:
                found.append((asked, counting.sent[-1][0], order.purpose.value))
            elif order.purpose is Purpose.ENTRY:
                refused += 1
    return found


def serve(pipe: Connection) -> None:
    """Do what comes through *pipe* until None comes: one of the processes."""
    while (work := pipe.recv()) is not None:
        kind, home, number = work
        place = Place(Path(home), Path(home) / "data" / "trading.db")
        if kind == "submit":
            pipe.send(submit(place, number))
            continue
        level, pause = number
        time.sleep(pause)
        done = trip(place, level=level, reason="x", actor="person", now=stopping.NOW)
        pipe.send((done.latched, done.at, done.seconds))


@contextmanager
def processes(count: int) -> Iterator[list[Connection]]:
    """Yield the pipes of *count* processes; they end with the block."""
    context = get_context("spawn")
    pipes, running = [], []
    for _ in range(count):
        ours, theirs = context.Pipe()
        one = context.Process(target=serve, args=(theirs,), daemon=True)
        one.start()
        theirs.close()
        pipes.append(ours)
        running.append(one)
    try:
        yield pipes
    finally:
        for pipe in pipes:
            pipe.send(None)
        for one in running:
            one.join(10)
            one.kill()
