"""Every command's answer is what its shipped schema says, in every state of a home."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from telling import tell  # beside this

from trading_cli.cli.main import COMMANDS, shell
from trading_cli.core.schemas import API, ERROR, REFUSED, data_schema, names, schema_of

FORMATS = FormatChecker(())
NO_ENVELOPE: frozenset[str] = frozenset()  # commands that never print one, each with a reason

# (state of the home, command line, exit code); one line at least for each command
RUNS = (
    ("empty", "", 0),
    ("empty", "status", 0),
    ("empty", "markets", 0),
    ("empty", "logs", 0),
    ("empty", "doctor --offline", 0),
    ("empty", "quality-check", 6),
    ("empty", "db stats", 6),
    ("empty", "config show", 0),
    ("empty", "config explain data_collection.categories", 0),
    ("empty", "config explain nonsense", 2),
    ("empty", "config init {tmp}/new.yaml", 0),
    ("empty", "config init {tmp}/absent/new.yaml", 4),
    ("empty", "config validate", 0),
    ("empty", "config schema", 0),
    ("empty", "config schema --command db.stats", 0),
    ("empty", "config schema --command nonsense", 2),
    ("filled", "status", 0),
    ("filled", "markets --sort score", 0),
    ("filled", "markets --rules nonsense", 2),
    ("old", "markets --rules Will", None),
    ("filled", "quality-check", None),
    ("filled", "doctor", None),
    ("filled", "logs -n 5", 0),
    ("filled", "db stats", 0),
    ("filled", "db backup --to {tmp}", 0),
    ("filled", "db verify", 0),
    ("filled", "db optimize", 0),
    ("filled", "db archive --dry-run", 0),
    ("filled", "db archive --before 60d", 0),
    ("filled", "db archive --before 1d", 2),
    ("filled", "db bundle --to {tmp}/run.db", 0),
    ("filled", "db bundle 99999 --to {tmp}/run.db", 2),
    ("filled", "db restore {tmp}/absent", 2),
    ("damaged", "db verify", 6),
    ("damaged", "db backup", 6),
    ("filled", "collect", 0),
    ("filled", "collect --force --source gdelt --source bluesky", 0),
    ("filled", "collect --source nonsense", 2),
    ("partial", "status", 0),
    ("partial", "doctor --offline", 3),
    ("partial", "logs --level warning", 0),
    ("old", "status", 0),
    ("old", "markets --limit 3", 0),
    ("old", "quality-check --since 400d", 3),
    ("old", "quality-check --since 2020-01-01T12:00Z", 3),
    ("old", "quality-check --since now", 2),
    ("old", "doctor", 3),
    ("alone", "collect", 5),
    ("alone", "doctor", 3),
    ("empty", "stop", 0),
    ("empty", "cycle nonsense", 2),
    ("empty", "pause --reason busy --for 4h", 0),
    ("empty", "pause", 2),
    ("empty", "resume", 0),
    ("empty", "schedule show", 0),
    ("empty", "schedule show --systemd", 0),
    ("filled", "signal --dry-run", 0),
    ("empty", "health", None),
    ("filled", "health", None),
    ("filled", "health --prometheus", 0),
    ("empty", "profile", None),
    ("empty", "news", None),
    ("filled", "news --since 400d", 2),
    ("filled", "news nonsense", 2),
    ("filled", "news --since 7d", 0),
    ("empty", "calendar", 0),
    ("filled", "calendar --days 400 --ics {tmp}/c.ics", 0),
    ("filled", "calendar import {tmp}/absent.ics", 2),
    ("filled", "calendar import {tmp}/dates.csv", 0),
    ("empty", "calendar patterns", None),
    ("filled", "calendar patterns", 0),
    ("filled", "profile --cycle nonsense", 2),
    ("filled", "profile --since 400d", 0),
    ("filled", "profile --command trials", 0),
    ("filled", "signal", 0),
    ("filled", "signal --market nonsense", 2),
    ("filled", "cycle collection", 0),
    ("filled", "cycle analysis", 0),
    ("wrong", "schedule install", 4),
    ("wrong", "run", 4),
    ("empty", "alerts list", 0),
    ("empty", "alerts list --state nonsense", 2),
    ("empty", "alerts test", 4),
    ("empty", "alerts bot", 4),
    ("filled", "alerts list --limit 3", 0),
    ("filled", "alerts retry", 0),
    ("filled", "alerts retry nonsense", 2),
    ("filled", "alerts ack all", 0),
    ("wrong", "status", 4),
    ("wrong", "doctor --offline", 3),
    ("wrong", "config validate", 4),
    ("damaged", "status", 6),
    ("damaged", "db stats", 6),
    ("damaged", "doctor --offline", 3),
    ("stopped", "kill status", 0),
    ("stopped", "kill history", 0),
    ("stopped", "kill --reason because", 0),
    ("stopped", "kill --reason because --level 1", 0),
    ("stopped", "kill verify", None),
    ("stopped", "kill reset --reason because-it-is-safe --phrase x", 8),
    ("stopped", "kill arm", 8),
    ("stopped", "kill drill", None),
    ("stopped", "kill", 2),
    ("damaged", "kill history", 6),
    ("wrong", "kill --reason because", 0),
    ("wrong", "kill status", 0),
    ("damaged", "kill --reason because", 0),
    ("damaged", "kill status", 0),
    ("damaged", "kill verify", 3),
    ("empty", "demo --days 0", 2),
    ("empty", "simulate --nonsense", 2),
    ("empty", "serve --nonsense", 2),
    ("empty", "serve --host 192.0.2.1", 2),
    ("wrong", "serve", 4),
    ("wrong", "explain x", 4),
    ("filled", "explain x", 2),
    ("alone", "positions", 0),
    ("filled", "positions", 0),
    ("wrong", "close --all --reason test", 4),
    ("filled", "close --all --reason test", 0),
    ("alone", "readiness", 0),
    ("filled", "readiness", 0),
    ("filled", "portfolio sync --wallet 0x1", 2),
    ("filled", "portfolio sync --wallet 0x1111111111111111111111111111111111111111", 0),
    ("alone", "portfolio sync --wallet 0x1111111111111111111111111111111111111111", 5),
    ("alone", "portfolio exposure", 0),
    ("filled", "portfolio exposure --all", 0),
    ("alone", "portfolio optimize", 0),
    ("filled", "portfolio optimize", 0),
    ("filled", "portfolio optimize --apply", 2),
    ("alone", "portfolio rebalance", 0),
    ("filled", "portfolio rebalance", 0),
    ("alone", "monte-carlo", 0),
    ("filled", "monte-carlo --engine iid --runs 200", 0),
    ("filled", "monte-carlo --engine perturb", 2),
    ("filled", "monte-carlo --run @last", 2),
    ("alone", "correlate", None),
    ("filled", "correlate --since 7d", 0),
    ("filled", "correlate --since 2020-01-01", 2),
    ("filled", "correlate --market nonsense", 2),
    ("alone", "correlate --max-lag 0", 2),
    ("empty", "calibrate", 0),
    ("filled", "calibrate --svg {tmp}/c.svg --html {tmp}/c.html", 0),
    ("wrong", "calibrate", 4),
    ("empty", "microstructure 1", None),
    ("filled", "microstructure 3382818878", 0),
    ("filled", "microstructure cindertech --live --size 500", 0),
    ("filled", "microstructure nonsense", 2),
    ("filled", "microstructure 3382818878 --size 0", 2),
    ("empty", "import {tmp}/absent.csv", 2),
    ("empty", "import {tmp}/history.csv", 0),
    ("empty", "import {tmp}/history.csv --dry-run --lag 0 --source mine", 0),
    ("empty", "backtest", None),
    ("filled", "backtest --fees zero", 0),
    ("filled", "backtest --grid exits.stop=.1,.2 --html {tmp}/b.html", 0),
    ("filled", "backtest --strategy nonsense", 2),
    ("wrong", "backtest", 4),
    ("empty", "parity", None),
    ("filled", "parity", None),
    ("filled", "parity --since 2020-01-01 --until 2020-01-02", 2),
    ("filled", "parity --since nonsense", 2),
    ("empty", "replay @last", None),
    ("filled", "replay @last", None),
    ("filled", "replay nonsense", 2),
    ("empty", "trials", 0),
    ("filled", "trials --kind backtest", 0),
    ("filled", "trials --kind nonsense", 2),
    ("alone", "journal list", 0),
    ("filled", "journal list", 0),
    ("filled", "journal show x", 2),
    ("filled", "journal show 1", None),
    ("filled", "journal note x words", 2),
    ("filled", "journal tag x word", 2),
    ("filled", "journal review x", 2),
    ("filled", "journal fill x --price 0.4 --shares 5", 2),
    ("filled", "journal exit x --price 0.4", 2),
    ("alone", "journal stats", 0),
    ("filled", "journal verify", 0),
    ("filled", "journal reconcile", 0),
    ("filled", "journal export {tmp}/j.csv", 0),
    ("filled", "journal export {tmp}/t.csv --tax fifo", 0),
    ("filled", "journal export {tmp}/t.csv --tax fifo --currency EUR", 2),
    ("filled", "journal export {tmp}/t.csv --currency EUR", 2),
)


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    """Say whether *value* is an aware ISO instant."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _checked(schema: Mapping[str, Any], value: Any) -> None:
    Draft202012Validator(schema, format_checker=FORMATS).validate(value)


