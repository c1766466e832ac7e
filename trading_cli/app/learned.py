"""What research had found by an instant, as a decision of that instant may use it.

Read once per slot. Nothing is tested or fitted here: the weekly `correlate` confirms, the daily
`calibrate` fits, and both keep what they found by date.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from trading_cli.research.pooled import EVERYTHING
from trading_cli.research.recalibration import Recalibration
from trading_cli.store import Transaction, correlations, recalibrations
from trading_cli.trading.view import Pooled

CONFIRMATORY = "confirmatory"
NOBODY = "none"


@dataclass(frozen=True, slots=True)
class TalkLeads:
    """The pooled test by category, as of an instant; a category not in it is insufficient.

    ``alone`` is the one category of a run that had no other: there the test of all markets is its.
    """

    by_category: Mapping[str, Pooled] = field(default_factory=dict)
    alone: str = ""

    def of(self, category: str) -> Pooled | None:
        """Return the test of *category* ("": none of its own), ``None``: insufficient."""
        name = category or NOBODY
        return self.by_category.get(EVERYTHING if name == self.alone else name)


def talk_leads(look: Transaction, as_of: datetime) -> TalkLeads:
    """Return what the last confirmatory run finished by *as_of*, and the labels of then, say.

    Of a category's confirmed leads the shortest horizon counts. Coefficient 0 says that nothing
    leads: it was tested and no lead is confirmed or claimed, or confirmed horizons contradict one
    another. A first detection that waits for its confirmations is insufficient. ``n`` is events.
    """
    run = correlations.last_run(look, as_of=as_of, kind=CONFIRMATORY)
    if run is None:
        return TalkLeads()
    labels = correlations.pooled_labels(look, as_of=as_of)
    rows: dict[str, list[correlations.PooledRow]] = defaultdict(list)
    for row in correlations.pooled_of(look, run.id):
        rows[row.category].append(row)
    found = {}
    for category, tested in rows.items():
        one = _of(category, tested, labels)
        if one is not None:
            found[category] = one
    alone = "" if len(rows) != 1 else _only_category(look, run.id)
    return TalkLeads(found, alone)


def _of(
    category: str,
    tested: list[correlations.PooledRow],
    labels: Mapping[tuple[str, int], correlations.LabelRow],
) -> Pooled | None:
    held = {hours: one for (name, hours), one in labels.items() if name == category}
    events = {row.horizon: int(row.body.get("events") or 0) for row in tested}
    leads = {hours: one.b for hours, one in sorted(held.items()) if one.leads and one.b}
    if leads:
        hours, b = next(iter(leads.items()))
        agree = all((one > 0) == (b > 0) for one in leads.values())
        return Pooled(b if agree else 0.0, hours, events.get(hours, 0))
    known = [row.horizon for row in tested if row.q is not None]
    if not known or any(one.pending for one in held.values()):
        return None
    return Pooled(0.0, known[0], events[known[0]])


def _only_category(look: Transaction, run: int) -> str:
    """Return the category of all markets of the run, "" where they have several."""
    names = {str(row.body.get("category")) for row in correlations.markets_of(look, run)}
    return names.pop() if len(names) == 1 else ""


def recalibrated(look: Transaction, as_of: datetime) -> Recalibration | None:
    """Return the newest fit of YES mid -> probability of YES that stood at *as_of*."""
    kept = recalibrations.standing(look, as_of=as_of)
    if kept is None:
        return None
    return Recalibration(kept.slope, kept.error, kept.snapshots, kept.events, kept.newest)
