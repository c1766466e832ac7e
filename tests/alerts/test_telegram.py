"""Telegram on the wire: what is sent, what each refusal means, and that the token stays here."""

import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hostile import TITLES  # beside this
from starlette.applications import Starlette
from starlette.routing import Mount

from trading_cli.alerts import Message, MessageRefused
from trading_cli.alerts.telegram import BotConflict, Telegram
from trading_cli.core.errors import SourceDown, SourceError, SourceRefused, SourceThrottled
from trading_cli.simulator.bot_api import CHAT, BotApi, Fault
from trading_cli.simulator.control import WorldClock
from trading_cli.simulator.ledger import Ledger
from trading_cli.simulator.running import Server, _config, _listener
from trading_cli.simulator.server import Gate

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOKEN = "987654321:CANARY-tok3n_that.never".replace(".", "-")


class Api:
    """A Bot API alone, on loopback."""

    def __init__(self) -> None:
        self.bots = BotApi(limits=False)
        app = Starlette(routes=[Mount("/telegram", routes=self.bots.routes())])
        gate = Gate(app, clock=WorldClock(NOON.timestamp()), ledger=Ledger(), latency_s=0)
        listener = _listener("127.0.0.1", 0)
        ready = threading.Event()
        self.server = Server(_config(gate), ready.set)
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()
        assert ready.wait(10)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/telegram"

    def stop(self) -> None:
        """End it."""
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(10)


@pytest.fixture(scope="module")
def served() -> Iterator[Api]:
    """Return the API, started once."""
    api = Api()
    yield api
    api.stop()


@pytest.fixture
def api(served) -> Api:
    """Return the API, empty."""
    served.bots.forget()
    return served


@pytest.fixture
def bot(api) -> Iterator[Telegram]:
    """Return a bot for the chat."""
    made = Telegram(TOKEN, api_url=api.url, chat_id=CHAT, timeout=2.0)
    yield made
    made.close()


def message(text: str, *, critical: bool = False) -> Message:
    """Return a message."""
    return Message("k:1", "risk", "info", critical, text, NOON)


def test_a_message_is_plain_text_with_its_key(api, bot):
    """No markup mode, no preview; silent unless it is critical; the id comes back."""
    taken = bot.send(message("hello <b>you</b>"))
    bot.send(message("fire", critical=True))
    first, second = api.bots.sent
    assert first["text"] == "hello <b>you</b>\n[k:1]"
    assert (first["silent"], second["silent"]) == (True, False)
    assert taken.reference == str(first["message_id"])


def test_a_long_message_is_split_at_4096(api, bot):
    """Each part is within the limit and shows the key."""
    taken = bot.send(message("x" * 10_000))
    assert taken.parts == 3
    assert len(api.bots.sent) == 3
    assert all(one["text"].endswith("[k:1]") for one in api.bots.sent)


def test_every_hostile_title_arrives(api, bot):
    """None is refused, and none can be tapped as a command."""
    for title in TITLES[::4]:
        bot.send(message(title))
    texts = [one["text"] for one in api.bots.sent]
    assert len(texts) >= len(TITLES) // 4
    assert not [text for text in texts if any(w.startswith("/kill") for w in text.split())]


@pytest.mark.parametrize(
    ("code", "description", "kind"),
    [
        (400, "Bad Request: can't parse entities: byte 5", MessageRefused),
        (400, "Bad Request: message is too long", MessageRefused),
        (400, "Bad Request: chat not found", SourceRefused),
        (401, "Unauthorized", SourceRefused),
        (403, "Forbidden: bot was blocked by the user", SourceRefused),
        (404, "Not Found", SourceRefused),
        (409, "Conflict: terminated by other getUpdates request", BotConflict),
        (500, "Internal Server Error", SourceDown),
        (502, "Bad Gateway", SourceDown),
        (504, "Gateway Timeout", SourceDown),
    ],
)
def test_each_refusal_means_what_to_do(api, bot, code, description, kind):
    """The error's kind tells whether to wait, mend the settings or drop the message."""
    api.bots.faults.append(Fault("", code, description))
    with pytest.raises(SourceError) as told:
        bot.send(message("x"))
    assert type(told.value) is kind
    assert TOKEN not in repr(told.value)


