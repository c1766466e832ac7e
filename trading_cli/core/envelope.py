"""The one envelope in which every answer travels: to a pipe, a program or a page."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

_AS_IT_IS = frozenset((str, int, bool, type(None)))


def plain(value: Any) -> Any:
    """Return *value* as JSON types: times as ISO text, decimals as numbers, NaN as null."""
    kind = type(value)  # most values are of few types: the long way is for the others
    if kind in _AS_IT_IS:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is dict:
        return {
            key if type(key) is str else str(key): item if type(item) in _AS_IT_IS else plain(item)
            for key, item in value.items()
        }
    if kind is list:
        return [item if type(item) in _AS_IT_IS else plain(item) for item in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Decimal):
        value = float(value) if value.is_finite() else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int)) else str(value)


def envelope(command: str, data: Any, warnings: Sequence[str] = ()) -> str:
    """Return the one JSON object that exits 0, 3 and 8 print, ASCII only, on one line."""
    return json.dumps(
        {
            "schema": f"trading.{command}/1",
            "generated_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": plain(data),
            "warnings": [str(warning) for warning in warnings],
        },
        allow_nan=False,
    )
