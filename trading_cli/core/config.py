"""Reads config.yaml, the TRADING__… variables and the secrets, naming every wrong key and its line.

Precedence: flag > environment > file > default. A missing file means the defaults.
"""

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from trading_cli.core.errors import ConfigError
from trading_cli.core.home import PREFIX, given_secrets

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_BYTES = 1_000_000
_SECRET_WORD = 12
_SECRET_KEY = re.compile(r"(^|_)(token|password|secret|api_key)$", re.IGNORECASE)

DEEPEST = 50
_DOWN = (
    yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken, yaml.BlockMappingStartToken,
)  # fmt: skip
_UP = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)

Path_ = tuple[str, ...]
Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """A group of settings: frozen, no unknown key, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Secrets(Section):
    """Every secret, each None where it was not given; never shown by repr or str."""

    telegram_token: SecretStr | None = None
    x_token: SecretStr | None = None
    smtp_password: SecretStr | None = None
    webhook_secret: SecretStr | None = None
    inbound_secret: SecretStr | None = None
    discord_url: SecretStr | None = None
    slack_url: SecretStr | None = None
    webhook_url: SecretStr | None = None
    heartbeat_url: SecretStr | None = None
    serve_token: SecretStr | None = None

    def values(self) -> tuple[str, ...]:
        """Return the secrets that were given, for the redactor; of an address its path, too.

        What makes an address a secret is in its path, and a server may repeat that alone.
        """
        found: list[str] = []
        for name in type(self).model_fields:
            secret = getattr(self, name)
            if secret is not None:
                text = secret.get_secret_value()
                found += [text, *(_path_words(text) if name.endswith("_url") else ())]
        return tuple(found)


def _path_words(url: str) -> list[str]:
    """Return the path of *url* and its parts, without those that are ordinary words."""
    path = url.partition("://")[2].partition("/")[2]
    words = [path, *re.split(r"[/?=&]", path)]
    return [word for word in words if len(word) >= _SECRET_WORD]


@dataclass(frozen=True)
class _Given:
    """One value somebody gave: where it stands, and the value."""

    where: str
    value: Any


def read_settings(
    path: Path | None,
    model: type[Model],
    *,
    env: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
) -> Model:
    """Return the settings as *model*; *overrides* maps dotted keys (flags) to values.

    Nothing is read into another kind: no "yes", true or "5" for a number, no 1 for true. A whole
    number may stand for a float, a list for a tuple, a text for a path or a choice.

    Raises ConfigError with one line per wrong key: ``config.yaml:12:5: risk.position: …``.
    """
    given, wrong = _gathered(path, model, env, overrides)
    wrong += [
        _line(item.where, key, _unknown(model, key))
        for key, item in given.items()
        if not _known(model, key)
    ]
    tree: dict[str, Any] = {}
    for key, item in given.items():
        if _known(model, key):
            _put(tree, key, item.value)
    try:
        # Through JSON, since pydantic's strict mode takes a list for a tuple only from there.
        settings = model.model_validate_json(json.dumps(tree, default=str), strict=True)
    except ValidationError as error:
        wrong += [_explained(one, given) for one in error.errors(include_url=False)]
        raise _bad(wrong) from None
    if wrong:
        raise _bad(wrong)
    return settings


def origins(
    path: Path | None,
    model: type[BaseModel],
    *,
    env: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return for every dotted key given: ``flag``, the variable, or ``config.yaml:12:5``.

    A key that is not in it has its default.
    """
    given, _wrong = _gathered(path, model, env, overrides)
    return {".".join(key): item.where for key, item in given.items()}


def read_secrets(home: Path, env: Mapping[str, str]) -> Secrets:
    """Return the secrets from <home>/secrets.env and the environment, which wins.

    Raises ConfigError when the file is a link, not ours or open to others, or names no secret.
    """
    return Secrets(**{name: SecretStr(value) for name, value in given_secrets(home, env).items()})


def _gathered(
    path: Path | None,
    model: type[BaseModel],
    env: Mapping[str, str],
    overrides: Mapping[str, Any] | None,
) -> tuple[dict[Path_, _Given], list[str]]:
    """Return what file, environment and flags give, the later winning, and what is wrong."""
    wrong: list[str] = []
    given: dict[Path_, _Given] = {}
    named: dict[Path_, str] = {}
    if path is not None:
        given.update(_from_file(path, model, wrong))
    for name in sorted(env):
        if name.upper().startswith(PREFIX):
            key = tuple(name[len(PREFIX) :].lower().split("__"))
            if key in named:
                wrong.append(_line(name, key, f"given twice, as {named[key]} too"))
            named[key] = name
            try:
                root = _composed(env[name])
            except yaml.YAMLError as error:
                wrong.append(_line(name, key, f"not YAML: {_problem(error)}"))
                continue
            value = None if root is None else _built(root, name, key, wrong)
            _replace(given, key, _Given(name, value))
    for dotted, value in (overrides or {}).items():
        if value is not None:
            _replace(given, tuple(dotted.split(".")), _Given("flag", value))
    return given, wrong


def _replace(given: dict[Path_, _Given], key: Path_, item: _Given) -> None:
    """Put *item* at *key* in the place of what stood at or below it."""
    for old in [other for other in given if other[: len(key)] == key]:
        del given[old]
    given[key] = item


