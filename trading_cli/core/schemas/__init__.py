"""What every command answers, as JSON schemas: one file per name, which is the command's.

``NAME.json`` describes only the ``data`` of the envelope ``trading.NAME/1`` (`db stats` is
``db.stats``); the envelope around it is put on here. Two files are nobody's command: ``error`` is
the object on stderr, ``refused`` the data where a gate or the kill switch turned a command away.
Those whose name begins with ``api.`` are answers of the API that no command gives.

To add a command, write its file: every property has a description with its unit, every object says
what is required and takes nothing else, and ``null`` is allowed only where the command gives it.
``tests/cli/test_schemas.py`` runs each command and fails while the file is missing or untrue.
"""

import json
from importlib.resources import files
from typing import Any

from trading_cli.core.errors import UsageError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ERROR, REFUSED = "error", "refused"
API = "api."
_SUFFIX = ".json"

Schema = dict[str, Any]


def names() -> list[str]:
    """Return every name that has a schema, sorted: the commands', ``error``, the API's."""
    found = (one.name for one in files(__package__).iterdir())
    known = {name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)}
    return sorted(known - {REFUSED})


def data_schema(name: str) -> Schema:
    """Return the schema of the ``data`` of command *name*; raises ``FileNotFoundError``."""
    text = files(__package__).joinpath(f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    schema: Schema = json.loads(text)
    return schema


def schema_of(name: str) -> Schema:
    """Return the schema of all that command *name* prints with ``--json``, complete in itself.

    For ``error`` it is that of the object on stderr. Raises ``UsageError`` for what is no command.
    """
    if name not in names():
        raise _unknown(name)
    data = data_schema(name)
    if name == ERROR:
        return data
    refused = data_schema(REFUSED)
    shared = {**data.pop("$defs", {}), REFUSED: _inner(refused)}
    return {
        "$schema": DIALECT,
        "$id": f"trading.{name}/1",
        "title": name if name.startswith(API) else f"trading {name.replace('.', ' ')} --json",
        "type": "object",
        "additionalProperties": False,
        "required": ["schema", "generated_at", "data", "warnings"],
        "properties": {
            "schema": {"const": f"trading.{name}/1", "description": "What this is."},
            "generated_at": {
                "type": "string",
                "format": "date-time",
                "description": "When it was written, UTC.",
            },
            "data": {
                "description": "The answer; at exits 3 and 8 it may be the refusal instead.",
                "anyOf": [_inner(data), {"$ref": f"#/$defs/{REFUSED}"}],
            },
            "warnings": {
                "type": "array",
                "items": {"type": "string"},
                "description": "What a person should know besides; sentences.",
            },
        },
        "$defs": shared,
    }


def _inner(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in {"$schema", "title"}}


def _unknown(name: str) -> Exception:
    from difflib import get_close_matches  # noqa: PLC0415  # paid for when needed

    near = get_close_matches(name, names(), 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names())}"
    return UsageError(f"there is no schema {name!r}.", hint=hint)
