"""The channels of a home: which are on, and why each other one is off."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from trading_cli.alerts import AlertsSection, Channel, Delivered, Message
from trading_cli.alerts.posting import Post
from trading_cli.core.clock import Clock
from trading_cli.core.config import Secrets
from trading_cli.core.errors import TradingError
from trading_cli.core.outbound import Address

OFF = "off: alerts.{name}.enabled is false"
NO_SECRET = "off: it needs {secret} in the environment or in secrets.env"  # noqa: S105  # no secret


@dataclass(frozen=True, slots=True)
class Channels(AbstractContextManager["Channels"]):
    """The channels that are on, in the order they are used, and why each other one is off."""

    on: Sequence[Channel]
    off: dict[str, str]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in self.on:
            one.close()


class Deferred:
    """A channel that is made when it is first used: its library takes a while to load."""

    def __init__(self, name: str, make: Callable[[], Channel]) -> None:
        self.name = name
        self._make = make
        self._made: Channel | None = None

    def send(self, message: Message) -> Delivered:
        """Send *message*; raises as the channel does."""
        if self._made is None:
            self._made = self._make()
        return self._made.send(message)

    def close(self) -> None:
        """Let go of what was made."""
        if self._made is not None:
            self._made.close()
            self._made = None


class _Absent(Exception):
    """A channel cannot be made; the text says why."""


def channels_of(section: AlertsSection, secrets: Secrets, clock: Clock) -> Channels:
    """Return the channels of a home."""
    on: list[Channel] = []
    off: dict[str, str] = {}
    for name in dict.fromkeys(section.channels):
        if not getattr(section, name).enabled:
            off[name] = OFF.format(name=name)
            continue
        try:
            on.append(_MAKERS[name](section, secrets, clock))
        except _Absent as why:
            off[name] = str(why)
        except TradingError as error:
            off[name] = f"off: {error.message}"
    return Channels(tuple(on), off)


def _given(secret: SecretStr | None, name: str) -> str:
    if secret is None:
        raise _Absent(NO_SECRET.format(secret=f"TRADING_{name.upper()}"))
    return secret.get_secret_value()


def _telegram(section: AlertsSection, secrets: Secrets, _clock: Clock) -> Channel:
    token = _given(secrets.telegram_token, "telegram_token")
    part = section.telegram
    if not part.chat_id:
        raise _Absent("off: alerts.telegram.chat_id is not set")

    def make() -> Channel:
        from trading_cli.alerts.telegram import Telegram  # noqa: PLC0415  # paid for when used

        return Telegram(token, api_url=part.api_url, chat_id=part.chat_id)

    return Deferred("telegram", make)


def _post_to(section: AlertsSection, url: str, name: str) -> Post:
    return Address(name, url, allow_private=section.allow_private).post


def _webhook(section: AlertsSection, secrets: Secrets, clock: Clock) -> Channel:
    from trading_cli.alerts.webhook import Webhook  # noqa: PLC0415

    url = _given(secrets.webhook_url, "webhook_url")
    key = secrets.webhook_secret
    return Webhook(
        _post_to(section, url, "webhook"),
        secret=None if key is None else key.get_secret_value(),
        now=clock.now,
    )


def _discord(section: AlertsSection, secrets: Secrets, _clock: Clock) -> Channel:
    from trading_cli.alerts.discord import Discord  # noqa: PLC0415

    return Discord(_post_to(section, _given(secrets.discord_url, "discord_url"), "discord"))


def _slack(section: AlertsSection, secrets: Secrets, _clock: Clock) -> Channel:
    from trading_cli.alerts.slack import Slack  # noqa: PLC0415

    return Slack(_post_to(section, _given(secrets.slack_url, "slack_url"), "slack"))


def _email(section: AlertsSection, secrets: Secrets, _clock: Clock) -> Channel:
    from trading_cli.alerts.mail import Mail  # noqa: PLC0415

    part = section.email
    missing = [key for key in ("host", "sender", "to") if not getattr(part, key)]
    if missing:
        raise _Absent(f"off: alerts.email.{missing[0]} is not set")
    key = secrets.smtp_password
    if part.user:
        _given(key, "smtp_password")
    return Mail(part, password=None if key is None else key.get_secret_value())


_MAKERS: dict[str, Callable[[AlertsSection, Secrets, Clock], Channel]] = {
    "telegram": _telegram,
    "webhook": _webhook,
    "discord": _discord,
    "slack": _slack,
    "email": _email,
}
