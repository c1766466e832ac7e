"""The four options every command takes, and how its answer reaches the person: one mechanism.

They may stand before or after the command's name: `trading --json status` is the same as
`trading status --json`.
"""

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from trading_cli.cli.answer import Answer

_PREFIX = "trading_cli."
NAME = f"{_PREFIX}name"  # of the command that runs, as its schema has it


@dataclass(frozen=True, slots=True)
class Shared:
    """What the four options said."""

    config: Path | None
    as_json: bool
    quiet: bool
    verbose: int

    @property
    def talk(self) -> Callable[[str], None]:
        """Return what progress is told to: stderr, or nobody under -q and --json (unless -v)."""
        from trading_cli.cli.render import say

        silent = self.quiet or (self.as_json and not self.verbose)
        return _nobody if silent else say


def _nobody(_text: str) -> None:
    """Hear nothing."""


def shared(ctx: click.Context) -> Shared:
    """Return what the person said with the four options, before or after the command's name."""
    said = ctx.meta
    config = said.get(f"{_PREFIX}config")
    return Shared(
        Path(config) if config else None,
        bool(said.get(f"{_PREFIX}as_json")),
        bool(said.get(f"{_PREFIX}quiet")),
        int(said.get(f"{_PREFIX}verbose", 0)),
    )


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    if value:
        ctx.meta[f"{_PREFIX}{param.name}"] = value
    return value


def shared_options() -> list[click.Parameter]:
    """Return the four options, fresh, as Click wants them."""
    texts: tuple[tuple[list[str], dict[str, Any], str], ...] = (
        (["config", "--config"], {"metavar": "PATH"}, "Settings file (default: config.yaml)."),
        (["as_json", "--json"], {"is_flag": True}, "One JSON envelope on stdout."),
        (["quiet", "-q", "--quiet"], {"is_flag": True}, "No talk, only data and errors."),
        (
            ["verbose", "-v", "--verbose"],
            {"count": True, "type": int},
            "More talk; twice for debug lines.",
        ),
    )
    return [
        TyperOption(param_decls=names, help=text, expose_value=False, callback=_remember, **more)
        for names, more, text in texts
    ]


def _explain(command: click.Command) -> None:
    """Give the arguments of *command* the help they were declared with: Click 8.5 drops it."""
    function = command.callback
    declared = inspect.signature(function).parameters if function is not None else {}
    for one in command.params:
        if isinstance(one, TyperArgument) and one.name in declared:
            told = getattr(declared[one.name].annotation, "__metadata__", ())
            one.help = one.help or next((info.help for info in told if hasattr(info, "help")), None)


class Command(TyperCommand):
    """A command that also takes the four options and presents what its function answers."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        super().__init__(name, **attributes)
        _explain(self)
        self.params += shared_options()

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Leave the arguments to Typer's own section: Click 8.5 would name them a second time."""

    def invoke(self, ctx: click.Context) -> int:
        """Run the command and return its exit code."""
        ctx.meta[NAME] = command_name(ctx)
        answer = super().invoke(ctx)
        return deliver(answer, ctx) if isinstance(answer, Answer) else 0


class Group(TyperGroup):
    """Commands under one word; the four options may also stand right after that word."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.params += shared_options()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command under the word, or the word itself."""
        ctx.meta[NAME] = command_name(ctx)
        return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command's whole sentence; Click would cut it."""
        members = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(500)) for name, one in members])


def command_name(ctx: click.Context) -> str:
    """Return the command's dotted name, as its schema has it (`config.show`)."""
    return ".".join(ctx.command_path.split()[1:]) or "status"


def deliver(answer: Answer, ctx: click.Context) -> int:
    """Write *answer* and return its exit code, also when the reader of the pipe has left."""
    from trading_cli.cli.render import present

    try:
        present(answer, command_name(ctx), as_json=bool(ctx.meta.get(f"{_PREFIX}as_json")))
        sys.stdout.flush()
    except BrokenPipeError:
        hush()
    return answer.exit_code


def hush() -> None:
    """Send what is left for stdout nowhere: its reader has left."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def commands() -> typer.Typer:
    """Return an empty set of commands, without Rich in its help or its errors."""
    return typer.Typer(
        cls=Group, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
