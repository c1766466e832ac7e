"""Which markets are followed: the panel's rules applied to what is listed now, and kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trading_cli.app.settings import Settings
from trading_cli.domain import Market
from trading_cli.research.panel import PanelResult, PanelRules, select_panel
from trading_cli.store import Store, Transaction, deals, holdings, ledger, listings


@dataclass(frozen=True, slots=True)
class Followed:
    """The markets to collect, which of them are new, and how many passed each stage."""

    markets: tuple[Market, ...]
    entered: tuple[str, ...] = ()
    funnel: Mapping[str, int] = field(default_factory=dict)


def rules_of(settings: Settings) -> PanelRules:
    """Return the panel's and the candidates' rules as the settings have them."""
    section = settings.data_collection
    recorded, candidates = section.panel, section.candidates
    return PanelRules(
        min_volume_24h=recorded.min_volume_24h,
        min_liquidity=recorded.min_liquidity,
        min_days_to_deadline=recorded.min_days_to_deadline,
        max_per_event=recorded.per_event,
        max_markets=recorded.max_markets,
        categories=section.categories,
        candidate_volume_24h=candidates.min_volume_24h,
        candidate_liquidity=candidates.min_liquidity,
        max_candidates=candidates.max_markets,
    )


def follow(
    store: Store, listed: Sequence[Market], *, rules: PanelRules, slot: int, now: datetime
) -> Followed:
    """Choose the panel from *listed*, keep who entered and left and why, and the funnel."""
    with store.reading() as look:
        members = listings.panel_members(look, as_of=now)
    chosen = select_panel(listed, members=members, rules=rules, now=now)
    with store.transaction() as tx:
        _keep(tx, members, chosen, now, timedelta(days=rules.sticky_days))
        ledger.record_funnel(tx, slot, chosen.funnel)
    by_id = {market.id: market for market in listed}
    with store.reading() as look:
        dealt_in = _dealt_in(look) - set(chosen.members)
    wanted = (*chosen.members, *sorted(dealt_in))
    unseen = [name for name in wanted if name not in by_id]
    if unseen:  # refused or not answered today: asked for books and trades as last described
        with store.reading() as look:
            known = listings.listing_at(look, as_of=now, venue_ids=unseen)
        by_id |= {market.id: market for market in known}
    markets = tuple(
        by_id[name]
        for name in wanted
        if name in by_id and not (name in dealt_in and by_id[name].closed)
    )
    return Followed(markets, chosen.entered, chosen.funnel)


def _dealt_in(look: Transaction) -> set[str]:
    """Return the markets we hold or have an order in: followed whatever the panel's rules say."""
    held = {position.market_id for position in holdings.positions(look)}
    return held | {order.market_id for order in deals.open_orders(look)}


def _keep(
    tx: Transaction,
    members: Mapping[str, datetime],
    chosen: PanelResult,
    now: datetime,
    sticky: timedelta,
) -> None:
    for name, cause in chosen.left.items():
        listings.panel_leave(tx, name, now, cause.value)
    for name, since in chosen.entered_at.items():
        if members.get(name) == since:
            continue
        if name in members:
            listings.panel_leave(tx, name, now, "RENEWED")
        listings.panel_enter(tx, name, now, now + sticky)
