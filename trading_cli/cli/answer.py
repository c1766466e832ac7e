"""What a command hands back: data for programs, blocks of text for people, an exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under headings. A cell is any value; ``None`` is shown as "-".

    ``right`` names the headings whose cells are numbers and stand at the right. On a terminal that
    is too narrow, the columns ``spare`` are left out, the first one first, and those in ``folds``
    take several lines (every column may, where none is named). What is piped is always whole.
    """

    headings: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    title: str = ""
    right: frozenset[str] = frozenset()
    folds: frozenset[str] = frozenset()
    spare: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one pair a line."""

    pairs: Sequence[tuple[str, object]]
    title: str = ""


Block = str | Table | Facts


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one command.

    ``data`` goes into the envelope as it is; ``blocks`` are the same for people. ``exit_code`` is
    0, 3 (a gate said no) or 8 (refused): every other outcome is an exception.
    """

    data: Mapping[str, Any]
    blocks: Sequence[Block] = ()
    warnings: Sequence[str] = ()
    exit_code: int = 0
