"""May we trade from here? Asked weekly and by the doctor, journaled: the gate wants it clear."""

from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.errors import SourceError
from trading_cli.core.ratelimit import Rate
from trading_cli.sources.polymarket import SITE
from trading_cli.sources.polymarket.geoblock import Geoblock, geoblock
from trading_cli.store import journal

KIND = "geoblock"
RATE = Rate(6, 60.0, burst=6)


def ask(toolkit: Toolkit, *, deadline: float | None = None) -> Geoblock:
    """Return what the venue says of this machine. Raises ``SourceError`` where it says nothing."""
    where = toolkit.settings.data_collection.polymarket
    return geoblock(toolkit.client("site", where.site_url, {SITE: RATE}), deadline=deadline)


def geoblock_step(cycle: Cycle) -> Done:
    """Ask, and keep the answer in the journal, as a step of the weekly validation."""
    try:
        told = ask(cycle.toolkit)
    except SourceError as error:
        return Done("PARTIAL", f"not known: {error.message}")
    body = {"clear": not told.blocked, "country": told.country}
    with cycle.store.transaction() as tx:
        journal.append(tx, KIND, "polymarket", body, at=cycle.toolkit.clock.now())
    return Done("OK", f"trading is not allowed from {told.country or 'here'}" * told.blocked)
