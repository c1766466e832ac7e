"""Cursors: where the next page begins, opaque to whoever carries it and checked when it is back."""

import base64
import binascii
import json
import math
from collections.abc import Sequence
from typing import Any

from trading_cli.web.problems import Problem

LONGEST = 4_000
_HUGE = 2**62
Kind = type[int] | type[str] | type[float] | type[None]


def cursor_of(kind: str, place: Sequence[Any]) -> str:
    """Return the cursor of a *place* in the list *kind*."""
    told = json.dumps([kind, *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def place_of(
    kind: str, cursor: str | None, shape: Sequence[Sequence[Kind]]
) -> tuple[Any, ...] | None:
    """Return the place that *cursor* of the list *kind* is, ``None`` of none.

    *shape* are the types each part may have; an int may stand for a float. Raises Problem (400) for
    anything that is no cursor of this list.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        told = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _bad() from error
    if not isinstance(told, list) or len(told) != 1 + len(shape) or told[0] != kind:
        raise _bad()
    if not all(_is(part, wanted) for part, wanted in zip(told[1:], shape, strict=True)):
        raise _bad()
    return tuple(told[1:])


def _is(part: object, kinds: Sequence[Kind]) -> bool:
    if part is None:
        return type(None) in kinds
    if isinstance(part, str):
        return str in kinds and len(part) <= LONGEST
    if isinstance(part, bool) or not isinstance(part, (int, float)):
        return False
    known = float in kinds or (int in kinds and isinstance(part, int))
    return known and math.isfinite(part) and abs(part) < _HUGE


def _bad() -> Problem:
    return Problem(
        400, "cursor", "`after` is no cursor of this list",
        hint='take the address of the next page from the header Link, rel="next"',
    )  # fmt: skip