def _is_valid(schema: Mapping[str, Any], value: Any) -> bool:
    return Draft202012Validator(schema, format_checker=FORMATS).is_valid(value)


def _dotted(command: click.Command, name: str) -> Iterator[str]:
    """Yield the name of every command at or under *command* as the envelope has it."""
    if not isinstance(command, click.Group):
        yield name
        return
    if command.invoke_without_command:  # the word alone is a command too
        yield name
    for inner, one in command.commands.items():
        yield from _dotted(one, f"{name}.{inner}")


def _registered() -> set[str]:
    root = shell()
    ctx = click.Context(root)
    found = (_dotted(root.get_command(ctx, name), name) for name in COMMANDS)
    return {name for members in found for name in members} - NO_ENVELOPE


def _name_of(words: str) -> str:
    """Return the schema's name of a command line."""
    known = _registered()
    first = words.split()
    return next((n for n in (".".join(first[:2]), first[0]) if n in known), "") if first else ""


def test_every_command_has_a_schema_and_every_schema_a_command():
    """Who adds a command writes its schema; who takes one away takes it along."""
    commands = {name for name in names() if not name.startswith(API)}  # tests/web asks for those
    assert commands - {ERROR} == _registered()


def test_every_command_is_run_here():
    """A schema nobody holds against an answer proves nothing."""
    assert {_name_of(words) for _, words, _ in RUNS} - {""} == _registered()


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize(("state", "words", "exit_code"), RUNS)
def test_what_a_command_prints_is_what_its_schema_says(homes, tmp_path, state, words, exit_code):
    """An envelope at exits 0, 3 and 8, one error object at the others; not a field more or less."""
    line = words.format(tmp=tmp_path).split()
    (tmp_path / "history.csv").write_text("market,t,p,mood\na,1700000000,0.5,x\na,soon,0.6,x\n")
    (tmp_path / "dates.csv").write_text("at,title\n2026-03-18T18:00Z,Rates\nsoon,Bad\n")
    told = tell(*line, "--json", "--config", str(homes[state]))
    if exit_code is not None:
        assert told.exit_code == exit_code, told.err
    if told.exit_code not in {0, 3, 8}:
        assert told.out == ""
        _checked(schema_of(ERROR), json.loads(told.err))
        return
    assert told.err == ""
    envelope = json.loads(told.out)
    name = envelope["schema"].removeprefix("trading.").removesuffix("/1")
    assert name == (_name_of(words) or "status")
    _checked(schema_of(name), envelope)
    if _is_valid(data_schema(REFUSED), envelope["data"]):
        return
    _checked(data_schema(name), envelope["data"])
    if data_schema(name)["additionalProperties"] is False:
        assert not _is_valid(data_schema(name), envelope["data"] | {"more": 1})
    assert not _is_valid(schema_of(name), envelope | {"more": 1})
    for required in data_schema(name)["required"]:
        less = {key: value for key, value in envelope["data"].items() if key != required}
        assert not _is_valid(data_schema(name), less)


