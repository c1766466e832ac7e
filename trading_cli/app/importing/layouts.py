"""Which column means what: known names, what a person maps, and what is nearly right.

Three kinds of table: ``markets`` (one row a market: words, dates, how it ended), ``outcomes`` (one
row a market and outcome: the token) and ``prices`` (one row a market and instant). The kind follows
from the columns; nothing is guessed from a file's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from trading_cli.core.errors import UsageError

# ours -> how files call it, the surest name first. The same text may stand for two of ours in
# different kinds, never in one.
NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "prices": {
        "market": ("k", "market_id", "market_slug", "market", "slug", "condition_id", "gamma_id"),
        "t": ("t", "time", "timestamp", "ts", "datetime", "date", "event_time"),
        "p": ("p", "price", "mid", "yes_price", "probability", "midpoint", "close"),
        "outcome": ("outcome_label", "outcome", "outcome_index"),
    },
    "outcomes": {
        "market": ("k", "market_id", "market_slug", "market", "slug", "condition_id", "gamma_id"),
        "outcome": ("outcome_label", "outcome", "label"),
        "token": ("token_id", "token", "asset_id"),
    },
    "markets": {
        "market": ("k", "market_id", "market_slug", "market", "slug", "condition_id", "gamma_id"),
        "venue_id": ("gamma_id", "market_id", "id"),
        "condition_id": ("condition_id", "conditionId"),
        "yes_token": ("yes_token_id", "yes_token"),
        "no_token": ("no_token_id", "no_token"),
        "question": ("question", "title"),
        "slug": ("slug", "market_slug"),
        "event": ("event_slug", "event_id", "event"),
        "category": ("category", "tag", "topic"),
        "outcome_yes": ("outcome_yes", "resolved_yes", "payout_yes", "final_price"),
        "winner": ("winning_outcome_label", "winner", "winning_outcome"),
        "start": ("start", "start_date", "start_at", "created_at"),
        "end": ("end", "end_date", "end_at"),
        "closed": ("closed_time", "closed_at", "resolved_at"),
        "volume": ("volume_usd", "volume"),
    },
}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "prices": ("market", "t", "p"),
    "outcomes": ("market", "outcome", "token"),
    "markets": ("market",),
}
COUNTED = frozenset({"n", "n_points", "n_candles", "t_first", "t_last", "interval", "fidelity_min"})
"""Columns that say what we count ourselves: left out without a word of warning."""
NEAR = 0.7
"""So alike two names are before one is suggested for the other."""
_TELLING = frozenset(
    {"question", "outcome_yes", "winner", "closed", "end", "event", "condition_id"}
)


_BESIDE = ("question", "event", "category", "outcome_yes", "winner", "start", "end", "closed")
_ORDERS = ("side", "event_type", "bids", "asks")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A column nothing was made of, and what it may have been meant for ("" where nothing is)."""

    column: str
    near: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of one table mean: ours -> its position; and in words for the report.

    ``beside``: what a table of prices says of its markets, read as a table of markets.
    """

    kind: str
    at: Mapping[str, int]
    columns: Mapping[str, str]
    unused: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    beside: "Layout | None" = None

    @property
    def told(self) -> str:
        """Return the layout in one line."""
        named = ", ".join(
            ours if ours == theirs else f"{ours}={theirs}" for ours, theirs in self.columns.items()
        )
        more = "" if self.beside is None else f"; {self.beside.told}"
        return f"{self.kind}: {named}{more}"


@dataclass(frozen=True, slots=True)
class Maps:
    """What the person mapped: ours -> theirs."""

    given: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, words: Sequence[str]) -> "Maps":
        """Read ``OURS=THEIRS``. Raises UsageError for another form or a column we do not have."""
        known = sorted({name for names in NAMES.values() for name in names})
        given: dict[str, str] = {}
        for word in words:
            ours, equals, theirs = (part.strip() for part in word.partition("="))
            if not equals or not ours or not theirs:
                raise UsageError(f"--map {word!r} is not OURS=THEIRS.", hint="--map p=mid_price")
            if ours not in known:
                hint = _nearest_map(ours, theirs, known)
                raise UsageError(f"--map {word!r}: we have no column {ours!r}.", hint=hint)
            if given.setdefault(ours, theirs) != theirs:
                raise UsageError(f"--map gives {ours!r} twice.", hint="give it once")
        return cls(given)


def _nearest_map(ours: str, theirs: str, known: Sequence[str]) -> str:
    """Return the --map that was perhaps meant: the other way round, or by a name we know."""
    if theirs in known:
        return f"--map {theirs}={ours}"
    called = {name: one for names in NAMES.values() for one, all_ in names.items() for name in all_}
    called |= {one: one for one in known}
    near = get_close_matches(ours.lower(), called, 1)
    return f"--map {called[near[0]]}={theirs}" if near else f"one of {', '.join(known)}"


def detect(name: str, header: Sequence[str], maps: Maps, join: frozenset[str]) -> Layout:
    """Return what the columns of the table *name* mean.

    *join*: the columns that other tables call a market by; one of these goes before. Raises
    UsageError naming what is missing, and the --map that would mend it.
    """
    columns = [column.strip() for column in header]
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    if twice:
        raise UsageError(
            f"{name} has two columns {twice[0]!r}.", hint="rename one of them in the file"
        )
    found = {kind: _meanings(kind, columns, maps, join) for kind in NAMES}
    kind = _kind(found)
    if kind is None:
        raise _nothing(name, columns, maps)
    orders = [column for column in _ORDERS if column in columns]
    if kind == "prices" and orders:
        raise UsageError(
            f"{name} holds orders or trades (a column {orders[0]!r}), no prices of a history.",
            hint="leave it out, or leave that column out if these are prices",
        )
    used = found[kind]
    beside = _beside(columns, used, found["markets"]) if kind == "prices" else None
    taken = {*used.values(), *(beside.columns.values() if beside else ())}
    left = [column for column in columns if column not in taken]
    known = COUNTED.union(*NAMES[kind].values())  # a second name of what we have is no riddle
    return Layout(
        kind,
        {ours: columns.index(theirs) for ours, theirs in used.items()},
        used,
        tuple(column for column in left if column in known),
        tuple(_unknown(kind, column, used) for column in left if column not in known),
        beside,
    )


def _beside(
    columns: Sequence[str], used: Mapping[str, str], told: Mapping[str, str]
) -> Layout | None:
    """Return what a table of prices says of its markets, ``None`` where that is nothing."""
    found = {ours: told[ours] for ours in _BESIDE if told.get(ours, "") not in {"", *used.values()}}
    if not found:
        return None
    found = {"market": used["market"], **found}
    return Layout("markets", {ours: columns.index(one) for ours, one in found.items()}, found)


def _kind(found: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return the kind whose needs are met; markets needs something told of the market, too."""
    for kind in ("prices", "outcomes"):
        if all(ours in found[kind] for ours in NEEDED[kind]):
            return kind
    markets = found["markets"]
    return "markets" if "market" in markets and _TELLING & markets.keys() else None


