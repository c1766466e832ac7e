"""The house rules: one-way doors, ceilings, where a broad except may stand, what help may load."""

import ast
import json
import re
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "trading_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LONGEST_FILE = 400
LONGEST_TEST = 600
LONGEST_CLASS = 200
LONGEST_FUNCTION = 50
HARDEST_FUNCTION = 10

TOO_LONG_FILES: dict[str, str] = {}
TOO_LONG_CLASSES: dict[str, str] = {}
TOO_LONG_FUNCTIONS: dict[str, str] = {}
TOO_HARD_FUNCTIONS: dict[str, str] = {}
BROAD_EXCEPTS = {
    "cli/main.py": "the boundary of the process: whatever happens, a person gets a sentence",
    "web/kept.py": "the boundary of a request: a client gets an answer, the log the trace",
    "trading/strategies/foreign.py": "a strategy is foreign code: it may stop only itself",
}
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base"}
HEAVY = {
    "numpy", "pandas", "scipy", "statsmodels", "requests", "structlog", "fastapi", "uvicorn",
    "feedparser", "telegram", "httpx", "vaderSentiment", "psutil", "concurrent_log_handler",
    "stamina",
}  # fmt: skip


def _lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def _nodes(*kinds: type[ast.AST]) -> list[tuple[str, ast.AST]]:
    """Return (file:name, node) of every node of these kinds."""
    return [named for named in _walked() if isinstance(named[1], kinds)]


