"""The formulas with their numbers, as one line a person can check with a calculator."""

from collections.abc import Callable, Mapping
from typing import Any

from trading_cli.domain import from_epoch

Inputs = Mapping[str, Any]


def worked(name: str, value: float | None, inputs: Inputs) -> str:
    """Return the formula of indicator *name* with its numbers; what is known where it has none."""
    write = FORMULAS.get(name)
    try:
        told = "" if write is None or value is None else write(value, inputs)
    except (KeyError, TypeError, ValueError):  # kept by another version of the formula
        told = ""
    return told or _listed(inputs)


def _rvr(value: float, inputs: Inputs) -> str:
    said = (
        f"({inputs['usd']:g} USD / {inputs['factor']:g}) / {inputs['mean_usd']:g} = {value:.4g};"
        f" mean of {inputs['hours']} hours; {inputs['wallets']} wallets,"
        f" largest {inputs['top_share']:.0%}"
    )
    return said + _also(inputs, "limited")


def _roc(value: float, inputs: Inputs) -> str:
    now, then = inputs["mid_now"], inputs["mid_12h"]
    times = f"{inputs['at_12h'][11:16]} to {inputs['at_now'][11:16]} UTC"
    if inputs["form"] == "relative":
        return f"{now} / {then} - 1 = {value:+.4g}, {times}" + _also(inputs, "limited")
    return f"(logit {now} - logit {then}) / 2 = {value:+.4g}, {times}" + _also(inputs, "limited")


def _hype(value: float, inputs: Inputs) -> str:
    parts = [f"{name} {part['s']:g}" for name, part in inputs["components"].items()]
    return (
        f"100 x weighted mean of {', '.join(parts)} = {value:.4g}; weight {inputs['weight']:.0%},"
        f" {inputs['baseline']}, {inputs['posts']} posts of {inputs['authors']}"
    )


def _also(inputs: Inputs, name: str) -> str:
    return f"; {inputs[name]}" if inputs.get(name) else ""


def _listed(inputs: Inputs) -> str:
    """Return the plain values by name; what has parts is left to --json."""
    plain = {name: one for name, one in inputs.items() if isinstance(one, (str, int, float))}
    if isinstance(end := plain.get("hour_end"), int) and end:  # 0: an older version had none
        plain["hour_end"] = f"{from_epoch(end):%Y-%m-%d %H:%M} UTC"
    return ", ".join(f"{name} {one}" for name, one in plain.items())


FORMULAS: Mapping[str, Callable[[float, Inputs], str]] = {"rvr": _rvr, "roc": _roc, "hype": _hype}
