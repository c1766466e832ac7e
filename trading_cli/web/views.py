"""The rest of the reading: research and upkeep, and what a page alone asks."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from trading_cli.core.times import instant, span
from trading_cli.domain import Action, Reason
from trading_cli.web import asked
from trading_cli.web.here import here_of
from trading_cli.web.openapi import documented
from trading_cli.web.paging import cursor_of, place_of
from trading_cli.web.replies import answer, enveloped, linked

router = APIRouter(prefix="/api/v1")
_MARKETS = 200
Ids = Annotated[
    str | None,
    Query(
        max_length=6_000,
        pattern=r"^[A-Za-z0-9,_-]*$",
        description="Ids of markets with commas between, 200 at most; without it all followed.",
    ),
]


@router.get("/sparklines", **documented("api.sparklines", "The last 24 hours of many markets."))
def sparklines(request: Request, ids: Ids = None) -> Response:
    """Return the mids of the last 96 slots and the newest indicators."""
    from trading_cli.app.asked import pictures

    here = here_of(request)
    names = None if ids is None else [one for one in ids.split(",") if one][:_MARKETS]
    return answer(
        request, "api.sparklines", pictures.sparklines(here.config, ids=names, clock=here.clock)
    )


@router.get("/markets/{name}", **documented("api.market", "One market as a whole.", errors=(404,)))
def market(
    request: Request,
    name: asked.Market,
    hours: Annotated[int, Query(ge=1, le=720, description="How far back the series go.")] = 48,
) -> Response:
    """Return the listing, quotes, book, indicators, decisions, talk and rules of one market."""
    from trading_cli.app.asked import market as whole

    here = here_of(request)
    return answer(
        request, "api.market", whole.market(here.config, name, hours=hours, clock=here.clock)
    )


@router.get("/decisions", **documented("api.decisions", "Decisions, page by page.", pages=True))
def decisions(  # what is asked for, and of which page
    request: Request,
    market: asked.Filter = None,
    action: Annotated[Action | None, Query(description="BUY, SELL or HOLD.")] = None,
    reason: Annotated[Reason | None, Query(description="Decided for this reason.")] = None,
    strategy: asked.Filter = None,
    limit: asked.Limit = 50,
    after: asked.After = None,
) -> Response:
    """Return the decisions that match, the newest first."""
    from trading_cli.app.asked import rows

    here = here_of(request)
    place = place_of("decisions", after, ((int,), (int,)))
    told, following = rows.decisions(
        here.config, market=market, action=action, reason=reason, strategy=strategy, limit=limit,
        after=None if place is None else (place[0], place[1]), clock=here.clock,
    )  # fmt: skip
    more = None if following is None else cursor_of("decisions", following)
    return linked(answer(request, "api.decisions", told), request, more)


@router.get("/ledger", **documented("api.ledger", "The double-entry ledger.", pages=True))
def ledger(
    request: Request,
    account: Annotated[asked.Account | None, Query(description="Of one account.")] = None,
    limit: asked.Limit = 50,
    after: asked.After = None,
) -> Response:
    """Return the lines of the ledger, the newest first, and what is in each account."""
    from trading_cli.app.asked import rows

    here = here_of(request)
    (place,) = place_of("ledger", after, ((int,),)) or (None,)
    name = None if account is None else account.value
    told, following = rows.ledger(
        here.config, account=name, limit=limit, after=place, clock=here.clock
    )
    more = None if following is None else cursor_of("ledger", (following,))
    return linked(answer(request, "api.ledger", told), request, more)


@router.get("/equity", **documented("api.equity", "What the account was worth over time."))
def equity(
    request: Request,
    since: asked.Since = "30d",
    points: Annotated[int, Query(ge=2, le=2_000, description="At most so many.")] = 500,
) -> Response:
    """Return marks of the account, the oldest first."""
    from trading_cli.app.asked import pictures

    here = here_of(request)
    begin = instant(since, here.clock.now())
    return answer(
        request,
        "api.equity",
        pictures.equity(here.config, since=begin, points=points, clock=here.clock),
    )


@router.get("/runs", **documented("api.runs", "The last slots as a strip."))
def runs(
    request: Request,
    slots: Annotated[int, Query(ge=1, le=672, description="So many quarter-hours.")] = 96,
) -> Response:
    """Return what came of the last slots, the newest long runs, and the newest run's steps."""
    from trading_cli.app.asked import strip

    here = here_of(request)
    return answer(request, "api.runs", strip.strip(here.config, slots=slots, clock=here.clock))


