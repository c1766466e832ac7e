"""Ask one provider about many subjects: one subject's failure stays its own.

A provider that is down, throttling or refusing the key will not answer the next question either,
so the rest are named as not asked instead of being tried one by one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from trading_cli.core.errors import (
    CircuitOpen,
    SourceDown,
    SourceError,
    SourceRefused,
    SourceThrottled,
)

S = TypeVar("S")
T = TypeVar("T")

NOT_LET_IN = frozenset({401, 402, 403})
DOWN_IN_A_ROW = 2


@dataclass(frozen=True, slots=True)
class Answered(Generic[S, T]):
    """What the provider said about one subject."""

    subject: S
    answer: T


@dataclass(frozen=True, slots=True)
class Unanswered(Generic[S]):
    """Why one subject has no answer: ``reason`` is the error's code or "not_asked"."""

    subject: S
    reason: str
    detail: str


def ask_each(
    subjects: Sequence[S], ask: Callable[[S], T]
) -> Iterator[Answered[S, T] | Unanswered[S]]:
    """Yield one outcome per subject, in the given order.

    ``SourceError`` of *ask* becomes ``Unanswered``. The rest are not asked after a circuit opened,
    the provider throttled or did not let us in (401, 402, 403), or was down twice in a row.
    """
    down = 0
    for position, subject in enumerate(subjects):
        try:
            answer = ask(subject)
        except SourceError as error:
            yield Unanswered(subject, error.code, error.detail)
            down = down + 1 if isinstance(error, SourceDown) else 0
            if _hopeless(error) or down >= DOWN_IN_A_ROW:
                cause = error.detail.removeprefix("not asked: ")
                for left in subjects[position + 1 :]:
                    yield Unanswered(left, "not_asked", f"not asked: {cause}")
                return
        else:
            down = 0
            yield Answered(subject, answer)


def _hopeless(error: SourceError) -> bool:
    """Tell whether the next question would fare no better."""
    refused = isinstance(error, SourceRefused) and error.status in NOT_LET_IN
    return refused or isinstance(error, CircuitOpen | SourceThrottled)
