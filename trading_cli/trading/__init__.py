"""Deciding and dealing: functions of what they are told, so a backtest is the same code.

view          everything known about one candidate at one instant
strategies/   one module per algorithm, behind one Protocol; users add their own
orchestrator  strategies -> one decision per market and slot, vetoes included
vetoes        the Never rules: why a candidate may not be entered
themes        sector and themes: what a market counts towards besides itself
terms         price, way out and worst case of an entry, as a person must see them
feasible      can any signal fire under these settings, and which limits cannot bind
sizing        how many shares: tier, Kelly, depth, tick, minimum
risk          the one gateway: every limit a small rule, the smallest answer wins
exits         when a holding is sold, and how much of it
fills         walking a book at ask or bid
fees          what a taker pays, and where that was found
account       the double-entry ledger, positions, equity at liquidation value
brokers       Broker, paper, and the guard around every one of them
killswitch    the states of the switch and what each level forbids
deciding      the pure pieces between a proposal and an order, the same in paper and backtest
looking_after the same for what is held: holding, decision row, sale, worth
backtest/     all of it over stored history

sections      the numbers of the settings; the functions take the section they need

The sections are loaded when they are first asked for: they bring pydantic, and the stop must not
wait for it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for the type checker only: see above
    from trading_cli.trading.sections import (
        BacktestSection,
        ExitsSection,
        GatesSection,
        HypeThresholds,
        KillSwitchSection,
        RiskSection,
        RocThresholds,
        RvrThresholds,
        SignalsSection,
        Thresholds,
    )

__all__ = [
    "BacktestSection",
    "ExitsSection",
    "GatesSection",
    "HypeThresholds",
    "KillSwitchSection",
    "RiskSection",
    "RocThresholds",
    "RvrThresholds",
    "SignalsSection",
    "Thresholds",
]


def __getattr__(name: str) -> object:
    """Return the section *name*, loading the sections."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from trading_cli.trading import sections  # noqa: PLC0415  # paid when needed: pydantic

    return getattr(sections, name)
