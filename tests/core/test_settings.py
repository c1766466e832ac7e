"""Settings take nothing for something else, and name the place of what is wrong."""

from enum import Enum
from pathlib import Path
from typing import Literal

import pytest

from trading_cli.core.config import Section, read_settings
from trading_cli.core.errors import ConfigError


class Colour(Enum):
    """A choice."""

    RED = "red"


class Kinds(Section):
    """One setting of every kind."""

    whole: int = 1
    number: float | None = 0.5
    switch: bool = False
    words: tuple[str, ...] = ()
    path: Path = Path("x")
    colour: Colour = Colour.RED
    mode: Literal["paper", "live"] = "paper"


class Everything(Section):
    """Settings for the tests."""

    kinds: Kinds = Kinds()


def read(name: str, text: str) -> Kinds:
    """Return the section when the variable of *name* says *text*."""
    variable = f"TRADING__KINDS__{name.upper()}"
    return read_settings(None, Everything, env={variable: text}).kinds


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name in ("whole", "number") for text in ("true", "yes", "'5'", "[1]")]
    + [("whole", "1.5"), ("number", ".nan"), ("number", ".inf"), ("switch", "1")]
    + [("switch", "'yes'"), ("words", "a"), ("words", "[1]"), ("path", "1"), ("mode", "Paper")]
    + [("words", "[a"), ("path", "*a"), ("words", "[&a b, *a]"), ("path", "{a: 1, a: 2}")]
    + [("colour", "blue"), ("mode", "2026-99-99"), ("path", "\x01")],
)
def test_nothing_is_taken_for_something_else(name, text):
    """A value of another kind, or no YAML, is an error that names the variable."""
    with pytest.raises(ConfigError, match=f"TRADING__KINDS__{name.upper()}: kinds.{name}"):
        read(name, text)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("number", "3", 3.0),
        ("number", "null", None),
        ("whole", "3", 3),
        ("switch", "true", True),
        ("words", "[a, b]", ("a", "b")),
        ("path", "a/b", Path("a/b")),
        ("colour", "red", Colour.RED),
        ("mode", "live", "live"),
    ],
)
def test_what_fits_is_taken(name, text, value):
    """A whole number is a float, a list a tuple, a text a path or a choice."""
    taken = getattr(read(name, text), name)
    assert (type(taken), taken) == (type(value), value)


def test_without_a_file_the_defaults_hold():
    """No file and no variable is no error."""
    assert read_settings(None, Everything, env={"PATH": "x"}) == Everything()


def test_two_variables_for_one_setting_are_refused():
    """Which of two spellings should win is nobody's guess."""
    env = {"TRADING__KINDS__WHOLE": "1", "TRADING__Kinds__Whole": "2"}
    with pytest.raises(ConfigError, match="given twice"):
        read_settings(None, Everything, env=env)


def test_a_flag_wins_over_a_variable():
    """Precedence: flag, variable, file, default."""
    env = {"TRADING__KINDS__WHOLE": "1"}
    got = read_settings(None, Everything, env=env, overrides={"kinds.whole": 7})
    assert got.kinds.whole == 7


@pytest.mark.parametrize("text", ["a: [", "a: *x", "kinds: {whole: true}", "- 1", "kinds: 1"])
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text):
    """Whatever is wrong with the file, the message begins with where."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"^config.yaml:\d+:\d+: "):
        read_settings(path, Everything, env={})
