"""What the pretend Telegram received in the demo's day, beside what our own outbox says."""

import json
from collections import Counter
from typing import Any
from urllib.request import urlopen

from trading_cli.app.demo_day import Lived
from trading_cli.store import Transaction, outbox

EVERY = 2**31


def told_of(look: Transaction, lived: Lived) -> dict[str, Any]:
    """Return {on, received (there), sent (by our count), notices by state, first message}."""
    on = "alerts" in type(lived.toolkit.settings).model_fields
    with urlopen(f"{lived.exchange.url}/_control/telegram") as reply:  # noqa: S310  # our own, on loopback
        received = json.load(reply)["sent"]
    rows = outbox.rows(look, limit=EVERY)
    return {
        "on": on,
        "received": len(received),
        "sent": lived.sums.counts["sent"],
        "notices": dict(Counter(row.state for row in rows)),
        "first": str(received[0].get("text", "")) if received else "",
    }
