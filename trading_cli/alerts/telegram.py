"""Telegram by its Bot API: sends plain text to one chat, and asks what was written to the bot.

The token stands in every address, so nothing of the library's own errors or logs gets out: an
error is told in our words. No ``parse_mode``: a title cannot break or dress up a message.
"""

import asyncio
import logging
import math
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

os.environ.setdefault("PTB_TIMEDELTA", "true")  # read by the library: no float where time is meant

import telegram
from telegram import error as wire
from telegram.request import HTTPXRequest

from trading_cli.alerts import SEND_S, Delivered, Message, MessageRefused
from trading_cli.alerts.text import clean, split, untappable
from trading_cli.core.errors import SourceDown, SourceError, SourceRefused, SourceThrottled
from trading_cli.core.foreign import clean_text, clean_url
from trading_cli.core.redact import Redactor

LONGEST = 4096
NAME = "telegram"
CONNECT_S = 5.0
NEW_KEY_HINT = "put the one @BotFather gave you into secrets.env as TRADING_TELEGRAM_TOKEN"
_THEIRS = ("chat not found", "chat_id is empty", "peer_id_invalid", "migrated", "upgraded")
_TALKATIVE = ("httpx", "httpcore", "telegram")

T = TypeVar("T")


class BotConflict(SourceDown):
    """Another process polls with this token."""

    code = "bot_conflict"


@dataclass(frozen=True, slots=True)
class Update:
    """One message to the bot. ``chat`` is where, ``user`` who; ``text`` one clean line."""

    id: int
    chat: int
    user: int
    text: str
    at: datetime


class Telegram:
    """One bot. Not for sharing between threads."""

    name = NAME

    def __init__(self, token: str, *, api_url: str, chat_id: int, timeout: float = SEND_S) -> None:
        for talkative in _TALKATIVE:  # they would write the address, and in it the token
            logging.getLogger(talkative).setLevel(logging.CRITICAL)
        self._mask = Redactor((token, token.partition(":")[2])).text
        self._chat = chat_id
        self._timeout = timeout
        self._runner = asyncio.Runner()
        self._request = HTTPXRequest(
            connection_pool_size=2,
            connect_timeout=CONNECT_S,
            read_timeout=timeout,
            write_timeout=timeout,
            pool_timeout=timeout,
            httpx_kwargs={"trust_env": False, "follow_redirects": False},
        )
        self._bot = telegram.Bot(
            token,
            base_url=f"{api_url}/bot",
            request=self._request,
            get_updates_request=self._request,
        )

    def send(self, message: Message) -> Delivered:
        """Send *message* in as many parts as it takes; ``reference`` is their message ids."""
        text = untappable(clean(message.text))
        foot = f"[{clean_text(message.key, 120)}]"
        if link := clean_url(message.link):  # of its own: it is to be tapped
            foot = f"{link}\n{foot}"
        ids = [
            self._ask(self._sent(self._chat, part, silent=not message.critical), self._timeout)
            for part in split(text, LONGEST, foot=foot)
        ]
        return Delivered(",".join(map(str, ids)), len(ids))

    def answer(self, chat: int, text: str, *, tappable: bool = False) -> None:
        """Answer a command in *chat*; *tappable* only where all of the text is our own."""
        safe = clean(text) if tappable else untappable(clean(text))
        for part in split(safe, LONGEST):
            self._ask(self._sent(chat, part, silent=True), self._timeout)

    def who(self) -> str:
        """Return the bot's own name: the token is good, and the API answers."""
        found = self._ask(self._bot.get_me(), self._timeout)
        return clean_text(found.username or found.first_name, 64)

    def updates(self, offset: int | None, *, wait: float) -> list[Update]:
        """Return what was written since *offset*, waiting up to *wait* seconds for the first.

        Asking with an offset tells Telegram to forget all before it. Raises ``BotConflict`` where
        another process asks with the same token.
        """
        found = self._ask(
            self._bot.get_updates(
                offset=offset,
                timeout=timedelta(seconds=wait),
                allowed_updates=["message"],
                read_timeout=self._timeout,
            ),
            self._timeout + wait,
        )
        return [_update(one) for one in found]

    def close(self) -> None:
        """Let go of every connection."""
        try:
            self._runner.run(self._request.shutdown())
        finally:
            self._runner.close()

    async def _sent(self, chat: int, text: str, *, silent: bool) -> int:
        told = await self._bot.send_message(
            chat,
            text,
            disable_notification=silent,
            link_preview_options=telegram.LinkPreviewOptions(is_disabled=True),
        )
        return told.message_id

    def _ask(self, asked: Coroutine[Any, Any, T], longest: float) -> T:
        """Return the answer within *longest* seconds; every failure becomes one of ours."""
        try:
            return self._runner.run(_within(asked, longest + CONNECT_S))
        except (wire.TelegramError, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> SourceError:
        """Return our failure for the library's, whose text may hold the address."""
        said = clean_text(self._mask(str(error)), 160)
        if isinstance(error, wire.RetryAfter):
            wait = error.retry_after
            seconds = wait.total_seconds() if isinstance(wait, timedelta) else wait
            told = f"too many messages: wait {seconds:.0f} s"
            return SourceThrottled(NAME, told, retry_after=math.ceil(seconds))
        if isinstance(error, wire.BadRequest | wire.ChatMigrated):
            return _bad_request(said)
        for kind, make in _MEANINGS.items():
            if isinstance(error, kind):
                return make(said)
        return SourceDown(NAME, f"an answer that cannot be read ({type(error).__name__})")


def _bad_request(said: str) -> SourceError:
    """Return whether the chat is wrong, or only this message."""
    if any(words in said.lower() for words in _THEIRS):
        hint = "set alerts.telegram.chat_id in config.yaml, and write to the bot once"
        return SourceRefused(NAME, f"400: {said}", hint=hint, status=400)
    return MessageRefused(NAME, f"400: {said}", status=400)


def _unauthorized(_said: str) -> SourceError:
    return SourceRefused(NAME, "401: the token is not valid", hint=NEW_KEY_HINT, status=401)


def _forbidden(said: str) -> SourceError:
    hint = "open the chat with the bot and send /start"
    return SourceRefused(NAME, f"403: {said}", hint=hint, status=403)


def _conflict(_said: str) -> SourceError:
    return BotConflict(
        NAME, "409: another process polls with this token", hint="end the other `alerts bot`"
    )


def _late(_said: str) -> SourceError:
    return SourceDown(NAME, "no answer in time")


def _network(said: str) -> SourceError:
    """Return why the network failed; the library's text is about itself, with addresses."""
    told = "could not connect" if said.startswith("httpx.") else said.partition(" Parsing ")[0]
    return SourceDown(NAME, told)


_MEANINGS: Mapping[type[Exception], Callable[[str], SourceError]] = {
    wire.InvalidToken: _unauthorized,
    wire.Forbidden: _forbidden,
    wire.Conflict: _conflict,
    wire.TimedOut: _late,
    TimeoutError: _late,
    wire.NetworkError: _network,
}


async def _within(asked: Coroutine[Any, Any, T], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await asked


def _update(one: telegram.Update) -> Update:
    """Return what counts of an update; what is no text has none."""
    told = one.message
    if told is None or told.from_user is None:
        return Update(one.update_id, 0, 0, "", datetime.fromtimestamp(0, UTC))
    text = clean_text(told.text or "", 400)
    return Update(one.update_id, told.chat.id, told.from_user.id, text, told.date.astimezone(UTC))
