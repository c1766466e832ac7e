"""Every part's ping: what it is like, how we know, and the command that mends it.

A finding is {part, state: ok | warn | fail | off, evidence, fix, latency_s}; the last is ``None``
where nobody was asked or nobody answered. A broken part is a finding, never an exception; with
broken settings the rest is looked at with the defaults.
"""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app.settings import Loaded, Settings, load
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.config import Secrets
from trading_cli.core.errors import ConfigError, TradingError
from trading_cli.core.home import find_home
from trading_cli.domain import from_epoch, slot_of

Part = dict[str, Any]
GB = 1_000_000_000
RETRY = "mend `ping clob`, then `trading doctor` again"
CLOCK_WARN_S = 2.0
CLOCK_FAIL_S = 30.0
STATES = {"ok": "ok", "degraded": "warn", "failed": "fail", "off": "off"}


@dataclass(frozen=True, slots=True)
class _Patient:
    """What is examined."""

    loaded: Loaded
    env: Mapping[str, str]
    clock: Clock
    offline: bool

    @property
    def now(self) -> datetime:
        """Return the world's time."""
        return self.clock.now()


def doctor(
    config: Path | None,
    *,
    offline: bool,
    env: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> list[Part]:
    """Examine every part; with *offline* no other host is asked."""
    environment = os.environ if env is None else env
    parts: list[Part] = []
    loaded = _settings(config, environment, parts)
    patient = _Patient(loaded, environment, clock or SystemClock(), offline)
    for name, examine in _EXAMINED.items():
        try:
            parts += examine(patient)
        except TradingError as error:
            _worse(parts, name, error.message, error.hint or f"look at {loaded.home}")
        except (OSError, ValueError, LookupError) as error:  # a file that is not as we left it
            _worse(parts, name, f"{type(error).__name__}: {error}", f"look at {loaded.home}")
    return parts


def _worse(parts: list[Part], name: str, said: str, fix: str) -> None:
    """Put a failure in the place of whatever good was said of *name* before."""
    parts[:] = [part for part in parts if part["part"] != name]
    parts.append(_part(name, "fail", said, fix))


def _part(
    part: str, state: str, evidence: str, fix: str = "", latency: float | None = None
) -> Part:
    return {
        "part": part,
        "state": state,
        "evidence": evidence,
        "fix": fix,
        "latency_s": latency,
    }


def _settings(config: Path | None, env: Mapping[str, str], parts: list[Part]) -> Loaded:
    try:
        loaded = load(config, env=env)
    except ConfigError as error:
        parts.append(_part("config", "fail", error.message, error.hint))
        try:
            home = find_home(config, env).home
        except ConfigError:
            home = Path(env.get("TRADING_HOME") or Path.cwd())
        return Loaded(home, None, Settings(), Secrets())
    told = "all defaults (no config.yaml)" if loaded.config is None else f"{loaded.config} is valid"
    parts.append(_part("config", "ok", told))
    return loaded


def _secrets(patient: _Patient) -> Iterator[Part]:
    path = patient.loaded.home / "secrets.env"
    if not path.exists():
        yield _part("secrets", "off", "no secrets.env; nothing that is on needs one")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o177:
        yield _part("secrets", "fail", f"{path} has mode {mode:04o}", f"chmod 600 {path}")
    else:
        yield _part("secrets", "ok", f"{path} has mode {mode:04o}")


def _folders(patient: _Patient) -> Iterator[Part]:
    loaded = patient.loaded
    places = {"home": loaded.home, "data": loaded.database.parent, "logs": loaded.logs}
    for name, folder in places.items():
        if not folder.exists():
            yield _part(name, "warn", f"{folder} does not exist yet", f"mkdir -m 700 -p {folder}")
            continue
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not os.access(folder, os.W_OK | os.X_OK):
            yield _part(name, "fail", f"{folder} cannot be written", f"chmod u+rwx {folder}")
        elif mode & 0o022:
            yield _part(name, "warn", f"{folder}: others may write", f"chmod go-w {folder}")
        else:
            yield _part(name, "ok", f"{folder} is writable, mode {mode:04o}")


def _disk(patient: _Patient) -> Iterator[Part]:
    free = shutil.disk_usage(patient.loaded.home).free // 1_000_000
    least = patient.loaded.settings.health.min_free_mb
    if free < least:
        yield _part("disk", "fail", f"{free} MB free, {least} wanted", "free some space")
    else:
        yield _part("disk", "ok", f"{free} MB free")


def _database(patient: _Patient) -> Iterator[Part]:
    from trading_cli.store import Store, history, ledger, runs  # noqa: PLC0415  # paid when used
    from trading_cli.store.born import is_there  # noqa: PLC0415
    from trading_cli.store.glance import gaps_since  # noqa: PLC0415

    loaded, now = patient.loaded, patient.now
    path = loaded.database
    if not is_there(path):
        yield _part("database", "warn", f"no database at {path} yet", "trading collect")
        return
    with Store.reader(path) as store:
        yield _file(store.quick_check(), store.schema_version, loaded)
        with store.reading() as look:
            newest = history.newest_quote_at(look)
            ran = runs.collected(look, limit=1)
            states = ledger.source_states(look)
            gaps = gaps_since(look, slot_of(now - timedelta(days=1)))
    slot = f"{from_epoch(ran[0].slot):%Y-%m-%d %H:%M} UTC" if ran else ""
    last = f"last run {ran[0].state} for slot {slot}; " if ran else "never run; "
    age = None if newest is None else (now - newest).total_seconds() / 60
    if age is None:
        yield _part("freshness", "warn", f"{last}no quotes yet", "trading collect")
    else:
        late = age > loaded.settings.health.newest_quote_minutes
        told = f"{last}newest quote {_ago(age)} old"
        yield _part("freshness", "fail" if late else "ok", told, "trading collect" * late)
    for one in states:
        fix = "" if one.state in {"ok", "off"} else "trading logs --level warning"
        told = f"{one.message or 'answered'} (checked {one.checked:%Y-%m-%d %H:%M} UTC)"
        yield _part(f"source {one.name}", STATES.get(one.state, "warn"), told, fix)
    told = ", ".join(f"{cause} {count}" for cause, count in gaps.items()) or "none in 24 h"
    yield _part("gaps", "warn" if gaps else "ok", told, "trading quality-check" * bool(gaps))


def _ago(minutes: float) -> str:
    """Return *minutes* in the unit a person would use."""
    if minutes < 2 * 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 2 * 1440 else f"{minutes / 1440:.0f} days"


def _file(wrong: list[str], schema: int, loaded: Loaded) -> Part:
    section, size = loaded.settings.database, loaded.database.stat().st_size / GB
    told = f"{loaded.database}: schema {schema}, {size:.3f} GB"
    if wrong:
        from trading_cli.store.database import RESTORE  # noqa: PLC0415

        return _part("database", "fail", "; ".join(wrong)[:500], RESTORE)
    if size > section.warn_gb:
        state = "fail" if size > section.max_gb else "warn"
        return _part("database", state, told, "raise database.warn_gb and max_gb, or a new home")
    return _part("database", "ok", f"{told}, quick check passed")


def _limits(patient: _Patient) -> Iterator[Part]:
    from trading_cli.core.ratelimit import Limiter, default_limits_path  # noqa: PLC0415

    path = patient.loaded.limits or default_limits_path(patient.env)
    if not path.exists():
        yield _part("limits", "ok", f"{path}: no request was ever sent")
        return
    limiter = Limiter(path, clock=patient.clock)
    try:
        budgets = limiter.report()
    finally:
        limiter.close()
    shut = sorted({one.host for one in budgets if one.circuit == "open"})
    told = f"{sum(one.requests for one in budgets)} requests, "
    told += f"{sum(one.throttled for one in budgets)} times told to wait"
    if shut:
        told += f"; not asked for a while: {', '.join(shut)}"
    yield _part("limits", "warn" if shut else "ok", told, "wait some minutes" * bool(shut))


def _hosts(patient: _Patient) -> Iterator[Part]:
    if patient.offline:
        yield _part("hosts", "off", "not asked: --offline")
        return
    from trading_cli.app.pings import COSTS, fix_of, ping_all  # noqa: PLC0415  # paid when used
    from trading_cli.app.toolkit import Toolkit  # noqa: PLC0415

    with Toolkit(patient.loaded, clock=patient.clock, env=patient.env) as kit:
        voices, absent = kit.voices()
        found = ping_all(kit, voices)
    yield _clock(found["clob"][1].offset_s)
    for name, (question, heard) in found.items():
        if not heard.code:
            yield _part(
                f"ping {name}", "ok", f"answered in {heard.seconds} s", latency=heard.seconds
            )
        else:
            state = "fail" if heard.sent else "warn"
            yield _part(f"ping {name}", state, heard.detail, fix_of(question, heard))
    for name in voices.keys() - found.keys():
        yield _part(f"ping {name}", "off", COSTS)
    for name, why in absent.items():
        yield _part(f"ping {name}", "off", why)


def _clock(offset: float | None) -> Part:
    if offset is None:
        return _part("clock", "warn", "not compared: the venue did not tell the time", RETRY)
    off = abs(offset)
    state = "fail" if off > CLOCK_FAIL_S else "warn" if off > CLOCK_WARN_S else "ok"
    fix = "" if state == "ok" else "timedatectl set-ntp true"
    return _part("clock", state, f"{off:.0f} s apart from the venue's", fix)


def _schedule(patient: _Patient) -> Iterator[Part]:
    del patient  # the crontab is the person's, whatever the home
    program = shutil.which("crontab")
    told = ""
    if program:
        told = subprocess.run(  # noqa: S603  # no word of it comes from outside
            [program, "-l"], capture_output=True, text=True, errors="replace", check=False
        ).stdout
    if any("trading" in row and "collect" in row for row in told.splitlines()):
        yield _part("schedule", "ok", "crontab runs the collection")
    else:
        fix = "trading schedule install" if program else "trading schedule show --systemd"
        yield _part("schedule", "off", "no crontab line collects", fix)


_EXAMINED: Mapping[str, Callable[[_Patient], Iterator[Part]]] = {
    "secrets": _secrets,
    "folders": _folders,
    "disk": _disk,
    "database": _database,
    "limits": _limits,
    "hosts": _hosts,
    "schedule": _schedule,
}
