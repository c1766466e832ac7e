"""`trading demo`: the whole cycle for a day against the pretend exchange, and whether it adds up.

Two worlds are lived by the same code, each in a home of its own and at the same time: one with
planted effects and scenes, and one without any. What is told is read back from their stores.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from trading_cli.app.demo_day import Lived, Size, live
from trading_cli.app.demo_facts import facts_of
from trading_cli.app.demo_story import story
from trading_cli.app.demo_sums import sums_of
from trading_cli.app.demo_told import told_of
from trading_cli.app.gather import Progress
from trading_cli.app.simulate import new_home
from trading_cli.core.errors import TradingError
from trading_cli.store import Store

COLUMNS = ("exchange", "store", "report")
NULL_HOME = "null_world"


def demo(  # one argument for each option of the command
    days: int, cycles: int, markets: int, seed: int, keep: Path | None, progress: Progress
) -> dict[str, Any]:
    """Run the demo in a home of its own and return its report; ``lines`` are for people.

    Raises ``TradingError`` where anything does not add up.
    """
    began = time.monotonic()
    home = _home(keep)
    size = Size(days, cycles, markets, seed)
    null = Size(days, cycles, markets, seed, planted=False)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        beside = pool.submit(null_world, null, home / NULL_HOME)
        data: dict[str, Any] = live(size, home, progress, look_back)
        progress("waiting for the null world")
        data["null_world"] = beside.result()
    data |= {"home": str(home), "seed": seed, "days": days, "cycles": cycles, "markets": markets}
    data["seconds"] = round(time.monotonic() - began, 1)
    wrong = wrong_in(data) + [f"null world: {one}" for one in wrong_in(data["null_world"])]
    if wrong:
        raise TradingError(f"it does not add up: {'; '.join(wrong)}.", hint=f"look at {home}")
    data["lines"] = story(data)
    return data


def null_world(size: Size, home: Path) -> dict[str, Any]:
    """Live a world without any planted effect, and return what it came to."""
    data = live(size, home, _quiet, look_back)
    names = ("day", "account", "ledger", "journal", "kill", "telegram", "sums", "followed", "runs")
    return {"home": str(home)} | {name: data[name] for name in names}


def look_back(lived: Lived) -> dict[str, Any]:
    """Return everything a demo tells of one world, from its store and its exchange."""
    with Store.reader(lived.toolkit.loaded.database) as store, store.reading() as look:
        data = facts_of(look, lived) | sums_of(look, lived)
        data["telegram"] = told_of(look, lived)
    return data


def _quiet(_text: str) -> None:
    """Hear nothing: two worlds would talk at once."""


def _home(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="trading-demo-"))
    new_home(keep)
    return keep.resolve()


def wrong_in(world: Mapping[str, Any]) -> list[str]:
    """Return what does not add up in one world, a sentence each; empty where all does."""
    found = [
        f"{row['what']} differ between exchange, store and report"
        for row in world["sums"]
        if len({row[column] for column in COLUMNS}) > 1
    ]
    if not world["ledger"]["agrees"]:
        found.append(f"the ledger has {world['ledger']['mismatches']} mismatches")
    if not world["journal"]["verifies"]:
        found.append(f"the journal is broken at {world['journal']['broken']}")
    if world["kill"] != "ARMED":
        found.append(f"the kill switch is {world['kill']}")
    told = world["telegram"]
    if told["received"] != told["sent"]:
        found.append(f"{told['sent']} messages were sent, Telegram has {told['received']}")
    return found
