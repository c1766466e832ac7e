"""What a server answered: the bytes, and the ways to read them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from trading_cli.core.errors import SourceGarbled
from trading_cli.core.http_words import http_date, plain

DEEPEST = 100


@dataclass(frozen=True)
class Reply:
    """One complete, successful answer; ``observed_at`` is the world's time when it was read."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    path: str
    observed_at: datetime
    elapsed_s: float
    source: str = ""

    def json(self) -> Any:
        """Return the body as JSON values; a key given twice keeps the last value.

        Raises SourceGarbled for anything else: an HTML page, a truncated text, NaN or Infinity,
        numbers without end, nesting without end.
        """
        try:
            value = json.loads(
                self.body.decode("utf-8-sig"), parse_constant=_not_json, parse_float=_finite
            )
        except (ValueError, RecursionError) as error:
            raise self._garbled("JSON") from error
        if not _shallower(value, DEEPEST):
            raise self._garbled(f"JSON nested at most {DEEPEST} deep")
        return _paired(value) if b"\\u" in self.body else value

    def text(self) -> str:
        """Return the body as text; raises SourceGarbled when it is not in the charset it claims."""
        kind = self.headers.get("Content-Type", "")
        charset = "utf-8-sig"
        if "charset=" in kind.lower():
            charset = kind.lower().split("charset=", 1)[1].split(";")[0].strip(" \"'")
        charset = "utf-8-sig" if charset in {"utf-8", "utf8"} else charset
        try:
            return self.body.decode(charset)
        except (UnicodeDecodeError, LookupError) as error:
            raise self._garbled("text") from error

    @property
    def date(self) -> datetime | None:
        """Return the server's own clock (Date header, UTC), None where missing or unreadable."""
        return http_date(self.headers.get("Date", ""))

    @property
    def age_s(self) -> int:
        """Return for how many seconds a cache has held this answer; 0 where nothing says so."""
        text = self.headers.get("Age", "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004  # 30 years

    def _garbled(self, wanted: str) -> SourceGarbled:
        kind = plain(self.headers.get("Content-Type", ""), 60) or "no content type"
        start = plain(self.body[:240].decode("utf-8", "replace"), 60)
        return SourceGarbled(
            self.source,
            f"{self.path} is not {wanted} ({kind}, {len(self.body)} bytes, begins {start!r})",
            status=self.status,
        )


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number beyond all bounds")
    return number


def _shallower(value: Any, deepest: int) -> bool:
    """Say whether *value* is nested at most *deepest* levels; walks level by level."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(deepest):
        if not level:
            return True
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
    return not level


def _paired(value: Any) -> Any:
    """Replace half a surrogate pair by U+FFFD, since no file can hold it."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_paired(item) for item in value]
    if isinstance(value, dict):
        return {_paired(key): _paired(item) for key, item in value.items()}
    return value
