"""The answer as one page that needs nothing else: no script, no font, no picture from elsewhere.

Every number in its tables is the number of the JSON, digit for digit (``shown``); titles of markets
are strangers' words and escaped. Dark or light is what the reader's screen asks for.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from trading_cli.app.backtests.page_style import STYLE
from trading_cli.app.backtests.plots import Bar, Line, bars, lines

Data = Mapping[str, Any]
TITLE = "Backtest"


def page(data: Data) -> str:
    """Return the whole document."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{TITLE} {data['run']}</title><style>{STYLE}</style></head><body><main>",
            *_top(data),
            *_pictures(data),
            *_tables(data),
            "</main></body></html>\n",
        ]
    )


def shown(value: Any) -> str:
    """Return *value* as JSON has it: the same digits; a text as it is, nothing as "-"."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(one) for one in value) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {shown(one)}" for key, one in value.items()) or "-"
    return json.dumps(value)


# --- the top


def _top(data: Data) -> Iterable[str]:
    asked = data["asked"]
    yield f"<h1>{TITLE} {data['run']}</h1>"
    yield f'<p class="verdict">{escape(data["sentence"])}</p>'
    if data["missing"]:
        yield f'<p class="warn">{escape(data["missing"])}</p>'
    for one in data["in_sample"]:
        yield f'<p class="warn"><b>IN-SAMPLE</b>: {escape(one)}. It cannot enter a gate.</p>'
    if data["waived"]:
        told = ", ".join(data["waived"])
        yield (
            f'<p class="warn">Rules waived, their input was never recorded: {escape(told)}. Such a'
            " run cannot enter a gate.</p>"
        )
    if data["killed_at"]:
        yield f'<p class="warn">A loss from the peak ended it at {escape(data["killed_at"])}.</p>'
    yield _facts(
        [
            ("strategies", asked["strategies"]), ("parameters", asked["parameters"]),
            ("since", asked["since"]), ("until", asked["until"]), ("kind", data["kind"]),
            ("cell", asked["cell"] or None), ("engine", asked["engine"]), ("fees", asked["fees"]),
            ("slippage of mids", asked["slippage"]), ("bankroll", asked["bankroll"]),
            ("seed", asked["seed"]), ("settings", asked["settings"]), ("trial", data["trial"]),
            ("digest", data["digest"]), ("history", data["coverage"]), ("counts", data["counts"]),
            ("fills by grade", data["fills"]), ("pauses", data["pauses"]),
        ]
    )  # fmt: skip


def _facts(pairs: Sequence[tuple[str, Any]]) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(shown(value))}</dd>" for name, value in pairs
    )
    return f"<dl>{rows}</dl>"


# --- the pictures


def _pictures(data: Data) -> Iterable[str]:
    curve = data["equity"]
    ends = (curve[0]["at"][:10], curve[-1]["at"][:10]) if curve else ("", "")
    by_day = list(enumerate(curve))
    equity = [
        Line("mid", "at mid", [(x, one["mid"]) for x, one in by_day]),
        Line("own", "at liquidation value", [(x, one["liquidation"]) for x, one in by_day]),
    ]
    yield "<h2>Equity, USD by day</h2>"
    yield lines("Equity at liquidation value and at mid", equity, ends)
    yield "<h2>Drawdown, share of the highest so far</h2>"
    falls = [Line("fall", "drawdown", list(enumerate(drawdown(curve))))]
    yield lines("Drawdown at liquidation value", falls, ends, form=".2%", area=True)
    yield "<h2>Beside it, total return</h2>"
    beside = (
        [Bar("this run", curve[-1]["liquidation"] / curve[0]["liquidation"] - 1)] if curve else []
    )
    beside += [Bar(one["name"], one["total_return"]) for one in data["beside"]]
    yield bars("Total return beside the benchmarks", beside)
    if data["capacity"]:
        yield "<h2>Capacity, total return with more money</h2>"
        many = [
            Bar(f"{one['times']} x the bankroll", one["total_return"]) for one in data["capacity"]
        ]
        yield bars("Total return by size of the account", many)


def drawdown(curve: Sequence[Data]) -> list[float]:
    """Return minus the fall from the highest so far, by row of the equity."""
    found, highest = [], 0.0
    for one in curve:
        highest = max(highest, one["liquidation"])
        found.append(round(one["liquidation"] / highest - 1, 9) if highest else 0.0)
    return found


# --- the tables


def _tables(data: Data) -> Iterable[str]:
    yield table("Measures, 95 % intervals", data["metrics"],
                ("name", "value", "low", "high", "n", "unit", "method", "missing"))  # fmt: skip
    yield '<p class="quiet">Targets alone prove nothing: of strategies without any edge, 15 % with'
    yield "30 trades meet the first four.</p>"
    yield table("Targets", data["targets"],
                ("name", "target", "value", "low", "high", "stands", "missing"))  # fmt: skip
    yield "<h2>Luck</h2>"
    yield _facts(list(data["luck"].items()))
    yield "<h2>Gate: lower bound of the net return per event</h2>"
    yield _facts(list(data["gate"].items()))
    beside = ("name", "total_return", "net", "trades", "events", "open", "sharpe", "drawdown")
    yield table("Beside it", data["beside"], beside)
    more = ("times", "bankroll", "total_return", "net", "trades", "staked", "net_per_staked",
            "missing")  # fmt: skip
    yield table("Capacity", data["capacity"], more)
    groups = ("name", "trades", "events", "cost", "net", "win_rate", "net_per_event", "missing")
    yield table("By grade of the fills", data["by_grade"], groups)
    yield table("By category", data["by_category"], groups)
    yield "<h2>Bias checks</h2>"
    yield _facts([("state", data["bias"]["state"]), ("missing", data["bias"]["missing"] or None)])
    yield table("", data["bias"]["checks"], ("name", "clean", "until", "compared", "sentence"))
    yield from _more(data)


def _more(data: Data) -> Iterable[str]:
    """Return the long ones: cells, folds, trips, reasons."""
    if data["grid"] is not None:
        yield table("Cells of the sweep", data["grid"]["cells"],
                    ("cell", "trial", "total_return", "trades", "sharpe", "why"))  # fmt: skip
    if data["walk_forward"] is not None:
        yield table("Folds", data["walk_forward"]["folds"],
                    ("train_since", "test_since", "test_until", "cell", "train_trades",
                     "train_left_out", "train_net", "events_apart", "slope", "total_return",
                     "trades", "open"))  # fmt: skip
    trips = ("market", "question", "strategy", "token", "opened_at", "closed_at", "shares",
             "entry_price", "cost", "proceeds", "fees", "net", "grade", "reasons")  # fmt: skip
    left = data["unresolved"]
    yield "<h2>Unresolved at the end, at liquidation value</h2>"
    yield _facts([(name, left[name]) for name in ("positions", "cost", "value", "net")])
    yield table("", left["trips"], trips)
    yield table("Closed trades", data["trips"], trips)
    if data["trips_left_out"]:
        yield f'<p class="quiet">{data["trips_left_out"]} more are in the database.</p>'
    reasons = [{"reason": name, "decisions": n} for name, n in data["reasons"].items()]
    yield table("Decisions by reason", reasons, ("reason", "decisions"))


def table(title: str, rows: Sequence[Data], names: Sequence[str]) -> str:
    """Return *rows* under *names*; the cells are ``shown``. Nothing where there is no row."""
    head = f"<h2>{escape(title)}</h2>" if title else ""
    if not rows:
        return f'{head}<p class="quiet">none</p>' if title else ""
    top = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = "".join("<tr>" + "".join(_cell(one[name]) for name in names) + "</tr>" for one in rows)
    return (
        f'{head}<div class="wide"><table data-of="{escape(title)}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    css = ' class="number"' if number else ""
    return f"<td{css}>{escape(shown(value))}</td>"
