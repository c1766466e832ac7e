"""create_app: the page and the API of one home, wired together."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route, compile_path

from trading_cli.core.clock import Clock, FrozenClock, SystemClock
from trading_cli.core.errors import TradingError
from trading_cli.web import (
    login,
    openapi,
    page_files,
    reads,
    stream,
    views,
    webhook,
    workflows,
)
from trading_cli.web.guard import Guard
from trading_cli.web.heads import Heads
from trading_cli.web.here import Here
from trading_cli.web.kept import Boundary, Kept
from trading_cli.web.problems import Problem, on_http, on_invalid, on_problem, on_trading_error
from trading_cli.web.sessions import Door

PREFIX = "/api/v1"


def create_app(
    config: Path | None,
    env: Mapping[str, str],
    *,
    clock: Clock | None = None,
    look_back: datetime | None = None,
) -> FastAPI:
    """Return the application that shows the home of *config*, ready to be served.

    *look_back*: as of then, its clock standing still there, and nothing can be changed from it. On
    ``app.state``: ``config``, ``env``, ``clock``, ``look_back``, ``here`` (its ``loaded`` is the
    settings as they are now), ``door`` (sessions), ``shelf`` (the page's files). Raises
    ConfigError.
    """
    clock = clock or (SystemClock() if look_back is None else FrozenClock(look_back))
    here, door = Here(config, env, clock), Door()
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_named,
        exception_handlers={
            Problem: on_problem,
            TradingError: on_trading_error,
            RequestValidationError: on_invalid,
            HTTPException: on_http,
        },
        middleware=[
            Middleware(Guard, here=here, door=door, look_back=look_back),
            Middleware(Heads),
            Middleware(Boundary),
            Middleware(Kept, here=here),
        ],
    )
    app.state.config, app.state.env, app.state.clock = config, env, here.clock
    app.state.look_back = look_back
    app.state.here, app.state.door, app.state.shelf = here, door, page_files.Shelf()
    app.state.taken = []
    for room in (views, reads, login, stream, workflows, webhook, page_files):
        _include(app, room.router)
    openapi.describe(app)
    _tell_of_itself(app)
    return app


def _include(app: FastAPI, router: APIRouter) -> None:
    """Include *router*, and remember which methods it takes where."""
    prefix = "" if router.prefix or not router.include_in_schema else PREFIX
    app.include_router(router, prefix=prefix)
    app.state.taken += [
        (compile_path(f"{prefix}{one.path}")[0], frozenset(one.methods or ()))
        for one in router.routes
        if isinstance(one, Route)
    ]


def _named(route: APIRoute) -> str:
    return "_".join([*sorted(one.lower() for one in route.methods or ()), route.name])


def _tell_of_itself(app: FastAPI) -> None:
    text: list[str] = []

    def described() -> Response:
        if not text:
            import json  # made once

            text.append(json.dumps(app.openapi()))
        return Response(text[0], 200, {"cache-control": "no-cache, private"}, "application/json")

    address = f"{PREFIX}/openapi.json"
    app.add_api_route(address, described, include_in_schema=False)
    app.state.taken.append((compile_path(address)[0], frozenset({"GET"})))
