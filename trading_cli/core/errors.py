"""Every failure this toolkit raises on purpose.

* TradingError                                                     exit 1
  x UsageError         the command line asks for the impossible        2
  x GateClosed         a gate said no: quality, health, verify         3
  x ConfigError        the operator must edit a file or a variable     4
  x SourceError        one provider failed; the others go on           5
    + SourceDown       could not be reached, so try again later
      - SourceThrottled  told us to wait
      - CircuitOpen      failed so often that we do not ask for a while
    + SourceRefused    answered, and the answer was no
    + SourceGarbled    answered, and we cannot read it
  x StoreError         the database cannot be used as it is            6
    + StoreLocked      another process holds it
    + StoreCorrupt     it is damaged
    + StoreNewer       a later version of this program wrote it
    + StoreFull        the disk is full
    + StoreReadOnly    we may not write there
    + RunLocked        another run of the same cycle is at work
    + RunLost          a later run took over; this one may not write any more

The branches follow what the caller should do next, not where the failure arose. A message says
what happened and why; ``hint`` is the next command to type.
"""

from typing import ClassVar


class TradingError(Exception):
    """A failure with a sentence for a person, a code for a program and a way out."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TradingError):
    """The command line asks for something that cannot be."""

    exit_code = 2
    code = "usage"


class GateClosed(TradingError):
    """A gate said no."""

    exit_code = 3
    code = "gate_closed"


class ConfigError(TradingError):
    """Settings, secrets or their files are not as they must be."""

    exit_code = 4
    code = "configuration"


class SourceError(TradingError):
    """One provider failed; the others go on."""

    exit_code = 5
    code = "source_failed"

    def __init__(self, source: str, detail: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(f"{source}: {detail}", hint=hint)
        self.source = source
        self.detail = detail
        self.status = status


class SourceDown(SourceError):
    """It could not be reached, or broke while answering: try again later."""

    code = "source_down"


class SourceThrottled(SourceDown):
    """It told us to wait, for ``retry_after`` seconds where it said so."""

    code = "source_throttled"

    def __init__(self, source: str, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(source, detail, status=429)
        self.retry_after = retry_after


class CircuitOpen(SourceDown):
    """It failed so often that we do not ask again before ``seconds`` have passed.

    ``cause``: how it failed last, where that is known.
    """

    code = "circuit_open"

    def __init__(self, source: str, seconds: float, cause: str = "") -> None:
        last = f", at last with {cause}" if cause else ""
        super().__init__(
            source, f"not asked: it failed repeatedly{last}; next try in {seconds:.0f} s"
        )
        self.seconds = seconds
        self.cause = cause


class SourceRefused(SourceError):
    """It answered, and the answer was no (``status`` is the HTTP code)."""

    code = "source_refused"


class SourceGarbled(SourceError):
    """It answered, and we cannot read the answer."""

    code = "source_garbled"


class StoreError(TradingError):
    """The database cannot be used as it is."""

    exit_code = 6
    code = "store_failed"


class StoreLocked(StoreError):
    """Another process holds the database longer than we may wait."""

    code = "store_locked"


class StoreCorrupt(StoreError):
    """The database is damaged."""

    code = "store_corrupt"


class StoreNewer(StoreError):
    """A later version of this program wrote the database."""

    code = "store_newer"


class StoreFull(StoreError):
    """The disk, or the file's own limit, is full."""

    code = "store_full"


class StoreReadOnly(StoreError):
    """We may not write where the database lives."""

    code = "store_read_only"


class RunLocked(StoreError):
    """Another run of the same work is under way."""

    code = "run_locked"


class RunLost(StoreError):
    """A later run took over, or the lease is over: what is left of this one may not write."""

    code = "run_lost"
