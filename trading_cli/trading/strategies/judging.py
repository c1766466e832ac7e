"""Reading indicators: which one is not good enough, and the numbers to show for it."""

from trading_cli.domain import Reason, Tier
from trading_cli.trading.view import View

_UNDEFINED = {
    "rvr": Reason.RVR_UNDEFINED,
    "roc": Reason.ROC_UNDEFINED,
    "hype": Reason.HYPE_UNDEFINED,
}
_LOW = {"rvr": Reason.RVR_LOW, "roc": Reason.ROC_LOW, "hype": Reason.HYPE_LOW}


def readings(data: View, *names: str) -> dict[str, object]:
    """Return value, tier now, best tier of the last hour and why undefined, of each indicator."""
    found: dict[str, object] = {}
    for name in names:
        one = data.feature(name)
        found[name] = one.value
        found[f"{name}_tier"] = one.tier.name
        found[f"{name}_best"] = data.best(name).name
        if one.value is None:
            found[f"{name}_undefined"] = one.undefined
    return found


def too_low(data: View, name: str) -> Reason | None:
    """Return why *name* was not MODERATE within the last hour, ``None`` where it was."""
    if data.best(name) >= Tier.MODERATE:
        return None
    one = data.feature(name)
    if one.inputs.get("limited") == Reason.ONE_WALLET.value:
        return Reason.ONE_WALLET
    return _UNDEFINED[name] if one.value is None else _LOW[name]


def roc_tier(data: View) -> Tier:
    """Return ROC's best tier of the last hour; one of unknown or other sign counts as now's."""
    earlier, now = data.best_roc, data.feature("roc")
    if now.value is None or earlier is None or earlier * now.value <= 0:
        return now.tier
    return data.best("roc")


def roc_wrong(data: View) -> Reason | None:
    """Return why ROC does not carry an entry: MODERATE within the hour, still WEAK, same sign."""
    now = data.feature("roc")
    if now.value is None:
        return Reason.ROC_UNDEFINED
    if data.best("roc") < Tier.MODERATE:
        return Reason.ROC_LOW
    if now.tier < Tier.WEAK or roc_tier(data) < Tier.MODERATE:
        return Reason.ROC_FADED
    return None


def provisional(data: View) -> bool:
    """Return whether hype stands on a short baseline, or is known from earlier slots only."""
    one = data.feature("hype")
    return one.provisional or one.value is None
