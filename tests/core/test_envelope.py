"""The envelope's JSON: the quick way for the usual types says what the long one says."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from trading_cli.core.envelope import plain


class Word(StrEnum):
    """A text of its own type."""

    YES = "yes"


class Number(IntEnum):
    """A number of its own type."""

    TWO = 2


class Odd(Enum):
    """What is neither."""

    PRICE = Decimal("0.5")
    NOTHING = math.nan


class Text(str):
    """A text, as others make it."""

    __slots__ = ()


KEYS = st.text(max_size=3) | st.integers() | st.booleans() | st.none() | st.sampled_from(Word)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.decimals() | st.datetimes(timezones=st.just(UTC)) | st.dates()
    | st.sampled_from([*Word, *Number, *Odd, Text("a"), PurePosixPath("/x"), Decimal("NaN")])
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inside: (
        st.lists(inside, max_size=4) | st.lists(inside, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inside, max_size=4)
        | st.dictionaries(KEYS, inside, max_size=4).map(MappingProxyType)
        | st.frozensets(st.text(max_size=3), max_size=1)
    ),
    max_leaves=20,
)  # fmt: skip


def _by_the_book(value: object) -> object:
    """Return what ``plain`` promises, asked type by type."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Decimal):
        value = float(value) if value.is_finite() else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _by_the_book(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_by_the_book(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int) else str(value)


@given(VALUES)
def test_whatever_is_told_is_told_as_json_has_it(value):
    """Every type, wherever it stands; nothing that JSON has no word for is left."""
    told = json.dumps(plain(value), allow_nan=False)
    assert told == json.dumps(_by_the_book(value), allow_nan=False)
