"""No secret leaves with a reply, and no text of a stranger becomes more than text."""

import ast
import base64
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest
from reading import Api, asking  # beside this

import trading_cli
from trading_cli.core.clock import FrozenClock
from trading_cli.core.home import SECRETS
from trading_cli.store import Store, jobs, journal, listings
from trading_cli.web.api import create_app
from trading_cli.web.guard import HEADERS

sys.path.append(str(Path(__file__).parents[1] / "security"))
from payloads import FORMULAS, LINES, MARKUP, TERMINAL

PACKAGE = Path(trading_cli.__file__).parent
TITLES = 200


def canary(name: str) -> str:
    """Return the secret of one slot."""
    if name == "serve_token":
        return "Kanarie-serve-token-0123456789-abcdefghij"
    secret = f"Kanarie/{name}+geheim&{len(name)}=zwoelf?"
    return f"https://127.0.0.1:9/{secret}" if name.endswith("_url") else secret


def shapes(secret: str) -> Iterator[bytes]:
    """Yield the ways in which *secret* could be written down."""
    for text in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield text.encode()
        yield text.lower().encode()
    yield json.dumps(secret)[1:-1].encode()
    for ahead in (b"", b"x", b"xx"):
        yield base64.b64encode(ahead + secret.encode())[4:-4]
        yield base64.urlsafe_b64encode(ahead + secret.encode())[4:-4]
    yield secret.encode().hex().encode()


NEEDLES = tuple((name, shape) for name in SECRETS for shape in set(shapes(canary(name))))


def hits(reply: httpx.Response) -> list[str]:
    """Return the slots whose secret is in a reply: its headers or its body, in any shape."""
    head = "\n".join(f"{name}: {value}" for name, value in reply.headers.items())
    where = head.encode() + b"\n" + reply.content
    return sorted({name for name, shape in NEEDLES if shape in where})


def test_the_search_finds_what_is_there():
    """Each shape of each secret, planted, is found."""
    for name in SECRETS:
        for one in shapes(canary(name)):
            assert name in hits(httpx.Response(200, content=b"a " + one + b" b"))
        assert name in hits(httpx.Response(200, headers={"x": canary(name)}))


def _plant(config: Path, moment) -> None:
    """Write every secret where it must never have been: journal, log, jobs and their output."""
    home = config.parent
    every = " ".join(canary(name) for name in SECRETS)
    encoded = base64.b64encode(every.encode()).decode()
    database = home / "data" / "trading.db"
    with Store.open(database, now=moment) as store, store.transaction() as tx:
        for name in SECRETS:
            told = {"note": every, quote(canary(name), safe=""): encoded}
            journal.append(tx, "note", canary(name), told, at=moment)
        job = jobs.ask(tx, "backtest", {}, by=every, watcher=jobs.Process(1, 0.0), now=moment)
        wrong = {"code": "failed", "message": every, "hint": every}
        jobs.progressed(tx, job, every, moment)
        jobs.ended(tx, job, jobs.End("FAILED", 1, None, wrong), moment)
    folder = home / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    line = {"at": moment.isoformat(), "level": "error", "component": "web", "event": every,
            "trace": encoded, "path": quote(every)}  # fmt: skip
    with (folder / "trading.log").open("a") as log:
        log.write(json.dumps(line) + "\n")


