"""The markets of an import: what the files say of each, and by which names we keep it.

Where a file gives all four names of the venue (id, condition id, both tokens) the market is that
very market. Where one is missing all four are made, from the source and the name in the file alone,
and say so: ``import:SOURCE:KEY``. A market half known by its real names would stand in the way of
the same market when it is collected.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b

from trading_cli.app.importing import values
from trading_cli.app.importing.layouts import Layout
from trading_cli.app.importing.reading import Chunk
from trading_cli.app.importing.refused import Refused
from trading_cli.core.foreign import clean_text
from trading_cli.domain import Market, Outcome, from_epoch

VENUE, SYNTHETIC, ATTACHED = "venue", "synthetic", "attached"
PREFIX = "import:"
_CONDITION = re.compile(r"0x[0-9a-fA-F]{64}")
_TOKEN = re.compile(r"[0-9]{10,80}")
_FIRST = ("yes", "up", "over", "true", "1")
_WORDS = {"1": Outcome.YES, "yes": Outcome.YES, "true": Outcome.YES, "0": Outcome.NO,
          "no": Outcome.NO, "false": Outcome.NO, "0.5": Outcome.HALF}  # fmt: skip
PAYS = {Outcome.YES: Decimal(1), Outcome.NO: Decimal(0), Outcome.HALF: Decimal("0.5")}
_LONGEST = 300
_TOLD = (
    "venue_id", "condition_id", "question", "slug", "event", "category", "yes_token", "no_token",
    "outcome", "winner", "start", "end", "closed", "volume",
)  # fmt: skip


@dataclass(slots=True)
class Facts:
    """What the files say of one market. ``labels`` and ``tokens`` are in the order of the files.

    Times are epoch seconds. ``first`` and ``last`` are those of its YES points, once checked.
    """

    key: str
    venue_id: str = ""
    condition_id: str = ""
    question: str = ""
    slug: str = ""
    event: str = ""
    category: str = ""
    labels: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    yes_token: str = ""
    no_token: str = ""
    outcome: Outcome | None = None
    winner: str = ""
    start: int | None = None
    end: int | None = None
    closed: int | None = None
    volume: float | None = None
    first: int | None = None
    last: int | None = None
    where: tuple[str, int] = ("", 0)


def plain(label: str) -> str:
    """Return a label as labels are compared: 1.0 and " YES" are "1" and "yes"."""
    text = label.strip().casefold()
    return text.removesuffix(".0") if text in {"0.0", "1.0"} else text


def of_yes(labels: Sequence[str]) -> int:
    """Return which of two labels is YES, by its word; the first where no word says."""
    return next((place for place, one in enumerate(labels) if plain(one) in _FIRST), 0)


def labelled(facts: Facts) -> tuple[str, str]:
    """Return the labels of YES and NO; where a label is not known it is what the other is not."""
    if not facts.labels:
        return "Yes", "No"
    yes = of_yes(facts.labels)
    if len(facts.labels) == 1:
        only = facts.labels[0]
        return ("Yes", only) if plain(only) in {"no", "down", "0"} else (only, "No")
    return facts.labels[yes], facts.labels[1 - yes]


def outcome_of(facts: Facts, label: str) -> int | None:
    """Return 0 for YES, 1 for NO, ``None`` for a label that is neither."""
    pair = [plain(one) for one in labelled(facts)]
    return pair.index(plain(label)) if plain(label) in pair else None


def read_markets(
    layout: Layout, chunk: Chunk, file: str, refused: Refused, now: int, into: dict[str, Facts]
) -> None:
    """Read rows that describe markets; one without a name, or told twice differently, is refused.

    A date that cannot be read, or a close that is still to come, is refused and left out; the
    market itself stays.
    """
    for row, line in zip(chunk.rows, chunk.lines, strict=True):
        cells = {ours: row[place].strip() for ours, place in layout.at.items()}
        key = cells["market"]
        if not key or len(key) > _LONGEST:
            refused.add("market without a name", file, line, key[:80])
            continue
        one = _facts(key, cells, (file, line), refused, now)
        before = into.setdefault(key, one)
        odd = [] if before is one else _fill(before, one)
        if odd:
            detail = f"{key}: {', '.join(odd)}; line {before.where[1]} stands"
            refused.add("market described twice, differently", file, line, detail)


def _fill(before: Facts, more: Facts) -> list[str]:
    """Fill what *before* does not say from *more*; return the names of what the two differ in."""
    odd = []
    for name in _TOLD:
        old, new = getattr(before, name), getattr(more, name)
        if old in {None, ""}:
            setattr(before, name, new)
        elif new not in {None, "", old}:
            odd.append(name)
    return odd


def _facts(
    key: str, cells: Mapping[str, str], where: tuple[str, int], refused: Refused, now: int
) -> Facts:
    def date(name: str, latest: float = float("inf")) -> int | None:
        cell = cells.get(name, "")
        if plain(cell) in values.ABSENT:
            return None
        at, _ = values.time(cell)
        if at is None or at < values.FIRST:
            refused.add(f"{name} is no time", *where, f"{key}: {cell}")
            return None
        if at > latest:
            refused.add(f"{name} is in the future", *where, f"{key}: {cell}")
            return None
        return at

    def text(name: str) -> str:
        return clean_text(cells.get(name, ""), 2000)

    return Facts(
        key, text("venue_id"), text("condition_id"), text("question"), text("slug"), text("event"),
        text("category"), yes_token=text("yes_token"), no_token=text("no_token"),
        outcome=_outcome(key, cells.get("outcome_yes", ""), where, refused),
        winner=text("winner"), start=date("start"), end=date("end"), closed=date("closed", now),
        volume=_volume(cells.get("volume", "")), where=where,
    )  # fmt: skip


def _outcome(key: str, cell: str, where: tuple[str, int], refused: Refused) -> Outcome | None:
    word = plain(cell)
    if word in values.ABSENT:
        return None
    if word not in _WORDS:
        refused.add("outcome is none of yes, no and half", *where, f"{key}: {cell}")
    return _WORDS.get(word)


def _volume(cell: str) -> float | None:
    value = values.number(cell)
    return value if value is not None and value >= 0 else None


def read_outcomes(
    layout: Layout, chunk: Chunk, file: str, refused: Refused, into: dict[str, Facts]
) -> None:
    """Read rows that give a market's outcome its token; a third outcome is refused."""
    places = [layout.at[name] for name in ("market", "outcome", "token")]
    for row, line in zip(chunk.rows, chunk.lines, strict=True):
        key, label, token = (row[place].strip() for place in places)
        facts = into.setdefault(key, Facts(key, where=(file, line)))
        if not add_label(facts, label):
            refused.add("a third outcome", file, line, f"{key}: {label}")
        elif facts.tokens.setdefault(plain(label), token) != token:
            refused.add("two tokens for one outcome", file, line, f"{key}: {label}")