def _from_file(path: Path, model: type[BaseModel], wrong: list[str]) -> dict[Path_, _Given]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8-sig") as file:
            mode = os.fstat(descriptor).st_mode
            text = file.read(_MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="correct the file") from error
    if mode & 0o022:
        raise ConfigError(f"{path} may be changed by others", hint=f"chmod go-w {path}")
    if len(text) > _MAX_BYTES:
        raise ConfigError(f"{path} is larger than {_MAX_BYTES:,} characters", hint="shorten it")
    try:
        root = _composed(text)
        found: dict[Path_, _Given] = {}
        if root is not None:
            if not isinstance(root, MappingNode):
                raise _bad([f"{_where(path, root)}: the file must be `key: value` lines"])
            _walk(path, root, model, (), found, wrong)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f"{path.name}:{mark.line + 1}:{mark.column + 1}" if mark else path.name
        raise _bad([f"{at}: not YAML: {_problem(error)}"]) from error
    return found


def _composed(text: str) -> Node | None:
    """Return the tree of *text*, None for nothing; raises YAMLError, for an alias too.

    So it does for more than *DEEPEST* levels, before the reader, which is slow and recursive.
    """
    deep = 0
    try:
        for token in yaml.scan(text, Loader=_LOADER):
            deep += isinstance(token, _DOWN) - isinstance(token, _UP)
            if deep > DEEPEST:
                raise yaml.MarkedYAMLError(
                    None, None, f"more than {DEEPEST} levels deep", token.start_mark
                )
            if isinstance(token, yaml.AliasToken):
                raise yaml.MarkedYAMLError(
                    None, None, "aliases (*name) are not allowed: write it out", token.start_mark
                )
        root: Node | None = yaml.compose(text, Loader=_LOADER)
    except (ValueError, RecursionError) as error:
        raise yaml.YAMLError(f"it cannot be read ({type(error).__name__})") from error
    return root


def _problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]


def _walk(  # a recursion carries its accumulators
    path: Path,
    node: MappingNode,
    model: type[BaseModel] | None,
    prefix: Path_,
    found: dict[Path_, _Given],
    wrong: list[str],
) -> None:
    """Collect the leaves of *node*, and what is wrong with its keys."""
    seen: set[str] = set()
    for key_node, value in node.value:
        name = key_node.value if isinstance(key_node, ScalarNode) else "?"
        key = (*prefix, name)
        where = _where(path, key_node)
        if name in seen:
            wrong.append(_line(where, key, "given twice"))
            continue
        seen.add(name)
        fields = model.model_fields if model else {}
        if _SECRET_KEY.search(name) and name not in fields:
            wrong.append(_line(where, key, "a secret: put it in secrets.env as TRADING_…"))
            continue
        below = _submodel(model, name)
        if isinstance(value, MappingNode) and below is not None:
            _walk(path, value, below, key, found, wrong)
        elif not (below is not None and _empty(value)):
            found[key] = _Given(where, _built(value, where, key, wrong))


def _empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _built(node: Node, where: str, key: Path_, wrong: list[str]) -> Any:
    """Return the Python value of *node*; duplicate keys inside it are wrong, too."""
    if isinstance(node, SequenceNode):
        return [_built(item, where, key, wrong) for item in node.value]
    if isinstance(node, MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value in node.value:
            name = _built(key_node, where, key, wrong)
            name = str(name) if isinstance(name, list | dict) else name
            if name in result:
                wrong.append(_line(where, (*key, str(name)), "given twice"))
            result[name] = _built(value, where, key, wrong)
        return result
    loader = _LOADER("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        wrong.append(_line(where, key, f"not a plain value ({_problem(error)})"))
        return None
    finally:
        loader.dispose()


def _submodel(model: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    """Return the section that *name* is, None for a leaf."""
    field = model.model_fields.get(name) if model else None
    if field is None:
        return None
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _known(model: type[BaseModel], key: Path_) -> bool:
    """Say whether *key* leads to a field."""
    here: type[BaseModel] | None = model
    for name in key:
        if here is None or name not in here.model_fields:
            return False
        here = _submodel(here, name)
    return True


def _unknown(model: type[BaseModel], key: Path_) -> str:
    """Return the sentence for a key that is no setting, with the nearest that is."""
    here: type[BaseModel] | None = model
    for name in key:
        fields = list(here.model_fields) if here else []
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            return f"no such setting; did you mean {near[0]}?" if near else "no such setting"
        here = _submodel(here, name)
    return "no such setting"


def _put(tree: dict[str, Any], key: Path_, value: Any) -> None:
    for name in key[:-1]:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree[key[-1]] = value


def _explained(error: Any, given: Mapping[Path_, _Given]) -> str:
    """Return one line for one of pydantic's errors, with the place the value came from."""
    key = tuple(str(part) for part in error["loc"])
    near = [item for place, item in given.items() if place == key[: len(place)]]
    near = near or [item for place, item in given.items() if place[: len(key)] == key]
    said = error["msg"][:1].lower() + error["msg"][1:]
    got = error.get("input")
    shown = "" if isinstance(got, dict) else f" (got {str(got)[:60]!r})"
    return _line(near[0].where if near else "settings", key, said + shown)


def _where(path: Path, node: Node) -> str:
    return f"{path.name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _line(where: str, key: Path_, said: str) -> str:
    return f"{where}: {'.'.join(key)}: {said}"


def _bad(wrong: list[str]) -> ConfigError:
    return ConfigError("\n".join(wrong), hint="correct it, then run: trading config validate")
