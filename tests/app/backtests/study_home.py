"""A home without a network, whose backtests run on histories that were made."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from made_source import START, Made  # beside this

from trading_cli.app.backtests import grid, study
from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.store import Store


@dataclass
class StudyHome:
    """One home; ``said`` is what it told while it worked."""

    folder: Path
    settings: str = "bankroll: 10000\n"
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        config = self.folder / "config.yaml"
        config.write_text(self.settings)
        config.chmod(0o600)
        self.config = config
        self.clock = FrozenClock(START)
        self.kit = Toolkit(load(config, env={}), clock=self.clock, env={})

    def run(self, source: Any = None, **asked: Any) -> dict[str, Any]:
        """Run what is asked for on *source*, and return the answer."""
        wish = study.Asked(**({"strategies": ("roc_only",), "fees": "zero"} | asked))
        axes = grid.axes(wish.grid)
        with self.kit.open_store() as store:
            base = replace(study.base_cell(self.kit, wish), source=source or Made(1, 4))
            return study.studied(self.kit, store, base, wish, axes, say=self.said.append)

    @contextmanager
    def looking(self) -> Iterator[Any]:
        """Yield one state of the database."""
        with Store.reader(self.kit.loaded.database) as store, store.reading() as look:
            yield look

    def trials(self) -> list[tuple[Any, ...]]:
        """Return (id, kind, parent, strategy, state) of the ledger."""
        if not self.kit.loaded.database.exists():
            return []
        with self.looking() as look:
            question = "SELECT id, kind, parent, strategy, state FROM trials ORDER BY id"
            return list(look.execute(question))
