"""The small words of HTTP: addresses, dates, waits and what a server says when it refuses."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from trading_cli.core.errors import ConfigError

SHOWN = 200
_SMALL_BODY = 4_096


def plain(text: str, limit: int = SHOWN) -> str:
    """Return *text* on one line without control characters, at most *limit* characters."""
    kept = "".join(char if char.isprintable() else " " for char in text[: limit * 4])
    return " ".join(kept.split())[:limit]


def budget_host(base_url: str) -> str:
    """Return the key under which a server's budget is kept: host, port and prefix.

    Raises ConfigError when *base_url* is no address of the form scheme://host[:port][/prefix].
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    bad = parts.username or parts.password or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or bad:
        raise ConfigError(
            f"not an address: {plain(base_url.split('@')[-1].split('?')[0], 80)!r}",  # noqa: PLC0207
            hint="write it as https://host[:port][/prefix], without user, password or query",
        )
    port = port or (443 if parts.scheme == "https" else 80)
    return f"{parts.hostname}:{port}{parts.path.rstrip('/')}"


def error_words(content: bytes, *, ok: bool) -> str:
    """Return the server's own words for an error, "" where there is none.

    Polymarket's Data API answers 200 with ``{"error": ...}``, so a small successful body is
    looked at as well.
    """
    if ok and (len(content) > _SMALL_BODY or b'"error"' not in content):
        return ""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    words: Any = ""
    if isinstance(value, dict):
        words = value.get("error") or ("" if ok else value.get("message"))
    elif not ok:
        words = content[:1_000].decode("utf-8", "replace")
        words = "an HTML page" if words.lstrip()[:1] == "<" else words
    if not words:
        return ""
    return words if isinstance(words, str) else json.dumps(words)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds a server asks us to wait: a number, or the time until an HTTP date.

    The date is measured against the server's own clock where it shows it, else against *now*.
    """
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        at = http_date(text)
        base = http_date(headers.get("Date", "")) or now
        return None if at is None else max(0.0, (at - base).total_seconds())
    return seconds if 0 <= seconds < 1e7 else None  # noqa: PLR2004  # not NaN, not a year


def http_date(text: str) -> datetime | None:
    """Return the instant an HTTP date names, in UTC; None where it names none."""
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
