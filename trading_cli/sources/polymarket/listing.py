"""Every market worth a look, by keyset pages with tags.

Pages are asked one after the other: each needs the cursor of the one before. The order is by id,
which does not move while we page.
"""

from collections.abc import Iterator
from datetime import datetime

from trading_cli.core.errors import SourceError, SourceGarbled
from trading_cli.core.http_client import HttpClient
from trading_cli.domain import Coverage, Failure, Market, Record, Wanted
from trading_cli.sources.polymarket import MARKETS, gamma, wire
from trading_cli.sources.polymarket.look_up import look_up

MAX_PAGES = 10_000


class Listing:
    """Open markets above a volume and a liquidity; all there ever were with ``everything``.

    With ``wanted.markets`` those alone, open or closed. A listing that ends before its last page
    says so: its ``Coverage`` (subject ``open`` or ``closed``) is not complete.
    """

    name = gamma.SOURCE

    def __init__(
        self,
        http: HttpClient,
        workers: int = 16,
        *,
        min_volume: float = 5000,
        min_liquidity: float = 10_000,
        max_pages: int = MAX_PAGES,
    ) -> None:
        self._http = http
        self._workers = workers
        self._worth = [
            ("volume_num_min", f"{min_volume:g}"),
            ("liquidity_num_min", f"{min_liquidity:g}"),
        ]
        self._max_pages = max_pages

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield each market once; raise ``SourceError`` when the first page cannot be had."""
        if wanted.markets:
            ids = [market.condition_id for market in wanted.markets]
            yield from look_up(
                self._http, ids, wanted.until, workers=self._workers, deadline=wanted.deadline
            )
        elif wanted.everything:
            yield from self._pages(wanted, "open", [("closed", "false")])
            yield from self._pages(wanted, "closed", [("closed", "true")])
        else:
            yield from self._pages(wanted, "open", [("closed", "false"), *self._worth])

    def _pages(self, wanted: Wanted, subject: str, only: list[tuple[str, str]]) -> Iterator[Record]:
        seen: set[str] = set()
        cursors: set[str] = set()
        cursor: str | None = None
        at = wanted.until
        for number in range(self._max_pages):
            try:
                page, at = wire.twice(lambda: self._page(only, cursor, wanted.deadline))  # noqa: B023  # called at once
            except SourceError as error:
                if number == 0:
                    raise
                yield from _cut(wanted, subject, error, at, len(seen))
                return
            yield from _fresh(page, seen, at)
            if page.cursor is None:
                yield _coverage(wanted, subject, at, len(seen), complete=True)
                return
            if page.cursor in cursors:
                loop = SourceGarbled(self.name, "the listing leads back to a page we had")
                yield from _cut(wanted, subject, loop, at, len(seen))
                return
            cursor = page.cursor
            cursors.add(cursor)
        full = SourceGarbled(self.name, f"more than {self._max_pages} pages")
        yield from _cut(wanted, subject, full, at, len(seen))

    def _page(
        self, only: list[tuple[str, str]], cursor: str | None, deadline: float | None
    ) -> tuple[gamma.Page, datetime]:
        params = [("limit", "100"), ("include_tag", "true"), ("order", "id"), *only]
        if cursor is not None:
            params.append(("after_cursor", cursor))
        reply = self._http.get("/markets/keyset", params, endpoint=MARKETS, deadline=deadline)
        return gamma.parse_page(reply.json()), reply.observed_at


def _fresh(page: gamma.Page, seen: set[str], at: datetime) -> Iterator[Record]:
    """Yield what the page holds and no earlier page held."""
    for raw in page.items:
        record = gamma.parse_market(raw, at)
        key = record.id if isinstance(record, Market) else wire.dump(raw)
        if key not in seen:
            seen.add(key)
            yield record


def _cut(
    wanted: Wanted, subject: str, error: SourceError, at: datetime, items: int
) -> Iterator[Record]:
    """Yield what says that the listing ended too early."""
    yield Failure(gamma.SOURCE, subject, error.code, error.detail[:500], at)
    yield _coverage(wanted, subject, at, items, complete=False)


def _coverage(
    wanted: Wanted, subject: str, at: datetime, items: int, *, complete: bool
) -> Coverage:
    return Coverage(gamma.SOURCE, subject, wanted.since, wanted.until, at, complete, items)
