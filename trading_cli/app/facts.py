"""What every decision row carries besides its own numbers: its id, its formula, its settings."""

from hashlib import blake2b

from trading_cli.app import analyse
from trading_cli.app.settings import Settings
from trading_cli.domain import Feature, Purpose
from trading_cli.trading import orchestrator, strategies

FORMULA = f"{orchestrator.FORMULA} {strategies.FORMULA} {analyse.FORMULA}"


def decision_id(slot: int, market_id: str, strategy: str, purpose: Purpose) -> str:
    """Return the id of one evaluation: the same evaluation is the same row."""
    text = f"{slot}\x1f{market_id}\x1f{strategy}\x1f{purpose.value}"
    return blake2b(text.encode(), digest_size=8, person=b"decision").hexdigest()


def settings_hash(settings: Settings) -> str:
    """Return 12 hex digits that stand for every setting in effect."""
    text = settings.model_dump_json()
    return blake2b(text.encode(), digest_size=6).hexdigest()


def feature_facts(one: Feature) -> dict[str, object]:
    """Return a feature as a decision row keeps it."""
    return {
        "value": one.value,
        "undefined": one.undefined,
        "tier": one.tier.name,
        "provisional": one.provisional,
        "inputs": dict(one.inputs),
    }
