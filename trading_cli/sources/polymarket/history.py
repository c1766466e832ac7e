"""The venue's own series of midpoints, in windows that can be resumed.

A point is a mid, not a trade: nobody could deal at it. Replies carry an extra point stamped
"now", uneven steps and repeated timestamps; what lies outside the window is dropped, the rest is
sorted and kept once. Two routes serve the series; ``route`` picks one and nothing else changes:

clob      ``/prices-history`` of the CLOB
data_v2   ``/v2/prices-history`` of the Data API, its announced successor
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from trading_cli.core.errors import SourceDown, SourceError, SourceGarbled
from trading_cli.core.http_client import HttpClient
from trading_cli.domain import Coverage, Point, Record, Refusal, Wanted, from_epoch
from trading_cli.sources.polymarket import DATA, PRICES_HISTORY, wire
from trading_cli.sources.polymarket.fanout import Part, failure, spread
from trading_cli.sources.polymarket.wire import Bad, RefusalReason

SOURCE = "polymarket.history"
MAX_WINDOW_DAYS = 15
MAX_PAGES = 100


@dataclass(frozen=True, slots=True)
class Window:
    """A span of one token's series: [since, until), at most 15 days."""

    token: str
    since: datetime
    until: datetime


def plan_windows(
    since: datetime, until: datetime, max_days: int = MAX_WINDOW_DAYS
) -> list[tuple[datetime, datetime]]:
    """Return half-open windows of at most *max_days* that cover [since, until), oldest first."""
    if not 1 <= max_days <= MAX_WINDOW_DAYS:
        raise ValueError(f"the venue gives windows of 1 to {MAX_WINDOW_DAYS} days, not {max_days}")
    step = timedelta(days=max_days)
    windows = []
    while since < until:
        end = min(since + step, until)
        windows.append((since, end))
        since = end
    return windows


