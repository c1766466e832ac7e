"""Text, tables and envelopes. Nothing else knows Rich, and Rich is loaded only for a terminal.

Data go to stdout, talk to stderr. What is piped is plain and complete: no colour, nothing cut.
Whatever came from outside passes ``neutral`` before it reaches a terminal.
"""

import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from trading_cli.cli.answer import Answer, Block, Facts, Table

WIPE = "\x1b[H\x1b[2J"
_GAP = 2  # between two columns
_LEAST_FOLDED = 24  # columns a folded text gets at least
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def neutral(value: object) -> str:
    """Return *value* as one line that cannot steer a terminal.

    Control, format (bidi, zero-width), private and unassigned characters become visible escapes;
    tabs and line breaks become spaces. Rich markup stays literal because cells are never parsed.
    """
    text = _show(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_neutral_character(character) for character in text)


def _neutral_character(character: str) -> str:
    if character in "\t\n\r\v\f\x85\u2028\u2029":
        return " "
    if unicodedata.category(character) in _UNSAFE:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_show(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_show(item)}" for key, item in value.items())
    return "-" if value is None else str(value)


def _number(value: float) -> str:
    """Return *value* in as few digits as tell it apart: three places, more below a thousandth."""
    if not math.isfinite(value):
        return "-"
    if value and abs(value) < 0.001:  # noqa: PLR2004  # what three places cannot show
        return f"{value:.3g}"
    return f"{value:.3f}".rstrip("0").rstrip(".")


def complaint(code: str, message: str, hint: str, *, as_json: bool) -> None:
    """Write one failure to stderr: an object for programs, two lines for people."""
    if as_json:
        line = json.dumps({"code": code, "message": message, "hint": hint})
        _write(sys.stderr, line + "\n")
        return
    for line in _sentences("error", message):
        say(line)
    for line in _sentences("hint", hint) if hint else ():
        say(line)


def _sentences(word: str, text: str) -> list[str]:
    """Return *text* as lines of which the first starts with *word*; its own breaks are kept."""
    first, *rest = text.split("\n")
    return [f"{word}: {first}", *(f"  {line}" for line in rest)]


def say(text: str) -> None:
    """Write one line of talk to stderr, folded between words where a person sits at it."""
    line = neutral(text)
    lines = _folded(line) if _fancy(sys.stderr) else [line]
    _write(sys.stderr, "".join(f"{one}\n" for one in lines))


def _folded(line: str) -> list[str]:
    """Return *line* in lines as wide as the terminal; those that go on are indented."""
    from shutil import get_terminal_size
    from textwrap import wrap

    room = max(_LEAST_FOLDED, get_terminal_size().columns)
    indent = "    " if line.startswith("  ") else "  "
    return wrap(
        line, room, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def present(answer: Answer, command: str, *, as_json: bool) -> None:
    """Write *answer* to stdout, and its warnings to stderr where no envelope holds them."""
    if as_json:
        from trading_cli.core.envelope import envelope

        _write(sys.stdout, envelope(command, answer.data, answer.warnings) + "\n")
        return
    if _fancy(sys.stdout):
        _rich(answer.blocks)
    else:
        for block in answer.blocks:
            _write(sys.stdout, _text(block))
    sys.stdout.flush()
    for warning in answer.warnings:
        say(f"warning: {warning}")


def write_line(text: str) -> None:
    """Write one finished line to stdout at once."""
    _write(sys.stdout, text + "\n")
    sys.stdout.flush()


def wipe() -> bool:
    """Empty the terminal for the next drawing; False where stdout is none that can be."""
    if not _fancy(sys.stdout):
        return False
    _write(sys.stdout, WIPE)
    return True


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)


def _fancy(stream: TextIO) -> bool:
    """Say whether a person sits at a terminal that can do more than text."""
    return stream.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}


