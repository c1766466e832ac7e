"""What the program's own text must not contain: a way in for code that comes as data."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import trading_cli

PACKAGE = Path(trading_cli.__file__).parent
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "xmlrpc", "telnetlib"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    "os.system", "os.popen", "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load",
    "joblib.load", "numpy.load", "np.load", "tempfile.mktemp", "sqlite3.enable_load_extension",
    "pandas.read_pickle", "pd.read_pickle", "ssl._create_unverified_context",
}  # fmt: skip
EXTENSIONS = {"enable_load_extension", "load_extension"}
EXECUTES = {"execute", "executemany", "executescript"}


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield name and syntax of every file of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.expr) -> str:
    """Return "a.b.c" for a chain of names, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        above = dotted(node.value)
        return f"{above}.{node.attr}" if above else ""
    return ""


def found_in(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield what *tree* has that it must not have."""
    for node in ast.walk(tree):
        where = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            asked = [one.name for one in node.names]
            asked = [node.module or ""] if isinstance(node, ast.ImportFrom) else asked
            yield from (f"{where} imports {one}" for one in asked if one.split(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func)
        last = node.func.attr if isinstance(node.func, ast.Attribute) else called
        if called in CALLS or called in METHODS or last in EXTENSIONS:
            yield f"{where} calls {called or last}"
        for word in node.keywords:
            true = isinstance(word.value, ast.Constant) and word.value.value is True
            false = isinstance(word.value, ast.Constant) and word.value.value is False
            if (word.arg in {"shell", "allow_pickle"} and true) or (word.arg == "verify" and false):
                yield f"{where} passes {word.arg}={ast.unparse(word.value)}"


@dataclass
class Read:
    """What the searches below found in the package: every file is parsed once for all of them."""

    wrong: list[str] = field(default_factory=list)
    built: set[tuple[str, str]] = field(default_factory=set)
    reach: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def read() -> Read:
    """Return what is in the package's own text."""
    all_of_it = Read()
    for name, tree in trees():
        all_of_it.wrong += found_in(name, tree)
        all_of_it.built |= set(built(name, tree))
        if reaches(tree):
            all_of_it.reach.add(name)
        if addresses(tree):
            all_of_it.addresses.add(name)
    return all_of_it


def test_no_code_comes_in_as_data(read):
    """No pickle, eval, exec, shell, unsafe YAML, extension or unverified TLS.

    joblib pickles what we hand it ourselves; nothing here reads a pickle from a file.
    """
    assert read.wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from marshal import loads", "eval('1')", "exec(x)", "yaml.load(x)",
        "subprocess.run(x, shell=True)", "np.load(x, allow_pickle=True)", "os.system(x)",
        "db.enable_load_extension(1)", "requests.get(x, verify=False)", "compile(x, '', 'exec')",
    ],
)  # fmt: skip
def test_the_search_finds_what_is_there(text):
    """Each kind, planted, is found."""
    assert list(found_in("planted.py", ast.parse(text)))


