"""The description of all of it: OpenAPI 3.1, every reply with its schema, examples besides.

A route says `**documented("status", "Where things stand.")`, and the schema of that name becomes
its reply's; nothing here repeats what core/schemas say.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from trading_cli import __version__
from trading_cli.core.schemas import schema_of
from trading_cli.web.examples import example_of

Told = dict[str, Any]
PROBLEM = "problem"
_PREFIX = "#/components/schemas/"
_MEDIA = "application/problem+json"
_ALWAYS = (400, 401, 403, 405, 422, 429, 500, 503)
_SAID = {
    304: "Nothing changed since the ETag the client has.",
    400: "The request cannot be read: an address, a cursor, a time or a word that is none.",
    401: "The token is asked for, and was not shown or is wrong.",
    403: "Not from here: a host that is not ours, or a write that is not from our page.",
    404: "There is no such thing.",
    405: "This method is not taken here.",
    408: "The body did not come in time.",
    409: "Refused: the kill switch, risk, or the state of things forbids it.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "A parameter is out of its bounds, or the body has another shape.",
    429: "Too many wrong tokens; Retry-After says when again.",
    500: "A bug; its trace is in the log.",
    502: "A provider could not be reached.",
    503: "The database is busy, missing or damaged, or the settings are wrong.",
}
_PROBLEM: Told = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "additionalProperties": False,
    "required": ["type", "title", "status", "detail", "code", "hint"],
    "properties": {
        "type": {"type": "string", "description": "urn:trading:problem: and the code."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "As sent."},
        "detail": {"type": "string", "description": "What happened and why, for a person."},
        "code": {"type": "string", "description": "What kind of failure it is, for programs."},
        "hint": {"type": "string", "description": "The way out; empty where there is none."},
    },
}
_ABOUT = (
    "What `trading` knows, decided and did, as its commands answer with --json: every reply is the"
    " envelope {schema, generated_at, data, warnings}, every refusal a problem+json. Reading writes"
    " nothing. Lists have a header Link with the address of the next page. With TRADING_SERVE_TOKEN"
    " set everything needs `Authorization: Bearer …` or the page's session."
)


_STREAM = "text/event-stream"
_EVENT = (
    "id: 1042\nevent: run_ended\n"
    'data: {"id": 1042, "at": "2026-03-02T12:00:07+00:00", "kind": "run_ended", "subject": "7"}\n\n'
)


def documented(
    name: str | Sequence[str],
    summary: str,
    *,
    pages: bool = False,
    status: int = 200,
    also: Sequence[int] = (),
    errors: Sequence[int] = (),
    method: str = "GET",
) -> Told:
    """Return what a route's decorator takes: its summary, and every reply it may give.

    *name* is the schema of its envelope (several: one of them), *also* statuses that bring the
    same, *errors* the statuses besides those every route has.
    """
    wanted = [*_ALWAYS, *errors, *((304,) if method == "GET" else (408, 409, 413, 415))]
    names = (name,) if isinstance(name, str) else name
    replies: dict[int | str, Told] = {
        one: _reply(names, pages=pages) for one in sorted({status, *also})
    }
    for one in sorted(set(wanted)):
        replies[one] = _refusal(one)
    return {"summary": summary, "responses": replies}


def streamed(summary: str, said: str) -> Told:
    """Return the same for a route that sends server-sent events, as *said*."""
    replies: dict[int | str, Told] = {one: _refusal(one) for one in _ALWAYS}
    content = {_STREAM: {"example": _EVENT}}
    return {
        "summary": summary,
        "responses": {200: {"description": said, "content": content}, **replies},
    }


def _reply(names: Sequence[str], *, pages: bool) -> Told:
    headers: Told = {"ETag": _header("What it says, hashed: send it back in If-None-Match.")}
    if pages:
        headers["Link"] = _header('The address of the next page, rel="next"; absent at the end.')
    schemas = [{"$ref": f"{_PREFIX}trading.{name}"} for name in names]
    schema: Told = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    content = {"application/json": {"schema": schema}}
    return {"description": "The answer.", "headers": headers, "content": content}


def _header(said: str) -> Told:
    return {"description": said, "schema": {"type": "string"}}


def _refusal(status: int) -> Told:
    if status == 304:  # noqa: PLR2004  # not modified
        return {"description": _SAID[status]}
    headers = {"Retry-After": _header("Seconds to wait.")} if status in {429, 503} else {}
    content = {_MEDIA: {"schema": {"$ref": f"{_PREFIX}{PROBLEM}"}, "example": _problem(status)}}
    return {"description": _SAID[status], "headers": headers, "content": content}


def _problem(status: int) -> Told:
    return {
        "type": "urn:trading:problem:example",
        "title": "Refused",
        "status": status,
        "detail": _SAID[status],
        "code": "example",
        "hint": "trading status",
    }


def describe(app: FastAPI) -> None:
    """Make *app* describe itself with the schemas of everything it answers."""
    app.openapi = partial(_described, app)  # type: ignore[method-assign]  # as FastAPI's own book says


def _described(app: FastAPI) -> Told:
    if app.openapi_schema is None:
        told = get_openapi(
            title="trading", version=__version__, openapi_version="3.1.0", description=_ABOUT,
            routes=app.routes,
        )  # fmt: skip
        _complete(told)
        app.openapi_schema = told
    return app.openapi_schema


def _complete(told: Told) -> None:
    """Put schemas, examples, the ways to log in and the server into the description."""
    parts = told.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    schemas[PROBLEM] = _PROBLEM
    for name in sorted(_named(told)):
        schemas[f"trading.{name}"] = _component(name)
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "TRADING_SERVE_TOKEN."},
        "session": {"type": "apiKey", "in": "cookie", "name": "trading_session"},
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
    }
    told["servers"] = [{"url": "/", "description": "This machine."}]
    for methods in told["paths"].values():
        for method, one in methods.items():
            read = method == "get"
            one.setdefault("security", [{}, {"token": []}] if read else
                           [{"token": []}, {"session": [], "csrf": []}])  # fmt: skip
            for reply in one["responses"].values():
                _exemplify(reply, told)


def _named(value: Any) -> set[str]:
    """Return the names of all envelopes that *value* refers to."""
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        start = f"{_PREFIX}trading."
        mine = isinstance(reference, str) and reference.startswith(start)
        found = {str(reference).removeprefix(start)} if mine else set()
        return found.union(*(_named(one) for one in value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*(_named(one) for one in value))
    return set()


def _component(name: str) -> Told:
    """Return the schema of an envelope, its own references made to hold inside the description."""
    schema = {key: one for key, one in schema_of(name).items() if key not in {"$schema", "$id"}}
    text = json.dumps(schema).replace('"#/$defs/', f'"{_PREFIX}trading.{name}/$defs/')
    told: Told = json.loads(text)
    return told


def _exemplify(reply: Told, root: Told) -> None:
    reply.get("content", {}).get(_STREAM, {}).pop("schema", None)  # a text without end has none
    for media in reply.get("content", {}).values():
        schema = media.get("schema", {})
        described = schema.keys() & {"$ref", "anyOf"}
        if described and "example" not in media and "examples" not in media:
            media["example"] = example_of(schema, root)
