"""`trading alerts` on a whole home, the runner's courier, the summary; and no secret anywhere."""

import base64
import logging
import urllib.parse
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
import yaml
from postbox import NOON, control  # beside this
from pytest_httpserver import HTTPServer

from trading_cli.app import alerting, daily, notify, stop
from trading_cli.app.runs import only_run
from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit, build
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import ConfigError, SourceDown, UsageError
from trading_cli.domain import Notice, Severity
from trading_cli.simulator import running
from trading_cli.simulator.bot_api import CHAT
from trading_cli.simulator.world import World
from trading_cli.store import Store, balances, outbox, pauses

BOT = "778899:CANARY-token_in-the-url"
HOOK = "/services/CANARY-hook-path"
SIGNING = "CANARY-signing-key"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return where the pretend Telegram is."""
    with running.start(World(7, 2), limits=False, now=NOON.timestamp()) as server:
        yield server.url


@pytest.fixture
def config(home, url, httpserver: HTTPServer) -> Path:
    """Return the settings of a home with Telegram and a webhook."""
    httpserver.expect_request(HOOK).respond_with_data("")
    part = {"enabled": True, "chat_id": CHAT, "api_url": f"{url}/telegram"}
    section = {
        "telegram": part, "webhook": {"enabled": True}, "allow_private": True, "quiet_hours": "",
    }  # fmt: skip
    path = home / "config.yaml"
    path.write_text(yaml.safe_dump({"alerts": section, "logging": {"level": "DEBUG"}}))
    path.chmod(0o600)
    secrets = home / "secrets.env"
    secrets.write_text(
        f"TRADING_TELEGRAM_TOKEN={BOT}\nTRADING_WEBHOOK_URL={httpserver.url_for(HOOK)}\n"
        f"TRADING_WEBHOOK_SECRET={SIGNING}\n"
    )
    secrets.chmod(0o600)
    control(url, method="DELETE")
    return path


def put(config: Path, *notices: Notice) -> None:
    """Queue them in the home's database."""
    with Store.open(load(config).database, now=NOON) as store, store.transaction() as tx:
        for one in notices:
            outbox.put(tx, one)


def notice(key: str, **more) -> Notice:
    """Return a notice of noon."""
    text = more.pop("text", f"said {key}")
    return Notice(key, more.pop("kind", "risk"), Severity.WARN, text, NOON, critical=True, **more)


def test_a_test_goes_through_every_channel(config, url):
    """Each took it, and how long that was."""
    data = alerting.try_out(config)
    assert [(one["name"], one["taken"]) for one in data["channels"]] == [
        ("telegram", True),
        ("webhook", True),
    ]
    assert "trading alerts test" in control(url)["sent"][0]["text"]
    assert {one["name"] for one in data["off"]} == {"discord", "slack", "email"}


def test_a_test_that_fails_says_where_and_what_to_do(config, url):
    """Exit 5 with the channel's own hint; without a channel exit 4."""
    control(url, {"faults": [{"code": 403}]})
    with pytest.raises(SourceDown, match="telegram: 403") as told:
        alerting.try_out(config)
    assert "/start" in told.value.hint
    config.write_text("")
    with pytest.raises(ConfigError, match="no channel is on"):
        alerting.try_out(config)


def test_of_several_channels_each_has_its_line(config, url):
    """One that fails does not hide that the other took it."""
    control(url, {"faults": [{"code": 403}]})
    with pytest.raises(SourceDown) as told:
        alerting.try_out(config)
    first, telegram, webhook = told.value.message.split("\n")
    assert first.endswith("1 of 2 channels did not take the test")
    assert telegram.startswith("telegram: 403")
    assert webhook == "webhook: taken"


def test_a_retry_without_a_channel_says_so(config):
    """Nothing can be told: it is said, with what to do; with a channel on it is not."""
    put(config, notice("a"))
    assert alerting.retry(config, None)["problems"] == []
    config.write_text("")
    (why,) = alerting.retry(config, None)["problems"]
    assert why.startswith("no channel is on: nothing can be told; enable one under `alerts`")


def test_the_list_shows_the_queue_and_the_channels(config):
    """Also where nothing was ever queued."""
    assert alerting.listed(config, state=None, limit=5)["pending"] == 0
    put(config, notice("a"), notice("b"))
    clock = FrozenClock(NOON + timedelta(minutes=3))
    data = alerting.listed(config, state="PENDING", limit=5, clock=clock)
    assert [one["key"] for one in data["notices"]] == ["b", "a"]
    assert (data["pending"], data["oldest_s"]) == (2, 180)
    with pytest.raises(UsageError, match="no state"):
        alerting.listed(config, state="NONSENSE", limit=5)


def test_retry_revives_what_no_channel_took(config, url):
    """All, or the one named; what is unknown is a word to the user."""
    control(url, {"faults": [{"code": 400}]})
    config.write_text(config.read_text().replace("webhook:", "slack:"))
    put(config, notice("a"))
    alerting.retry(config, None)
    assert alerting.listed(config, state="DEAD", limit=5)["notices"][0]["key"] == "a"
    data = alerting.retry(config, "a")
    assert (data["revived"], data["sent"]) == (1, 1)
    with pytest.raises(UsageError, match="no notice 'z'"):
        alerting.retry(config, "z")


