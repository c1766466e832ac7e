"""Requests made from the API's own description, sent to a real server on a home to be thrown away.

What could do harm is made harmless, and only that: a job's process is `cat` of an answer instead of
`trading`; a stream ends after a moment; half of the opinions are signed, since nobody guesses a
signature. The stop really stops the home that is thrown away.
"""

import asyncio
import hashlib
import hmac
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import schemathesis
from reading import serving  # beside this
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_cli.app.foreman import Foreman
from trading_cli.app.inbound_proof import NONCE, SIGNATURE, STAMP
from trading_cli.core.clock import FrozenClock
from trading_cli.core.envelope import envelope
from trading_cli.core.schemas import schema_of
from trading_cli.web.api import create_app
from trading_cli.web.examples import example_of

TOKEN = "Fuzzed-token-of-the-owner-0123456789"  # noqa: S105  # of this test alone
SECRET = "Fuzzed-secret-of-the-inbound-0123456789"  # noqa: S105  # of this test alone
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
    "allow_header_conformance",
)  # fmt: skip
PHASES = ("examples", "coverage", "fuzzing")
ROWS = {
    "market": "SELECT venue_id FROM markets",
    "decision": "SELECT id FROM decisions",
    "order": "SELECT id FROM orders",
}
HEARD_S = 0.02


