"""What a fault does to the body of a reply: pure, and the same for the same seed."""

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from trading_cli.simulator.wire import dumps

Args = Mapping[str, Any]
Change = Callable[[Any, Random, Args], Any]


def garbled(name: str, body: bytes, dice: Random, args: Args) -> bytes:
    """Return *body* as the fault *name* leaves it; a body that is no JSON stays as it is."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return dumps(CHANGES[name](value, dice, args)).encode()


def _mistyped(value: Any, dice: Random, _args: Args) -> Any:
    """Swap the types of about half of all leaves."""
    if isinstance(value, dict):
        return {key: _mistyped(one, dice, _args) for key, one in value.items()}
    if isinstance(value, list):
        return [_mistyped(one, dice, _args) for one in value]
    return _other_type(value) if dice.random() < 0.5 else value  # noqa: PLR2004  # half


def _other_type(value: Any) -> Any:
    """Return something of another type than *value*."""
    if isinstance(value, bool):
        return "yes" if value else 0
    if isinstance(value, int | float):
        return [value]
    if isinstance(value, str):
        return {"value": value}
    return -1


def _in_lists(change: Callable[[list[Any]], list[Any]], value: Any) -> Any:
    """Apply *change* to the outermost list of items: the body's own or its members'."""
    if isinstance(value, list):
        return change(value)
    if isinstance(value, dict):
        return {key: change(one) if isinstance(one, list) else one for key, one in value.items()}
    return value


def _duplicated(value: Any, _dice: Random, _args: Args) -> Any:
    """Serve every item of the page twice."""
    return _in_lists(lambda items: items + items, value)


def _reordered(value: Any, dice: Random, _args: Args) -> Any:
    """Serve the page's items in another order."""
    return _in_lists(lambda items: dice.sample(items, len(items)), value)


def _unknown_fields(value: Any, _dice: Random, _args: Args) -> Any:
    """Add fields nobody has heard of to every object."""
    if isinstance(value, dict):
        known = {key: _unknown_fields(one, _dice, _args) for key, one in value.items()}
        return {**known, "x_new_field": {"nested": [1, None]}, "xNewFlag": True}
    if isinstance(value, list):
        return [_unknown_fields(one, _dice, _args) for one in value]
    return value


def _missing_fields(value: Any, dice: Random, args: Args) -> Any:
    """Leave out the named ``fields`` of each item, or about a third of them by chance."""
    if isinstance(value, list):
        return [_without(one, dice, args) for one in value]
    if isinstance(value, dict) and any(isinstance(one, list) for one in value.values()):
        return _in_lists(lambda items: [_without(one, dice, args) for one in items], value)
    return _without(value, dice, args)


def _without(item: Any, dice: Random, args: Args) -> Any:
    if not isinstance(item, dict):
        return item
    named = args.get("fields")
    return {
        key: one
        for key, one in item.items()
        if (key not in named if named else dice.random() > 1 / 3)
    }


def _cursor_loop(value: Any, _dice: Random, args: Args) -> Any:
    """Point the next page at this one, for ever."""
    if isinstance(value, dict) and args.get("cursor"):
        return {**value, "next_cursor": args["cursor"]}
    return value


CHANGES: Mapping[str, Change] = {
    "mistyped_json": _mistyped,
    "duplicated_page": _duplicated,
    "reordered_page": _reordered,
    "unknown_fields": _unknown_fields,
    "missing_fields": _missing_fields,
    "cursor_loop": _cursor_loop,
}
