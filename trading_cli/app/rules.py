"""A market's rules as the venue words them, what changed between wordings, and how it settled."""

import os
from datetime import datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any

from trading_cli.app import brief
from trading_cli.app.journal import must_exist, now_of
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Market
from trading_cli.store import Store, Transaction, listings
from trading_cli.store.wordings import rules_seen


def rules(config: Path | None, name: str, *, clock: Clock | None = None) -> dict[str, Any]:
    """Return {market, question, versions} of the market *name* (an id, a slug, or words of it).

    ``versions`` {seen_at, text, changes} oldest first: ``changes`` are the lines that went (-) and
    came (+) since the version before. Raises UsageError where no market or several are meant.
    """
    known = brief.read(config, os.environ)
    must_exist(known.database)
    now = now_of(clock)
    with Store.reader(known.database) as store, store.reading() as look:
        market = _meant(name, listings.listing_at(look, as_of=now))
        return worded(look, market, now)


def worded(look: Transaction, market: Market, now: datetime) -> dict[str, Any]:
    """Return the same of *market* from an open look."""
    seen = rules_seen(look, market.id, as_of=now)
    versions = []
    before = ""
    for at, text in seen:
        lines = unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=0)
        changes = [line for line in lines if line[:3] not in {"---", "+++"} and line[:2] != "@@"]
        versions.append(
            {"seen_at": at.isoformat(), "text": text, "changes": changes if before else []}
        )
        before = text
    return {"market": market.id, "question": market.question, "versions": versions}


def settled(look: Transaction, market: Market | None, now: datetime) -> dict[str, Any] | None:
    """Return how *market*'s settlement stands at *now*, ``None`` where nobody has looked."""
    found = None if market is None else listings.resolution_at(look, market.id, as_of=now)
    if found is None:
        return None
    return {
        "outcome": found.outcome.value,
        "payout": None if found.payout is None else float(found.payout),
        "reason": found.reason,
        "observed_at": found.observed_at.isoformat(),
    }


def _meant(name: str, known: list[Market]) -> Market:
    exact = [one for one in known if name in {one.id, one.slug}]
    found = exact or [one for one in known if name.casefold() in one.question.casefold()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"no market is meant by {name!r}.", hint="trading markets --search WORD")
    near = "; ".join(f"{one.id} {one.question}" for one in found[:3])
    raise UsageError(f"{name!r} means {len(found)} markets.", hint=f"say which: {near}")
