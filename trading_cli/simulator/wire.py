"""How replies are put on the wire, and how a request's parameters are read."""

import json
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

NOW = "simulator.now"
SKEW = "simulator.skew"
ABORT = "simulator.abort"
LATE_MILLISECONDS = 100_000_000_000


class Refused(Exception):
    """The request is answered with *status* and *body*."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


def dumps(value: Any) -> str:
    """Return *value* as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return *value* as a JSON response."""
    return raw(dumps(value), status, headers)


def raw(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return already serialised JSON as a response."""
    return Response(text, status, headers, "application/json")


def problem(status: int, message: str) -> Refused:
    """Return the CLOB's and Data API's way of saying no: ``{"error": message}``."""
    return Refused(status, {"error": message})


def invalid(message: str) -> Refused:
    """Return Gamma's way of saying no: 422 with a type."""
    return Refused(422, {"type": "validation error", "error": message})


def now_of(request: Request) -> float:
    """Return the world's time at which this request is answered, in epoch seconds."""
    return float(request.scope[NOW])


def http_date(epoch: float) -> str:
    """Return *epoch* the way the Date header writes it."""
    return formatdate(epoch, usegmt=True)


def iso(epoch: float, digits: int = 3) -> str:
    """Return *epoch* as RFC 3339 with ``Z``."""
    at = datetime.fromtimestamp(epoch, UTC)
    return at.isoformat(timespec="milliseconds" if digits else "seconds").replace("+00:00", "Z")


def instant(text: str) -> float:
    """Return the epoch seconds of an RFC 3339 time, a bare date or the venue's spaced form.

    Raises ``ValueError`` for anything else.
    """
    text = text.strip()
    if text.endswith("+00"):
        text += ":00"
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def number(request: Request, name: str) -> float | None:
    """Return the parameter as a number, ``None`` when absent; 400 when it is something else."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return None
    try:
        return float(text)
    except ValueError:
        raise problem(400, f"invalid filters: '{name}' is not a number") from None


def whole(request: Request, name: str, default: int) -> int:
    """Return the parameter as an integer; 400 when it is negative or not a number."""
    value = number(request, name)
    if value is None:
        return default
    if value < 0 or value != int(value):
        raise problem(400, f"invalid '{name}'")
    return int(value)


def truthy(request: Request, name: str, *, default: bool = False) -> bool:
    """Return the parameter as a boolean."""
    text = request.query_params.get(name)
    return default if text is None else text.lower() in {"true", "1"}
