"""Known markets by condition id, whether open or closed.

The venue hides closed markets unless asked for them, so each batch of ids is asked for twice.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from trading_cli.core.errors import SourceError, SourceGarbled
from trading_cli.core.http_client import HttpClient
from trading_cli.domain import Failure, Market, Record
from trading_cli.sources.polymarket import MARKETS, gamma, wire
from trading_cli.sources.polymarket.fanout import Allowance, Part, failure, isolate, spread

PER_REQUEST = 50
MAX_PAGES = 10


def look_up(
    http: HttpClient,
    ids: Sequence[str],
    now: datetime,
    *,
    workers: int = 16,
    deadline: float | None = None,
) -> Iterator[Record]:
    """Yield a ``Market`` for each condition id, a ``Refusal`` or a ``Failure`` where there is none.

    *now* stamps the failures. Raises ``SourceError`` when nothing can be reached.
    """

    def failed(one: str, error: SourceError) -> Failure:
        return failure(gamma.SOURCE, one, error, now)

    def ask(some: Sequence[str]) -> Part:
        return wire.twice(lambda: _both(http, some, now, deadline))

    def work(some: Sequence[str]) -> Part:
        return isolate(some, ask, failed, Allowance(20))

    unique = list(dict.fromkeys(ids))
    batches = [unique[at : at + PER_REQUEST] for at in range(0, len(unique), PER_REQUEST)]
    yield from spread(workers, work, batches)


def _both(http: HttpClient, ids: Sequence[str], now: datetime, deadline: float | None) -> Part:
    """Ask for *ids* among the open and the closed; what is in neither is a ``Failure``."""
    part = Part(answered=True)
    missing = dict.fromkeys(ids)
    for closed in ("false", "true"):
        for record in _asked(http, list(missing), closed, deadline):
            if isinstance(record, Market):
                if record.condition_id not in missing:
                    continue
                del missing[record.condition_id]
            elif record.subject.lower() in missing:
                del missing[record.subject.lower()]
            part.records.append(record)
        if not missing:
            break
    part.records += [
        Failure(gamma.SOURCE, one, "not_listed", "neither among the open nor the closed", now)
        for one in missing
    ]
    return part


def _asked(
    http: HttpClient, ids: Sequence[str], closed: str, deadline: float | None
) -> list[gamma.Parsed]:
    fixed = [("limit", "100"), ("include_tag", "true"), ("closed", closed)]
    fixed += [("condition_ids", one) for one in ids]
    found: list[gamma.Parsed] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        params = fixed if cursor is None else [*fixed, ("after_cursor", cursor)]
        reply = http.get("/markets/keyset", params, endpoint=MARKETS, deadline=deadline)
        page = gamma.parse_page(reply.json())
        found += [gamma.parse_market(raw, reply.observed_at) for raw in page.items]
        if page.cursor is None or page.cursor == cursor:
            return found
        cursor = page.cursor
    raise SourceGarbled(gamma.SOURCE, f"more than {MAX_PAGES} pages for {len(ids)} markets")
