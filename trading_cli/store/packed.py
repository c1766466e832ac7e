"""A stored book whose levels are unpacked when somebody looks at them: most are never looked at."""

import json
import zlib
from decimal import Decimal
from typing import Any

from trading_cli.domain import Book, Level, from_epoch
from trading_cli.store.series import decimal_or_none, levels_of

_FIELDS = Book.__match_args__


class PackedBook(Book):
    """A book like any other, equal to the one it unpacks to. A changed copy is a plain ``Book``."""

    __slots__ = ("_found", "_packed")
    _found: dict[str, Any] | None
    _packed: bytes

    def __new__(cls, *args: Any, **fields: Any) -> Book:  # type: ignore[misc]  # what `replace` calls
        """Return a plain book of the fields given."""
        return Book(*args, **fields)

    @classmethod
    def of(
        cls, condition: str, event: int, observed: int, name: str, packed: bytes
    ) -> "PackedBook":
        """Return the stored YES book: whose it is, its times (epoch), hash and packed levels."""
        made = object.__new__(cls)
        for field, value in (
            ("condition_id", condition),
            ("event_time", from_epoch(event)),
            ("observed_at", from_epoch(observed)),
            ("hash", name),
            ("_packed", packed),
            ("_found", None),
        ):
            object.__setattr__(made, field, value)
        return made

    def _word(self, name: str) -> Any:
        found = self._found
        if found is None:
            found = json.loads(zlib.decompress(self._packed))
            found["bids"], found["asks"] = levels_of(found["bids"]), levels_of(found["asks"])
            found["tick"] = decimal_or_none(found["tick"])
            found["min_size"] = decimal_or_none(found["min_size"])
            object.__setattr__(self, "_found", found)
        return found[name]

    @property
    def token(self) -> str:
        """Return whose book it is."""
        return str(self._word("token"))

    @property
    def bids(self) -> tuple[Level, ...]:
        """Return who buys, best first."""
        found: tuple[Level, ...] = self._word("bids")
        return found

    @property
    def asks(self) -> tuple[Level, ...]:
        """Return who sells, best first."""
        found: tuple[Level, ...] = self._word("asks")
        return found

    @property
    def tick(self) -> Decimal | None:
        """Return the smallest price step, ``None`` where it was not told."""
        found: Decimal | None = self._word("tick")
        return found

    @property
    def min_size(self) -> Decimal | None:
        """Return the smallest order, ``None`` where it was not told."""
        found: Decimal | None = self._word("min_size")
        return found

    @property
    def neg_risk(self) -> bool | None:
        """Return whether the market is one of several that exclude one another."""
        found: bool | None = self._word("neg_risk")
        return found

    def __eq__(self, other: object) -> bool:
        """Return whether *other* is a book of the same fields."""
        if not isinstance(other, Book):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _FIELDS)

    def __hash__(self) -> int:
        """Return what the plain book's hash is."""
        return hash(tuple(getattr(self, name) for name in _FIELDS))
