"""Any address of the owner's: one JSON object per message, signed.

``X-Trading-Signature: sha256=<hex>`` is the HMAC-SHA256 under TRADING_WEBHOOK_SECRET of the bytes
``<X-Trading-Timestamp>.<body>``; refuse what is older than five minutes. ``X-Trading-Key`` is the
same when a message is sent again.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from trading_cli.alerts import Delivered, Message
from trading_cli.alerts.posting import Post, posted
from trading_cli.alerts.text import clean
from trading_cli.core.foreign import clean_text
from trading_cli.domain import Notice

NAME = "webhook"
SCHEMA = "trading.alert/1"


class Webhook:
    """One address. *post* sends the bytes; *secret* signs them, where there is one."""

    name = NAME

    def __init__(self, post: Post, *, secret: str | None, now: Callable[[], datetime]) -> None:
        self._post = post
        self._secret = secret
        self._now = now

    def send(self, message: Message) -> Delivered:
        """Send *message* as JSON."""
        body = json.dumps(_told(message), ensure_ascii=True, separators=(",", ":"), default=str)
        raw = body.encode()
        headers = {
            "X-Trading-Key": clean_text(message.key, 200).encode("ascii", "replace").decode()
        }
        if self._secret is not None:
            headers |= signed(raw, self._secret, self._now())
        posted(NAME, self._post, raw, headers)
        return Delivered(message.key)

    def close(self) -> None:
        """Nothing is held open."""


def signed(body: bytes, secret: str, at: datetime) -> Mapping[str, str]:
    """Return the headers that prove *body* is ours and when it was sent."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Trading-Timestamp": stamp, "X-Trading-Signature": f"sha256={digest}"}


def _told(message: Message) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "key": message.key,
        "kind": message.kind,
        "severity": message.severity,
        "critical": message.critical,
        "text": clean(message.text),
        "at": message.at.isoformat(),
        "notices": [_notice(one) for one in message.notices],
    }


def _notice(one: Notice) -> dict[str, Any]:
    return {
        "key": one.key,
        "kind": one.kind,
        "severity": one.severity.value,
        "critical": one.critical,
        "text": clean(one.text),
        "created_at": one.created_at.isoformat(),
        "expires_at": None if one.expires_at is None else one.expires_at.isoformat(),
        "facts": dict(one.facts),
    }
