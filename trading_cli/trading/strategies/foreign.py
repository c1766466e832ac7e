"""Code we did not write: loading a user's strategy, and running it so that only it can fail."""

import importlib.util
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from importlib.metadata import entry_points
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from trading_cli.core.errors import ConfigError
from trading_cli.trading.strategies.advice import Advice, Strategy
from trading_cli.trading.view import View

T = TypeVar("T")
GROUP = "trading_cli.strategies"
LOAD_S = 10.0
_FILE = ".py:"
_MOST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Failed:
    """What foreign code raised, in one line."""

    error: str


def attempt(call: Callable[[], T], *, in_line: bool = False) -> T | Failed:
    """Return what *call* returns, or what it raised: nothing foreign code does passes this line.

    *in_line*: in the main thread, where an interruption (Ctrl-C) is the person's and goes on.
    """
    try:
        return call()
    except BaseException as error:  # a strategy is foreign code; SystemExit too must not end us
        if in_line and not isinstance(error, Exception):
            raise
        said = " ".join(str(error).split())[:_MOST_WORDS]
        return Failed(f"{type(error).__name__}: {said}" if said else type(error).__name__)


def hung_name(name: str) -> str:
    """Return the name of the thread *name* hangs in: one is left behind, not one a slot."""
    return f"hung strategy {name}"


def hangs(name: str) -> bool:
    """Return whether a thread in which *name* hung is still there."""
    return any(thread.name == hung_name(name) for thread in threading.enumerate())


def attempt_within(call: Callable[[], T], seconds: float, name: str) -> T | Failed:
    """Return what ``attempt`` returns, or that *name* hangs: its daemon thread is left behind."""
    if hangs(name):
        return Failed("it still hangs since an earlier time; restart to try it again")
    replies: SimpleQueue[T | Failed] = SimpleQueue()
    worker = threading.Thread(target=lambda: replies.put(attempt(call)), daemon=True)
    worker.start()
    try:
        return replies.get(timeout=seconds)
    except Empty:
        worker.name = hung_name(name)
        return Failed(f"no answer within {seconds:g} s")


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands where a strategy could not be loaded: every decision of it says why."""

    name: str
    error: str
    ceiling: Decimal = Decimal(0)

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Raise ConfigError: the other strategies go on, exits too."""
        raise ConfigError(self.error, hint="mend it, or take it out of signals.strategies")


def load_foreign(name: str, folder: Path, *, seconds: float = LOAD_S) -> Strategy:
    """Return the strategy called "path/to/file.py:Class" or an entry point's name.

    A relative path is under *folder*. What cannot be loaded, or not within *seconds*, comes back as
    ``Broken``.
    """
    made = attempt_within(lambda: _made(name, folder), seconds, name)
    if isinstance(made, Failed):
        return Broken(name, f"strategy {name} does not load: {made.error}")
    wrong = attempt(lambda: _wrong(made))
    if wrong is not None:
        said = wrong.error if isinstance(wrong, Failed) else wrong
        return Broken(name, f"strategy {name} is not one: {said}")
    return made


def _made(name: str, folder: Path) -> Strategy:
    maker = _from_file(name, folder) if _FILE in name else _from_package(name)
    return maker()


def _from_file(name: str, folder: Path) -> Callable[[], Strategy]:
    place, _, wanted = name.rpartition(":")
    path = folder / Path(place).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    module_name = "trading_user_" + blake2b(str(path.resolve()).encode(), digest_size=8).hexdigest()
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their own module up while being made
    spec.loader.exec_module(module)
    if not hasattr(module, wanted):
        raise AttributeError(f"{path} has no class {wanted!r}")
    maker: Callable[[], Strategy] = getattr(module, wanted)
    return maker


def _from_package(name: str) -> Callable[[], Strategy]:
    found = tuple(entry_points(group=GROUP, name=name))
    if len(found) > 1:
        raise LookupError(f"several packages offer it: {sorted(one.value for one in found)}")
    if not found:
        raise LookupError(f"it is neither built in, nor a file.py:Class, nor offered as {GROUP}")
    maker: Callable[[], Strategy] = found[0].load()
    return maker


def _wrong(made: Strategy) -> str | None:
    """Return what *made* lacks of a strategy, ``None`` for nothing."""
    if not isinstance(getattr(made, "name", None), str) or not made.name:
        return "it has no name (a word)"
    ceiling = getattr(made, "ceiling", None)
    if not isinstance(ceiling, Decimal) or not 0 < ceiling <= 1:
        return f"its ceiling must be a Decimal above 0, at most 1, not {ceiling!r}"
    return None if callable(getattr(made, "decide", None)) else "it has no decide()"
