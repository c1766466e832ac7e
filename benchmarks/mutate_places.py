"""What mutate.py changes: the operators, and every place in a module where one applies.

Left out: docstrings, annotations, decorators, texts (a number written as one is a number),
``__all__``, and what only a type checker reads.
"""

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import CodeType
from typing import Any

Change = Iterator[tuple[str, ast.AST]]
_COMPARE: dict[type, type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: dict[type, type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mod, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult,
}  # fmt: skip
_NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "ROUND_UP": "ROUND_DOWN",
    "ROUND_DOWN": "ROUND_UP", "ROUND_HALF_UP": "ROUND_HALF_EVEN",
}  # fmt: skip


def changed(node: ast.AST, **fields: object) -> Any:
    """Return *node* with other *fields*; the old one stays as it is."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _compare(node: ast.AST) -> Change:
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            ops = [*node.ops[:at], _COMPARE[type(operator)](), *node.ops[at + 1 :]]
            yield "compare", changed(node, ops=ops)


def _arithmetic(node: ast.AST) -> Change:
    """Swap + and -, * and /, // and %; ** becomes *; a minus sign goes. Texts are not sums."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield "arithmetic", changed(node, op=_ARITHMETIC[type(node.op)]())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "arithmetic", node.operand


def _logic(node: ast.AST) -> Change:
    """Swap and with or; take ``not`` away; turn a condition round."""
    if isinstance(node, ast.BoolOp):
        yield "and/or", changed(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not", node.operand
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "negate", changed(node, test=ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.comprehension):
        for at, test in enumerate(node.ifs):
            ifs = [*node.ifs[:at], ast.UnaryOp(ast.Not(), test), *node.ifs[at + 1 :]]
            yield "negate", changed(node, ifs=ifs)


def _constant(node: ast.AST) -> Change:
    """Add 1 to a number, be it written as a text ("0.02"); flip True and False."""
    if not isinstance(node, ast.Constant):
        return
    if isinstance(node.value, bool):
        yield "bool", changed(node, value=not node.value)
    elif isinstance(node.value, int | float):
        yield "number", changed(node, value=node.value + 1)
    elif isinstance(node.value, str) and re.fullmatch(r"\d+(\.\d+)?", node.value):
        yield "number", changed(node, value=str(Decimal(node.value) + 1))


def _name(node: ast.AST) -> Change:
    """Swap min and max, any and all, and the ways to round."""
    if isinstance(node, ast.Name) and node.id in _NAMES:
        kind = "rounding" if node.id.startswith("ROUND") else "min/max"
        yield kind, changed(node, id=_NAMES[node.id])


def _statement(node: ast.AST) -> Change:
    """Take a call or a raise away; return nothing; swap continue and break."""
    if isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
        yield "return", changed(node, value=ast.Constant(None))
    if isinstance(node, ast.Raise) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "removed", ast.copy_location(ast.Pass(), node)
    if isinstance(node, ast.Continue | ast.Break):
        other = ast.Break if isinstance(node, ast.Continue) else ast.Continue
        yield "loop", ast.copy_location(other(), node)


def _default(node: ast.AST) -> Change:
    """Change a default that is no number: of an argument, or of a field of a class."""
    if isinstance(node, ast.arguments):
        for name in ("defaults", "kw_defaults"):
            old = getattr(node, name)
            for at, value in enumerate(old):
                for other in _other(value):
                    yield "default", changed(node, **{name: [*old[:at], other, *old[at + 1 :]]})
    if isinstance(node, ast.ClassDef):
        for at, line in enumerate(node.body):
            for other in _other(line.value) if isinstance(line, ast.AnnAssign) else ():
                body = [*node.body[:at], changed(line, value=other), *node.body[at + 1 :]]
                yield "default", changed(node, body=body)


def _other(value: ast.expr | None) -> Iterator[ast.expr]:
    if isinstance(value, ast.Constant) and value.value is None:
        yield ast.Constant(...)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield ast.Constant(f"{value.value}x")
    elif isinstance(value, ast.Name | ast.Attribute | ast.Tuple):
        yield ast.Constant(None)


OPERATORS: tuple[Callable[[ast.AST], Change], ...] = (
    _compare, _arithmetic, _logic, _constant, _name, _statement, _default,
)  # fmt: skip
_LEFT_OUT = {"annotation", "returns", "decorator_list"}


@dataclass(frozen=True)
class Mutant:
    """One change: where it stands, its operator, and how to make and undo it.

    ``function`` is (qualified name, first line) of the innermost ``def``, ``None`` outside one.
    """

    file: str
    line: int
    column: int
    operator: str
    old: str
    new: str
    function: tuple[str, int] | None
    place: tuple[ast.AST, str, int | None]
    node: ast.AST

    @property
    def name(self) -> str:
        """Return file:line:column operator, and what became what."""
        where = f"{self.file}:{self.line}:{self.column} {self.operator}"
        return f"{where}  {self.old[:60]}  ->  {self.new[:60]}"

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Return what it is by, also when lines move: file, function, old text, new text."""
        return self.file, self.function[0] if self.function else "", self.old, self.new

    def code(self, tree: ast.Module, path: Path) -> CodeType:
        """Return the module compiled with the change; the tree is afterwards as before."""
        parent, name, at = self.place
        old = getattr(parent, name)
        setattr(parent, name, self.node if at is None else [*old[:at], self.node, *old[at + 1 :]])
        try:
            return compile(ast.fix_missing_locations(copy.deepcopy(tree)), str(path), "exec")
        finally:
            setattr(parent, name, old)


def mutants_of(file: str, tree: ast.Module) -> list[Mutant]:
    """Return every mutant of *tree*, by line, column and operator."""
    found: list[Mutant] = []

    def visit(node: ast.AST, inside: tuple[str, ...], function: tuple[str, int] | None) -> None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inside = (*inside, node.name)
        for name, value in ast.iter_fields(node):
            if name in _LEFT_OUT or (isinstance(node, ast.JoinedStr) and name == "format_spec"):
                continue
            within = function
            if isinstance(node, ast.FunctionDef) and name == "body":
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                within, inside = (".".join(inside), first), (*inside, "<locals>")
            each = enumerate(value) if isinstance(value, list) else [(None, value)]
            for at, child in each:
                if isinstance(child, ast.AST) and not _left_out(child):
                    found.extend(_made(file, child, (node, name, at), within))
                    visit(child, inside, within)

    visit(tree, (), None)
    found.sort(key=lambda m: (m.line, m.column, m.operator, m.new))
    return found


def _left_out(node: ast.AST) -> bool:
    """Return whether nothing below *node* is run: what a type checker reads, what is exported."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def _made(
    file: str, node: ast.AST, place: tuple[ast.AST, str, int | None], within: Any
) -> Iterator[Mutant]:
    for operator in OPERATORS:
        for kind, other in operator(node):
            at: Any = node if hasattr(node, "lineno") else place[0]
            old, new = _differing(*_in_sight(node, other, place))
            yield Mutant(
                file, at.lineno, at.col_offset + 1, kind, old, new, within, place, other
            )  # fmt: skip


def _in_sight(
    node: ast.AST, other: ast.AST, place: tuple[ast.AST, str, int | None]
) -> tuple[ast.AST, ast.AST]:
    """Return both, a constant with the expression around it: a bare number says little."""
    parent, name, at = place
    if not isinstance(node, ast.Constant) or not isinstance(parent, ast.expr):
        return node, other
    old = getattr(parent, name)
    new = other if at is None else [*old[:at], other, *old[at + 1 :]]
    return parent, changed(parent, **{name: new})


def _differing(node: ast.AST, other: ast.AST) -> tuple[str, str]:
    """Return both as text, on one line, without what they have in common."""
    if isinstance(node, ast.If | ast.While):
        node, other = node.test, getattr(other, "test")  # noqa: B009  # of any node
    old, new = (ast.unparse(one) for one in (node, other))
    if isinstance(node, ast.ClassDef):
        pairs = zip(old.splitlines(), new.splitlines(), strict=True)
        old, new = next((a, b) for a, b in pairs if a != b)
    return " ".join(old.split()), " ".join(new.split())