@pytest.fixture(params=["environment", pytest.param("file", marks=pytest.mark.nightly)])
def leaky(request, demo_home, moment, tmp_path, monkeypatch) -> Iterator[tuple[Api, str]]:
    """Return a client who knows the token, of a home with a secret in every slot and elsewhere."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    config = tmp_path / "leaky" / "config.yaml"
    shutil.copytree(demo_home.parent, config.parent)
    _plant(config, moment)
    env = {f"TRADING_{name.upper()}": canary(name) for name in SECRETS}
    if request.param == "file":
        path = config.parent / "secrets.env"
        path.unlink(missing_ok=True)
        path.write_text("".join(f"{key}={value}\n" for key, value in env.items()))
        path.chmod(0o600)
        env = {}
    with asking(create_app(config, env, clock=FrozenClock(moment))) as api:
        api.client.headers["authorization"] = f"Bearer {canary('serve_token')}"
        yield api, str(config)


def _answers(api: Api, config: str) -> Iterator[httpx.Response]:
    """Yield the reply of every address, and of every way to be refused with a secret in hand."""
    for path, methods in api.get("openapi.json").json()["paths"].items():
        names = ("1", quote(canary("x_token"), safe=""), "nothing") if "{" in path else ("",)
        for name in names:
            where = path.partition("{")[0] + name + path.partition("}")[2]
            if "get" in methods and not path.endswith("/stream"):
                yield api.client.get(where)
            if "post" in methods and "session" not in path:
                secret = canary("smtp_password")
                for body in ({"reason": 1, secret: secret}, {"workflow": secret}, [secret],
                             {"workflow": "backtest", "parameters": {secret: secret}}):  # fmt: skip
                    yield api.client.post(where, json=body)
    for path in ("journal?since=10000d&limit=500", "logs?lines=1000", "decisions?market=Kanarie",
                 "markets?q=" + quote(canary("webhook_secret")), "news?since=Kanarie",
                 "journal?after=Kanarie", "quality?since=99d", "none", "backtests/9"):  # fmt: skip
        yield api.get(path)
    wrong = {"authorization": "Bearer wrong"}
    for _ in range(6):
        yield api.get("status", headers=wrong)
    database = Path(config).parent / "data" / "trading.db"
    yield api.get("health")
    database.write_bytes(b"no database " + canary("telegram_token").encode() * 99)
    yield from (api.get(path, headers={}) for path in ("status", "health", "markets", "runs"))


def test_no_secret_is_in_any_reply(leaky):
    """Raw, in an address, in base64 or hexadecimal: 0 hits in all that is answered or refused."""
    api, config = leaky
    with api.client.stream("GET", "/api/v1/stream?after=0") as told:
        said = []
        for line in told.iter_lines():
            said.append(line)
            if '"kind": "job"' in line:
                break
    assert hits(httpx.Response(200, content="\n".join(said).encode())) == []
    seen = 0
    for reply in _answers(api, config):
        assert hits(reply) == [], (reply.request.method, str(reply.request.url)[:200], reply.text)
        seen += 1
    assert seen > 60


# --- hostile words


def titles() -> list[str]:
    """Return so many texts, each another one, that want to be more than a title."""
    pairs = (f"{one} {other}" for one, other in product(MARKUP, ("", *LINES, *TERMINAL[:4])))
    return list(dict.fromkeys([*MARKUP, *LINES, *TERMINAL, *FORMULAS, *pairs]))[:TITLES]


@pytest.fixture
def hostile(demo_home, moment, tmp_path, monkeypatch) -> Iterator[tuple[Api, list[str]]]:
    """Return a client of a home that lists 200 hostile titles, and the markets' ids."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    config = tmp_path / "hostile" / "config.yaml"
    shutil.copytree(demo_home.parent, config.parent)
    database = config.parent / "data" / "trading.db"
    with Store.open(database, now=moment) as store, store.transaction() as tx:
        known = next(one for one in listings.listing_at(tx, as_of=moment) if not one.closed)
        made = [
            replace(
                known, id=f"9{at:08}", condition_id=f"0x{at:064x}", question=title,
                event_title=title, slug=f"hostile-{at}",
                yes_token=f"1{at:020}", no_token=f"2{at:020}", observed_at=moment,
            )
            for at, title in enumerate(titles())
        ]  # fmt: skip
        listings.record_markets(tx, made)
    with asking(create_app(config, {}, clock=FrozenClock(moment))) as api:
        yield api, [one.id for one in made]


