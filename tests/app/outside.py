"""Who speaks from outside: signed messages, and a source with a past."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from dealing import market  # beside this

from trading_cli.app.inbound_proof import signature
from trading_cli.domain import Outcome, Resolution
from trading_cli.store import Transaction, listings, opinions

SECRET = "a secret of thirty-two characters"  # noqa: S105  # of no one
NONCE = "0123456789abcdef"


def headers(body: bytes, at: datetime, nonce: str = NONCE, secret: str = SECRET) -> dict[str, str]:
    """Return the headers that prove *body*."""
    stamp = str(int(at.timestamp()))
    return {
        "X-Trading-Timestamp": stamp,
        "X-Trading-Nonce": nonce,
        "X-Trading-Signature": signature(secret, stamp, nonce, body),
    }


def message(**changes: Any) -> bytes:
    """Return a body that says .7 of M0, with *changes*; ``None`` leaves a field out."""
    told = {"source": "desk", "market": "M0", "probability": 0.7} | changes
    return json.dumps({key: value for key, value in told.items() if value is not None}).encode()


def past(
    tx: Transaction, at: datetime, count: int = 60, source: str = "desk", first: int = 1000
) -> None:
    """Let *source* have said .9 or .1 of *count* even markets by *at*, and nearly always rightly.

    Each was said a month before *at* and settled ten days before; one in ten went the other way.
    """
    said_at, ended = at - timedelta(days=30), at - timedelta(days=10)
    for number in range(first, first + count):
        listings.record_markets(tx, [replace(market(number), observed_at=said_at)])
        yes = number % 2 == 0
        opinions.record(tx, opinion(number, 0.9 if yes else 0.1, said_at, source=source))
        won = yes is (number % 10 != 0)
        settle(tx, number, ended, won=won)


def settle(tx: Transaction, number: int, at: datetime, *, won: bool) -> None:
    """Let market *number* end."""
    outcome, payout = (Outcome.YES, Decimal(1)) if won else (Outcome.NO, Decimal(0))
    listings.record_resolutions(
        tx, [Resolution(f"0x{number}", outcome, payout, "resolved", at, at)]
    )


def opinion(
    number: int, probability: float, at: datetime, price: float | None = 0.5, **more: Any
) -> opinions.Said:
    """Return what a source said of market *number* at *at*."""
    told: Mapping[str, Any] = {
        "source": "desk",
        "nonce": f"nonce-of-{number}-{int(at.timestamp())}",
        "valid": timedelta(hours=24),
        "said_at": at,
        "observed_at": at,
    }
    return opinions.Said(market=f"M{number}", probability=probability, price=price, **(told | more))


def secrets(home: Path, secret: str = SECRET) -> None:
    """Give *home* the secret of the webhook."""
    place = home / "secrets.env"
    place.touch(mode=0o600)
    place.write_text(f"TRADING_INBOUND_SECRET='{secret}'\n")
