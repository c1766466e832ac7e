"""Who we tell. One module per channel; each sends a text and says how it went, and stores nothing.

telegram   a chat, by the Bot API            webhook    JSON of ours, signed, to any address
discord    a channel's webhook               slack      an incoming webhook
mail       e-mail by SMTP                    policy     when, how often and through which (pure)
text       how hostile text is made harmless, and cut

A channel raises ``SourceThrottled`` (wait), ``SourceDown`` (try again later), ``SourceRefused``
(the channel is not as it must be) or ``MessageRefused`` (only this message is not taken).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from trading_cli.core.config import Section
from trading_cli.core.errors import SourceRefused
from trading_cli.domain import Notice

Name = Literal["telegram", "webhook", "discord", "slack", "email"]
Kind = Literal["signal", "position", "risk", "pause", "health", "kill", "summary"]
KINDS: tuple[Kind, ...] = ("signal", "position", "risk", "pause", "health", "kill", "summary")
SEND_S = 10.0  # one attempt of any channel is over after so many real seconds


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent at once: one notice, or several of a kind. ``key`` is shown in every part.

    ``link`` is where the page shows it, "" where there is no page.
    """

    key: str
    kind: str
    severity: str
    critical: bool
    text: str
    at: datetime
    notices: tuple[Notice, ...] = ()
    link: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """It was taken; ``reference`` is what the other side calls it, ``parts`` how many it became."""

    reference: str
    parts: int = 1


class MessageRefused(SourceRefused):
    """It will not take this message, now or later; another one it may."""

    code = "message_refused"


class Channel(Protocol):
    """A way to reach the owner. One attempt ends within a few ``SEND_S``."""

    @property
    def name(self) -> str:
        """Return what it is called in settings, tables and logs."""
        ...

    def send(self, message: Message) -> Delivered:
        """Send *message*. Raises as the room says above."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


def _address(url: str) -> str:
    """Return *url* without a trailing slash; refuse what is not scheme://host[:port][/prefix]."""
    parts = urlsplit(url)
    bad = parts.username or parts.password or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or bad:
        raise ValueError("must be an address such as https://host[:port][/prefix]")
    return url.rstrip("/")


def _zone(name: str) -> str:
    """Return *name* if it is a time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError("must be a time zone such as UTC or Europe/Berlin") from None
    return name


def _hours(text: str) -> str:
    """Return *text* if it is "", or two times of day."""
    time = r"([01]\d|2[0-3]):[0-5]\d"
    if text and not re.fullmatch(f"{time}-{time}", text):
        raise ValueError('must be two times of day such as "23:00-08:00", or "" for none')
    return text


Address = Annotated[str, AfterValidator(_address)]


class TelegramSection(Section):
    """A chat on Telegram; the token is TRADING_TELEGRAM_TOKEN."""

    enabled: bool = Field(default=False, description="Whether it is used.")
    api_url: Address = Field("https://api.telegram.org", description="Where the Bot API is.")
    chat_id: int = Field(0, description="The chat: your user id, or a group's (negative).")
    chat_url: str = Field(
        "",
        pattern=r"^(https://t\.me/[A-Za-z0-9_+/-]+)?$",
        description="The chat's address, such as https://t.me/your_bot: the page links to it.",
    )
    commands: bool = Field(
        default=False, description="Whether `alerts bot` obeys /status … /kill of this chat."
    )
    users: tuple[int, ...] = Field(
        (), description="Who may command in a group, by user id; () in a private chat is you."
    )
    per_minute: int | None = Field(
        20, ge=1, le=20, description="Messages a minute, one a second at most; null: unlimited."
    )


class WebhookSection(Section):
    """Any address of yours, TRADING_WEBHOOK_URL; signed with TRADING_WEBHOOK_SECRET."""

    enabled: bool = Field(default=False, description="Whether it is used.")


class DiscordSection(Section):
    """A Discord channel's webhook, TRADING_DISCORD_URL."""

    enabled: bool = Field(default=False, description="Whether it is used.")


class SlackSection(Section):
    """A Slack incoming webhook, TRADING_SLACK_URL."""

    enabled: bool = Field(default=False, description="Whether it is used.")


class EmailSection(Section):
    """E-mail by SMTP; the password is TRADING_SMTP_PASSWORD."""

    enabled: bool = Field(default=False, description="Whether it is used.")
    host: str = Field("", max_length=255, description="The SMTP server.")
    port: int = Field(587, ge=1, le=65_535, description="Its port.")
    encryption: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="none only for a server on this machine."
    )
    user: str = Field("", max_length=255, description="Who logs in; empty: nobody does.")
    sender: str = Field("", max_length=255, description="The address it comes from.")
    to: str = Field("", max_length=255, description="The address it goes to.")


class AlertsSection(Section):
    """What is told, where and when."""

    channels: tuple[Name, ...] = Field(
        ("telegram", "webhook", "discord", "slack", "email"),
        description="Their order: the first that is on is used, the next one when it fails.",
    )
    kinds: tuple[Kind, ...] = Field(
        KINDS, description="What is told; the rest is only kept. Critical ones always are."
    )
    telegram: TelegramSection = Field(
        default_factory=TelegramSection,
        description="A chat on Telegram; its bot's token is TRADING_TELEGRAM_TOKEN.",
    )
    webhook: WebhookSection = Field(
        default_factory=WebhookSection,
        description="Any service of yours: its address is TRADING_WEBHOOK_URL, signed with"
        " TRADING_WEBHOOK_SECRET.",
    )
    discord: DiscordSection = Field(
        default_factory=DiscordSection,
        description="A Discord channel's webhook; its address is TRADING_DISCORD_URL.",
    )
    slack: SlackSection = Field(
        default_factory=SlackSection,
        description="A Slack incoming webhook; its address is TRADING_SLACK_URL.",
    )
    email: EmailSection = Field(
        default_factory=EmailSection,
        description="E-mail by SMTP; the password is TRADING_SMTP_PASSWORD.",
    )
    quiet_hours: Annotated[str, AfterValidator(_hours)] = Field(
        "23:00-08:00", description="Only critical ones then; the others wait. Empty: none."
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="Whose clock quiet_hours and days go by."
    )
    max_per_day: int = Field(
        6, ge=0, description="Messages that are not critical; the rest goes into the digest."
    )
    coalesce_above: int = Field(
        5, ge=1, description="More than so many of a kind become one message."
    )
    failures_before_next: int = Field(
        3, ge=1, description="Failures in a row before the next channel is used."
    )
    max_age_hours: float = Field(
        24, gt=0, description="Older ones that are not critical go into the digest."
    )
    allow_private: bool = Field(
        default=False,
        description="Whether a webhook may be http, or in your own network or on this machine.",
    )