def _width(text: str) -> int:
    """Return how many columns *text* takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _pad(text: str, width: int, *, right: bool) -> str:
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap


def _text(block: Block) -> str:
    """Return *block* as plain lines; columns are as wide as their widest cell."""
    if isinstance(block, str):
        return "".join(f"{neutral(line)}\n" for line in block.split("\n"))
    head = f"{neutral(block.title)}\n" if block.title else ""
    if isinstance(block, Facts):
        width = max((len(name) for name, _ in block.pairs), default=0)
        return head + "".join(
            f"{name.ljust(width)}  {neutral(value)}\n" for name, value in block.pairs
        )
    rows = [block.headings, *([neutral(cell) for cell in row] for row in block.rows)]
    widths = [max(_width(row[i]) for row in rows) for i in range(len(block.headings))]
    sides = [heading in block.right for heading in block.headings]
    return head + "".join(
        "  ".join(
            _pad(cell, width, right=right)
            for cell, width, right in zip(row, widths, sides, strict=True)
        ).rstrip()
        + "\n"
        for row in rows
    )


def _rich(blocks: Iterable[Block]) -> None:
    """Draw *blocks* on the terminal, folded to its width; ``NO_COLOR`` is Rich's own business."""
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    for whole in blocks:
        if isinstance(whole, str):
            for line in whole.split("\n"):
                console.print(Text(neutral(line)), overflow="fold")
            continue
        bold = isinstance(whole, Table)
        block, left_out, stiff = _fitted(whole, console.width)
        grid = Grid(
            title=Text(neutral(block.title), style="bold") if block.title else None,
            title_justify="left",
            box=None,
            show_header=bold,
            pad_edge=False,
            padding=(0, _GAP, 0, 0),
        )
        headings = block.headings if isinstance(block, Table) else ("", "")
        numbers = block.right if isinstance(block, Table) else frozenset()
        for heading in headings:
            justify = "right" if heading in numbers else "left"
            grid.add_column(
                Text(heading),
                justify=justify,  # type: ignore[arg-type]
                overflow="fold",
                no_wrap=heading in stiff,
            )
        for row in _rows(block):
            grid.add_row(*(Text(neutral(cell)) for cell in row))
        console.print(grid)
        if left_out:
            console.print(Text(f"(too narrow here for: {', '.join(left_out)})"), overflow="fold")


def _fitted(block: Table | Facts, width: int) -> tuple[Table | Facts, list[str], frozenset[str]]:
    """Return *block* without the columns that do not fit, their names, and those not to fold.

    Where it cannot fit at all, every column may fold: folding loses nothing, cutting would.
    """
    if isinstance(block, Facts):
        return block, [], frozenset()
    cells = [block.headings, *([neutral(cell) for cell in row] for row in block.rows)]
    needs = {
        name: max(_width(row[i]) for row in cells) + _GAP for i, name in enumerate(block.headings)
    }
    for name in block.folds & needs.keys():
        needs[name] = min(needs[name], _LEAST_FOLDED + _GAP)
    left_out: list[str] = []
    for name in block.spare:
        if sum(needs.values()) - _GAP > width:
            needs.pop(name)
            left_out.append(name)
    keep = [i for i, name in enumerate(block.headings) if name in needs]
    rows = [[row[i] for i in keep] for row in block.rows]
    shown = replace(block, headings=tuple(needs), rows=rows)
    fits = bool(block.folds) and sum(needs.values()) - _GAP <= width
    return shown, left_out, frozenset(needs) - block.folds if fits else frozenset()


def _rows(block: Table | Facts) -> Sequence[Sequence[object]]:
    return block.rows if isinstance(block, Table) else block.pairs


def document(path: Path, text: str) -> None:
    """Write *text* to *path*, 0600, whole or not at all; raises ``UsageError`` where it cannot."""
    from trading_cli.core.errors import UsageError

    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(partial, flags, 0o600), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UsageError(
            f"cannot write {path}: {error.strerror}.", hint="name a file in a writable folder"
        ) from error
