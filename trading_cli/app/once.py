"""One run of one cycle, as a command starts it."""

from difflib import get_close_matches
from pathlib import Path

from trading_cli.app.cycles import CycleReport, run_cycle
from trading_cli.app.gather import Progress
from trading_cli.app.steps import PLANS
from trading_cli.app.stop import Place, standing_at
from trading_cli.app.toolkit import build
from trading_cli.core.errors import UsageError

HIGHEST = 4


def run(
    config: Path | None, name: str, *, started_by: str, verbose: int, progress: Progress
) -> tuple[CycleReport, bool]:
    """Run cycle *name* once. Return its report, and whether the kill switch forbids every order.

    Raises ``UsageError`` for a cycle that is none, and what made the run fail, if it did.
    """
    plan = PLANS.get(name)
    if plan is None:
        near = get_close_matches(name, PLANS, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"there is no cycle {name!r}{meant}", hint=f"one of: {', '.join(PLANS)}")
    with build(config, verbose=verbose) as toolkit:
        report = run_cycle(toolkit, plan, progress=progress, started_by=started_by)
        if report.error is not None:
            raise report.error
        place = Place(toolkit.home, toolkit.loaded.database)
        return report, standing_at(place).level >= HIGHEST