def test_a_demo_answers_by_its_schema(small_demo):
    """The smallest demo there is, whole: all that it printed."""
    told = small_demo.with_suffix(".json").read_text(encoding="utf-8")
    _checked(schema_of("demo"), json.loads(told))


def test_a_simulator_announces_itself_by_its_schema(home):
    """The one line it prints is an envelope; then it serves until it is ended."""
    words = ["-m", "trading_cli", "simulate", "--json", "--markets", "3", "--port", "0"]
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, cwd=home) as child:
        line = child.stdout.readline()
        child.terminate()
    _checked(schema_of("simulate"), json.loads(line))


@pytest.mark.parametrize("name", [*names(), REFUSED])
def test_a_schema_tells_a_person_what_each_field_is(name):
    """Each is a valid schema; each field is described; no object takes what it does not name."""
    for schema in (data_schema(name), schema_of(name) if name != REFUSED else {}):
        Draft202012Validator.check_schema(schema)
    _explained(data_schema(name), name)


def _explained(schema: Any, where: str) -> None:
    """Look at *schema* and all below it."""
    properties = schema.get("properties", {})
    for name, one in properties.items():
        assert one.get("description", "").strip().endswith("."), f"{where}.{name} says nothing"
        _explained(one, f"{where}.{name}")
    if schema.get("type") == "object" and "$ref" not in schema:
        assert "additionalProperties" in schema, f"{where} may hold anything"
        assert set(schema.get("required", ())) <= set(properties), where
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            _explained(schema[key], f"{where}[]")
    for one in schema.get("anyOf", ()):
        _explained(one, where)


def test_a_refusal_is_an_answer_of_every_command():
    """What the boundary prints when a gate or the kill switch turns a command away fits too."""
    told = {"code": "gate_closed", "message": "no", "hint": ""}
    at = "2026-03-02T12:00:00+00:00"
    for name in set(names()) - {ERROR}:
        envelope = {"schema": f"trading.{name}/1", "generated_at": at, "data": told, "warnings": []}
        _checked(schema_of(name), envelope)
        assert not _is_valid(schema_of(name), envelope | {"generated_at": "yesterday"})


def test_a_person_sees_a_schema_without_quoting(home):
    """`config schema --command` takes the name as the envelope has it, or as it is typed."""
    del home
    told = tell("config", "schema", "--command", "db stats")
    assert json.loads(told.out) == schema_of("db.stats")


def test_the_schemas_are_in_the_package():
    """They stand beside the code that loads them, so they ship with it."""
    from trading_cli.core import schemas

    folder = Path(schemas.__file__).parent
    assert {path.stem for path in folder.glob("*.json")} == {*names(), REFUSED}