def _meanings(
    kind: str, columns: Sequence[str], maps: Maps, join: frozenset[str]
) -> dict[str, str]:
    used: dict[str, str] = {}
    for ours, names in NAMES[kind].items():
        theirs = maps.given.get(ours)
        if theirs is not None and theirs in columns:
            used[ours] = theirs
            continue
        there = [one for one in names if one in columns]
        if ours == "market":
            there.sort(key=lambda one: one not in join)
        if there:
            used[ours] = there[0]
    return used


def _unknown(kind: str, column: str, used: Mapping[str, str]) -> Unknown:
    open_names = {
        name: ours
        for ours, names in NAMES[kind].items()
        if ours not in used
        for name in (ours, *names)
    }
    near = get_close_matches(column.lower(), open_names, 1, NEAR)
    return Unknown(column, open_names[near[0]] if near else "")


def _nothing(name: str, columns: Sequence[str], maps: Maps) -> UsageError:
    """Return the error for a table of no kind: what is nearest to prices, and how to map it."""
    used = _meanings("prices", columns, maps, frozenset())
    missing = [ours for ours in NEEDED["prices"] if ours not in used]
    free = [column for column in columns if column not in used.values()]
    hints = []
    for ours in missing:
        names = [ours, *NAMES["prices"][ours]]
        near = [column for column in free if get_close_matches(column.lower(), names, 1, NEAR)]
        hints.append(f"--map {ours}={near[0] if near else 'COLUMN'}")
    shown = ", ".join(columns[:20]) or "none"
    return UsageError(
        f"{name} is neither prices nor markets: as prices it lacks {' and '.join(missing)}"
        f" (its columns: {shown}).",
        hint=" ".join(hints),
    )
