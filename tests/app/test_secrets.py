"""A secret is nowhere to be read, whatever fails: not in logs, the file, the output or an error."""

import base64
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from homes import Home  # beside this file

from trading_cli.core import log
from trading_cli.core.config import Secrets
from trading_cli.core.errors import TradingError

MARK = "Kanarie"
SLOTS = tuple(Secrets.model_fields)
DAILY = (
    {"fault": "server_error", "args": {"status": 401}},
    {"fault": "html_page"},
    {"fault": "reset"},
    {"fault": "hang"},
)
NIGHTLY = (
    {"fault": "server_error", "args": {"status": 500}},
    {"fault": "storm_429", "args": {"retry_after": 1}},
    {"fault": "truncated_json", "args": {"honest": True}},
    {"fault": "mistyped_json"},
)
FAULTS = (*DAILY, *(pytest.param(one, marks=pytest.mark.nightly) for one in NIGHTLY))


def canary(name: str) -> str:
    """Return the secret of one slot; a URL where a URL belongs, with letters that get encoded."""
    secret = f"{MARK}/{name}+geheim&{len(name)}=zwölf?"
    return f"https://hooks.invalid/{secret}" if name.endswith("_url") else secret


ENV = {f"TRADING_{name.upper()}": canary(name) for name in SLOTS}


def shapes(secret: str) -> Iterator[bytes]:
    """Yield the ways in which *secret* could be written down."""
    raw = secret.encode()
    for text in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield text.encode()
    yield secret.encode("unicode_escape")
    yield repr(secret).strip("'\"").encode()
    yield base64.b64encode(raw).rstrip(b"=")
    yield base64.urlsafe_b64encode(raw).rstrip(b"=")
    yield raw.hex().encode()


def hits(where: bytes) -> list[str]:
    """Return the slots whose secret is in *where*, in any shape."""
    return [name for name in SLOTS if any(shape in where for shape in shapes(canary(name)))]


def told(error: BaseException) -> str:
    """Return everything an exception can say."""
    return "\n".join([str(error), repr(error), *traceback.format_exception(error)])


def reconfigured(home: Home) -> None:
    """Open the log of *home* at DEBUG."""
    loaded = home.toolkit.loaded
    log.configure(loaded.logs, level="DEBUG", secrets=loaded.secrets.values())


def everything(home: Home) -> bytes:
    """Return the bytes of every file of the home but for its settings."""
    files = [path for path in home.config.parent.rglob("*") if path.is_file()]
    assert any(path.name == "trading.log" for path in files)
    assert any(path.suffix == ".db" for path in files)
    return b"\n".join(path.read_bytes() for path in files)


def x_on(exchange_url: str) -> dict[str, object]:
    """Return X's settings: on, unlimited, at the exchange."""
    return {"enabled": True, "url": f"{exchange_url}/x", "requests_per_minute": None}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["fault"])
def test_no_secret_is_written_down_when_a_service_fails(make_home, exchange, capfd, fault):
    """With every slot filled and every service failing, no shape of any secret is anywhere."""
    home = make_home(env=ENV, panel={"max_markets": 1}, read_timeout_s=0.2, x=x_on(exchange.url))
    reconfigured(home)
    home.collect()
    exchange.faults(dict(fault))
    home.at(1)
    texts = []
    try:
        report = home.collect(talk=True)
        texts += [repr(report), str(report.data()), *report.warnings]
    except TradingError as error:
        texts.append(told(error))
        log.get_logger("test").exception("collecting failed", secrets=repr(home.toolkit.loaded))
    texts += [repr(home.toolkit.loaded), str(home.toolkit.settings), *home.said]
    assert home.toolkit.loaded.secrets.x_token is not None
    out, err = capfd.readouterr()
    assert hits(everything(home)) == []
    assert hits("\n".join([*texts, out, err]).encode()) == []


def unreachable(home: Home, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Collect with a voice that cannot be reached, and look for secrets in all that is left."""
    reconfigured(home)
    report = home.collect(talk=True)
    assert report.sources[name].state == "failed"
    out, err = capfd.readouterr()
    texts = [repr(report), *report.warnings, *home.said, out, err]
    assert hits(everything(home)) == []
    assert hits("\n".join(texts).encode()) == []


def test_no_secret_is_written_down_when_a_host_has_no_address(make_home, capfd):
    """A name that resolves to nothing is said without any secret."""
    gone = {"url": "https://no-such-host.invalid", "requests_per_minute": 300}
    unreachable(make_home(env=ENV, panel={"max_markets": 1}, bluesky=gone), "bluesky", capfd)


def test_no_secret_is_written_down_when_nobody_listens(make_home, capfd):
    """The one service that gets a token refuses the connection: its token is not in the message."""
    deaf = {"enabled": True, "url": "http://127.0.0.1:1", "requests_per_minute": None}
    unreachable(make_home(env=ENV, panel={"max_markets": 1}, x=deaf), "x", capfd)


@pytest.mark.nightly
def test_no_secret_is_written_down_when_x_has_no_address(make_home, capfd):
    """The same with a name that resolves to nothing; its budget makes it a matter of a minute."""
    gone = {"enabled": True, "url": "https://no-such-host.invalid", "requests_per_minute": 2}
    unreachable(make_home(env=ENV, panel={"max_markets": 1}, x=gone), "x", capfd)


def test_a_secret_logged_by_mistake_is_masked(make_home):
    """A line that carries every secret, also within an exception, is written with masks."""
    home = make_home(env=ENV)
    reconfigured(home)
    logger = log.get_logger("careless")
    for name in SLOTS:
        try:
            raise ValueError(f"we sent {canary(name)}")  # noqa: TRY301  # the mistake itself
        except ValueError:
            logger.exception("it failed", sent=canary(name), url=quote(canary(name), safe=""))
    written = (home.toolkit.loaded.logs / log.FILE).read_bytes()
    assert written.count(b"it failed") == len(SLOTS)
    assert hits(written) == []


def test_the_search_finds_what_is_there(tmp_path: Path):
    """The search itself works: each shape of each secret, planted in a file, is found."""
    for name in SLOTS:
        for number, shape in enumerate(shapes(canary(name))):
            planted = tmp_path / f"{name}{number}"
            planted.write_bytes(b"before " + shape + b" after")
            assert name in hits(planted.read_bytes())
