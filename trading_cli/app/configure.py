"""The settings as a person meets them: written, shown, explained, validated."""

import difflib
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from trading_cli.app.settings import Settings, keys, load, render_config
from trading_cli.core.config import origins
from trading_cli.core.errors import ConfigError, UsageError
from trading_cli.core.home import find_home
from trading_cli.trading.feasible import feasible
from trading_cli.trading.strategies import load as load_strategies
from trading_cli.trading.strategies import problems


def config_init(path: Path | None) -> Path:
    """Write the complete settings file (0600) to *path*; never over one that is there.

    Without *path* it is the home's config.yaml. Return the whole path. Raises ``ConfigError``
    where it exists or cannot be written.
    """
    path = path or find_home(None, os.environ).home / "config.yaml"
    path = path.expanduser().absolute()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(render_config())
        os.link(part, path)  # unlike a rename, never replaces
    except FileExistsError as error:
        raise ConfigError(
            f"{path} is there already.", hint="name another PATH, or move it away first"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}.", hint="name a folder that is yours"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def config_show(config: Path | None) -> list[dict[str, Any]]:
    """Return key, value and origin of every setting in effect."""
    settings = load(config).settings
    given = _origins(config)
    return [
        {"key": key, "value": _value(settings, key), "origin": given.get(key, "default")}
        for key, _ in keys()
    ]


def config_explain(config: Path | None, key: str) -> dict[str, Any]:
    """Return type, default, value, origin, meaning and range of one setting.

    Raises ``UsageError`` for a key that is no setting, with the nearest that is.
    """
    fields = dict(keys())
    if key not in fields:
        near = difflib.get_close_matches(key, fields, 1)
        hint = f"did you mean {near[0]}?" if near else "`trading config show` lists them"
        raise UsageError(f"there is no setting {key!r}.", hint=hint)
    field = fields[key]
    default = field.get_default(call_default_factory=True)
    kind = field.annotation
    return {
        "key": key,
        "type": kind.__name__ if type(kind) is type else str(kind).replace("typing.", ""),
        "default": None if default is PydanticUndefined else _plain(default),
        "value": _value(load(config).settings, key),
        "origin": _origins(config).get(key, "default"),
        "meaning": field.description,
        "range": ", ".join(_bounds(field.metadata)) or "any",
    }


def _bounds(metadata: list[Any]) -> list[str]:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    return [
        f"{sign} {getattr(one, name)}"
        for one in metadata
        for name, sign in signs.items()
        if getattr(one, name, None) is not None
    ]


def config_validate(config: Path | None) -> dict[str, Any]:
    """Return the file's path, the asks that can be traded per fee rate, notes and warnings.

    Raises ``ConfigError`` with every wrong key, or where no signal could ever fire.
    """
    loaded = load(config)
    settings = loaded.settings
    asked = load_strategies(
        settings.signals.strategies, settings.risk.tier_ceilings, folder=loaded.home
    )
    found = feasible(
        settings.signals,
        settings.risk,
        settings.exits,
        bankroll=settings.bankroll,
        broken=problems(asked),
    )
    if found.refusals:
        raise ConfigError(
            f"no signal can fire: {'; '.join(found.refusals)}.",
            hint="trading config explain KEY says what each setting means",
        )
    return {
        "path": None if loaded.config is None else str(loaded.config),
        "bands": [
            {
                "fee_rate": float(one.rate),
                "lowest_ask": None if one.low is None else float(one.low),
                "highest_ask": None if one.high is None else float(one.high),
                "sentence": one.sentence(),
            }
            for one in found.bands
        ],
        "notes": list(found.notes),
        "warnings": [] if loaded.config else [f"no config.yaml in {loaded.home}: all defaults"],
    }


def config_schema() -> dict[str, Any]:
    """Return the JSON schema of config.yaml."""
    return Settings.model_json_schema()


def _origins(config: Path | None) -> dict[str, str]:
    return origins(find_home(config, os.environ).config, Settings, env=os.environ)


def _value(settings: Settings, key: str) -> Any:
    found: Any = settings
    for name in key.split("."):
        found = getattr(found, name)
    return _plain(found)


def _plain(value: Any) -> Any:
    """Return *value* as JSON can hold it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return str(value) if isinstance(value, Path) else value
