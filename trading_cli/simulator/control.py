"""The control routes: the world's clock, the faults, the ledger, the truth and the totals."""

import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trading_cli.simulator.backend import Backend
from trading_cli.simulator.faults import Menu
from trading_cli.simulator.ledger import Ledger
from trading_cli.simulator.shelf import Shelves
from trading_cli.simulator.wire import problem, reply


class WorldClock:
    """The world's only clock: the system's until it is set; once set it stands still."""

    def __init__(self, now: float | None = None) -> None:
        self._now = now

    def now(self) -> float:
        """Return the world's time in epoch seconds."""
        return time.time() if self._now is None else self._now

    def set(self, now: float | None) -> None:
        """Make *now* the world's time; ``None`` gives it back to the system."""
        self._now = now

    def advance(self, seconds: float) -> None:
        """Move on by *seconds* from where the world stands."""
        self._now = self.now() + seconds


class Control:
    """What a test or a script may do that no client of the venue can."""

    def __init__(self, backend: Backend, clock: WorldClock, ledger: Ledger, menu: Menu) -> None:
        self._backend = backend
        self._clock = clock
        self._ledger = ledger
        self._menu = menu
        self._shelves = Shelves(backend, lag_s=0, keep=2)

    def routes(self) -> list[Route]:
        """Return the control routes, without the prefix."""
        return [
            Route("/clock", self.clock, methods=["GET", "POST"]),
            Route("/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/ledger", self.ledger, methods=["GET", "POST", "DELETE"]),
            Route("/truth", self.truth),
            Route("/stats", self.stats),
            Route("/book_times", self.book_times),
        ]

    async def clock(self, request: Request) -> Response:
        """Show the clock, or set it: {"now": epoch | null} or {"advance": seconds}."""
        if request.method == "POST":
            asked = await _object(request)
            for name, move in (("now", self._clock.set), ("advance", self._clock.advance)):
                if name in asked:
                    move(_seconds(asked[name], absent=name == "now"))  # type: ignore[arg-type]
        return reply({"now": self._clock.now()})

    async def faults(self, request: Request) -> Response:
        """Show the rules, replace them by a list, or drop them."""
        if request.method == "DELETE":
            self._menu.replace([])
        elif request.method == "POST":
            try:
                self._menu.replace(json.loads(await request.body()))
            except (ValueError, TypeError) as error:
                raise problem(422, f"faults: {error}") from None
        return reply(self._menu.report())

    async def ledger(self, request: Request) -> Response:
        """Show what was counted; POST or DELETE forgets it."""
        if request.method != "GET":
            self._ledger.reset()
        return reply(self._ledger.report())

    async def truth(self, _request: Request) -> Response:
        """Show what was planted."""
        return reply(self._backend.truth())

    async def stats(self, _request: Request) -> Response:
        """Show totals as they stand now, for adding up."""
        now = self._clock.now()
        shelf = self._shelves.at(now)
        closed = sum(bool(market.get("closed")) for market in shelf.markets)
        tokens = list(shelf.by_token)
        return reply(
            {
                "now": now,
                "seed": self._backend.seed,
                "markets": len(shelf.markets),
                "open": len(shelf.markets) - closed,
                "closed": closed,
                "events": len(shelf.events),
                "tokens": len(tokens),
                "books": sum(self._backend.book(token, now) is not None for token in tokens),
                "trades": len(self._backend.trades(list(shelf.by_condition), 0.0, now + 1, now)),
                **getattr(self._backend, "counts", dict)(),
            }
        )

    async def book_times(self, _request: Request) -> Response:
        """Show the instants at which a recorded book changes; [] for an invented world."""
        return reply(getattr(self._backend, "book_times", list)())


async def _object(request: Request) -> dict[str, Any]:
    """Return the request's JSON object; 422 otherwise."""
    try:
        asked = json.loads(await request.body())
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or not asked.keys() & {"now", "advance"}:
        raise problem(422, 'send {"now": epoch seconds} or {"advance": seconds}')
    return asked


def _seconds(value: Any, *, absent: bool) -> float | None:
    """Return *value* as seconds; ``None`` only where that is allowed."""
    if value is None and absent:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise problem(422, "seconds must be a number")
    return float(value)
