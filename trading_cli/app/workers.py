"""Work spread over processes, in the order it was given: the same result for any number of them."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def spread(
    workers: int,
) -> Callable[[Callable[[Given], Made], Iterable[Given]], Iterable[Made]]:
    """Return a ``map`` over *workers* processes; 1 is this process alone.

    The function must be picklable. Results come in the order of what was given. Raises ValueError
    for less than 1 worker.
    """
    if workers < 1:
        raise ValueError(f"work cannot be done by {workers} workers")
    if workers == 1:
        return map

    def over(function: Callable[[Given], Made], given: Iterable[Given]) -> Iterable[Made]:
        from joblib import (  # type: ignore[import-untyped]  # noqa: PLC0415  # only who spreads pays
            Parallel,
            delayed,
        )

        work = delayed(function)
        made: list[Made] = Parallel(n_jobs=workers)(work(one) for one in given)
        return made

    return over
