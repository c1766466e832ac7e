"""The webhook's address: what a sender gets back, as the API's description says it."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from outside import SECRET, headers, message, secrets  # beside this
from test_inbound import AT, Home

from trading_cli.app.inbound_proof import MOST_BYTES
from trading_cli.core.schemas import schema_of
from trading_cli.web.api import create_app

PATH = "/api/v1/webhook/signal"


class Sender:
    """Who posts to a home's API, with nothing but a signature."""

    def __init__(self, home: Home) -> None:
        env = {"TRADING_SERVE_TOKEN": "t" * 40}
        self.home: Home = home
        self.app: FastAPI = create_app(home.config, env, clock=home.clock)

    def post(self, body: bytes, told: dict[str, str] | None = None) -> httpx.Response:
        """Post *body*, signed where nothing else is told."""
        told = headers(body, AT) if told is None else told
        return self.ask("POST", body, {"content-type": "application/json"} | told)

    def ask(self, method: str, body: bytes, told: dict[str, str]) -> httpx.Response:
        """Send one request, as a server on this machine would pass it on."""

        async def sent() -> httpx.Response:
            here = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=here, base_url="http://127.0.0.1:5000") as one:
                return await one.request(method, PATH, content=body, headers=told)

        with ThreadPoolExecutor(1) as apart:  # a browser of this worker may hold this thread's loop
            return apart.submit(asyncio.run, sent()).result()


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    """Return one for a home that asks for a token for everything else."""
    return Sender(Home(tmp_path / "home", per_hour=2))


def problem(reply: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal, which must be one."""
    assert reply.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = reply.json()
    assert set(told) == {"type", "title", "status", "detail", "code", "hint"}
    assert told["status"] == reply.status_code
    assert SECRET not in reply.text
    return reply.status_code, told["code"]


def test_a_signature_is_all_it_takes(sender: Sender) -> None:
    """No session and no token; the reply is the envelope its schema describes, kept by nobody."""
    reply = sender.post(message(note="sure"))
    assert reply.status_code == 201
    assert reply.headers["cache-control"] == "no-store"
    told = reply.json()
    assert list(Draft202012Validator(schema_of("api.opinion")).iter_errors(told)) == []
    assert (told["schema"], told["data"]["probability"]) == ("trading.api.opinion/1", 0.7)
    assert len(sender.home.kept) == 1


def test_every_refusal_is_a_problem_with_its_status(sender: Sender) -> None:
    """Forged, unreadable, unknown, repeated, too much, too large: each as described."""
    body = message()
    assert problem(sender.post(body, {})) == (401, "inbound_signature")
    assert problem(sender.post(b"{")) == (422, "inbound_unreadable")
    assert problem(sender.post(message(market="none"))) == (404, "inbound_market")
    assert sender.post(body).status_code == 201
    assert problem(sender.post(body)) == (409, "inbound_repeated")
    again = message(probability=0.6)
    assert sender.post(again, headers(again, AT, "another-nonce-16")).status_code == 201
    late = sender.post(again, headers(again, AT, "a-third-nonce-16"))
    assert problem(late) == (429, "inbound_rate")
    assert late.headers["retry-after"] == "3601"
    assert problem(sender.post(b" " * (MOST_BYTES + 1))) == (413, "inbound_too_large")
    assert len(sender.home.kept) == 2


def test_without_a_secret_it_says_so(sender: Sender) -> None:
    """503, and which variable to set."""
    secrets(sender.home.folder, "")
    reply = Sender(sender.home).post(message())  # of a server that begins now
    assert problem(reply) == (503, "inbound_absent")
    assert "TRADING_INBOUND_SECRET" in reply.text


def test_no_page_can_be_made_to_send_one(sender: Sender) -> None:
    """Another site's page is refused before anything is read, and a form is no JSON."""
    body = message()
    foreign = headers(body, AT) | {"origin": "https://evil.example"}
    assert problem(sender.post(body, foreign)) == (403, "origin")
    form = headers(body, AT) | {"content-type": "text/plain"}
    assert problem(sender.post(body, form)) == (415, "media")
    assert sender.ask("GET", b"", {}).status_code in {401, 405}
    assert sender.home.kept == []


def test_the_description_says_how_it_is_signed(sender: Sender) -> None:
    """Its headers, its body, every status it gives, and that no token opens it."""
    told = sender.app.openapi()["paths"][PATH]["post"]
    assert {one["name"] for one in told["parameters"]} == {
        "x-trading-timestamp", "x-trading-nonce", "x-trading-signature",
    }  # fmt: skip
    assert told["security"] == []
    assert {"201", "401", "403", "404", "409", "413", "422", "429", "503"} <= set(told["responses"])
    schema = told["requestBody"]["content"]["application/json"]["schema"]
    example = told["requestBody"]["content"]["application/json"]["example"]
    Draft202012Validator(schema).validate(example)
    assert json.dumps(told)