def test_an_ack_is_kept_once(config):
    """By key, by number, or all that were told."""
    put(config, notice("a"), notice("b"))
    assert alerting.ack(config, "a") == {"acked": 1}
    assert alerting.ack(config, "1") == {"acked": 0}
    assert alerting.ack(config, "all") == {"acked": 0}
    alerting.retry(config, None)
    assert alerting.ack(config, "all") == {"acked": 1}
    (b, _) = alerting.listed(config, state="SENT", limit=5)["notices"]
    assert (b["key"], b["acked_by"]) == ("b", "owner")


def test_the_courier_tells_what_is_due_and_is_quiet_otherwise(config, url):
    """Nothing queued: nothing done. A damaged database: a word, and the next time again."""
    call = notify.courier(load(config))
    assert call() is None
    put(config, notice("a"))
    report = call()
    assert report is not None
    assert report.sent == 1
    assert call() is None
    assert len(control(url)["sent"]) == 1
    load(config).database.write_bytes(b"no database" * 1000)
    assert "not a database" in call().busy


def test_two_never_tell_at_once(config, url):
    """While another process tells, the queue is left to it."""
    put(config, notice("a"))
    with build(config) as toolkit, toolkit.open_store() as store:
        folder = toolkit.loaded.database.parent
        with only_run(folder, notify.WORK, NOON):
            assert "another `notify` is at work" in notify.deliver(toolkit, store).busy
        assert notify.deliver(toolkit, store).sent == 1
    assert len(control(url)["sent"]) == 1


def test_the_summary_says_what_happened_and_what_nobody_knows(config):
    """One a day, from the ledger and the run ledger; UNPROVEN is not left out."""
    loaded = load(config)
    place = stop.Place(loaded.home, loaded.database)
    with Store.open(loaded.database, now=NOON) as store, store.transaction() as tx:
        for at, equity in ((20, 10_000), (1, 10_012)):
            when = NOON - timedelta(hours=at)
            slot = int(when.timestamp()) // 900 * 900
            amount = Decimal(equity)
            none = Decimal(0)
            mark = balances.Mark(slot, when, amount, none, none, none, amount, none, 0, fresh=True)
            balances.record_mark(tx, mark)
        pauses.pause(tx, "owner", since=NOON, until=None, reason="lunch", actor="owner")
        text = daily.summary(tx, place, NOON + timedelta(minutes=1)).text
    assert "UNPROVEN" in text
    assert "Equity 10012.00 USD (+12.00" in text
    assert "Collected 0 of 96 slots" in text
    assert "Kill switch ARMED" in text
    assert "Paused (owner): lunch" in text


def forms(secret: str) -> set[str]:
    """Return *secret* as it is, URL-encoded and in base64."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, urllib.parse.quote(secret, safe=""), encoded[:-2]}


@pytest.mark.parametrize(
    "codes", [(400, 401, 403, 409), pytest.param((429, 500), marks=pytest.mark.nightly)]
)
def test_no_secret_is_in_any_file_or_output(config, url, httpserver: HTTPServer, caplog, codes):
    """Every failure at DEBUG, through the commands: neither in files nor on the terminal."""
    from trading_cli.cli.main import run

    caplog.set_level(logging.DEBUG)
    httpserver.clear()
    httpserver.expect_request(HOOK).respond_with_data(f"no {HOOK} {SIGNING}", 403)
    out = StringIO()
    for code in codes:
        told = f"bad {BOT} in https://api.telegram.org/bot{BOT}/sendMessage"
        fault = {"code": code, "description": told, "times": 9, "retry_after": None}
        control(url, {"faults": [fault]})
        put(config, notice(f"k{code}", text=f"leak {BOT} {SIGNING}"))
        with redirect_stdout(out), redirect_stderr(out):
            for words in ("alerts test", "alerts retry", "alerts list", "alerts list --json"):
                run([*words.split(), "-vv", "--config", str(config)])
    home = load(config).home
    found = b"".join(
        path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.name != "secrets.env" and path.suffix != ".db"
    )
    with Store.reader(load(config).database) as store, store.reading() as look:
        kept = "\n".join(
            f"{row}" for table in ("deliveries", "channels") for row in look.execute(
                f"SELECT * FROM {table}"  # noqa: S608  # two names of ours
            )
        )  # fmt: skip
    everything = found.decode("utf-8", "replace") + kept
    everything += "\n".join(one.getMessage() for one in caplog.records if one.name != "werkzeug")
    everything += out.getvalue()
    told = [one["text"] for one in control(url)["sent"]]
    for secret in (BOT.split(":")[1], SIGNING, HOOK.rsplit("/", 1)[1]):
        for form in forms(secret):
            assert form not in everything
            assert form not in "".join(told)
    assert len(everything) > 1000


def test_a_toolkit_tells_from_a_cycle(config, url):
    """The step of the cycle reports what was sent, and what is off is no failure."""
    put(config, notice("a"))
    with Toolkit(load(config), clock=FrozenClock(NOON)) as toolkit, toolkit.open_store() as store:
        report = notify.deliver(toolkit, store)
    assert report.numbers()["sent"] == 1
    assert report.on == ("telegram", "webhook")
    assert len(control(url)["sent"]) == 1
