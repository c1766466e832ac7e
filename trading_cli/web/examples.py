"""An example of every answer, made from its schema: small, complete, and valid against it."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
_DEEPEST = 12
_AT = "2026-03-02T12:00:07+00:00"
_WORDS: Mapping[str, str] = {
    "id": "1de55ccdb04bd7f3",
    "market": "3382818878",
    "event": "220650037",
    "question": "Will the harbour bridge open by April 11, 2026?",
    "title": "Will the harbour bridge open by April 11, 2026?",
    "category": "Politics",
    "strategy": "rvr_roc_hype",
    "home": "/home/me/trading",
    "folder": "/home/me/trading/logs",
    "source": "bluesky",
    "author": "somebody",
    "text": "The bridge will open, they say.",
    "url": "https://example.org/post/1",
    "place": "https://polymarket.com/event/harbour-bridge",
    "hint": "trading status",
    "actor": "person",
    "kind": "order",
    "cycle": "collection",
    "reason": "RVR_LOW",
    "wallet": "0x1111111111111111111111111111111111111111",
}


def example_of(schema: Schema, root: Schema, name: str = "", depth: int = 0) -> Any:
    """Return an instance of *schema*, whose references are into *root*; *name* is its property's.

    Every property is there; an alternative is its first that is not null.
    """
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return example_of(_resolved(schema["$ref"], root), root, name, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            first: Schema = next((one for one in schema[choice] if one.get("type") != "null"), {})
            return example_of(first, root, name, depth + 1)
    return _of_type(_type(schema), schema, root, name, depth)


def _resolved(reference: str, root: Schema) -> Schema:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    told: Schema = found
    return told


def _type(schema: Schema) -> str:
    kinds = schema.get("type", "object" if "properties" in schema else "null")
    if isinstance(kinds, str):
        return kinds
    return next((kind for kind in kinds if kind != "null"), "null")


def _of_type(kind: str, schema: Schema, root: Schema, name: str, depth: int) -> Any:
    if kind == "object":
        told = {
            key: example_of(one, root, key, depth + 1)
            for key, one in schema.get("properties", {}).items()
        }
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping) and not told:
            told["name"] = example_of(more, root, "name", depth + 1)
        return told
    if kind == "array":
        item = schema.get("items", {})
        count = max(1, schema.get("minItems", 1)) if schema.get("maxItems", 1) else 0
        return [example_of(item, root, name, depth + 1) for _ in range(count)]
    if kind == "string":
        return _text(schema, name)
    if kind in {"number", "integer"}:
        return _number(schema, whole=kind == "integer")
    return False if kind == "boolean" else None


def _text(schema: Schema, name: str) -> str:
    if schema.get("format") == "date-time":
        return _AT
    if "pattern" in schema:
        return "".join(schema.get("examples", [""]))
    return _WORDS.get(name, "an example")


def _number(schema: Schema, *, whole: bool) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return int(low + 1) if whole and low + 1 <= high else low if whole else (low + high) / 2
    if low is not None:
        return int(low) + 1 if whole else float(low) + 0.5
    if high is not None:
        return int(high) - 1 if whole else float(high) - 0.5
    return 1 if whole else 0.5