@cache
def _walked() -> list[tuple[str, ast.AST]]:
    """Return (file:name, node) of every node there is, read once."""
    return [
        (f"{_name(path)}:{getattr(node, 'name', '')}", node)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_rooms_import_one_way_only():
    """Every import contract of pyproject.toml is kept."""
    command = Path(sys.executable).with_name("lint-imports")
    if not command.exists():
        pytest.skip("import-linter is not installed")
    ran = subprocess.run(
        [command, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_file_has_grown_into_a_city():
    """No module is longer than a person can hold in mind."""
    grown = {_name(path) for path in MODULES if _lines(path) > LONGEST_FILE}
    assert grown == set(TOO_LONG_FILES)


def test_no_test_file_has_grown_into_a_city():
    """Nor is a file of tests."""
    assert [path.name for path in TESTS if _lines(path) > LONGEST_TEST] == []


def test_no_class_has_become_a_god():
    """No class is longer than half a file."""
    gods = {
        name
        for name, node in _nodes(ast.ClassDef)
        if node.end_lineno - node.lineno + 1 > LONGEST_CLASS
    }
    assert gods == set(TOO_LONG_CLASSES)


def test_no_function_needs_scrolling():
    """Every function fits on a screen."""
    long = {
        name
        for name, node in _nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert long == set(TOO_LONG_FUNCTIONS)


def test_no_function_is_a_maze():
    """No function has more ways through it than a person can try."""
    hard = {
        name
        for name, node in _nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if _complexity(node) > HARDEST_FUNCTION
    }
    assert hard == set(TOO_HARD_FUNCTIONS)


def _complexity(function: ast.AST) -> int:
    """Return 1 + the branching statements of *function* (McCabe, as ruff counts), own ones only."""
    decisions, waiting = 1, list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        decisions += isinstance(
            node, (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
        )
        waiting += ast.iter_child_nodes(node)
    return decisions


@pytest.mark.parametrize("sentence", [*TOO_LONG_FILES.values(), *BROAD_EXCEPTS.values()])
def test_every_exception_to_a_rule_has_a_reason(sentence):
    """Who breaks a ceiling says why."""
    assert len(sentence.split()) >= 5


def test_broad_excepts_stay_at_the_boundaries():
    """`except Exception` appears where a process must survive, and nowhere else."""
    found = {name.split(":")[0] for name, node in _nodes(ast.ExceptHandler) if _is_broad(node)}
    assert found == set(BROAD_EXCEPTS)


def _is_broad(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in kinds
    )


def test_no_failure_is_swallowed_in_silence():
    """No `except ...: pass`: what is ignored is ignored by name, with contextlib.suppress."""
    silent = [
        f"{name}{node.lineno}"
        for name, node in _nodes(ast.ExceptHandler)
        if all(isinstance(step, ast.Pass) for step in node.body)
    ]
    assert silent == []


def test_no_module_has_a_name_that_says_nothing():
    """A drawer called utils is where things get lost."""
    assert [_name(path) for path in MODULES if path.stem in BANNED] == []


def test_no_module_hides_one_of_the_standard_library():
    """A top-level name of ours never shadows Python's own."""
    ours = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert ours & set(sys.stdlib_module_names) == set()


def test_only_the_renderer_writes_to_the_terminal():
    """`print` is banned, and nothing but cli/render and the boundary names stdout."""
    prints = [
        name
        for name, node in _nodes(ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    named = {
        _name(path)
        for path in MODULES
        if re.search(r"sys\.(stdout|stderr|stdin)|\binput\(", path.read_text(encoding="utf-8"))
    }
    assert prints == []
    assert named <= {"cli/render.py", "cli/main.py", "cli/options.py"}


def test_nothing_reads_standard_input():
    """A scheduled run can never hang on a question."""
    readers = [
        _name(path)
        for path in MODULES
        if re.search(r"sys\.stdin|\binput\(|confirm\(|prompt=", path.read_text(encoding="utf-8"))
    ]
    assert readers == []


def test_every_suppressed_rule_has_a_reason():
    """`# noqa` and `# type: ignore` name their rule."""
    rule = re.compile(r"noqa(?!: ?[A-Z])|type: ignore(?!\[)")
    bare = [
        f"{_name(path)}:{token.start[0]}"
        for path in MODULES
        for token in _tokens(path)
        if token.type == tokenize.COMMENT and rule.search(token.string)
    ]
    assert bare == []


def _tokens(path: Path) -> list[tokenize.TokenInfo]:
    with tokenize.open(path) as lines:
        return list(tokenize.generate_tokens(lines.readline))


def test_every_public_thing_has_a_docstring():
    """What can be called can be read about."""
    mute = [
        name
        for name, node in _nodes(ast.FunctionDef, ast.ClassDef)
        if not node.name.startswith("_") and ast.get_docstring(node) is None and not _nested(node)
    ]
    assert mute == []


def _nested(node: ast.AST) -> bool:
    """Say whether *node* stands inside a function (a closure nobody else can call)."""
    return node.col_offset > 4 or (node.col_offset == 4 and not _first_is_self(node))


def _first_is_self(node: ast.AST) -> bool:
    arguments = getattr(node, "args", None)
    return bool(arguments and arguments.args and arguments.args[0].arg in {"self", "cls"})


def test_every_test_has_a_sentence():
    """A test says what it proves."""
    mute = [
        f"{path.name}:{node.name}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and ast.get_docstring(node) is None
    ]
    assert mute == []


def _loaded(*arguments: str, home: Path) -> set[str]:
    """Return the modules a fresh interpreter holds after `trading *arguments*`."""
    code = (
        "import sys, json\n"
        "from trading_cli.cli.main import run\n"
        f"code = run({list(arguments)!r})\n"
        "sys.stderr.write('\\n' + json.dumps([code, sorted(sys.modules)]))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=home
    )
    code, modules = json.loads(ran.stderr.splitlines()[-1])
    assert code == 0, ran.stderr
    return set(modules)


def test_help_loads_nothing_but_the_shell(home):
    """`trading --help` imports no command, no room, no Rich, no settings library."""
    modules = _loaded("--help", home=home)
    ours = {name for name in modules if name.startswith("trading_cli")}
    assert ours <= {"trading_cli", "trading_cli.cli"} | {
        f"trading_cli.cli.{name}" for name in ("main", "options", "answer")
    }
    assert modules & (HEAVY | {"rich", "pydantic", "yaml", "sqlite3"}) == set()


@pytest.mark.parametrize("arguments", [("status",), ("--json", "status"), ()])
def test_status_loads_no_heavy_library(home, arguments):
    """`trading status` answers without the libraries of the collection, nor Rich in a pipe."""
    assert _loaded(*arguments, home=home) & (HEAVY | {"rich"}) == set()


def test_importing_a_command_loads_no_room_below_it(home):
    """A command's module imports what it needs when it runs, not when it is read."""
    names = [path.stem for path in (PACKAGE / "cli").glob("*.py")]
    code = (
        "import sys, json, importlib\n"
        f"for name in {names!r}: importlib.import_module('trading_cli.cli.' + name)\n"
        "sys.stdout.write(json.dumps(sorted(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=home
    )
    loaded = set(json.loads(ran.stdout))
    rooms = {name for name in loaded if re.match(r"trading_cli\.(?!cli)", name)}
    assert rooms == set()
    assert loaded & (HEAVY | {"rich", "pydantic", "yaml"}) == set()