def test_429_says_how_long(api, bot):
    """The seconds are those of the API."""
    api.bots.faults.append(Fault("", 429, retry_after=35))
    with pytest.raises(SourceThrottled) as told:
        bot.send(message("x"))
    assert told.value.retry_after == 35


def test_a_chat_that_is_not_ours_is_the_settings_fault(api):
    """The simulator knows the chats that wrote to the bot, as Telegram does."""
    stranger = Telegram(TOKEN, api_url=api.url, chat_id=99, timeout=2.0)
    with pytest.raises(SourceRefused, match=r"(?i)chat not found"):
        stranger.send(message("x"))
    stranger.close()


def test_nobody_there_and_somebody_silent():
    """A closed port and one that never answers: try again later, in time."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        bot = Telegram(TOKEN, api_url=url, chat_id=CHAT, timeout=0.2)
        began = time.monotonic()
        with pytest.raises(SourceDown, match="no answer in time"):
            bot.send(message("x"))
        assert time.monotonic() - began < 8
        bot.close()
    bot = Telegram(TOKEN, api_url=url, chat_id=CHAT, timeout=0.2)
    with pytest.raises(SourceDown, match="could not connect"):
        bot.send(message("x"))
    bot.close()


def test_updates_are_read_and_forgotten_by_offset(api, bot):
    """What was asked with a higher offset does not come again."""
    api.bots._set({"updates": [{"chat": CHAT, "text": "/status"}, {"chat": 7, "text": "/kill"}]})
    first = bot.updates(None, wait=0)
    assert [(one.chat, one.user, one.text) for one in first] == [
        (CHAT, CHAT, "/status"),
        (7, 7, "/kill"),
    ]
    assert bot.updates(first[-1].id + 1, wait=0) == []


def test_a_second_poller_ends_the_first(api):
    """409 is named: another process polls with this token."""
    one, two = (Telegram(TOKEN, api_url=api.url, chat_id=CHAT, timeout=5.0) for _ in range(2))
    failed: list[Exception] = []
    before = api.bots._poll

    def poll() -> None:
        try:
            one.updates(None, wait=30)
        except SourceError as error:
            failed.append(error)
        finally:
            one.close()

    thread = threading.Thread(target=poll)
    thread.start()
    while api.bots._poll == before:
        threading.Event().wait(0.01)
    two.updates(None, wait=0)
    thread.join(10)
    two.close()
    assert [type(error) for error in failed] == [BotConflict]


def test_who_am_i(api, bot):
    """GetMe proves the token and the address."""
    del api
    assert bot.who() == "simulated_bot"


def test_the_token_is_in_no_log_and_no_traceback(api, caplog):
    """Every failure, with every logger at DEBUG: nothing of it is written."""
    caplog.set_level(logging.DEBUG)
    told = []
    for code in (400, 401, 403, 404, 409, 429, 500):
        api.bots.faults.append(Fault("", code, f"bad bot{TOKEN}", 5 if code == 429 else None))
        bot = Telegram(TOKEN, api_url=api.url, chat_id=CHAT, timeout=2.0)
        try:
            bot.send(message("x"))
        except SourceError as error:
            told.append("".join(traceback.format_exception(error)))
        bot.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gone = Telegram(TOKEN, api_url=f"http://127.0.0.1:{port}", chat_id=CHAT, timeout=0.2)
    with pytest.raises(SourceDown) as lost:
        gone.send(message("x"))
    gone.close()
    told.append("".join(traceback.format_exception(lost.value)))
    assert len(told) == 8
    logged = "\n".join(f"{one.getMessage()} {one.args}" for one in caplog.records)
    secret = TOKEN.split(":")[1]
    assert secret not in "\n".join(told)
    assert secret not in logged


def test_a_message_leads_to_the_page(api, bot):
    """The address is a line of its own, whole, in every part; one that is none is left out."""
    link = "https://trading.example.org/x/#/decision/a%2Fb"
    bot.send(replace(message("/kill me @you"), link=link))
    bot.send(replace(message("y" * 5000), link=link))
    bot.send(replace(message("z"), link="javascript:alert(1)"))
    first, *parts, last = (one["text"] for one in api.bots.sent)
    assert first.splitlines()[-2] == link
    assert "\N{WORD JOINER}kill me" in first
    assert [part.splitlines()[-2] for part in parts] == [link, link]
    assert "javascript" not in last
