"""A queue of notices, a pretend Telegram, and a clock that nobody waits for."""

import json
import urllib.request
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.alerts import AlertsSection, TelegramSection, WebhookSection
from trading_cli.app.channels import Channels, channels_of
from trading_cli.app.teller import Report, Teller
from trading_cli.core.clock import SystemClock
from trading_cli.core.config import Secrets
from trading_cli.core.redact import Redactor
from trading_cli.domain import Notice, Severity
from trading_cli.simulator.bot_api import CHAT, TOKEN
from trading_cli.store import Store, deliveries, outbox

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SIGNING = "canary-signing-secret"


class Ticking(SystemClock):
    """A clock in which sleeping takes no time at all, and yet time passes."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the instant reached."""
        return self.at

    def monotonic(self) -> float:
        """Return seconds since noon."""
        return (self.at - NOON).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Let them have passed."""
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


def control(url: str, told: Any = None, *, method: str | None = None) -> dict[str, Any]:
    """Ask the pretend Telegram what it received, after telling it something."""
    body = None if told is None else json.dumps(told).encode()
    how = method or ("GET" if told is None else "POST")
    asked = urllib.request.Request(f"{url}/_control/telegram", body, method=how)  # noqa: S310
    with urllib.request.urlopen(asked) as answer:  # noqa: S310
        return json.load(answer)


def section(url: str, **more: Any) -> AlertsSection:
    """Return settings that use the pretend Telegram, then a webhook."""
    telegram = TelegramSection(enabled=True, api_url=f"{url}/telegram", chat_id=CHAT)
    given = {"telegram": telegram, "webhook": WebhookSection(enabled=True), "allow_private": True}
    return AlertsSection(**(given | more))


class Office:
    """One home's outbox, and who tells it."""

    def __init__(self, folder: Path, url: str, *, hook: str | None = None, **more: Any) -> None:
        self.url = url
        self.section = section(url, **more)
        self.clock = Ticking()
        self.store = Store.open(folder / "post.db", now=NOON)
        self.secrets = Secrets(telegram_token=TOKEN, webhook_url=hook, webhook_secret=SIGNING)
        control(url, method="DELETE")

    def put(self, key: str, kind: str = "position", **more: Any) -> Notice:
        """Queue one notice."""
        text = more.pop("text", f"said {key}")
        severity = more.pop("severity", Severity.INFO)
        at = more.pop("at", self.clock.at)
        notice = Notice(key, kind, severity, text, at, **more)
        with self.store.transaction() as tx:
            assert outbox.put(tx, notice)
        return notice

    def channels(self) -> Channels:
        """Return the channels, freshly made."""
        return channels_of(self.section, self.secrets, self.clock)

    def tell(self, patience: float = 15.0) -> Report:
        """Tell what is due."""
        with self.channels() as channels:
            redactor = Redactor(self.secrets.values())
            teller = Teller(self.store, channels.on, self.section, self.clock, redactor)
            return teller.tell_all(patience)

    def tell_until(self, end: datetime, every: float = 15.0) -> None:
        """Tell every so many seconds until *end*, as the runner does."""
        while self.clock.at < end:
            self.tell()
            self.clock.sleep(every)

    def faults(self, *faults: dict[str, Any]) -> None:
        """Let the pretend Telegram fail as told."""
        control(self.url, {"faults": list(faults)})

    def texts(self) -> list[str]:
        """Return what the chat received, oldest first."""
        return [one["text"] for one in control(self.url)["sent"]]

    def told(self) -> list[str]:
        """Return the keys of what the chat received, oldest first."""
        return [text.rsplit("[", 1)[1].rstrip("]") for text in self.texts()]

    def states(self) -> dict[str, str]:
        """Return how every notice stands."""
        with self.store.reading() as look:
            return {one.notice.key: one.state for one in outbox.rows(look, limit=5000)}

    def delivery(self, key: str) -> Sequence[deliveries.Delivery]:
        """Return how one fared."""
        with self.store.reading() as look:
            found = outbox.named(look, key)
            assert found is not None
            return deliveries.of_notice(look, found.id)


def in_order(wanted: Iterable[str], got: Sequence[str]) -> bool:
    """Return whether *wanted* stand in *got* in this order."""
    left = iter(got)
    return all(one in left for one in wanted)
