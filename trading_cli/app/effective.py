"""The settings in effect, kept with the decisions they lead to, and what was changed in them since.

They are kept whole but for two things: secrets, which are masked, and whom alerts go to, which
decides nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_cli.app.facts import settings_hash
from trading_cli.app.settings import Loaded
from trading_cli.core.redact import Redactor
from trading_cli.store import Transaction, settings_kept
from trading_cli.store.rows import as_json

LEFT_OUT = frozenset({"alerts"})
IDLE = frozenset(
    {
        "alerts", "schedule", "database", "retention", "logging", "health", "dashboard",
        "backtest", "monte_carlo",
    }
)  # fmt: skip
_SAID = 3


@dataclass(frozen=True, slots=True)
class Changed:
    """One setting that is not as it was; ``None``: there was, or is, no such setting."""

    key: str
    stored: str | None
    now: str | None

    @property
    def sentence(self) -> str:
        """Return the change in words."""
        before, after = (self.stored or "not there", self.now or "not there")
        return f"{self.key} {before} -> {after}"

    @property
    def decides(self) -> bool:
        """Return whether a decision can depend on it."""
        return self.key.partition(".")[0] not in IDLE


def body(loaded: Loaded) -> dict[str, Any]:
    """Return the settings in effect as they are kept."""
    told = loaded.settings.model_dump(mode="json", exclude=set(LEFT_OUT))
    masked: dict[str, Any] = Redactor(loaded.secrets.values()).value(told)
    return masked


def keep(tx: Transaction, loaded: Loaded, at: datetime) -> bool:
    """Keep the settings in effect; return whether they were not kept yet."""
    return settings_kept.keep(tx, settings_hash(loaded.settings), as_json(body(loaded)), at)


def since(look: Transaction, loaded: Loaded, names: Iterable[str]) -> dict[str, list[Changed]]:
    """Return by hash what has changed since; no entry where the settings of then are not kept."""
    now = dict(flat(body(loaded)))
    found = settings_kept.kept(look, names)
    return {name: changed(dict(flat(then)), now) for name, then in found.items()}


def then(look: Transaction, name: str) -> dict[str, str] | None:
    """Return every setting of the hash *name* by its key, ``None`` where they are not kept."""
    found = settings_kept.kept(look, [name]).get(name)
    return None if found is None else dict(flat(found))


def changed(stored: Mapping[str, str], now: Mapping[str, str]) -> list[Changed]:
    """Return what differs, in the order of the file; what decides nothing comes last."""
    keys = dict.fromkeys((*now, *stored))
    found = [Changed(key, stored.get(key), now.get(key)) for key in keys]
    return sorted((one for one in found if one.stored != one.now), key=lambda one: not one.decides)


def sentence(changes: Iterable[Changed]) -> str:
    """Return the changes in words, the first few; what is left is counted."""
    told = [one.sentence for one in changes]
    more = f"; {len(told) - _SAID} more" if len(told) > _SAID else ""
    return "; ".join(told[:_SAID]) + more


def flat(told: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted key, value as text) of every setting in *told*; an empty group is ``{}``."""
    for name, value in told.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else as_json(value)