def pieces(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what is put into a statement: the braces of an f-string, the terms of a sum."""
    if isinstance(node, ast.JoinedStr):
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                yield one.value
    elif isinstance(node, ast.BinOp):
        for side in (node.left, node.right):
            yield from pieces(side) if isinstance(side, ast.BinOp | ast.JoinedStr) else [side]
    elif isinstance(node, ast.Call) and dotted(node.func).endswith("format"):
        yield node


def literal_only(node: ast.expr) -> bool:
    """Say whether nothing but words of this program can come of *node*."""
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name.lstrip("_").isupper()
        case _:
            return False


# Names of tables and columns, read from the schema or from a list of ours, and whole clauses of
# our own, with the value always behind a "?": (file, what is put in). Who adds one says why here.
OURS = frozenset(
    {
        ("store/archive.py", "both_outcomes(kind)"),
        ("store/archive.py", "kind.name"),
        ("store/archive.py", "kind.time"),
        ("store/archive.py", "match"),
        ("store/archive.py", "old"),
        ("store/archive.py", "table.listed"),
        ("store/backtests.py", "', '.join('?' * 24)"),
        ("store/backtests.py", "columns"),
        ("store/bundles.py", "columns"),
        ("store/bundles.py", "condition"),
        ("store/bundles.py", "name"),
        ("store/bundles.py", "places"),
        ("store/cut_copies.py", "listed"),
        ("store/cut_copies.py", "name"),
        ("store/cut_copies.py", "places"),
        ("store/cut_copies.py", "version_of(look)"),
        ("store/pace.py", "at"),
        ("store/pace.py", "name"),
        ("store/pace.py", "where"),
        ("store/pages.py", "marks"),
        ("store/pages.py", "where"),
        ("store/runs.py", "where"),
        ("store/database.py", "'FULL' if durable else 'NORMAL'"),
        ("store/database.py", "name"),
        ("store/database.py", "patience_ms"),
        ("store/database.py", "waits"),
        ("store/decided.py", "where"),
        ("store/listings.py", "among"),
        ("store/migrations.py", "application_id"),
        ("store/migrations.py", "number"),
        ("store/operated.py", "columns"),
        ("store/seal_check.py", "name"),
        ("store/seal_check.py", "table.listed"),
        ("store/seal_check.py", "table.name"),
        ("store/sealed_rows.py", "columns"),
        ("store/sealed_rows.py", "end"),
        ("store/sealed_rows.py", "name"),
        ("store/sealed_rows.py", "queue"),
        ("store/sealed_rows.py", "same"),
        ("store/sealed_rows.py", "table.listed"),
        ("store/sealed_rows.py", "table.name"),
        ("store/sealed_rows.py", "until"),
        ("store/thawed.py", "', '.join(shape.key)"),
        ("store/thawed.py", "'ON' if shut else 'OFF'"),
        ("store/thawed.py", "KINDS[kind].time"),
        ("store/thawed.py", "columns"),
        ("store/thawed.py", "kind"),
        ("store/thawed.py", "marks"),
        ("store/thawed.py", "rowid"),
        ("store/thawed.py", "shape.listed"),
        ("store/trials.py", "what"),
        ("store/trials.py", "where"),
        ("store/upkeep.py", "name"),
        ("store/upkeep.py", "pragma"),
    }
)


def built(name: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield file and expression of all that is put into a statement and is no constant of ours."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in EXECUTES and node.args:
            for one in pieces(node.args[0]):
                if not literal_only(one):
                    yield name, ast.unparse(one)


def test_statements_are_built_of_our_own_words_alone(read):
    """Every value goes in behind a "?"; what is put into the text of a statement is listed."""
    assert sorted(read.built - OURS) == []
    assert sorted(OURS - read.built) == []


NETWORK = {"socket", "requests", "urllib3", "http.client", "urllib.request", "smtplib", "httpx"}
# Who can open a connection, and to what: the settings' addresses, the owner's secrets, ourselves.
# No other module can, so an address that came as data (of a post, a market, an icon) is only shown.
CONNECT = {
    "core/http_client.py": "the services in the settings",
    "core/http_timed.py": "the same, with a deadline",
    "core/outbound.py": "the owner's addresses, checked",
    "alerts/mail.py": "the mail server in the settings",
    "app/cluster.py": "the cluster the owner names",
    "app/demo_told.py": "the pretend exchange",
    "app/serving.py": "nobody: it listens where the owner says",
}
ADDRESSES = {
    "app/agenda_files.py": "the feed the owner names",
    "app/channels.py": "the owner's webhooks, from the secrets",
    "app/heartbeat.py": "TRADING_HEARTBEAT_URL",
}


def reaches(tree: ast.Module) -> bool:
    """Say whether *tree* imports something that opens connections."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and {one.name for one in node.names} & NETWORK:
            return True
        if isinstance(node, ast.ImportFrom) and node.module in NETWORK:
            return True
    return False


def addresses(tree: ast.Module) -> bool:
    """Say whether *tree* makes an address that may be connected to."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(dotted(called) == "Address" for called in calls)


def test_an_address_that_came_as_data_is_fetched_by_nobody(read):
    """The few modules that connect are known, and so is whose addresses they take."""
    pretend = {name for name in read.reach | read.addresses if name.startswith("simulator/")}
    assert read.reach - pretend == set(CONNECT)
    assert read.addresses - pretend == set(ADDRESSES)
