"""What the channels that post to a webhook share: the seam, and what an answer means."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from trading_cli.alerts import MessageRefused
from trading_cli.core.errors import SourceDown, SourceRefused, SourceThrottled
from trading_cli.core.foreign import clean_text
from trading_cli.core.outbound import Answer

Post = Callable[[bytes, Mapping[str, str]], Answer]
"""Send these bytes with these headers, once. Raises ``SourceDown`` or ``SourceRefused``."""

_THIS_MESSAGE = frozenset({400, 413, 422})
_LATER = frozenset({408, 425})


def posted(name: str, post: Post, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Return the answer to *body* where it was taken (2xx).

    Raises ``SourceThrottled``, ``SourceDown``, ``MessageRefused`` or ``SourceRefused``.
    """
    answer = post(body, {"Content-Type": "application/json", **headers})
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004  # HTTP's own class
        return answer
    said = clean_text(answer.body.decode("utf-8", "replace"), 120, markup=True)
    told = f"HTTP {status}" + (f" ({said})" if said else "")
    if status == 429:  # noqa: PLR2004  # HTTP's own number
        raise SourceThrottled(name, told, retry_after=answer.retry_after)
    if status >= 500 or status in _LATER:  # noqa: PLR2004  # HTTP's own class
        raise SourceDown(name, told, status=status)
    if status in _THIS_MESSAGE:
        raise MessageRefused(name, told, status=status)
    hint = f"check TRADING_{name.upper()}_URL"
    raise SourceRefused(name, told, hint=hint, status=status)


def as_json(value: Any) -> bytes:
    """Return *value* as the bytes of its JSON."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