def _only_data(reply: httpx.Response) -> None:
    """Check that no browser can take *reply* for a page or a script."""
    kind = reply.headers["content-type"]
    assert kind in {"application/json", "application/problem+json"}
    assert HEADERS.items() <= dict(reply.headers).items()
    assert not any(one in value for value in reply.headers.values() for one in "\r\n<>\0\x1b"
                   if "rel=" not in value)  # fmt: skip
    assert not any(mark < 0x20 and mark not in b"\n" for mark in reply.content)


def test_two_hundred_hostile_titles_are_but_text(hostile):
    """They come as JSON that says it is JSON, control characters escaped; the words are there."""
    api, ids = hostile
    assert len(ids) == TITLES
    told = api.get("markets?limit=500")
    _only_data(told)
    seen = {one["id"]: one["question"] for one in told.json()["data"]["markets"]}
    shown = [seen[one] for one in ids if one in seen]
    assert len(shown) == TITLES
    assert sum("script" in one for one in shown) >= 10
    for market in ids[::10]:
        reply = api.get(f"markets/{market}")
        _only_data(reply)
        assert reply.json()["data"]["question"] == seen[market]


def test_what_was_asked_for_comes_back_as_data_alone(hostile):
    """A hostile word as a search, a category, a name, a cursor: no header, page or script of it."""
    api, _ = hostile
    for at, title in enumerate(titles()[::8]):
        word = quote(title[:90], safe="")
        places = ("markets?limit=1&q=", "markets?limit=1&category=", "trials?kind=", "decisions/",
                  "news?market=", "logs?component=", "markets?after=")  # fmt: skip
        for path in (f"{one}{word}" for one in places[at % 5 :: 5]):
            reply = api.get(path)
            assert reply.status_code in {200, 400, 404, 422}, (path, reply.text)
            _only_data(reply)


def test_a_reason_to_stop_is_one_line_of_visible_text(hostile):
    """It is read in a file and a terminal: no control, bidi or second line; the stop stands."""
    api, _ = hostile
    words = api.enter()
    for given, kept in (
        ("odd\r\nlevel 0\n\u202e\x1b[31m\x00", "odd level 0 [31m"), ("\x00\u200b", "a reason"),
    ):  # fmt: skip
        reply = api.post("kill", {"reason": given}, headers=words)
        assert reply.status_code == 200, reply.text
        standing = api.data("kill")
        assert (standing["state"], standing["level"]) == ("TRIGGERED", 4)
        assert standing["reason"].startswith(kept)
        latch = Path(standing["file"]).read_text()
        assert not any(ord(one) < 0x20 and one != "\n" for one in latch)


# --- how secrets are compared

SECRET_WORDS = ("token", "secret", "csrf", "signature", "password")
OUTCOMES = "Token"  # the two of a market: no secret
WHERE = ("web/*.py", "app/inbound*.py")


def compared(tree: ast.AST) -> Iterator[str]:
    """Yield what compares something named like a secret by ==, != or in."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(one, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for one in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(one, ast.Constant) for one in sides):
            continue
        if OUTCOMES in ast.unparse(node):
            continue
        for side in sides:
            names = [one.id for one in ast.walk(side) if isinstance(one, ast.Name)]
            names += [one.attr for one in ast.walk(side) if isinstance(one, ast.Attribute)]
            if any(word in name.lower() for name in names for word in SECRET_WORDS):
                yield ast.unparse(node)


def test_secrets_are_compared_in_constant_time():
    """Nothing named like a secret meets == or in; what there is ends in compare_digest."""
    found = [
        (path.name, one)
        for pattern in WHERE
        for path in sorted(PACKAGE.glob(pattern))
        for one in compared(ast.parse(path.read_text()))
    ]
    assert found == []
    for name in ("web/sessions.py", "app/inbound_proof.py"):
        assert "hmac.compare_digest(" in (PACKAGE / name).read_text()
    for text in ("token == wanted", "a.csrf != b", "given in tokens", "x == secrets['a']"):
        assert list(compared(ast.parse(text)))
