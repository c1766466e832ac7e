"""What is written is true: commands, settings, schedule, versions."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import yaml
from typer.main import get_command

from trading_cli.cli.main import COMMANDS, shell

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
FIRST = "uv run trading demo"
SECOND = "uv run --extra test pytest"


def _tree() -> dict[str, click.Command]:
    """Return every command and subcommand by the words one types."""
    root = shell()
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = root.get_command(click.Context(root), name)
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {sub}": one for sub, one in command.commands.items()}
    return found


TREE = _tree()


@pytest.mark.parametrize("name", sorted(TREE))
def test_every_command_has_help(name):
    """Nobody has to read the source to learn what a command does."""
    command = TREE[name]
    assert command.help
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("name", sorted(TREE))
def test_every_command_takes_the_four_options(name):
    """--config, --json, -q and -v work everywhere."""
    flags = {flag for option in TREE[name].params for flag in option.opts}
    assert {"--config", "--json", "-q", "-v"} <= flags


def test_every_command_named_in_the_readme_exists():
    """The page a person starts from never lies about what can be typed."""
    code = re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", README)
    lines = [line.lstrip("$ ") for block in code for line in block.splitlines()] + inline
    typed = [
        match[1] for line in lines if (match := re.match(r"(?:uv run )?trading ([a-z].*)", line))
    ]
    assert len(typed) >= 10
    for words in typed:
        _check(words)


def _check(words: str) -> None:
    """Fail unless *words*, typed after `trading`, name a command and options it has."""
    parts = shlex.split(
        words.split("#", maxsplit=1)[0].split("|", maxsplit=1)[0].split("…", maxsplit=1)[0],
        comments=True,
    )
    name, rest = parts[0], parts[1:]
    assert name in TREE, words
    if rest and f"{name} {rest[0]}" in TREE:
        name = f"{name} {rest[0]}"
    flags = {flag for option in TREE[name].params for flag in (*option.opts, "--help")}
    wanted = {part.split("=")[0] for part in rest if part.startswith("-") and part[1:2].isalpha()}
    wanted |= {part.split("=")[0] for part in rest if part.startswith("--")}
    assert wanted <= flags, words


def test_every_command_is_named_in_the_readme():
    """What can be typed is on the page."""
    assert [name for name in COMMANDS if f"trading {name}" not in README] == []


def test_the_two_commands_are_the_ones_that_are_checked():
    """A newcomer types what the daily check types."""
    for command in (FIRST, SECOND):
        assert command in README
        assert command in CI


def test_every_line_of_the_crontab_names_a_command_that_exists():
    """The schedule calls nothing that is not there."""
    lines = [
        line
        for line in (ROOT / "crontab.example").read_text(encoding="utf-8").splitlines()
        if re.match(r"[\d*]", line)
    ]
    assert lines
    for line in lines:
        _check(re.search(r"/trading (.*?)( >|$)", line)[1])


def test_the_example_crontab_is_what_the_settings_come_to():
    """The shipped lines are those that `trading schedule show` prints for the same place."""
    from trading_cli.app.schedule import Place, cron_lines
    from trading_cli.app.settings import Settings

    home = Path("/home/you/trading")
    place = Place(home / ".venv/bin/trading", home, None, home / "logs")
    lines = cron_lines(Settings().schedule.model_dump(), place)
    wanted = [line.replace("TRADING_HOME=/home/you/trading ", "") for line in lines]
    text = (ROOT / "crontab.example").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if re.match(r"[\d*]", line)] == wanted


def test_the_shipped_settings_equal_the_defaults_and_show_every_key():
    """config.yaml changes nothing by being there, hides no key, and explains each."""
    from trading_cli.app.settings import Settings, keys, load

    path = ROOT / "config.yaml"
    text = path.read_text(encoding="utf-8")
    assert load(path, env={}).settings == Settings()
    shown = yaml.safe_load(text)
    for key, _ in keys():
        at = shown
        for part in key.split("."):
            assert part in at, key
            at = at[part]
        line = re.search(
            rf"^ *{re.escape(key.rsplit('.', maxsplit=1)[-1])}:.*#.+$", text, re.MULTILINE
        )
        assert line, f"{key} is not explained"


def test_the_constraints_are_those_of_the_lock_file():
    """Plain pip installs the versions that uv does."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    locked = {
        (one["name"], one["version"]) for one in lock["package"] if one["name"] != "trading-cli"
    }
    pinned = set()
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split(";")[0].strip().split("==")
            pinned.add((name, version))
    assert pinned == locked


def test_the_exit_codes_in_the_readme_are_those_of_the_error_tree():
    """The table of exit codes names each code a failure can have."""
    from trading_cli.core import errors

    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.TradingError)
    }
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert codes | {0, 130, 143} <= table


def test_python_dash_m_is_the_same_program():
    """`python -m trading_cli` answers as `trading` does."""
    ran = subprocess.run(
        [sys.executable, "-m", "trading_cli", "--version"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert re.fullmatch(r"trading \d+\.\d+\.\d+\n", ran.stdout)


def test_every_public_name_imported_by_the_commands_has_one_home():
    """Each command's module offers exactly one `app`, found by its own name."""
    for name, (module, about) in COMMANDS.items():
        loaded = __import__(f"trading_cli.cli.{module}", fromlist=["app"])
        assert get_command(loaded.app).help, name
        assert about.endswith(".")
