"""The list of commands, imported when asked for; the one error boundary; exit codes.

Exit codes: 0 done · 1 failed · 2 usage · 3 a gate said no · 4 configuration · 5 upstream
unreachable · 6 database busy, locked or corrupt · 8 refused · 130 interrupted · 143 terminated.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from trading_cli.cli.options import NAME, deliver, hush, shared_options

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("demo", "Everything at once, offline, against the pretend exchange."),
    "collect": ("collect", "Collect markets, books, trades, resolutions and the talk about them."),
    "import": ("importing", "Bring in a history of your own, checked row by row."),
    "markets": ("markets", "List the markets that are known, with their latest prices."),
    "quality-check": ("quality_check", "Say whether the collected data is fit, and why not."),
    "backtest": ("backtest", "Decide over the stored past as live, and ask whether it was luck."),
    "correlate": ("correlate", "Say whether talk leads prices, market by market."),
    "status": ("status", "Show where things stand."),
    "explain": ("explain", "Say why, and why not, of one decision, order, position or fill."),
    "positions": ("positions", "Show what is held, at what it would bring now."),
    "close": ("close", "Sell positions through the gateway."),
    "portfolio": ("portfolio", "Say what could be lost and what should go; read a wallet."),
    "journal": ("journal", "Read the record, add to it, check it, count it."),
    "readiness": ("readiness", "Say what can be said yet, what cannot, and when."),
    "monte-carlo": ("monte_carlo", "Redraw the closed trades: falls, ruin, recovery."),
    "calibrate": ("calibrate", "Hold prices and own probabilities against what happened."),
    "microstructure": ("microstructure", "Say what a market's order book implies."),
    "parity": ("parity", "Backtest what was recorded, and compare every decision."),
    "trials": ("trials", "List what was ever tried, and what luck alone would show."),
    "signal": ("signals", "Decide on every candidate of this slot."),
    "run": ("run", "Run every cycle when it is due, in the foreground."),
    "cycle": ("cycle", "Run one cycle now, as cron does."),
    "stop": ("stop", "End `trading run` of this home."),
    "pause": ("pause", "Stop entries; exits go on."),
    "resume": ("resume", "Lift your own pause."),
    "schedule": ("schedule", "Show or install the schedule for cron or systemd."),
    "kill": ("kill", "Stop trading at once; and the way back."),
    "health": ("health", "Show how every part of this machine is."),
    "doctor": ("doctor", "Examine every part and print the fix for what is wrong."),
    "alerts": ("alerts", "Look after what is told: try, list, try again, see, obey a chat."),
    "news": ("news", "Show what moved, and what was said about it then."),
    "calendar": ("calendars", "Show what is coming, and what we risk in it."),
    "profile": ("profiling", "Show where the time goes, over many runs or in one command."),
    "replay": ("replay", "Decide a stored run again from the stored inputs."),
    "logs": ("logs", "Show the latest lines of the log."),
    "config": ("config", "Create, show, explain and validate the settings."),
    "db": ("db", "Look after the database."),
    "serve": ("serve", "Serve the page and the API, on this machine."),
    "simulate": ("simulate", "Run the pretend exchange in the foreground."),
}
ALIASES: Mapping[str, str] = {"kill-switch": "kill"}
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Begin": ("demo", "status", "serve", "run", "stop", "schedule", "cycle"),
    "Decide and deal": (
        "signal", "explain", "positions", "close", "portfolio", "journal", "readiness",
    ),
    "Stop": ("kill", "pause", "resume"),
    "Tell": ("alerts",),
    "Collect": ("collect", "import", "markets", "quality-check", "simulate"),
    "Find out": (
        "news", "calendar", "correlate", "backtest", "monte-carlo", "calibrate", "microstructure",
        "parity", "trials",
    ),
    "Look after": ("health", "doctor", "profile", "replay", "logs", "config", "db"),
}  # fmt: skip
_ABOUT = (
    "Collect prediction markets and the talk about them, decide with reasons, trade on paper,"
    " write everything down, and stop when told to."
)
_OUTCOMES = (3, 8)
_LAST_S = 5.0  # so long what was told to end may take; then it is left, as by kill -9


class Terminated(BaseException):
    """The operating system asked this process to end."""


class Shell(TyperGroup):
    """The commands, each imported only when it is the one asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help page."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command of that name."""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            near = get_close_matches(cmd_name, COMMANDS)
            more = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
            raise click.UsageError(f"there is no command {cmd_name!r}.{more}", ctx)
        command = get_command(import_module(f"trading_cli.cli.{COMMANDS[cmd_name][0]}").app)
        command.name = cmd_name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command by its own name, whatever it was called by."""
        _, command, rest = super().resolve_command(ctx, args)
        return None if command is None else command.name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing a single command."""
        del ctx
        placed = {name for names in SECTIONS.values() for name in names}
        others = tuple(name for name in COMMANDS if name not in placed)
        for title, names in {**SECTIONS, "Others": others}.items():
            there = [(name, COMMANDS[name][1]) for name in names if name in COMMANDS]
            if there:
                with formatter.section(title):
                    formatter.write_dl(there)


