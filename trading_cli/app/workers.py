"""Work spread over processes of this machine or over a cluster: the same results for any of them.

One way for both, joblib's: local processes by default, a dask cluster where its address is given.
What is sent and what comes back is pickled by joblib (and dask); nothing else here reads a pickle.
A cluster therefore is trusted like this machine: whoever can reach its scheduler can run code.
Its workers must have this very version installed, and read the same files at the same paths.
"""

import re
import signal
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

from trading_cli.core.errors import SourceDown, TradingError, UsageError

Given = TypeVar("Given")
Made = TypeVar("Made")
EXTRA = "uv sync --extra dask, or pip install 'trading-cli[dask]'"
_EXIT = re.compile(r"\bSIG[A-Z0-9]+\(-\d+\)|\bEXIT\(\d+\)")
_WORKER = re.compile(r"\b(?:tcp|tls|ucx|inproc)://[^\s'\",]+")
Broken = tuple[type[BaseException], ...]
Lost = Callable[[BaseException, str], TradingError]


class WorkerLost(TradingError):
    """A process at work died, and its piece with it; what had come back before is there."""

    code = "worker_lost"


@dataclass(frozen=True, slots=True)
class Crew:
    """Who does the work: this process alone, *workers* processes, or the cluster at an address."""

    workers: int = 1
    cluster: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"work cannot be done by {self.workers} workers")

    @property
    def alone(self) -> bool:
        """Return whether this process does it all."""
        return self.cluster is None and self.workers == 1

    def ready(self) -> None:
        """See that there is a cluster where one is asked for, and that it runs this version.

        Raises ``UsageError`` without the extra `dask`, for what is no address and for workers of
        another version, ``SourceDown`` where nobody answers or nobody works there.
        """
        if self.cluster is not None:
            from trading_cli.app.trials import (  # noqa: PLC0415  # only a cluster is asked
                code_hash,
            )

            self.agree(code_hash, "another version of this program, or none")

    def agree(self, question: Callable[[], object], otherwise: str) -> None:
        """Ask every worker of the cluster *question*; raise ``UsageError`` naming who differs."""
        if self.cluster is None:
            return
        ours = question()
        with _extra().connected(self.cluster) as client:
            told: Mapping[str, object] = client.run(question, on_error="return")
        for worker, answer in sorted(told.items()):
            if answer != ours:
                why = f" ({answer})" if isinstance(answer, BaseException) else ""
                raise UsageError(
                    f"the worker {worker} of the cluster has {otherwise}{why}.",
                    hint="every worker needs this version, and the same files at the same paths",
                )

    def each(self, function: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
        """Yield what *function* makes of each of *given*, in their order, as soon as that allows.

        The function and what it is given must be picklable. Raises what the function raises,
        ``WorkerLost`` where a process died, ``SourceDown`` where the cluster went away.
        """
        if self.alone:
            yield from map(function, given)
            return
        with closing(self._spread(function, list(given), "generator")) as ended:
            for _, made in ended:
                yield made

    def as_they_end(
        self, function: Callable[[Given], Made], given: Iterable[Given]
    ) -> Generator[tuple[int, Made], None, None]:
        """Yield (place, what is made of it) as each ends; else like ``each``. To be closed."""
        if self.alone:
            yield from enumerate(map(function, given))
            return
        with closing(self._spread(function, list(given), "generator_unordered")) as ended:
            yield from ended

    def _spread(
        self, function: Callable[[Given], Made], given: list[Given], how: str
    ) -> Generator[tuple[int, Made], None, None]:
        if not given:
            return
        done = 0
        with self._at_work(how) as (parallel, broken, lost):
            from joblib import delayed  # type: ignore[import-untyped]  # noqa: PLC0415  # only who spreads pays

            work = delayed(partial(_placed, function))
            with _left(parallel(work(*one) for one in enumerate(given))) as ended:
                try:
                    for one in ended:
                        yield one
                        done += 1
                except broken as error:
                    back = f"{done} of {len(given)} pieces had come back"
                    raise lost(error, back) from error

    @contextmanager
    def _at_work(self, how: str) -> Iterator[tuple[Any, Broken, Lost]]:
        """Yield joblib's Parallel, what it raises where a worker is lost, and how to say that."""
        from joblib import Parallel, parallel_config  # noqa: PLC0415  # only who spreads pays

        if self.cluster is None:
            from joblib.externals.loky.process_executor import (  # type: ignore[import-untyped]  # noqa: PLC0415  # as above
                BrokenProcessPool,
            )

            # one thread of arithmetic each: no sum may depend on how many share a machine
            local = parallel_config(
                backend="loky", n_jobs=self.workers, inner_max_num_threads=1,
                initializer=_leave_interrupts,
            )  # fmt: skip
            with local:
                parallel = Parallel(batch_size=1, return_as=how)
            yield parallel, (BrokenProcessPool,), _died
            return
        extra = _extra()
        with extra.at_work(self.cluster) as backend:
            with parallel_config(backend=backend, n_jobs=-1):
                parallel = Parallel(batch_size=1, return_as=how)
            yield parallel, extra.BROKEN, partial(_gone, self.cluster)


@contextmanager
def _left(ended: Generator[Any, None, None]) -> Iterator[Generator[Any, None, None]]:
    """Yield *ended* and close it, without joblib's word that what is left undone was cancelled."""
    try:
        yield ended
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            ended.close()


def _died(error: BaseException, back: str) -> WorkerLost:
    ended = ", ".join(_EXIT.findall(str(error))) or "for an unknown reason"
    return WorkerLost(f"a worker process died ({ended}); {back}.", hint="fewer --workers: memory?")


def _gone(address: str, error: BaseException, back: str) -> TradingError:
    found = _WORKER.findall(str(error))
    if type(error).__name__ != "KilledWorker":
        return SourceDown(f"cluster {address}", f"it went away; {back}")
    last = found[-1].rstrip(".") if found else "of the cluster"
    return WorkerLost(
        f"the worker {last} died, and others before it on the same piece; {back}.",
        hint="its own log says why; memory?",
    )


ALONE = Crew()


def _placed(function: Callable[[Given], Made], place: int, one: Given) -> tuple[int, Made]:
    return place, function(one)


def _leave_interrupts() -> None:
    """Leave Ctrl-C to who gave the work: it ends the workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _extra() -> ModuleType:
    try:
        from trading_cli.app import cluster  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        raise UsageError("a cluster needs the extra `dask`.", hint=EXTRA) from None
    return cluster