@router.get("/alerts", **documented("alerts.list", "What was to be told, and how it went."))
def alerts(request: Request, state: asked.Filter = None, limit: asked.Limit = 50) -> Response:
    """Return what `trading alerts list` answers."""
    from trading_cli.app import alerting

    here = here_of(request)
    wanted = None if state is None else state.upper()
    return answer(
        request,
        "alerts.list",
        alerting.listed(here.config, state=wanted, limit=limit, clock=here.clock),
    )


@router.get("/logs", **documented("logs", "The latest lines of the log."))
def logs(
    request: Request,
    lines: Annotated[int, Query(ge=1, le=1_000, description="At most so many.")] = 50,
    level: Annotated[
        asked.Level, Query(description="The least severe that is shown.")
    ] = asked.Level.DEBUG,
    component: Annotated[str, Query(max_length=100, description="Only of this part.")] = "",
) -> Response:
    """Return what `trading logs` answers."""
    from trading_cli.app.asked import lines as latest

    here = here_of(request)
    return answer(
        request,
        "logs",
        latest.logs(here.config, here.env, lines=lines, level=level.value, component=component),
    )


@router.get("/correlations", **documented("api.correlations", "The newest family of tests kept."))
def correlations(request: Request) -> Response:
    """Return the newest family as `trading correlate` told it; nothing is computed."""
    from trading_cli.app.asked import studies

    here = here_of(request)
    return answer(request, "api.correlations", studies.family(here.config, clock=here.clock))


@router.get("/calibration", **documented("calibrate", "Prices and odds against what happened."))
def calibration(request: Request) -> Response:
    """Return what `trading calibrate` answers."""
    from trading_cli.app import calibrate

    here = here_of(request)
    told = calibrate.calibrate(here.config, clock=here.clock)
    return enveloped(request, "calibrate", told, told["warnings"])


@router.get("/trials", **documented("trials", "What was ever tried."))
def trials(
    request: Request,
    strategy: asked.Filter = None,
    kind: Annotated[asked.Kind | None, Query(description="Of this kind.")] = None,
    limit: asked.Limit = 50,
) -> Response:
    """Return what `trading trials` answers."""
    from trading_cli.app import trials as tried

    here = here_of(request)
    of_kind = None if kind is None else kind.value
    told = tried.ledger(here.config, strategy=strategy, kind=of_kind, limit=limit, clock=here.clock)
    return answer(request, "trials", told)


@router.get("/backtests", **documented("api.backtests", "Backtests that were kept.", pages=True))
def backtests(request: Request, limit: asked.Limit = 50, after: asked.After = None) -> Response:
    """Return the backtests somebody asked for, the newest first."""
    from trading_cli.app.asked import studies

    here = here_of(request)
    (place,) = place_of("backtests", after, ((int,),)) or (None,)
    told, following = studies.backtests(here.config, limit=limit, after=place, clock=here.clock)
    more = None if following is None else cursor_of("backtests", (following,))
    return linked(answer(request, "api.backtests", told), request, more)


@router.get(
    "/backtests/{number}",
    **documented("backtest", "One backtest, as it was answered.", errors=(404,)),
)
def backtest(request: Request, number: asked.Number) -> Response:
    """Return what `trading backtest` answered then."""
    from trading_cli.app.asked import studies

    here = here_of(request)
    return answer(request, "backtest", studies.backtest(here.config, number, clock=here.clock))


@router.get("/news", **documented("news", "What moved, and what was said about it then."))
def news(
    request: Request,
    market: asked.Word = None,
    since: asked.Since = "24h",
    until: asked.Until = "now",
    limit: Annotated[int, Query(ge=1, le=200, description="Markets.")] = 10,
) -> Response:
    """Return what `trading news` answers."""
    from trading_cli.app import news as moved

    here = here_of(request)
    begin, end = span(since, until, here.clock.now())
    return answer(
        request,
        "news",
        moved.news(here.config, begin, end, market=market, limit=limit, clock=here.clock),
    )


@router.get("/readiness", **documented("readiness", "What can be said yet, and what not."))
def readiness(request: Request) -> Response:
    """Return what `trading readiness` answers."""
    from trading_cli.app import readiness as ready

    here = here_of(request)
    return answer(request, "readiness", ready.readiness(here.config, clock=here.clock))
