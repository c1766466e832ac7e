"""One JSON line per event, in one file shared by all processes of a home, redacted.

Own events and those of libraries (stdlib logging) take the same way. A line has ``at`` (UTC,
milliseconds), ``level``, ``component``, ``event`` and whatever was bound or passed. Until
``configure`` is called, events go nowhere.
"""

import gzip
import json
import logging
import os
import re
import shutil
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import structlog
from concurrent_log_handler import ConcurrentRotatingFileHandler

from trading_cli.core.errors import ConfigError
from trading_cli.core.redact import Redactor

FILE = "trading.log"
_ROOT = "trading"
_NOISY = ("urllib3", "requests", "uvicorn", "httpx", "httpcore", "stamina", "asyncio")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_LONGEST = 20_000
_BLOCK = 65_536
_HEAD = re.compile(rb'\{"at":"[^"]*","level":"([a-z]+)"')

ExcInfo = bool | BaseException | None


class Logger:
    """Writes the events of one component."""

    def __init__(self, component: str) -> None:
        self._log = logging.getLogger(f"{_ROOT}.{component}")

    def debug(self, event: str, *, metrics: Any = None, **fields: Any) -> None:
        """Write *event* for somebody hunting a fault."""
        self._write(logging.DEBUG, event, metrics, fields)

    def info(self, event: str, *, metrics: Any = None, **fields: Any) -> None:
        """Write *event*, which is as it should be."""
        self._write(logging.INFO, event, metrics, fields)

    def warning(self, event: str, *, metrics: Any = None, **fields: Any) -> None:
        """Write *event*, which somebody should look at."""
        self._write(logging.WARNING, event, metrics, fields)

    def error(self, event: str, *, metrics: Any = None, **fields: Any) -> None:
        """Write *event*, which failed."""
        self._write(logging.ERROR, event, metrics, fields)

    def exception(self, event: str, *, metrics: Any = None, **fields: Any) -> None:
        """Write *event* with the exception being handled."""
        self._write(logging.ERROR, event, metrics, {"exc_info": True, **fields})

    def _write(self, level: int, event: str, metrics: Any, fields: dict[str, Any]) -> None:
        if not self._log.isEnabledFor(level):
            return
        exc_info: ExcInfo = fields.pop("exc_info", None)
        if metrics is not None:
            fields["metrics"] = metrics
        fields = {**structlog.contextvars.get_contextvars(), **fields}
        self._log.log(level, "%s", event, exc_info=exc_info, extra={"trading_fields": fields})


def get_logger(component: str) -> Logger:
    """Return the logger of *component*."""
    return Logger(component)


def bind(**fields: Any) -> AbstractContextManager[None]:
    """Let every event written inside the returned context carry *fields*."""
    return structlog.contextvars.bound_contextvars(**fields)


def configure(
    folder: Path,
    *,
    level: str = "INFO",
    max_mb: float = 30,
    keep: int = 30,
    secrets: Sequence[str] = (),
) -> None:
    """Send every event to <folder>/trading.log; calling it again replaces the former settings.

    Raises ConfigError when the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        handler = _DailyHandler(
            str(folder / FILE),
            maxBytes=max(1, int(max_mb * 1_000_000)),
            backupCount=keep,
            encoding="utf-8",
            chmod=0o600,
        )
    except OSError as error:
        raise ConfigError(
            f"the log cannot be written in {folder}: {error.strerror or error}",
            hint=f"make {folder} writable",
        ) from error
    handler.setFormatter(_JsonLines(Redactor(secrets)))
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _DailyHandler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(_ROOT).setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def read_lines(
    folder: Path, *, level: str = "debug", component: str = "", limit: int | None = None
) -> list[dict[str, Any]]:
    """Return the last *limit* lines of the log files in *folder*, the newest last.

    Of at least *level*, of components whose name begins with *component*. A level nobody knows
    counts as the worst, to be seen. Read from the end, no further than needed, one line at a time.
    """
    least = _LEVELS[level]
    lines = (
        line
        for path in sorted(folder.glob(f"{FILE}*"), key=_age)
        for line in _parsed_backwards(path, least)
        if _rank(line.get("level")) >= least
        and str(line.get("component", "")).startswith(component)
    )
    return list(islice(lines, limit))[::-1]


class _DailyHandler(ConcurrentRotatingFileHandler):
    """Rotates by size and, under the same lock, with each new UTC day."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802  # logging's name
        """Say whether the next line belongs into a new file."""
        if super().shouldRollover(record):
            return True
        try:
            info = Path(self.baseFilename).stat()
        except OSError:
            return False
        return info.st_size > 0 and int(info.st_mtime // 86_400) < int(record.created // 86_400)


class _JsonLines(logging.Formatter):
    """Makes one redacted JSON line of a record."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        own = record.name.startswith(f"{_ROOT}.")
        line: dict[str, Any] = {
            "at": _instant(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "component": record.name.removeprefix(f"{_ROOT}.") if own else record.name,
            "event": self._clean(record.getMessage()),
        }
        fields: Mapping[str, Any] = getattr(record, "trading_fields", {})
        line.update({k: self._clean(v) for k, v in fields.items() if k not in line})
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self._clean(_trace(record.exc_info[1], record.exc_info[2]))
        return json.dumps(line, ensure_ascii=True, separators=(",", ":"), allow_nan=False)

    def _clean(self, value: Any) -> Any:
        """Return *value* as JSON can hold it: redacted, without control characters."""
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if abs(value) < float("inf") else str(value)
        if isinstance(value, Mapping):
            return {str(self._clean(str(k))): self._clean(v) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) for item in value]
        text = self._redactor.text(value if isinstance(value, str) else str(value))
        return "".join(c if c.isprintable() or c == "\n" else " " for c in text[:_LONGEST])


def _trace(error: BaseException, trace: TracebackType | None) -> str:
    return "".join(traceback.format_exception(type(error), error, trace))


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _age(path: Path) -> int:
    """Return the number of a rotated file, 0 for the current one."""
    number = path.name.removesuffix(".gz").removeprefix(FILE).lstrip(".")
    return int(number) if number.isdigit() else 0


def _rank(level: object) -> int:
    return _LEVELS.get(str(level).lower(), 50)


def _parsed_backwards(path: Path, least: int) -> Iterator[dict[str, Any]]:
    """Yield the lines of one file that are JSON objects, the last first.

    Lines whose head says a level below *least* are passed over unread. A file just rotated away is
    empty.
    """
    try:
        for raw in _lines_backwards(path):
            head = _HEAD.match(raw)
            if head and _rank(head[1].decode("ascii")) < least:
                continue
            with suppress(ValueError):
                value = json.loads(raw)
                if isinstance(value, dict):
                    yield value
    except (OSError, EOFError):
        return


def _lines_backwards(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, the last first; of a packed one from a copy without a name."""
    with path.open("rb") as plain, ExitStack() as stack:
        file: IO[bytes] = plain
        if path.suffix == ".gz":
            file = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(gzip.GzipFile(fileobj=plain), file)
        left, rest = file.seek(0, os.SEEK_END), b""
        while left:
            block = min(left, _BLOCK)
            left -= block
            file.seek(left)
            rest, *lines = (file.read(block) + rest).split(b"\n")
            yield from reversed(lines)
        yield rest
