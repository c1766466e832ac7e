"""Rows that were not taken: counted by reason, the first of each named, a thousand of them kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

KEPT = 1000
LONG, NOT_UTF8 = "line over 1 MiB", "not UTF-8"
UNREADABLE, CELLS = "unreadable row", "wrong number of cells"
STRUCTURAL = frozenset({LONG, NOT_UTF8, UNREADABLE, CELLS})
"""What is wrong with a line before it is a row."""


class Example(NamedTuple):
    """One refused row: the file and line it is on, and what was wrong with it."""

    reason: str
    file: str
    line: int
    detail: str


@dataclass(frozen=True, slots=True)
class Reason:
    """How many rows were refused for one reason, and the first of them."""

    reason: str
    count: int
    first: Example


class Refused:
    """What an import would not take. The first in order of being met is each reason's example."""

    def __init__(self) -> None:
        self.examples: list[Example] = []
        self._counts: dict[str, int] = {}
        self._firsts: dict[str, Example] = {}
        self._by_file: dict[str, int] = {}
        self._structural: dict[str, int] = {}

    def add(self, reason: str, file: str, line: int, detail: str) -> None:
        """Count one row."""
        self._count(reason, file, 1)
        self._keep(Example(reason, file, line, detail[:300]))

    def many(self, reason: str, file: str, lines: Sequence[int], details: Sequence[str]) -> None:
        """Count rows of one reason and file; *details* may stop short of *lines*, not before 1."""
        if not len(lines):
            return
        self._count(reason, file, len(lines))
        for line, detail in zip(lines, details, strict=False):
            self._keep(Example(reason, file, int(line), detail[:300]))

    def _count(self, reason: str, file: str, rows: int) -> None:
        self._counts[reason] = self._counts.get(reason, 0) + rows
        self._by_file[file] = self._by_file.get(file, 0) + rows
        if reason in STRUCTURAL:
            self._structural[file] = self._structural.get(file, 0) + rows

    def _keep(self, one: Example) -> None:
        self._firsts.setdefault(one.reason, one)
        if len(self.examples) < KEPT:
            self.examples.append(one)

    @property
    def total(self) -> int:
        """Return how many rows were refused."""
        return sum(self._counts.values())

    def of(self, file: str) -> int:
        """Return how many rows of *file* were refused."""
        return self._by_file.get(file, 0)

    def structural(self, file: str) -> int:
        """Return how many lines of *file* could not be made into rows."""
        return self._structural.get(file, 0)

    def reasons(self) -> list[Reason]:
        """Return the reasons, the commonest first."""
        order = sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return [Reason(name, count, self._firsts[name]) for name, count in order]

    def told(self) -> list[dict[str, Any]]:
        """Return the reasons as the report shows them."""
        return [
            {
                "reason": one.reason,
                "count": one.count,
                "file": one.first.file,
                "line": one.first.line,
                "detail": one.first.detail,
            }
            for one in self.reasons()
        ]
