"""How mutate.py tries a mutant: one collection of the tests, then a fork for each change."""

import ast
import gc
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import hypothesis
import pytest
from mutate_places import Mutant  # beside this

ROOT = Path(__file__).resolve().parent.parent
CPU_S, WALL_S, MEMORY = 60, 600, 8 << 30
ANEW = "it has to be imported anew"
REWRITTEN = "ignore::pytest.PytestAssertRewriteWarning"
SHOWN = os.dup(1)  # what is shown while pytest writes elsewhere


@dataclass
class Known:
    """What the tests as they are have shown: seconds of each, and who enters which function."""

    seconds: dict[str, float] = field(default_factory=dict)
    entering: dict[str, list[str]] = field(default_factory=dict)
    failed: str = ""


class Running:
    """The plugin of one fork: the tests of *chosen*, the quickest first, until one fails."""

    def __init__(self, known: Known | None = None, chosen: Sequence[str] = ()) -> None:
        self.known, self.chosen, self.failed = known or Known(), chosen, ""

    def run(self, session: pytest.Session) -> bool:
        """Run them; return whether all passed."""
        items = [one for one in session.items if not self.chosen or one.nodeid in self.chosen]
        items.sort(key=lambda one: self.known.seconds.get(one.nodeid, 0.0))
        for item, after in zip(items, [*items[1:], None], strict=True):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if session.testsfailed:
                self.failed = item.nodeid
                return False
        return True

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run them in this order."""
        self.run(session)
        return True


def pytest_words(tests: Sequence[str], folder: Path) -> list[str]:
    """Return how pytest is called."""
    there = [str(ROOT / "tests" / one) for one in tests]
    return [
        "-q", "-x", "-o", "addopts=", "-m", "not nightly", "-W", REWRITTEN,
        "-p", "no:cacheprovider", f"--basetemp={folder}", f"--rootdir={ROOT}", *there,
    ]  # fmt: skip


class Derandomised:
    """The plugin that makes whatever hypothesis tries the same in every fork."""

    def pytest_sessionstart(self) -> None:
        """Load the profile of the day without chance, shrinking, and clocks."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "mutate", hypothesis.settings.get_profile("day"), derandomize=True, database=None,
            phases=phases, suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        hypothesis.settings.load_profile("mutate")