def shell() -> Shell:
    """Return the root of the commands, as a person meets it."""

    def alone(ctx: click.Context, /) -> int:
        if ctx.invoked_subcommand is not None:
            return 0
        from trading_cli.cli.status import brief

        return deliver(brief(ctx), ctx)

    version = TyperOption(
        param_decls=["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_version,
        help="Show the version and leave.",
    )
    return Shell(
        name="trading",
        help=_ABOUT,
        callback=click.pass_context(alone),
        params=[*shared_options(), version],
        invoke_without_command=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _version(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
    if value:
        from trading_cli import __version__
        from trading_cli.cli.render import write_line

        write_line(f"trading {__version__}")
        ctx.exit()


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code: the entry point, and the one boundary."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in every worker; and small is quicker
    ending = _Ending(words)
    previous = signal.signal(signal.SIGTERM, ending.told)
    mask = os.umask(0o077)  # whatever is made, by libraries too, is for its owner alone
    try:
        code = _guarded(words)
        sys.stdout.flush()
    except BrokenPipeError:
        hush()
        return 0
    except OSError as error:
        return _unheard(error.strerror or str(error), words)
    else:
        return code
    finally:
        ending.over()
        os.umask(mask)
        signal.signal(signal.SIGTERM, previous)


class _Ending:
    """What SIGTERM begins: the command unwinds; where a request hangs, the process just leaves."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._cancel: Callable[[], None] | None = None

    def told(self, _number: int, _frame: FrameType | None) -> NoReturn:
        """Be the signal's handler. A signal while the command unwinds changes nothing."""
        if self._cancel is None:
            from threading import Timer

            last = Timer(_LAST_S, self._leave)
            last.daemon = True
            last.start()
            self._cancel = last.cancel
        raise Terminated

    def over(self) -> None:
        """Say that the command has ended by itself."""
        if self._cancel is not None:
            self._cancel()

    def _leave(self) -> None:
        _complain(self._words, 143, "terminated", "terminated.", "")
        os._exit(143)


def _guarded(words: Sequence[str]) -> int:
    """Run *words*; every failure becomes one complaint and an exit code."""
    said: Mapping[str, Any] = {}
    try:
        root = shell()
        with root.make_context("trading", list(words)) as ctx:
            said = ctx.meta
            result = root.invoke(ctx)
            return result if isinstance(result, int) else 0
    except click.exceptions.Exit as left:
        return left.exit_code
    except click.ClickException as misuse:
        return _misused(misuse, words)
    except (KeyboardInterrupt, click.Abort):
        return _complain(words, 130, "interrupted", "interrupted.", "")
    except Terminated:
        return _complain(words, 143, "terminated", "terminated.", "")
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  # the boundary: a process must end with a word
        return _failed(error, words, said.get(NAME, "status"))


def _misused(misuse: click.ClickException, words: Sequence[str]) -> int:
    """Complain about a command line that cannot be read: exit 2."""
    ctx = getattr(misuse, "ctx", None)
    path = ctx.command_path if ctx is not None else "trading"
    return _complain(words, 2, "usage", misuse.format_message(), f"see `{path} --help`")


def _failed(error: Exception, words: Sequence[str], name: str) -> int:
    """Complain about *error*: one of ours says what to do next, any other is a bug of ours."""
    from trading_cli.core.errors import TradingError

    if _no_room(error):
        return _unheard(os.strerror(errno.ENOSPC), words)
    if not isinstance(error, TradingError):
        return _bug(error, words)
    if error.exit_code in _OUTCOMES and "--json" in words:
        from trading_cli.cli.render import write_line
        from trading_cli.core.envelope import envelope

        told = {"code": error.code, "message": error.message, "hint": error.hint}
        write_line(envelope(name, told, [error.message]))
        return error.exit_code
    return _complain(words, error.exit_code, error.code, error.message, error.hint)


def _no_room(error: Exception) -> bool:
    """Return whether there was no room for what was written, nobody knows where: stdout as a rule.

    Where a file of ours was meant, the error is one of ours or names it.
    """
    full = {errno.ENOSPC, errno.EDQUOT}
    return isinstance(error, OSError) and error.errno in full and error.filename is None


def _unheard(why: str, words: Sequence[str]) -> int:
    """Complain that the answer could not be written: exit 1."""
    hush()
    hint = "free some space, or look where stdout goes, then run the same command again"
    return _complain(words, 1, "failed", f"the answer cannot be written: {why}.", hint)


def _bug(error: Exception, words: Sequence[str]) -> int:
    """Write *error* with its traceback to the log, and say where: exit 1."""
    log = _log(error, words)
    seen = f"{type(error).__name__}: {error}"
    hint = f"the traceback is in {log}" if log else "the log could not be written"
    return _complain(words, 1, "bug", f"this is a bug: {seen}", hint)


def _log(error: Exception, words: Sequence[str]) -> Path | None:
    """Log *error* in the home's own log; ``None`` where that cannot be done."""
    from trading_cli.core.errors import TradingError

    try:
        from trading_cli.core.home import find_home
        from trading_cli.core.log import configure, get_logger

        folder: Path = find_home(_config(words), os.environ).home / "logs"
        configure(folder, secrets=_secrets(words))
        get_logger("cli").error("unexpected", arguments=list(words), exc_info=error)
    except (TradingError, OSError, ValueError, ImportError):
        return None
    return folder / "trading.log"


def _config(words: Sequence[str]) -> Path | None:
    """Return what --config named, read from the bare words: parsing may be what failed."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--config" and following:
            return Path(following)
        if word.startswith("--config="):
            return Path(word.removeprefix("--config="))
    return None


def _secrets(words: Sequence[str]) -> list[str]:
    """Return every secret this process could have met, so that none is repeated in an error."""
    endings = ("_TOKEN", "_PASSWORD", "_SECRET", "_URL")
    found = [
        value
        for name, value in os.environ.items()
        if name.startswith("TRADING_") and name.endswith(endings)
    ]
    from trading_cli.core.errors import TradingError

    try:
        from trading_cli.core.home import find_home, given_secrets

        secrets = given_secrets(find_home(_config(words), os.environ).home, os.environ)
    except (TradingError, OSError, ValueError, ImportError):
        return found
    return [*found, *secrets.values()]


def _complain(words: Sequence[str], exit_code: int, code: str, message: str, hint: str) -> int:
    """Write one complaint, with every secret masked, and return *exit_code*."""
    from trading_cli.cli.render import complaint

    if exit_code not in {2, 130, 143}:
        from trading_cli.core.redact import Redactor

        mask = Redactor(_secrets(words)).text
        message, hint = mask(message), mask(hint)
    complaint(code, message, hint, as_json="--json" in words)
    return exit_code
