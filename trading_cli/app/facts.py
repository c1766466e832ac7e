"""What every decision row carries besides its own numbers: its id, its formula, its settings."""

from datetime import timedelta
from hashlib import blake2b

from trading_cli.app.settings import Settings
from trading_cli.trading.deciding import FORMULA, Stamp, decision_id, feature_facts


def settings_hash(settings: Settings) -> str:
    """Return 12 hex digits that stand for every setting in effect."""
    text = settings.model_dump_json()
    return blake2b(text.encode(), digest_size=6).hexdigest()


def stamp_of(slot: int, settings: Settings) -> Stamp:
    """Return what every decision row of *slot* carries under *settings*."""
    expiry = timedelta(minutes=settings.signals.expiry_minutes)
    return Stamp(slot, settings_hash(settings), expiry, settings.risk.limit_ticks)


__all__ = ["FORMULA", "Stamp", "decision_id", "feature_facts", "settings_hash", "stamp_of"]