class Told(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the changed code where the module is imported."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(self, name: str, *_: object) -> Any:
        """Return how to load the module, and nothing for any other."""
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def exec_module(self, module: Any) -> None:
        """Run the changed code as *module*."""
        exec(self.code, module.__dict__)  # noqa: S102  # it is our own, changed in one place


def swap(code: CodeType, path: Path, wanted: tuple[str, int] | None) -> None:
    """Put the functions of *code* in the place of those loaded from *path*.

    Raises ValueError where *wanted* is not among them, or one closes over other names.
    """
    gc.unfreeze()  # a frozen object is not shown
    found = set()
    there: dict[tuple[str, int], CodeType] = {}
    left = [code]
    while left:
        one = left.pop()
        there[one.co_qualname, one.co_firstlineno] = one
        left += [c for c in one.co_consts if isinstance(c, CodeType)]
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename == str(path):
            name = one.__code__.co_qualname, one.__code__.co_firstlineno
            if name in there:
                one.__code__ = there[name]
                found.add(name)
    if wanted not in found:
        raise ValueError(f"{wanted} is nowhere to be changed")


@dataclass
class Result:
    """What became of one mutant: the test that failed (or why it ended), "" where none did."""

    number: int
    killer: str
    cpu: float


class Forks:
    """Does work in forks, at most *jobs* at a time, and hears one line from each."""

    def __init__(self, jobs: int, folder: Path, show: Callable[[int, str], None]) -> None:
        self.jobs, self.folder, self.show = jobs, folder, show
        self.busy: dict[int, tuple[int, int]] = {}  # pid -> number, slot
        self.done: list[Result] = []

    def start(self, number: int, work: Callable[[Path], str]) -> None:
        """Do *work* in a fork, which gets a folder; what it returns is the killer."""
        while len(self.busy) >= self.jobs:
            self._collect()
        slot = min(set(range(self.jobs)) - {slot for _, slot in self.busy.values()})
        pid = os.fork()
        if pid:
            self.busy[pid] = (number, slot)
            return
        status = 1
        try:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.alarm(WALL_S)
            _quiet(self.folder / f"{slot}.txt")
            said = work(self.folder / f"base{slot}")
            (self.folder / f"{slot}.said").write_text(said)
            status = 0
        finally:
            os._exit(status)

    def _collect(self) -> None:
        pid, status, used = os.wait4(-1, 0)
        number, slot = self.busy.pop(pid)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # what a test started and a hang left
        if os.WIFSIGNALED(status):
            killer = f"signal {os.WTERMSIG(status)}"
        elif status:
            raise SystemExit(f"no test failed, this program did: mutant {number}")
        else:
            killer = (self.folder / f"{slot}.said").read_text()
        self.done.append(Result(number, killer, used.ru_utime + used.ru_stime))
        self.show(number, killer)

    def end(self) -> list[Result]:
        """Wait for all; return what they said."""
        while self.busy:
            self._collect()
        return self.done


def _quiet(file: Path) -> None:
    """Let what is printed from here on go to *file*."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


class Session:
    """The plugin of a module's one collection: the tests as they are, then each mutant."""

    def __init__(self, module: "Module", mutants: dict[int, Mutant], jobs: int) -> None:
        self.module, self.mutants, self.jobs = module, mutants, jobs

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Fork, fork, fork."""
        whole = self.module
        forks = Forks(1, whole.folder, lambda *_: None)
        forks.start(-1, lambda _: self.seen(session))
        whole.note("known", forks.end()[0].killer)
        known = whole.known()
        forks = Forks(self.jobs, whole.folder, whole.show)
        for number, mutant in self.mutants.items():
            if known.failed or mutant.function is None:
                continue
            tests = known.entering.get(f"{mutant.function}", [])
            if not tests:  # only an import enters it
                continue
            forks.start(number, lambda _, m=mutant, t=tests: self.tried(session, m, known, t))
        whole.note("results", json.dumps([vars(one) for one in forks.end()]))
        return True

    def seen(self, session: pytest.Session) -> str:
        """Run the tests as they are; return what they have shown."""
        known, path = Known(), str(self.module.path)
        for item in session.items:
            entered: set[tuple[str, int]] = set()

            def look(frame: FrameType, event: str, _: object, found: Any = entered) -> None:
                if event == "call" and frame.f_code.co_filename == path:
                    found.add((frame.f_code.co_qualname, frame.f_code.co_firstlineno))

            began = time.process_time()
            sys.setprofile(look)
            passed = Running(known, [item.nodeid]).run(session)
            sys.setprofile(None)
            known.seconds[item.nodeid] = time.process_time() - began
            for one in entered:
                known.entering.setdefault(f"{one}", []).append(item.nodeid)
            known.failed = known.failed or ("" if passed else item.nodeid)
        return json.dumps(vars(known))

    def tried(
        self, session: pytest.Session, mutant: Mutant, known: Known, tests: Sequence[str]
    ) -> str:
        """Return the test that failed with *mutant*, "" where none did."""
        try:
            code = mutant.code(self.module.tree, self.module.path)
            swap(code, self.module.path, mutant.function)
        except ValueError:  # only a new import takes it
            return ANEW
        running = Running(known, tests)
        running.run(session)
        return running.failed


@dataclass
class Module:
    """One module under change, and where its forks leave what they found."""

    file: str
    tests: Sequence[str]
    folder: Path
    tell: Callable[[int, str], str]
    tree: ast.Module = field(init=False)

    def __post_init__(self) -> None:
        self.path = ROOT / "trading_cli" / self.file
        self.tree = ast.parse(self.path.read_text())

    def note(self, name: str, text: str) -> None:
        """Leave *text* for the process that started this one."""
        (self.folder / f"{name}.json").write_text(text)

    def show(self, number: int, killer: str) -> None:
        """Show what became of a mutant, also where stdout is pytest's."""
        if killer != ANEW:
            os.write(SHOWN, f"{self.tell(number, killer)}\n".encode())

    def known(self) -> Known:
        """Return what the tests as they are have shown."""
        return Known(**json.loads((self.folder / "known.json").read_text()))

    def judged(self, mutants: dict[int, Mutant], jobs: int, *, fresh: bool) -> list[Result]:
        """Return what became of *mutants*. Raises SystemExit where the tests fail as they are."""
        words = pytest_words(self.tests, self.folder / "base")
        inside = {} if fresh else mutants
        child = os.fork()
        if not child:
            _quiet(self.folder / "session.txt")
            try:
                pytest.main(words, plugins=[Derandomised(), Session(self, inside, jobs)])
            finally:
                sys.excepthook(*sys.exc_info()) if sys.exc_info()[0] else None
                sys.stdout.flush()
                os._exit(0)
        os.waitpid(child, 0)
        if not (self.folder / "results.json").exists() or (known := self.known()).failed:
            told = "".join(one.read_text() for one in sorted(self.folder.glob("*.txt")))
            raise SystemExit(f"{self.file}: the tests fail as they are: {told[-3000:]}")
        noted = json.loads((self.folder / "results.json").read_text())
        results = [Result(**one) for one in noted if one["killer"] != ANEW]
        forks = Forks(jobs, self.folder, self.show)
        for number in sorted(mutants.keys() - {one.number for one in results}):
            forks.start(number, lambda base, m=mutants[number]: self.anew(m, known, base))
        return sorted(results + forks.end(), key=lambda one: one.number)

    def anew(self, mutant: Mutant, known: Known, base: Path) -> str:
        """Return the test that failed where *mutant* is what is imported, "" where none did."""
        name = f"trading_cli.{self.file.removesuffix('.py').replace('/', '.')}"
        sys.meta_path.insert(0, Told(name, self.path, mutant.code(self.tree, self.path)))
        running = Running(known)
        words = pytest_words(self.tests, base)
        status = pytest.main(words, plugins=[Derandomised(), running])
        return running.failed or ("" if status == pytest.ExitCode.OK else "its import")