def add_label(facts: Facts, label: str) -> bool:
    """Make *label* one of the market's two; False where there are two others already."""
    if plain(label) not in map(plain, facts.labels):
        if len(facts.labels) == 2:  # noqa: PLR2004  # YES and NO
            return False
        facts.labels.append(label.strip())
    return True


def settle(facts: Facts, refused: Refused) -> None:
    """Fill in what follows from what all files said: the tokens by label, the outcome by winner."""
    yes, no = (plain(label) for label in labelled(facts))
    facts.yes_token = facts.yes_token or facts.tokens.get(yes, "")
    facts.no_token = facts.no_token or facts.tokens.get(no, "")
    if facts.winner and plain(facts.winner) not in values.ABSENT:
        won = {yes: Outcome.YES, no: Outcome.NO}.get(plain(facts.winner))
        if won is None or facts.outcome not in {None, won}:
            refused.add(
                "winner is none of the two outcomes"
                if won is None
                else "winner and outcome differ",
                *facts.where,
                f"{facts.key}: {facts.winner}",
            )
            facts.outcome = None
        else:
            facts.outcome = won


def identity(facts: Facts, source: str) -> tuple[str, tuple[str, str, str, str]]:
    """Return how a market is named, and its id, condition id, YES and NO token."""
    given = (facts.venue_id, facts.condition_id, facts.yes_token, facts.no_token)
    real = (
        all(given)
        and _CONDITION.fullmatch(given[1])
        and _TOKEN.fullmatch(given[2])
        and _TOKEN.fullmatch(given[3])
        and given[2] != given[3]
    )
    if real:
        return VENUE, given
    name = blake2b(f"{source}\0{facts.key}".encode(), digest_size=32).hexdigest()
    made = f"{PREFIX}{name}"
    return SYNTHETIC, (f"{PREFIX}{source}:{facts.key}", made, f"{made}:yes", f"{made}:no")


def listed(facts: Facts, source: str, ids: tuple[str, str, str, str], at: int) -> Market:
    """Return the market as it was listed at *at*: its words, nothing of how it went."""
    yes, no = labelled(facts)
    return Market(
        id=ids[0], condition_id=ids[1], question=facts.question or facts.slug or facts.key,
        slug=facts.slug or facts.key, yes_token=ids[2], no_token=ids[3], yes_label=yes, no_label=no,
        observed_at=from_epoch(at),
        event_id=f"{PREFIX}{source}:{facts.event}" if facts.event else None,
        event_slug=facts.event or None,
        tags=(facts.category,) if facts.category else (),
        start_at=None if facts.start is None else from_epoch(facts.start),
        end_at=None if facts.end is None else from_epoch(facts.end),
    )  # fmt: skip


def own_names(facts: Facts) -> dict[str, str]:
    """Return the venue's names that the file did give, for the ledger."""
    pairs = {
        "venue_id": facts.venue_id, "condition_id": facts.condition_id,
        "yes_token": facts.yes_token, "no_token": facts.no_token,
    }  # fmt: skip
    return {name: value for name, value in pairs.items() if value}
