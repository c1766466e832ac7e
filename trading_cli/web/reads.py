"""The answers of the commands, at their addresses: the same functions, the same data."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from trading_cli.core.errors import UsageError
from trading_cli.core.times import instant, span
from trading_cli.web import asked
from trading_cli.web.here import here_of
from trading_cli.web.openapi import documented
from trading_cli.web.paging import Kind, cursor_of, place_of
from trading_cli.web.replies import answer, linked

router = APIRouter(prefix="/api/v1")
_OLDEST = timedelta(days=31)
_TEXTS = {asked.Sort.DEADLINE, asked.Sort.QUESTION}


@router.get("/status", **documented("status", "Where things stand."))
def status(request: Request) -> Response:
    """Return what `trading status` answers."""
    from trading_cli.app import overview

    here = here_of(request)
    return answer(request, "status", overview.status(here.config, here.env, clock=here.clock))


@router.get("/kill", **documented("kill.status", "How the kill switch stands."))
def kill(request: Request) -> Response:
    """Return what `trading kill status` answers."""
    from trading_cli.app import release

    here = here_of(request)
    return answer(request, "kill.status", release.status(here.config, here.env))


@router.get("/markets", **documented("markets", "The open markets, page by page.", pages=True))
def markets(
    request: Request,
    q: Annotated[
        str, Query(max_length=200, description="Only questions that contain this text.")
    ] = "",
    sort: Annotated[asked.Sort, Query(description="What to sort by.")] = asked.Sort.VOLUME,
    category: asked.Word = None,
    limit: asked.Limit = 50,
    after: asked.After = None,
) -> Response:
    """Return what `trading markets` answers."""
    from trading_cli.app import overview

    here = here_of(request)
    value: Kind = str if sort in _TEXTS else int if sort is asked.Sort.AGE else float
    told = overview.markets(
        here.config, search=q, sort=sort.value, limit=limit, category=category,
        after=_rank(place_of(f"markets.{sort}", after, ((value, type(None)), (str,)))),
        clock=here.clock,
    )  # fmt: skip
    following = told.pop("next")
    reply = answer(request, "markets", told | {"total": told.get("total", 0)})
    if following is None:
        return reply
    absent, known, name = following
    return linked(reply, request, cursor_of(f"markets.{sort}", (None if absent else known, name)))


def _rank(place: tuple[Any, ...] | None) -> tuple[bool, Any, str] | None:
    """Return a place in the list as its order has it: what is absent comes last."""
    if place is None:
        return None
    value, name = place
    return (True, 0, name) if value is None else (False, value, name)


@router.get("/signals", **documented("signal", "The decisions of the newest slot."))
def signals(request: Request) -> Response:
    """Return what `trading signal` answers once the slot is decided; nothing is decided here."""
    from trading_cli.app.asked import rows

    here = here_of(request)
    return answer(request, "signal", rows.signals(here.config, clock=here.clock))


@router.get(
    "/signals/{symbol}",
    **documented("signal", "The decisions of the newest slot on one market.", errors=(404,)),
)
def signal(request: Request, symbol: asked.Market) -> Response:
    """Return what `trading signal --market ID` answers once the slot is decided."""
    from trading_cli.app.asked import rows

    here = here_of(request)
    return answer(request, "signal", rows.signals(here.config, market=symbol, clock=here.clock))


@router.get("/decisions/{name}", **documented("explain", "Why, and why not.", errors=(404,)))
def explain(request: Request, name: asked.Name) -> Response:
    """Return what `trading explain ID` answers."""
    from trading_cli.app import explain as explaining

    here = here_of(request)
    return answer(request, "explain", explaining.explain(here.config, name, clock=here.clock))


@router.get("/positions", **documented("positions", "What is held, at what it would bring now."))
def positions(request: Request) -> Response:
    """Return what `trading positions` answers."""
    from trading_cli.app import positions as holding

    here = here_of(request)
    return answer(request, "positions", holding.positions(here.config, clock=here.clock))


@router.get("/journal", **documented("journal.list", "The journal, page by page.", pages=True))
def journal(
    request: Request,
    kind: asked.Filter = None,
    subject: asked.Filter = None,
    since: asked.Since = "30d",
    limit: asked.Limit = 30,
    after: asked.After = None,
) -> Response:
    """Return what `trading journal list` answers."""
    from trading_cli.app import journal as diary

    here = here_of(request)
    begin = instant(since, here.clock.now())
    (before,) = place_of("journal", after, ((int,),)) or (None,)
    told = diary.entries(
        here.config, kind=kind, subject=subject, since=begin, limit=limit + 1, before=before
    )
    found = told["entries"]
    told["entries"] = found[:limit]
    more = cursor_of("journal", (found[limit - 1]["seq"],)) if len(found) > limit else None
    return linked(answer(request, "journal.list", told), request, more)


@router.get(
    "/journal/{name}",
    **documented("journal.show", "All that is written about an id.", errors=(404,)),
)
def journal_of(request: Request, name: asked.Name) -> Response:
    """Return what `trading journal show ID` answers."""
    from trading_cli.app import journal as diary

    if name.isdecimal() and int(name) > asked.LARGEST:
        raise UsageError(f"there is no row {name}.", hint="trading journal list")
    return answer(request, "journal.show", diary.about(here_of(request).config, name))


@router.get("/performance", **documented("journal.stats", "The closed trades, counted."))
def performance(
    request: Request, by: Annotated[asked.Cut | None, Query(description="One cut alone.")] = None
) -> Response:
    """Return what `trading journal stats` answers."""
    from trading_cli.app import track_record

    here = here_of(request)
    cut = None if by is None else by.value
    return answer(
        request, "journal.stats", track_record.stats(here.config, by=cut, clock=here.clock)
    )


@router.get("/risk", **documented("portfolio.exposure", "What could be lost; limits in use."))
def risk(request: Request) -> Response:
    """Return what `trading portfolio exposure` answers."""
    from trading_cli.app import portfolio

    here = here_of(request)
    return answer(request, "portfolio.exposure", portfolio.exposure(here.config, clock=here.clock))


@router.get("/quality", **documented("quality-check", "Whether the data is fit, and why not."))
def quality(request: Request, since: asked.Since = "24h") -> Response:
    """Return what `trading quality-check` answers; a closed gate is an answer."""
    from trading_cli.app import quality as checking

    here = here_of(request)
    now = here.clock.now()
    begin, _ = span(since, "now", now)
    if now - begin > _OLDEST:
        raise UsageError("more than 31 days are for the command.", hint="trading quality-check")
    return answer(
        request, "quality-check", checking.check(here.config, since=begin, clock=here.clock)
    )


@router.get("/health", **documented("health", "How every part of this machine is."))
def health(request: Request) -> Response:
    """Return what `trading health` answers."""
    from trading_cli.app import health as examined

    here = here_of(request)
    parts = examined.health(here.config, env=here.env, clock=here.clock)
    return answer(request, "health", {"parts": parts, "metrics": None})
