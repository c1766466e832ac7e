"""The facts two decisions on the same question rest on: where they part, input or reckoning."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from trading_cli.domain import Decision, Purpose
from trading_cli.store.rows import as_json

_ENTRY = ("seen", "question", "warming", "quality", "gate", "kill", "pauses", "fee")
_EXIT = ("bid", "ask", "book_at", "volume_24h", "volume_before", "deadline")
_TERMS = ("bid", "ask", "deadline", "hazard", "rules")
_DEPTHS = frozenset({"ask_depth", "bid_depth"})


@dataclass(frozen=True, slots=True)
class Apart:
    """The first fact that differs. ``input``: it is read; else it was reckoned from equal ones."""

    field: str
    stored: str
    recomputed: str
    input: bool = True


def apart(stored: Decision, now: Decision) -> Apart | None:
    """Return where the facts of the two part, inputs first; ``None`` where they are the same."""
    before, after = stored.facts, json.loads(as_json(now.facts))
    if stored.purpose is Purpose.EXIT:
        return next(_unlike(before, after, _EXIT), None)
    return (
        _features(before, after)
        or next(_unlike(before, after, _ENTRY), None)
        or next(_unlike(_said(before), _said(after), ("opinions",)), None)
        or _terms(before, after)
        or next(_unlike(before, after, ("best_tiers",)), None)
        or _checks(before, after)
    )


def _unlike(
    before: Mapping[str, Any], after: Mapping[str, Any], names: tuple[str, ...], under: str = ""
) -> Iterator[Apart]:
    """Yield the first leaf under each of *names* that both have and that differs."""
    for name in names:
        if name in before and name in after:
            for path, one, other in _leaves(f"{under}{name}", before[name], after[name]):
                if not _same(one, other):
                    yield Apart(path, _text(one), _text(other))
                    break


def _features(before: Mapping[str, Any], after: Mapping[str, Any]) -> Apart | None:
    """Return the first indicator that differs: by its inputs, else reckoned from equal ones."""
    then, now = _mapping(before, "features"), _mapping(after, "features")
    for name in sorted({*then, *now}):
        if name not in then or name not in now:
            there = "computed" if name in then else "absent"
            return Apart(f"features.{name}", there, "absent" if name in then else "computed")
        under = f"features.{name}."
        read = next(_unlike(then[name], now[name], ("inputs",), under), None)
        if read is not None:
            return read
        said = next(
            _unlike(then[name], now[name], ("value", "undefined", "tier", "provisional"), under),
            None,
        )
        if said is not None:
            return Apart(said.field, said.stored, said.recomputed, input=False)
    return None


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what outsiders said and had shown, by source: all of it is read from their rows."""
    return {"opinions": {one["source"]: one for one in facts.get("opinions", ())}}


def _terms(before: Mapping[str, Any], after: Mapping[str, Any]) -> Apart | None:
    """Return the first difference in the book's prices, where both are of the same token."""
    then, now = _mapping(before, "terms"), _mapping(after, "terms")
    if not then or then.get("token") != now.get("token"):
        return None
    return next(_unlike(then, now, _TERMS, "terms."), None)


def _checks(before: Mapping[str, Any], after: Mapping[str, Any]) -> Apart | None:
    """Return the first rule of size or risk that says otherwise; those of the depth read a book."""
    for part in ("sizing", "risk"):
        then = {one["rule"]: one for one in _mapping(before, part).get("checks", ())}
        now = {one["rule"]: one for one in _mapping(after, part).get("checks", ())}
        for rule in then:
            if rule in now and then[rule]["sentence"] != now[rule]["sentence"]:
                told = then[rule]["sentence"], now[rule]["sentence"]
                return Apart(f"{part}.{rule}", *told, input=rule in _DEPTHS)
    return None


def _mapping(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}


def _leaves(path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted({*one, *other}):
            yield from _leaves(f"{path}.{name}", one.get(name), other.get(name))
    else:
        yield path, one, other


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are the same: prices as text are numbers, times whole seconds."""
    if one == other:
        return True
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return _second(one) is not None and _second(one) == _second(other)


def _second(text: str) -> datetime | None:
    """Return the instant *text* names as the file keeps it, ``None`` where it names none."""
    try:
        return datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError:
        return None


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
