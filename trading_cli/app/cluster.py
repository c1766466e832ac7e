"""A dask cluster as joblib's place of work: reached in seconds or refused, and never hung on.

Imported only where an address was given: `distributed` is an extra.
"""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from distributed import CancelledError, Client, KilledWorker
from distributed.comm.addressing import get_address_host_port
from distributed.comm.core import CommClosedError
from joblib._dask import (  # type: ignore[import-untyped]  # joblib's own, by its only name
    DaskDistributedBackend,
)

from trading_cli.core.errors import SourceDown, UsageError

ANSWERS_S = 5.0
PATIENCE_S = 30.0  # without any worker: a nanny has started a new one before
LOOK_S = 2.0
WORKER_HINT = "start `dask worker ADDRESS --nthreads 1`, one for each core"
Callback = Callable[[object], None]
BROKEN = (KilledWorker, CancelledError, CommClosedError)
"""What is raised where a worker or the whole cluster is lost."""


class Backend(DaskDistributedBackend):  # type: ignore[misc]  # joblib is not typed
    """Joblib's, which also tells of a piece that no worker survives, and can be given up.

    As it is (joblib 1.6), a task that fails outside of its function is never heard of again.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._awaited: dict[Future[object], Callback] = {}

    def submit(self, func: object, callback: Callback | None = None) -> "Future[object]":
        """Send one piece of work off."""
        future: Future[object] = super().submit(func, callback)
        if callback is not None:
            self._awaited[future] = callback
            future.add_done_callback(self._ended)
        return future

    def _ended(self, future: "Future[object]") -> None:
        callback = self._awaited.pop(future, None)
        error = future.exception()
        if error is not None and callback is not None:
            callback(error)

    def give_up(self, error: Exception) -> None:
        """End everything that is awaited with *error*."""
        while self._awaited:
            _, callback = self._awaited.popitem()
            callback(error)


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Yield a connection to the cluster at *address*, which has at least one worker.

    Raises ``UsageError`` for what is no address, ``SourceDown`` where nobody answers within some
    seconds or nobody works there within half a minute.
    """
    name, hint = f"cluster {address}", "is `dask scheduler` at work there, and can it be reached?"
    try:
        _knock(address)
        client = Client(address, timeout=ANSWERS_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise UsageError(
            f"--cluster {address}: {error}.", hint="--cluster tcp://HOST:8786"
        ) from None
    except OSError:
        raise SourceDown(name, f"no answer within {ANSWERS_S:.0f} s", hint=hint) from None
    try:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError:
            raise SourceDown(name, "it has no worker", hint=WORKER_HINT) from None
        yield client
    finally:
        client.close(timeout=ANSWERS_S)  # type: ignore[no-untyped-call]


def _knock(address: str) -> None:
    """Raise ValueError for what is no address, OSError where nobody listens: quicker than dask."""
    host, port = get_address_host_port(address, strict=True)
    socket.create_connection((host, port), timeout=ANSWERS_S).close()


@contextmanager
def at_work(address: str) -> Iterator[Backend]:
    """Yield the cluster at *address* for joblib; left without any worker, it is given up."""
    with connected(address) as client:
        backend, over = Backend(client=client), Event()
        Thread(target=_watch, args=(client, backend, over, address), daemon=True).start()
        try:
            yield backend
        finally:
            over.set()


def _watch(client: Client, backend: Backend, over: Event, address: str) -> None:
    seen = time.monotonic()
    while not over.wait(LOOK_S):
        try:
            there = bool(client.ncores())  # type: ignore[no-untyped-call]
        except (OSError, TimeoutError, RuntimeError, ValueError):
            there = False
        if there:
            seen = time.monotonic()
        elif not over.is_set() and time.monotonic() - seen > PATIENCE_S:
            backend.give_up(
                SourceDown(f"cluster {address}", f"no worker is left, for {PATIENCE_S:.0f} s")
            )
            return
