"""The one boundary: every failure is one complaint and one documented exit code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import click
import pytest
import typer

from trading_cli.cli.answer import Answer
from trading_cli.cli.main import COMMANDS, Terminated, run, shell
from trading_cli.cli.options import Command, Shared, commands, shared
from trading_cli.core import errors

KINDS = sorted(
    {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.TradingError)
    },
    key=lambda kind: kind.__name__,
)


@pytest.fixture
def try_out(home, monkeypatch):
    """Return a function that runs `trading try-out …` with a body of the test's own."""

    def attempt(body, *words: str) -> int:
        app = commands()

        @app.command(cls=Command)
        def try_out(ctx: typer.Context) -> Answer:
            """Do what the test says."""
            return body(ctx)

        module = ModuleType("trading_cli.cli.try_out")
        module.app = app
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, "try-out", ("try_out", "A trial."))
        return run(words or ("try-out",))

    del home
    return attempt


def _raiser(error: BaseException):
    def body(_ctx: typer.Context) -> Answer:
        raise error

    return body


def _made(kind: type[errors.TradingError]) -> errors.TradingError:
    if issubclass(kind, errors.CircuitOpen):
        return kind("venue", 3.0)
    if issubclass(kind, errors.SourceError):
        return kind("venue", "it broke")
    return kind("it broke", hint="mend it")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_failure_leaves_with_its_code_and_a_sentence(try_out, capsys, kind):
    """For people: one line that says what happened, one that says what to do, nothing else."""
    error = _made(kind)
    assert try_out(_raiser(error)) == kind.exit_code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"error: {error.message}\n")
    assert told.err.count("hint:") == bool(error.hint)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_failure_is_one_object_for_programs(try_out, capsys, kind):
    """With --json: an error object on stderr, or the envelope where a gate said no."""
    error = _made(kind)
    assert try_out(_raiser(error), "try-out", "--json") == kind.exit_code
    told = capsys.readouterr()
    if kind.exit_code == 3:
        assert told.err == ""
        assert json.loads(told.out)["data"]["code"] == kind.code
    else:
        assert told.out == ""
        assert json.loads(told.err) == {
            "code": kind.code, "message": error.message, "hint": error.hint,
        }  # fmt: skip


@pytest.mark.parametrize("code", [0, 3, 8])
def test_an_outcome_is_an_envelope(try_out, capsys, code):
    """Exits 0, 3 and 8 print the envelope on stdout and nothing on stderr."""
    body = lambda _: Answer({"n": 1}, ("one",), ("mind",), exit_code=code)  # noqa: E731  # one line says it
    assert try_out(body, "--json", "try-out") == code
    told = capsys.readouterr()
    assert told.err == ""
    envelope = json.loads(told.out)
    assert envelope["schema"] == "trading.try-out/1"
    assert envelope["data"] == {"n": 1}
    assert envelope["warnings"] == ["mind"]


@pytest.mark.parametrize(
    "words",
    [
        ["try-out", "--config", "c.yaml", "--json", "-vv"],
        ["--config", "c.yaml", "--json", "-vv", "try-out"],
        ["--json", "try-out", "-v", "-v", "--config=c.yaml"],
    ],
)
def test_the_four_options_stand_before_or_after_the_command(try_out, capsys, words):
    """A person need not remember where an option goes."""
    seen: list[Shared] = []

    def body(ctx: typer.Context) -> Answer:
        seen.append(shared(ctx))
        return Answer({})

    assert try_out(body, *words) == 0
    assert str(seen[0].config) == "c.yaml"
    assert (seen[0].as_json, seen[0].quiet, seen[0].verbose) == (True, False, 2)
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "heard"), [([], True), (["-q"], False), (["--json"], False), (["--json", "-v"], True)]
)
def test_talk_goes_to_stderr_unless_silenced(try_out, capsys, words, heard):
    """Progress never mixes with data, nor with the one object a program reads."""

    def body(ctx: typer.Context) -> Answer:
        shared(ctx).talk("at work\x1b[2J")
        return Answer({}, ("done",))

    assert try_out(body, "try-out", *words) == 0
    told = capsys.readouterr()
    assert "at work" not in told.out
    assert (told.err == "at work\\x1b[2J\n") is heard


def test_an_unexpected_failure_is_called_a_bug_and_logged(try_out, home, capsys):
    """What nobody foresaw ends in one line, exit 1, and a traceback where the line says."""
    assert try_out(_raiser(ZeroDivisionError("odd"))) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: this is a bug: ZeroDivisionError: odd\n")
    assert "Traceback" not in told
    logs = list((home / "logs").glob("*.log"))
    assert logs
    assert str(logs[0]) in told
    assert "ZeroDivisionError" in "".join(path.read_text() for path in logs)


