"""What `--grid` asks for: every combination of the values, each a whole configuration.

A key is a path of the settings that a backtest reads, or ``strategy.parameter``. Values are
separated by commas; one that has commas itself stands in brackets: ``exits.targets=[.05,.1,.2]``.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import yaml
from pydantic import ValidationError

from trading_cli.app.backtests.cells import Cell, made
from trading_cli.app.settings import Settings, keys
from trading_cli.core.errors import UsageError
from trading_cli.trading.backtest.rules import fees_of

MOST_CELLS = 10_000
READ = (
    "signals.", "risk.", "exits.", "hype.", "backtest.slippage", "backtest.fees", "bankroll",
    "data_collection.candidates.", "data_collection.panel.",
)  # fmt: skip
NOT_VARIED = frozenset({"signals.strategies", "signals.strategy_timeout_s"})


@dataclass(frozen=True, slots=True)
class Axis:
    """One key and the values it is to take, as typed."""

    key: str
    values: tuple[str, ...]


def axes(asked: Sequence[str]) -> tuple[Axis, ...]:
    """Return what ``k=v1,v2`` said, in order.

    Raises ``UsageError`` for what cannot be read, a key given twice, a value given twice, no value,
    and more than 10,000 combinations.
    """
    found = tuple(_axis(one) for one in asked)
    names = [one.key for one in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--grid {name} is given twice.", hint="put all its values in one")
    cells = math.prod(len(one.values) for one in found)
    if found and not cells:
        empty = next(one.key for one in found if not one.values)
        raise UsageError(
            f"--grid {empty}= names no value: there are 0 cells to run.",
            hint="--grid risk.position=0.03,0.05",
        )
    if cells > MOST_CELLS:
        raise UsageError(
            f"--grid asks for {cells:,} cells; {MOST_CELLS:,} at most are run.",
            hint="fewer values, or fewer keys",
        )
    return found


def _axis(text: str) -> Axis:
    key, sign, rest = text.partition("=")
    if not sign or not key.strip():
        raise UsageError(f"--grid {text!r} is not KEY=VALUE,VALUE.", hint="--grid exits.stop=.1,.2")
    values = tuple(one.strip() for one in _split(rest) if one.strip())
    for one in values:
        if values.count(one) > 1:
            raise UsageError(f"--grid {key}: the value {one} is given twice.")
    return Axis(key.strip(), values)


def _split(text: str) -> Iterator[str]:
    """Yield the parts between the commas that stand in no bracket."""
    depth, part = 0, ""
    for character in text:
        depth += (character in "[(") - (character in "])")
        if character == "," and depth <= 0:
            yield part
            part = ""
        else:
            part += character
    yield part


def cells(base: Cell, given: Sequence[Axis]) -> list[Cell]:
    """Return *base* under every combination, in the order the values were typed.

    Raises ``UsageError`` for a key that is none, or a value it cannot take, before anything runs.
    """
    if not given:
        made(base)
        return [base]
    known = {name for name, _ in keys()}
    for axis in given:
        _check(axis.key, known)
    found = [_cell(base, dict(zip([a.key for a in given], values, strict=True)), known)
             for values in product(*(axis.values for axis in given))]  # fmt: skip
    for one in found[:1] if all(axis.key in known for axis in given) else found:
        made(one)
    return found


def _check(key: str, known: set[str]) -> None:
    """Refuse a setting that no backtest reads: its cells would all be the same."""
    if key not in known:
        return
    if key in NOT_VARIED or not any(key == one or key.startswith(one) for one in READ):
        told = "signals.*, risk.*, exits.*, hype.*, bankroll, backtest.slippage, backtest.fees"
        raise UsageError(f"--grid {key}: no backtest changes with it.", hint=f"vary {told}")


def _cell(base: Cell, values: Mapping[str, str], known: set[str]) -> Cell:
    changes = {key: value for key, value in values.items() if key in known}
    others = tuple((key, value) for key, value in values.items() if key not in known)
    for key, _ in others:
        if "." not in key or key.split(".")[0] in Settings.model_fields:
            raise UsageError(f"--grid {key}: there is no such setting.", hint=_near(key, known))
    settings = with_values(base.settings, changes)
    fees = changes.get("backtest.fees", base.fees)
    fees_of(fees)
    label = ", ".join(f"{key}={value}" for key, value in values.items())
    return replace(base, settings=settings, overrides=others, fees=fees, label=label)


def _near(key: str, known: set[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only for a mistake

    near = get_close_matches(key, sorted(known), 1)
    return f"did you mean {near[0]}?" if near else "trading config show"


def with_values(settings: str, changes: Mapping[str, str]) -> str:
    """Return the settings (JSON) with *changes* put in; raises ``UsageError`` naming the wrong."""
    tree: dict[str, Any] = json.loads(settings)
    for key, value in changes.items():
        *path, last = key.split(".")
        inner = tree
        for name in path:
            inner = inner[name]
        inner[last] = _value(value, inner[last])
    try:
        whole = Settings.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(one) for one in first["loc"])
        raise UsageError(
            f"--grid {key}: {first['msg']}.", hint=f"trading config explain {key}"
        ) from None
    return whole.model_dump_json()


def _value(text: str, now: Any) -> Any:
    """Return what was typed, as JSON has it; where a text stands now, a text (a Decimal is one)."""
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if isinstance(read, list) and isinstance(now, list):
        return [str(one) if isinstance(old, str) else one
                for one, old in zip(read, [*now, *read[len(now):]], strict=False)]  # fmt: skip
    return text if isinstance(now, str) else _number(read, text)


def _number(read: Any, text: str) -> Any:
    """Return ``1e3`` and ``.5`` as the numbers they are; YAML takes the first for a word."""
    if not isinstance(read, str):
        return read
    try:
        return float(text)
    except ValueError:
        return read
