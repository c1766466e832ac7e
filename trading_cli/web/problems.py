"""What went wrong, as application/problem+json: type, title, status, detail, code, hint."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from trading_cli.core import log
from trading_cli.core.envelope import plain
from trading_cli.core.errors import SourceThrottled, TradingError
from trading_cli.web.here import here_of

MEDIA = "application/problem+json"
BUSY_S = 2
_LONGEST = 2_000
Taken = list[tuple[re.Pattern[str], frozenset[str]]]
_STATUS = {1: 500, 2: 400, 4: 503, 5: 502, 6: 503, 8: 409}
_HINTS = {
    404: "see /api/v1/openapi.json for what there is",
    405: "see the header Allow",
    413: "send at most 64 KB",
    415: "send application/json",
    422: "see /api/v1/openapi.json for what is taken",
}


class Problem(Exception):
    """A refusal of the API itself: its status, a code for programs, a sentence, a way out."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})

    def reply(self) -> Response:
        """Return it as a reply."""
        body = {
            "type": f"urn:trading:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail[:_LONGEST],
            "code": self.code,
            "hint": self.hint[:_LONGEST] or _HINTS.get(self.status, ""),
        }
        headers = {"cache-control": "no-store", **self.headers}
        return Response(json.dumps(plain(body)), self.status, headers, MEDIA)


def problem_of(error: TradingError, *, named: bool) -> Problem:
    """Return the refusal that *error* is; *named*: the address names a thing, so it is not there.

    A gate that said no (exit 3) is an answer and comes here only from a write: 409, as exit 8.
    """
    status = _STATUS.get(error.exit_code, 409)
    if error.exit_code == 2 and named:  # noqa: PLR2004  # usage
        status = 404
    headers = {"retry-after": str(BUSY_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if isinstance(error, SourceThrottled) and error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    return Problem(status, error.code, error.message, hint=error.hint, headers=headers)


async def on_problem(request: Request, error: Exception) -> Response:
    """Answer a refusal of the API itself, with every secret masked."""
    if not isinstance(error, Problem):
        raise error
    return _masked(error, request).reply()


def _masked(found: Problem, request: Request) -> Problem:
    mask = here_of(request).mask.text
    found.detail, found.hint = mask(found.detail), mask(found.hint)
    return found


async def on_trading_error(request: Request, error: Exception) -> Response:
    """Answer a failure of ours, with every secret masked."""
    if not isinstance(error, TradingError):
        raise error
    found = problem_of(error, named=bool(request.path_params) and request.method == "GET")
    if found.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.get_logger("web").warning("refused", path=request.url.path, code=error.code,
                                      problem=error.message)  # fmt: skip
    return _masked(found, request).reply()


async def on_http(request: Request, error: Exception) -> Response:
    """Answer what the router refuses: an unknown address, a method that is not taken."""
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not_found", 405: "method"}.get(error.status_code, "refused")
    detail = {404: "there is nothing at this address", 405: "this method is not taken here"}
    said = detail.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"allow": ", ".join(taken(request.scope))}
    return Problem(error.status_code, code, said, headers=headers).reply()


def taken(scope: Scope) -> list[str]:
    """Return the methods that are taken at the address of a request; HEAD wherever GET is."""
    routes: Taken = scope["app"].state.taken
    path = scope["path"]
    found = {method for regex, methods in routes if regex.match(path) for method in methods}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


async def on_invalid(request: Request, error: Exception) -> Response:
    """Answer parameters or a body of the wrong shape, without repeating a value that was given."""
    if not isinstance(error, RequestValidationError):
        raise error
    told = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
    broken = any(one["type"] == "json_invalid" for one in error.errors())
    status, code = (400, "json") if broken else (422, "parameters")
    return _masked(Problem(status, code, "; ".join(told)), request).reply()
