"""`POST /webhook/signal`: an opinion from outside, signed by who holds TRADING_INBOUND_SECRET.

The signature is the whole permission: no cookie and no token opens this route, and none is needed.
"""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from trading_cli.app import inbound
from trading_cli.app.inbound_proof import MOST_BYTES, NONCE, SIGNATURE, STAMP, Opinion, Refused
from trading_cli.web.here import here_of
from trading_cli.web.openapi import documented
from trading_cli.web.problems import Problem
from trading_cli.web.replies import written

NAME = "api.opinion"
router = APIRouter()


def _header(name: str, said: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": True, "description": said, "schema": schema}


def _described() -> dict[str, Any]:
    """Return what the description of the route says beyond its replies: it reads its own body."""
    return {
        "security": [],
        "parameters": [
            _header(STAMP, "Seconds since 1970, within 300 s of our clock.", "^[0-9]{1,11}$"),
            _header(NONCE, "Never used before by this source.", "^[A-Za-z0-9_-]{16,128}$"),
            _header(
                SIGNATURE,
                "HMAC-SHA256 of TIMESTAMP.NONCE.BODY with TRADING_INBOUND_SECRET.",
                "^sha256=[0-9a-f]{64}$",
            ),
        ],
        "requestBody": {
            "required": True,
            "description": f"At most {MOST_BYTES:,} bytes.",
            "content": {
                "application/json": {
                    "schema": Opinion.model_json_schema(),
                    "example": {"source": "desk", "market": "3382818878", "probability": 0.62},
                }
            },
        },
    }


@router.post(
    "/webhook/signal",
    status_code=201,
    openapi_extra=_described(),
    **documented(NAME, "Say what a market is worth.", status=201, errors=(404,), method="POST"),
)
async def signal(request: Request) -> Response:
    """Keep a signed opinion of what a market is worth; answer with it and its source's record.

    It is evidence, weighed by what its source has shown, and never a factor of anything.
    """
    here = here_of(request)
    body = await request.body()  # the guard bounds it, and so does who reads it
    try:
        data = await run_in_threadpool(inbound.take, here.loaded, request.headers, body, here.clock)
    except inbound.TooMany as refused:
        raise _problem(refused, {"retry-after": str(refused.retry_after)}) from None
    except Refused as refused:
        raise _problem(refused, {}) from None
    return written(request, NAME, data, status=201)


def _problem(refused: Refused, headers: dict[str, str]) -> Problem:
    return Problem(
        refused.status, refused.code, refused.message, hint=refused.hint, headers=headers
    )
