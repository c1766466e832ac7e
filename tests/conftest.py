"""What every test may lean on: no network but loopback, a home of its own, the recorded data."""

import gc
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the commands say it, and before numpy

import pytest
from compiled import compile_all  # beside this
from filelock import FileLock
from hypothesis import settings
from newborn import Newborn  # beside this
from order import by_cost  # beside this

from trading_cli.store import migrations

ROOT = Path(__file__).resolve().parent.parent
Made = Callable[[Path], None]


settings.register_profile("day", deadline=None, max_examples=50)  # no deadline: time proves nothing
settings.register_profile("night", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "day"))


def pytest_configure(config: pytest.Config) -> None:
    """Let Typer use what Click will drop in 9.0: not ours to mend, and pinned by the lock file."""
    config.addinivalue_line("filterwarnings", "ignore:'click:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:The '.*' :DeprecationWarning:click")
    os.register_at_fork(after_in_child=gc.freeze)  # else it copies our pages to look for garbage
    if not hasattr(config, "workerinput"):  # the first of them all: the workers come later
        compile_all(ROOT / "trading_cli")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage while half a million objects are made, and among them never again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: no worker is to end alone."""
    by_cost(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Let hostile text be captured: half of a surrogate pair cannot travel between processes."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


class YouReachedForTheRealNetwork(AssertionError):
    """Use the simulator, or a server of your own on loopback."""


def _is_local(address: object) -> bool:
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return host in {"", "localhost"} or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Make connecting anywhere but to loopback loud."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    look_up = socket.getaddrinfo

    def guarded(real):
        def call(self, address):
            if not _is_local(address):
                raise YouReachedForTheRealNetwork(address)
            return real(self, address)

        return call

    def guarded_look_up(host, *rest, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _is_local((name,)) and not name.endswith(".invalid"):
            raise YouReachedForTheRealNetwork(name)
        return look_up(host, *rest, **options)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded(connect))
    patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def newborn() -> Iterator[Newborn]:
    """Copy a new database where the migrations made the same one before: it is quicker."""
    newborn = Newborn()
    patch = pytest.MonkeyPatch()
    patch.setattr(migrations, "migrate", newborn.migrate)
    yield newborn
    patch.undo()


@pytest.fixture(scope="module")
def own_migrations(newborn: Newborn) -> Iterator[None]:
    """Let the migrations themselves make every database of this module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "migrate", newborn.real)
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Made], Path]:
    """Return what makes a folder by name for all workers: who comes first makes it."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def make(name: str, made: Made) -> Path:
        folder, whole = root / name, root / f"{name}.made"
        with FileLock(root / f"{name}.lock"):
            if not whole.exists():
                made(folder)
                whole.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def small_demo(made_once: Callable[[str, Made], Path]) -> Path:
    """Return the smallest home of `trading demo`, long over, to be copied and not written to.

    Beside it, as ``.json``, stands what the command printed.
    """

    def make(folder: Path) -> None:
        from trading_cli.cli.main import run

        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("TRADING_")]:
                patch.delenv(name)
            patch.setenv("XDG_STATE_HOME", str(folder.with_name("small-demo-state")))
            size = ("--days", "1", "--cycles", "1", "--markets", "8")
            with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
                assert run(["demo", "--json", *size, "--keep", str(folder)]) == 0, err.getvalue()
            folder.with_suffix(".json").write_text(out.getvalue(), encoding="utf-8")

    return made_once("small-demo", make)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home, with the budgets of this person's hosts kept inside the test."""
    for name in [name for name in os.environ if name.startswith("TRADING_")]:
        if name != "TRADING_SHARED_DATA":
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("TRADING_HOME", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of recorded real replies; skip where it is not."""
    named = os.environ.get("TRADING_SHARED_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("recorded data not here; set TRADING_SHARED_DATA")
    return folder
