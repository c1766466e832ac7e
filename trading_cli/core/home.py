"""Where everything lives: the home, its settings file, its file of secrets, this person's state.

Standard library only, since every command begins here.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trading_cli.core.errors import ConfigError

SECRETS = (
    "telegram_token",
    "x_token",
    "smtp_password",
    "webhook_secret",
    "inbound_secret",
    "discord_url",
    "slack_url",
    "webhook_url",
    "heartbeat_url",
    "serve_token",
)
PREFIX = "TRADING__"
_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Home:
    """Where everything lives, and the settings file in use (None: the defaults)."""

    home: Path
    config: Path | None


def find_home(config: Path | None, env: Mapping[str, str]) -> Home:
    """Return the home: TRADING_HOME, else the folder of the settings file.

    Without *config* the file is <TRADING_HOME or here>/config.yaml, where it exists. Raises
    ConfigError when a file named by *config* does not exist.
    """
    named = env.get("TRADING_HOME", "")
    home = Path(named).expanduser().absolute() if named else None
    if config is not None:
        config = config.expanduser().absolute()
        if not config.is_file():
            raise ConfigError(f"no settings file at {config}", hint="correct the path of --config")
        return Home(home or config.parent, config)
    home = home or Path.cwd()
    found = home / "config.yaml"
    return Home(home, found if found.exists() else None)


def state_folder(env: Mapping[str, str]) -> Path | None:
    """Return ${XDG_STATE_HOME:-~/.local/state}/trading, None where *env* names neither."""
    state = env.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):  # noqa: PTH117  # the rule of the XDG text: relative ones are ignored
        return Path(state) / "trading"
    home = env.get("HOME", "")
    return Path(home) / ".local" / "state" / "trading" if home else None


def given_secrets(home: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets by name from <home>/secrets.env and the environment, which wins.

    Raises ConfigError when the file is a link, not ours or open to others, or names no secret.
    """
    known = {f"TRADING_{name.upper()}": name for name in SECRETS}
    found: dict[str, str] = {}
    path = home / "secrets.env"
    for number, name, value in _lines(path):
        if name not in known:
            raise ConfigError(
                f"{path}:{number}: no such secret{_meant(name, known)}", hint="correct the name"
            )
        if value:
            found[known[name]] = value
    found.update({name: env[key] for key, name in known.items() if env.get(key)})
    return found


def _meant(name: str, known: Mapping[str, str]) -> str:
    import difflib  # noqa: PLC0415  # paid when somebody erred

    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line number, name and value of each KEY=VALUE line of a file that is safely ours."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        why = "is a link" if path.is_symlink() else f"cannot be read: {error.strerror}"
        raise ConfigError(f"{path} {why}", hint="make it a plain file of yours") from error
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
        os.close(descriptor)
        raise ConfigError(f"{path} is not a plain file of yours", hint=f"chown it: {path}")
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        if info.st_mode & 0o177:
            raise ConfigError(f"{path} may be read by others", hint=f"chmod 600 {path}")
        text = file.read(_MAX_BYTES + 1)
    if len(text) > _MAX_BYTES:
        raise ConfigError(f"{path} is larger than {_MAX_BYTES:,} characters", hint="shorten it")
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{path}:{number}: not KEY=VALUE", hint="one KEY=VALUE a line")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        yield number, name.strip(), value