class History:
    """Mids of the YES token of each of ``wanted.markets`` in [since, until).

    Each finished window ends with a ``Coverage`` (subject: the token) that a later run can skip.
    """

    name = SOURCE

    def __init__(
        self,
        http: HttpClient,
        workers: int = 16,
        *,
        route: Literal["clob", "data_v2"] = "clob",
        step_minutes: int = 10,
        max_days: int = MAX_WINDOW_DAYS,
    ) -> None:
        self._workers = workers
        self._max_days = max_days
        routes: Mapping[str, Callable[[HttpClient, int], _Route]] = {
            "clob": _Clob,
            "data_v2": _DataV2,
        }
        self._route = routes[route](http, step_minutes)

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield points as they arrive; raise ``SourceError`` when nothing can be reached."""
        spans = plan_windows(wanted.since, wanted.until, self._max_days)
        windows = [
            Window(market.yes_token, since, until)
            for market in wanted.markets
            for since, until in spans
        ]
        yield from self.windows(windows, deadline=wanted.deadline)

    def windows(
        self, windows: Sequence[Window], *, deadline: float | None = None
    ) -> Iterator[Record]:
        """Yield points and a ``Coverage`` of each of *windows*: what is left of an earlier plan."""

        def work(window: Window) -> Part:
            try:
                raws, at = wire.twice(lambda: self._route.rows(window, deadline))
            except SourceError as error:
                down = isinstance(error, SourceDown)
                failed = failure(SOURCE, window.token, error, window.until)
                return Part([failed], not down, error)
            records: list[Record] = list(parse_points(raws, window, at))
            count = sum(isinstance(record, Point) for record in records)
            seen = Coverage(SOURCE, window.token, window.since, window.until, at, items=count)
            return Part([*records, seen], answered=True)

        yield from spread(self._workers, work, windows)


def parse_points(
    raws: Sequence[object], window: Window, observed_at: datetime
) -> Iterator[Point | Refusal]:
    """Yield the points of ``{"t": s, "p": price}`` rows that lie in *window*: sorted, each once.

    Of two points at one time the first is kept; the other is dropped if equal, else refused.
    """
    kept: dict[datetime, float] = {}
    for raw in raws:
        try:
            at, price = _point(raw)
        except Bad as bad:
            yield wire.refusal(SOURCE, "point", window.token, bad, observed_at, raw)
            continue
        if not window.since <= at < window.until:
            continue
        first = kept.setdefault(at, price)
        if first != price:
            clash = Bad(RefusalReason.CONFLICT, f"{at.isoformat()} has {first} and {price}")
            yield wire.refusal(SOURCE, "point", window.token, clash, observed_at, raw)
    for at in sorted(kept):
        yield Point(window.token, kept[at], at, observed_at)


def _point(raw: object) -> tuple[datetime, float]:
    fields = wire.row(raw)
    at = wire.instant(fields.get("t"), "t")
    price = wire.probability(fields, "p")
    if price is None:
        raise Bad(RefusalReason.BAD_PRICE, "p is absent")
    return at, price


class _Route(Protocol):
    """One way to ask for a series; rows come back as ``{"t", "p"}`` whatever the wire says."""

    def rows(self, window: Window, deadline: float | None) -> tuple[Sequence[object], datetime]:
        """Return the rows of *window* and when they were complete."""
        ...


class _Clob:
    """``GET /prices-history`` of the CLOB."""

    def __init__(self, http: HttpClient, step_minutes: int) -> None:
        self._http = http
        self._step = step_minutes

    def rows(self, window: Window, deadline: float | None) -> tuple[Sequence[object], datetime]:
        """Return the rows of *window* and when they were complete."""
        params = [
            ("market", window.token),
            ("startTs", str(int(window.since.timestamp()))),
            ("endTs", str(int(window.until.timestamp()))),
            ("fidelity", str(self._step)),
        ]
        reply = self._http.get(
            "/prices-history", params, endpoint=PRICES_HISTORY, deadline=deadline
        )
        body = reply.json()
        if not isinstance(body, dict) or not isinstance(body.get("history"), list):
            raise SourceGarbled(SOURCE, "a reply without a list called history")
        return body["history"], reply.observed_at


class _DataV2:
    """``GET /v2/prices-history`` of the Data API."""

    def __init__(self, http: HttpClient, step_minutes: int) -> None:
        self._http = http
        self._step = step_minutes

    def rows(self, window: Window, deadline: float | None) -> tuple[Sequence[object], datetime]:
        """Return the rows of *window* and when they were complete."""
        found: list[object] = []
        cursors: set[str] = set()
        cursor, at = "", from_epoch(0)
        for _ in range(MAX_PAGES):
            body, at = self._page(window, cursor, deadline)
            found += [_renamed(raw) for raw in body["data"] if not _is_settlement(raw)]
            pagination = body.get("pagination")
            following = pagination.get("next_cursor") if isinstance(pagination, dict) else None
            if not following:
                return found, at
            if not isinstance(following, str) or following in cursors:
                raise SourceGarbled(SOURCE, "the series leads back to a page we had")
            cursors.add(following)
            cursor = following
        raise SourceGarbled(SOURCE, f"more than {MAX_PAGES} pages")

    def _page(
        self, window: Window, cursor: str, deadline: float | None
    ) -> tuple[dict[str, list[object]], datetime]:
        params = [
            ("token_id", window.token),
            ("start", str(int(window.since.timestamp()))),
            ("end", str(int(window.until.timestamp()))),
            ("bucket_seconds", str(self._step * 60)),
            ("limit", "10000"),
        ]
        if cursor:
            params.append(("cursor", cursor))
        reply = self._http.get("/v2/prices-history", params, endpoint=DATA, deadline=deadline)
        body = reply.json()
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            raise SourceGarbled(SOURCE, "a reply without a list called data")
        return body, reply.observed_at


def _renamed(raw: object) -> object:
    """Return a successor's row under the names of the older route."""
    if not isinstance(raw, dict):
        return raw
    return {"t": raw.get("timestamp"), "p": raw.get("price")}


def _is_settlement(raw: object) -> bool:
    """Return whether a row is the settlement, which is no mid."""
    return isinstance(raw, dict) and raw.get("resolution_seconds") == 0
