"""Envelopes out: the same object a command prints, with an ETag over what it says."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from trading_cli.core.envelope import envelope, plain
from trading_cli.core.redact import Redactor
from trading_cli.web.here import here_of

JSON = "application/json"
CACHE = "no-cache, private"
NOT_KEPT = "no-store"
_DATA = ', "data": '


def answer(request: Request, name: str, told: Mapping[str, Any]) -> Response:
    """Return what an app function *told* as the reply ``trading.NAME/1``.

    ``warnings`` beside the data go where the envelope has them. Every secret is masked.
    """
    data = dict(told)
    warnings = data.pop("warnings", ())
    return enveloped(request, name, data, warnings)


def enveloped(request: Request, name: str, data: Any, warnings: Any = ()) -> Response:
    """Return *data* as the reply ``trading.NAME/1`` with an ETag over data and warnings."""
    text = _masked(here_of(request).mask, name, data, warnings)
    headers = {"etag": etag_of(name, text), "cache-control": CACHE}
    return Response(text, 200, headers, JSON)


def written(
    request: Request, name: str, data: Any, warnings: Any = (), *, status: int = 200
) -> Response:
    """Return the reply to a write: the same envelope, kept by nobody."""
    text = _masked(here_of(request).mask, name, data, warnings)
    return Response(text, status, {"cache-control": NOT_KEPT}, JSON)


def _masked(mask: Redactor, name: str, data: Any, warnings: Any) -> str:
    text = envelope(name, data, warnings)
    if not mask.may_be_in(text):
        return text
    return envelope(name, mask.value(plain(data)), [mask.text(str(one)) for one in warnings])


def etag_of(name: str, text: str) -> str:
    """Return the strong ETag of an envelope: over all but when it was generated."""
    said = text.partition(_DATA)[2]
    return f'"{blake2b(f"{name}{said}".encode(), digest_size=12).hexdigest()}"'


def linked(reply: Response, request: Request, cursor: str | None) -> Response:
    """Put the address of the next page into the header Link, where there is one."""
    if cursor is not None:
        asked = [
            (key, value)
            for key, value in parse_qsl(request.url.query, keep_blank_values=True)
            if key != "after"
        ]
        query = urlencode([*asked, ("after", cursor)])
        reply.headers["link"] = f'<{request.url.path}?{query}>; rel="next"'
    return reply
