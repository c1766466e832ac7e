"""The same facts as numbers for Prometheus: one scrape is one look at the file."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from trading_cli.app import overview
from trading_cli.app.health import health
from trading_cli.app.health.parts import Part
from trading_cli.core.clock import Clock
from trading_cli.core.errors import TradingError

STATES = ("ok", "warn", "fail", "off")


def text(config: Path | None, *, clock: Clock | None = None) -> str:
    """Return the metrics in the exposition format, version 0.0.4. What is unknown is left out.

    ``trading_part_state`` is 1 for the state a part is in and 0 for the others, so that an alert
    can ask for fail without knowing every part.
    """
    parts = health(config, clock=clock)
    try:
        facts: Mapping[str, Any] = overview.status(config, os.environ, clock=clock)
    except TradingError:
        facts = {}  # the parts say what is broken
    return _exposed(parts, facts)


def _exposed(parts: Sequence[Part], facts: Mapping[str, Any]) -> str:
    held = CollectorRegistry()
    states = Gauge(
        "trading_part_state", "State of each part: ok, warn, fail, off.", ("part", "state"),
        registry=held,
    )  # fmt: skip
    for part in parts:
        for state in STATES:
            states.labels(part["part"], state).set(part["state"] == state)
    account = facts.get("account") or {}
    kill, outbox = facts.get("kill") or {}, facts.get("outbox") or {}
    run = facts.get("last_run") or {}
    numbers = (
        ("trading_kill_level", "Level of the kill switch, 0: trading.", kill.get("level")),
        ("trading_newest_quote_age_seconds", "Age of the newest quote.",
         facts.get("newest_quote_age_s")),
        ("trading_last_run_age_seconds", "Age of the last collection.", run.get("age_s")),
        ("trading_equity_usd", "Cash and positions at liquidation value.", account.get("equity")),
        ("trading_cash_usd", "Cash.", account.get("cash")),
        ("trading_exposure_usd", "All stakes.", account.get("exposure")),
        ("trading_positions_open", "Open positions.", account.get("open")),
        ("trading_outbox_pending", "Notices not told yet.", outbox.get("pending")),
        ("trading_data_gate_open", "1 while the data is fit to decide on.",
         (facts.get("data_gate") or {}).get("open")),
        ("trading_pauses", "Pauses in force.",
         len(facts["pauses"]) if "pauses" in facts else None),
    )  # fmt: skip
    for name, about, value in numbers:
        if value is not None:
            Gauge(name, about, registry=held).set(float(value))
    return generate_latest(held).decode()