@dataclass
class Outcome:
    """What came of a campaign: cases by address, replies by status, what is wrong."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)

    def take(self, event: events.EngineEvent) -> None:
        """Count one event of the engine."""
        if isinstance(event, events.NonFatalError | events.FatalError):
            error = event.value if isinstance(event, events.NonFatalError) else event.exception
            self.wrong[f"error {type(error).__name__}: {error}"[:300]] = ""
        if not isinstance(event, events.ScenarioFinished):
            return
        for name, node in event.recorder.cases.items():
            seen = event.recorder.interactions.get(name)
            if seen is None:
                continue
            self.cases[f"{node.value.method} {node.value.path}"] += 1
            if seen.response is None:
                self.wrong[f"{node.value.method} {node.value.path}: no reply"] = seen.request.uri
            else:
                self.statuses[seen.response.status_code] += 1
        for name, checks in event.recorder.checks.items():
            for one in checks:
                if one.failure_info is not None:
                    case = event.recorder.cases[name].value
                    sent = event.recorder.interactions[name].request
                    title = f"{case.method} {case.path}: {one.failure_info.failure.title}"
                    told = f"{one.failure_info.failure.message}\n{sent.method} {sent.uri}"
                    self.wrong.setdefault(title, f"{told}\n{sent.body!r}"[:2_000])


class Tamed:
    """Pure ASGI around the API: see the first words of this file."""

    def __init__(self, app: Any, clock: FrozenClock) -> None:
        self.app: ASGIApp = app
        self.state = app.state
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request."""
        if scope["type"] == "http" and scope["path"] == "/api/v1/stream":
            asyncio.get_running_loop().call_later(HEARD_S, self._let_go)
            asyncio.get_running_loop().call_later(10 * HEARD_S, self._let_go)
        if scope["type"] == "http" and scope["path"] == "/api/v1/webhook/signal":
            scope, receive = await self._signed(scope, receive)
        await self.app(scope, receive, send)

    def _let_go(self) -> None:
        hub = getattr(self.state, "hub", None)
        for client in () if hub is None else tuple(hub._clients):  # to end what never ends
            client.drop("heard enough")

    async def _signed(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        digest = hashlib.sha256(body + str(sorted(scope["headers"])).encode()).hexdigest()
        if int(digest[0], 16) % 2:
            stamp = str(int(self.clock.now().timestamp()))
            said = f"{stamp}.{digest}.".encode() + bytes(body)
            sign = hmac.new(SECRET.encode(), said, hashlib.sha256).hexdigest()
            ours = {STAMP: stamp, NONCE: digest, SIGNATURE: f"sha256={sign}"}
            kept = [(name, value) for name, value in scope["headers"] if name.decode() not in ours]
            added = [(name.encode(), value.encode()) for name, value in ours.items()]
            scope = {**scope, "headers": [*kept, *added]}
        first: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def again() -> Message:
            return first.pop() if first else await receive()

        return scope, again


@contextmanager
def tamed(home: Path, to: Path, moment: datetime) -> Iterator[tuple[str, Path]]:
    """Serve a copy of *home* in the folder *to*; yield its address and its settings."""
    shutil.copytree(home, to / "home")
    answer = to / "answer.json"
    schema = schema_of("monte-carlo")
    answer.write_text(envelope("monte-carlo", example_of(schema, schema)["data"], ()))
    clock, config = FrozenClock(moment), to / "home" / "config.yaml"
    env = {
        "TRADING_SERVE_TOKEN": TOKEN, "TRADING_INBOUND_SECRET": SECRET,
        "XDG_STATE_HOME": str(to / "state"),
    }  # fmt: skip
    app = create_app(config, env, clock=clock)
    loaded = app.state.here.loaded
    app.state.foreman = Foreman(
        loaded, {}, clock=clock, command=lambda *_: ["/bin/cat", str(answer)]
    ).start()
    try:
        with serving(Tamed(app, clock)) as url:
            yield url, config
    finally:
        app.state.foreman.close()


def known(config: Path) -> dict[str, list[str]]:
    """Return ids of each kind that a home has."""
    with closing(sqlite3.connect(config.parent / "data" / "trading.db")) as file:
        return {
            kind: [str(one) for (one,) in file.execute(f"{ask} LIMIT 20")]  # ours
            for kind, ask in ROWS.items()
        }


def _true_ids(ids: Mapping[str, Sequence[str]]) -> Any:
    """Return a hook that names something real in half of all addresses."""
    kinds = {
        "/markets/{name}": ("market",), "/signals/{symbol}": ("market",),
        "/decisions/{name}": ("decision", "order"), "/journal/{name}": ("order", "decision"),
    }  # fmt: skip

    def map_path_parameters(context: Any, path_parameters: Any) -> Any:
        if not path_parameters:
            return path_parameters
        digest = hashlib.sha256(repr(path_parameters).encode()).digest()
        path = context.operation.path.removeprefix("/api/v1")
        found = [one for kind in kinds.get(path, ()) for one in ids[kind]]
        if digest[0] % 2:
            return path_parameters
        if not found:
            return dict.fromkeys(path_parameters, digest[1] % 3 + 1)
        return {name: found[digest[1] % len(found)] for name in path_parameters}

    return map_path_parameters


def _settings(seed: int, examples: int, phases: Sequence[str]) -> SchemathesisConfig:
    known_phases = ("examples", "coverage", "fuzzing", "stateful")
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": {"Authorization": f"Bearer {TOKEN}"},
            "generation": {"max-examples": examples, "with-security-parameters": False,
                           "database": "none"},
            "phases": {name: {"enabled": name in phases} for name in known_phases},
            "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
            "continue-on-failure": True,
            "cache": {"enabled": False},
            "suppress-health-check": ["all"],
            "request-timeout": 60,
        }
    )  # fmt: skip


def campaign(  # where, what is there, and how much
    url: str,
    config: Path,
    *,
    seed: int,
    examples: int,
    phases: Sequence[str] = PHASES,
    among: str = "",
    outcome: Outcome | None = None,
) -> Outcome:
    """Ask everything that the description describes; *among*: whose address matches only.

    *examples* a phase and address at most.
    """
    found = outcome or Outcome()
    schema = schemathesis.openapi.from_url(
        f"{url}/api/v1/openapi.json",
        config=_settings(seed, examples, phases),
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    schema.hook(_true_ids(known(config)))
    schema = schema.include(path_regex=among) if among else schema
    for event in from_schema(schema).execute():
        found.take(event)
    return found
