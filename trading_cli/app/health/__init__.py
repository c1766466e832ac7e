"""Every part's ping: what it is like, how we know, and the command that mends it.

A finding is {part, state: ok | warn | fail | off, evidence, fix, latency_s}; the last is ``None``
where nobody was asked or nobody answered. A broken part is a finding, never an exception; with
broken settings the rest is looked at with the defaults.

machine   folders, disk, memory, the log, the schedule      stored    what the database says
network   every host that is on, clock, Telegram            foreign   checks of others
"""

import os
from collections.abc import Mapping
from pathlib import Path

from trading_cli.app.health import foreign, machine, network, stored
from trading_cli.app.health.parts import Examine, Part, Patient, finding
from trading_cli.app.settings import Loaded, Settings, load
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.config import Secrets
from trading_cli.core.errors import ConfigError, TradingError
from trading_cli.core.home import find_home

_HERE: Mapping[str, Examine] = {
    "secrets": machine.secrets,
    "folders": machine.folders,
    "disk": machine.disk,
    "memory": machine.memory,
    "log": machine.log_file,
    "database": stored.database,
    "kill switch": stored.kill_switch,
    "locks": stored.locks,
    "backup": stored.backups,
    "limits": network.limits,
    "schedule": machine.schedule,
    "checks": foreign.foreign,
}
_ABROAD: Mapping[str, Examine] = {
    "hosts": network.hosts,
    "geoblock": network.trading_allowed,
    "telegram": network.telegram,
}


def doctor(
    config: Path | None,
    *,
    offline: bool,
    env: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> list[Part]:
    """Examine every part and every host; with *offline* no other host is asked."""
    return _examined({**_HERE, **_ABROAD}, config, offline=offline, env=env, clock=clock)


def health(
    config: Path | None, *, env: Mapping[str, str] | None = None, clock: Clock | None = None
) -> list[Part]:
    """Examine every part of this machine: quick, and nobody is asked."""
    return _examined(_HERE, config, offline=True, env=env, clock=clock)


def _examined(
    wanted: Mapping[str, Examine],
    config: Path | None,
    *,
    offline: bool,
    env: Mapping[str, str] | None,
    clock: Clock | None,
) -> list[Part]:
    environment = os.environ if env is None else env
    parts: list[Part] = []
    loaded = _settings(config, environment, parts)
    patient = Patient(loaded, environment, clock or SystemClock(), offline)
    for name, examine in wanted.items():
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
    parts.append(finding(name, "fail", said, fix))


def _settings(config: Path | None, env: Mapping[str, str], parts: list[Part]) -> Loaded:
    try:
        loaded = load(config, env=env)
    except ConfigError as error:
        parts.append(finding("config", "fail", error.message, error.hint))
        try:
            home = find_home(config, env).home
        except ConfigError:
            home = Path(env.get("TRADING_HOME") or Path.cwd())
        return Loaded(home, None, Settings(), Secrets())
    told = "all defaults (no config.yaml)" if loaded.config is None else f"{loaded.config} is valid"
    parts.append(finding("config", "ok", told))
    return loaded
