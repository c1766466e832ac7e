"""What every test may lean on: no network but loopback, a home of its own, the recorded data."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent


settings.register_profile("day", deadline=None, max_examples=50)  # no deadline: time proves nothing
settings.register_profile("night", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "day"))


def pytest_configure(config: pytest.Config) -> None:
    """Let Typer use what Click will drop in 9.0: not ours to mend, and pinned by the lock file."""
    config.addinivalue_line("filterwarnings", "ignore:'click:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:The '.*' :DeprecationWarning:click")


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
