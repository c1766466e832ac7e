"""A sign of life to an address outside: who no longer gets it, knows that nothing runs here.

It is sent once a collection, after everything that matters, and holds no number of the account.
What a silent machine cannot say itself, the service at TRADING_HEARTBEAT_URL says to the owner.
"""

import json
from datetime import datetime

from trading_cli.app.settings import Loaded
from trading_cli.core import log
from trading_cli.core.errors import SourceError
from trading_cli.core.outbound import Address
from trading_cli.domain import from_epoch
from trading_cli.store import Store
from trading_cli.store.backfill import set_meta

MARK = "heartbeat"
SECONDS = 5.0
HINT = "correct TRADING_HEARTBEAT_URL, or set alerts.allow_private"


def beat(loaded: Loaded, store: Store, slot: int, state: str, now: datetime) -> str:
    """Send the sign of life of *slot*; return what went wrong, "" where it was taken or is off.

    What came of it is kept for `trading health`. It never raises a ``SourceError``.
    """
    secret = loaded.secrets.heartbeat_url
    if secret is None:
        return ""
    said = {"slot": from_epoch(slot).isoformat(), "state": state, "at": now.isoformat()}
    wrong = ""
    try:
        url, private = secret.get_secret_value(), loaded.settings.alerts.allow_private
        address = Address("heartbeat", url, allow_private=private, timeout=SECONDS, hint=HINT)
        got = address.post(json.dumps(said).encode(), {"Content-Type": "application/json"})
        if not 200 <= got.status < 300:  # noqa: PLR2004  # what HTTP calls done
            wrong = f"the address answered {got.status}"
    except SourceError as error:
        wrong = error.message
    if wrong:
        log.get_logger("heartbeat").warning("not taken", metrics={"why": wrong})
    with store.transaction() as tx:
        set_meta(tx, MARK, f"{int(now.timestamp())} {wrong}")
    return wrong