@pytest.mark.parametrize("words", [["try-out"], ["try-out", "--json"]])
def test_a_secret_in_a_failure_is_masked_everywhere(try_out, home, capsys, monkeypatch, words):
    """A canary in an exception's text reaches neither stderr nor the log."""
    canary = "canary-5f1c9a77"
    monkeypatch.setenv("TRADING_X_TOKEN", canary)
    for error in (RuntimeError(f"x {canary}"), errors.SourceDown("x", f"x {canary}")):
        try_out(_raiser(error), *words)
    told = capsys.readouterr()
    assert canary not in told.out + told.err
    assert canary not in "".join(p.read_text() for p in home.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143), (typer.Abort(), 130)]
)
def test_being_stopped_has_its_own_code(try_out, capsys, error, code):
    """Ctrl-C is 130, the system's request 143, both without a traceback."""
    assert try_out(_raiser(error), "try-out", "--json") == code
    assert set(json.loads(capsys.readouterr().err)) == {"code", "message", "hint"}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["colect"], "Did you mean 'collect'?"),
        (["zzz"], "there is no command 'zzz'"),
        (["collect", "--nope"], "--nope"),
        (["markets", "--limit", "none"], "none"),
        (["markets", "--sort", "beauty"], "beauty"),
        (["config"], "Missing command"),
        (["collect", "extra"], "extra"),
        (["collect", "--backfill", "soon"], "soon"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_wrong_command_line_is_exit_2_with_a_way_out(home, capsys, words, part, as_json):
    """Typos name themselves and what to read; with --json as an object."""
    del home
    assert run([*words, *(["--json"] if as_json else [])]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    text = json.loads(told.err)["message"] if as_json else told.err
    assert part in text
    assert "hint" in told.err


def _child(code: str, home, **options) -> subprocess.Popen:
    """Start a fresh interpreter with one more command, `try-out`, whose body is *code*."""
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    program = (
        "import os, sys, types, signal, time, typer\n"
        "from trading_cli.cli.answer import Answer\n"
        "from trading_cli.cli.main import COMMANDS, run\n"
        "from trading_cli.cli.options import Command, commands\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored under nohup and &
        "app = commands()\n"
        "@app.command(cls=Command)\n"
        "def try_out(ctx: typer.Context) -> Answer:\n"
        f"    '''Try.'''\n{lines}"
        "module = sys.modules['trading_cli.cli.try_out'] = types.ModuleType('t')\n"
        "module.app = app\n"
        "COMMANDS['try-out'] = ('try_out', 'A trial.')\n"
        "sys.exit(run(['try-out']))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        text=True, cwd=home,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )  # fmt: skip


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_real_signal_ends_the_process_with_its_code(home, number, code):
    """A process that is told to stop stops, says so in one line, and leaves with the code."""
    child = _child(
        f"os.kill(os.getpid(), {int(number)})\ntime.sleep(30)\nreturn Answer({{}})", home
    )
    _, told = child.communicate(timeout=30)
    assert child.returncode == code
    assert told.count("\n") == 1


def test_a_reader_that_leaves_is_no_error(home):
    """`trading … | head -1` ends quietly."""
    child = _child("return Answer({}, ['x' * 80] * 100_000)", home)
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr.read() == ""
    child.stderr.close()
    assert child.wait(timeout=30) == 0


def test_nothing_is_asked_on_standard_input(home):
    """A command works with stdin closed."""
    child = _child(
        "return Answer({}, ('done',))", home, preexec_fn=lambda: os.close(0)
    )  # closes one descriptor
    out, told = child.communicate(timeout=30)
    assert (child.returncode, out, told) == (0, "done\n", "")


def test_help_lists_every_command(capsys):
    """The first page names all there is, and leaves with 0."""
    assert run(["--help"]) == 0
    page = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in page] == []


@pytest.mark.parametrize("answer", ["Answer({}, ['done'])", "Answer({}, ['x' * 80] * 100_000)"])
def test_a_full_stdout_is_no_bug(home, answer):
    """Where the answer finds no room a plain sentence says so: exit 1."""
    with open("/dev/full", "w") as full:  # noqa: PTH123  # a device
        child = _child(f"return {answer}", home, stdout=full)
        _, told = child.communicate(timeout=30)
    assert child.returncode == 1
    assert told.startswith("error: the answer cannot be written: No space left on device.")
    assert "bug" not in told


def test_help_names_what_can_be_given(capsys):
    """The cycles by name, and which backtest can be redrawn."""
    assert run(["cycle", "--help"]) == 0
    page = capsys.readouterr().out
    assert [name for name in ("collection", "analysis", "validation") if name not in page] == []
    assert "CYCLE  collection, analysis, validation." in page
    assert run(["monte-carlo", "--help"]) == 0
    assert "@last" in " ".join(capsys.readouterr().out.split())


def _leaves(group: click.Group, ctx: click.Context, *words: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command that does something."""
    for name in group.list_commands(ctx):
        one = group.get_command(ctx, name)
        if isinstance(one, click.Group):
            yield from _leaves(one, ctx, *words, name)
        else:
            yield (*words, name)


def test_every_page_of_help_fits_and_names_each_argument_once(capsys, monkeypatch):
    """Of every command: one section of arguments, no line beyond 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    root = shell()
    pages = list(_leaves(root, click.Context(root)))
    assert len(pages) > len(COMMANDS)
    for words in pages:
        assert run([*words, "--help"]) == 0
        page = capsys.readouterr().out
        assert "Positional arguments" not in page, words
        assert page.count("Arguments:") <= 1, words
        assert max(map(len, page.splitlines())) <= 80, words
