"""Every wording of a market's rules that was ever seen."""

import json
import sqlite3
import zlib
from datetime import datetime

from trading_cli.domain import from_epoch
from trading_cli.store.rows import epoch


def rules_seen(
    connection: sqlite3.Connection, venue_id: str, *, as_of: datetime
) -> list[tuple[datetime, str]]:
    """Return (first seen, text) of every wording of the market's rules by *as_of*, oldest first."""
    rows = connection.execute(
        "SELECT min(v.observed_at), v.body FROM listing_versions v JOIN markets m ON m.id ="
        " v.market WHERE m.venue_id = ? AND v.observed_at <= ? AND v.rules_hash NOTNULL"
        " GROUP BY v.rules_hash ORDER BY 1",
        (venue_id, epoch(as_of)),
    )
    return [
        (from_epoch(at), str(json.loads(zlib.decompress(body))["description"])) for at, body in rows
    ]
