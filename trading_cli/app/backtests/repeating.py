"""Recorded slots taken again and compared: what `parity` and `replay` have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from trading_cli.app import effective
from trading_cli.app.backtests.differences import CAUSES, Basis, Compared, Difference, compare
from trading_cli.app.backtests.history import StoreHistory
from trading_cli.app.backtests.rerun import HOUR, Again, again
from trading_cli.app.backtests.taken import Taken, taken
from trading_cli.app.effective import Changed
from trading_cli.app.facts import FORMULA, settings_hash
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, Action, Decision, Purpose, from_epoch
from trading_cli.store import Store
from trading_cli.trading import strategies
from trading_cli.trading.backtest.tally import line_of

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Repeated:
    """The record of the slots, what they came to again, and what came of comparing the two."""

    taken: Taken
    again: Again
    compared: Compared
    settings: str
    changed: Mapping[str, Sequence[Changed]]

    @property
    def identical(self) -> bool:
        """Return whether every decision, fill and settlement came out the same."""
        return not self.compared.differences

    @property
    def cause(self) -> Difference | None:
        """Return the first difference, ``None`` where there is none."""
        return next(iter(self.compared.differences), None)


def repeat(toolkit: Toolkit, store: Store, since: int, until: int) -> Repeated:
    """Take the slots that begin in [since, until) again, from the account as it stood, and compare.

    Raises ``UsageError`` where nothing was decided in them, where no quotes are kept of any, or
    where the entries were left to a person.
    """
    settings = toolkit.settings
    with store.reading() as look:
        record = taken(look, since, until)
        _comparable(record, since, until)
        asked = strategies.load(
            settings.signals.strategies, settings.risk.tier_ceilings, folder=toolkit.home
        )
        first, last = record.slots[0].slot, record.slots[-1].slot + SLOT_SECONDS
        with StoreHistory.open(
            store, settings, since=from_epoch(first) - HOUR, until=from_epoch(last),
            as_operated=True,
        ) as history:  # fmt: skip
            redone = again(look, history, settings, asked, record)
        names = {one.settings_hash for one in record.own().values()}
        changed = effective.since(look, toolkit.loaded, names)
    if not redone.slots:
        raise UsageError(
            f"no quotes were recorded in any slot from {from_epoch(first):%Y-%m-%d %H:%M} on:"
            " there is nothing to recompute from.",
            hint="--since and --until name slots that were recorded",
        )
    basis = Basis(settings_hash(settings), FORMULA, changed)
    compared = compare(record, redone.slots, basis)
    return Repeated(record, redone, compared, basis.settings, changed)


def _comparable(record: Taken, since: int, until: int) -> None:
    if not any(record.decisions.values()):
        raise UsageError(
            f"nothing was decided from {from_epoch(since):%Y-%m-%d %H:%M} to"
            f" {from_epoch(until):%Y-%m-%d %H:%M} UTC.",
            hint="trading cycle collection decides a slot; --since and --until name another span",
        )
    sent = {order.decision_id for order in record.orders.values()}
    for one in record.own().values():
        if one.purpose is Purpose.ENTRY and one.action is Action.BUY and one.id not in sent:
            raise UsageError(
                f"the entry of {from_epoch(one.slot):%Y-%m-%d %H:%M} in market {one.market_id} was"
                " left to a person: what came of it is not the machine's to repeat.",
                hint="--since after the time of `execution: manual`",
            )


# --- as an answer


def digest(decisions: Sequence[Decision]) -> str:
    """Return 32 hex digits that stand for *decisions*, by slot, purpose and id."""
    found = blake2b(digest_size=16)
    for one in sorted(decisions, key=lambda one: (one.slot, one.purpose is Purpose.ENTRY, one.id)):
        found.update(line_of(one).encode())
    return found.hexdigest()


def digests(one: Repeated) -> dict[str, str]:
    """Return the digest of what was decided, and of what is decided now."""
    slots = {each.slot for each in one.again.slots}
    stored = [each for each in one.taken.own().values() if each.slot in slots]
    now = [each for redone in one.again.slots for each in redone.decisions]
    return {"stored": digest(stored), "recomputed": digest(now)}


def counts(one: Repeated) -> dict[str, Any]:
    """Return how much was compared, and how much was the same."""
    compared, slots = one.compared, {each.slot for each in one.again.slots}
    own = [each for each in one.taken.own().values() if each.slot in slots]
    exits = sum(each.purpose is Purpose.EXIT for each in own)
    return {
        "decisions": {
            "stored": len(own), "entries": len(own) - exits, "exit_checks": exits,
            "recomputed": sum(len(each.decisions) for each in one.again.slots),
            "same": compared.same,
        },
        "fills": {"compared": compared.fills, "same": compared.same_fills},
        "settlements": {
            "compared": compared.settlements, "same": compared.same_settlements,
        },
    }  # fmt: skip


def told(one: Difference) -> dict[str, Any]:
    """Return a difference as JSON has it."""
    return asdict(one) | {"slot": from_epoch(one.slot).isoformat()}


def differences(one: Repeated) -> dict[str, Any]:
    """Return {cause, follows, by_cause, differences}: the first one, and how many came after."""
    found = one.compared.differences
    by_cause = {cause: sum(each.cause == cause for each in found) for cause in CAUSES}
    return {
        "cause": None if one.cause is None else told(one.cause),
        "follows": max(0, len(found) - 1),
        "by_cause": by_cause,
        "differences": [told(each) for each in found[:SHOWN]],
    }


def basis(one: Repeated) -> dict[str, Any]:
    """Return the settings and formulas that decided, those of now, and what was changed since."""
    own = one.taken.own().values()
    stored = sorted({each.settings_hash for each in own})
    return {
        "settings": {"stored": stored, "now": one.settings, "changed": _changed(one, stored)},
        "formula": {"stored": sorted({each.formula for each in own}), "now": FORMULA},
    }


def _changed(one: Repeated, stored: Sequence[str]) -> list[dict[str, Any]] | None:
    """Return each setting that was changed, ``None`` where settings of then are not kept."""
    if any(name != one.settings and name not in one.changed for name in stored):
        return None
    return [{"hash": name, **asdict(each)} for name in stored for each in one.changed.get(name, ())]


def started_from(one: Repeated) -> dict[str, Any]:
    """Return the account before the first slot: positions held and cash (0 and 0: not opened)."""
    return {"positions": one.again.positions, "cash": float(one.again.cash)}


def _said(one: Repeated, hashes: Mapping[str, Any]) -> str:
    """Return what was changed since, where a decision can depend on it or nothing else was."""
    found = {each: None for name in hashes["stored"] for each in one.changed.get(name, ())}
    if found:
        return f"; changed since: {effective.sentence(found)}"
    known = all(name == one.settings or name in one.changed for name in hashes["stored"])
    return "; changed since: only whom alerts go to, and when" if known else ""


def warnings(one: Repeated) -> list[str]:
    """Return what a person should know of the comparison besides its result."""
    said, compared = [], one.compared
    hashes: Mapping[str, Any] = basis(one)["settings"]
    if one.identical and hashes["stored"] != [hashes["now"]]:
        said.append(
            f"the settings of then ({', '.join(hashes['stored'])}) are not those of now"
            f" ({hashes['now']}): they decide the same here{_said(one, hashes)}"
        )
    if compared.unmoved:
        said.append(
            f"{compared.unmoved} decisions came out the same on facts that are not the same:"
            f" {compared.unmoved_said}"
        )
    if compared.untaken:
        said.append(f"{compared.untaken} decisions were never taken: the run of the slot failed")
    if one.again.left_out:
        first = from_epoch(one.again.left_out[0])
        said.append(
            f"{len(one.again.left_out)} slots were decided without any quote, the first at"
            f" {first:%Y-%m-%d %H:%M}: they are not compared"
        )
    if one.taken.outside:
        said.append(
            f"{one.taken.outside} stakes in your wallets fill the limits as they decide; how they"
            " were then is not kept, so they are left out here"
        )
    if one.taken.by_hand or one.again.moved:
        said.append(
            f"{len(one.taken.by_hand)} decisions by hand are not recomputed;"
            f" {one.again.moved} bookings outside the engine were put in where they happened"
        )
    return said
