"""One small function per way in which collected data can be wrong. They flag; nothing is changed.

check            rule                                                              severity
schedule_gap     slots missing on the UTC grid: one / two or more in a row         warn / error
freshness        newest quote older than 1 slot + 5 min / 2 slots                  warn / error
duplicate        the same key again, alike / with another content (conflict)       warn / error
range            0 < p < 1, on the tick, sizes >= 0, cumulative volume not falling error
crossed          best bid >= best ask in one book                                  error
pair_sum         NO book is not the mirror: same book / fetched apart > 2 ticks    error / info
event_sum        sum of the mids of one "who wins" event outside [.9, 1.1]         warn
frozen           same book for 8 slots while trades printed / every book at once   warn / error
stale_source     listing and book differ by more than 2 ticks                      info
outlier          causal Hampel filter, with a floor of one tick                    info
clock            server and local clock apart by more than 2 s / 30 s              warn / error
schema_drift     an item refused / more than 1 in 20 of a cycle's items refused    error
nulls, accuracy  present < 95 % of a column / sources agree < 90 %                 warn
outcome          payouts are 0, 1/2 or 1 and sum to 1                              error

Arrays are one market's rows in order of slot; NaN means absent and never fails a rule. A finding
about rows names their slots in ``evidence["slots"]``. ``subject`` "" speaks of the whole cycle.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import SLOT_SECONDS, Finding, Refusal, Severity, from_epoch

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FRESH_WARN_S = SLOT_SECONDS + 300
FRESH_ERROR_S = 2 * SLOT_SECONDS
CLOCK_WARN_S = 2.0
CLOCK_ERROR_S = 30.0
FROZEN_SLOTS = 8
FROZEN_MARKETS = 10
PAIR_TICKS = 2
MOSTLY_PRESENT = 0.95
MOSTLY_AGREE = 0.90
REFUSED_SHARE = 0.05
EVENT_SUM = (0.9, 1.1)
HAMPEL_WINDOW = 5
HAMPEL_K = 3.0
MAD_TO_SIGMA = 1.4826
_EPS = 1e-9


def schedule_gaps(expected: Ints, received: Ints, subject: str = "") -> list[Finding]:
    """Flag each run of expected slots not received; "newest" tells one that still lasts."""
    missing = ~np.isin(expected, received)
    if not missing.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate(([0], missing.astype(np.int8), [0]))))
    return [
        Finding(
            "schedule_gap",
            Severity.WARN if stop - start == 1 else Severity.ERROR,
            subject,
            f"{stop - start} expected slot(s) missing, the first {_when(int(expected[start]))}",
            {"slots": _ints(expected[start:stop]), "newest": bool(stop == len(expected))},
        )
        for start, stop in edges.reshape(-1, 2)
    ]


def freshness(age_s: float | None, subject: str = "") -> list[Finding]:
    """Flag a newest quote that is *age_s* old; ``None`` means there is none at all."""
    if age_s is not None and age_s <= FRESH_WARN_S:
        return []
    error = age_s is None or age_s > FRESH_ERROR_S
    text = "no quote at all" if age_s is None else f"newest quote is {_old(age_s)} old"
    severity = Severity.ERROR if error else Severity.WARN
    return [Finding("freshness", severity, subject, text, {"age_s": age_s})]


def _old(seconds: float) -> str:
    units = ((86_400, "days"), (3600, "h"), (60, "min"))
    found = (f"{seconds // size:.0f} {name}" for size, name in units if seconds >= 2 * size)
    return next(found, f"{seconds:.0f} s")


def duplicates(repeated: int, conflicting: int, subject: str = "") -> list[Finding]:
    """Flag rows whose key was there already: with the same content, or with another."""
    found = []
    if repeated:
        text = f"{repeated} row(s) came twice; kept once"
        found.append(Finding("duplicate", Severity.WARN, subject, text, {"rows": repeated}))
    if conflicting:
        text = f"{conflicting} row(s) came again with another content; the first stands"
        found.append(Finding("duplicate", Severity.ERROR, subject, text, {"rows": conflicting}))
    return found


def price_range(slots: Ints, prices: Floats, tick: float | None, subject: str) -> list[Finding]:
    """Flag prices outside (0, 1) or off the tick (``None``: unknown, not checked)."""
    given = ~np.isnan(prices)
    outside = given & ~((prices > 0.0) & (prices < 1.0))
    found = _rows("range", Severity.ERROR, subject, "price not between 0 and 1", slots[outside])
    if tick:
        steps = np.where(given & np.isfinite(prices), prices, 0.0) / tick
        off = given & ~outside & (np.abs(steps - np.round(steps)) > 1e-6)  # noqa: PLR2004  # float noise
        found += _rows("range", Severity.ERROR, subject, "price off the tick", slots[off])
    return found


def size_range(slots: Ints, sizes: Floats, subject: str) -> list[Finding]:
    """Flag sizes (or depths) below 0, or infinite."""
    bad = ~np.isnan(sizes) & ~((sizes >= 0.0) & np.isfinite(sizes))
    return _rows("range", Severity.ERROR, subject, "size below 0", slots[bad])


def cumulative_volume(slots: Ints, volumes: Floats, subject: str) -> list[Finding]:
    """Flag a total volume below the highest seen before it."""
    filled = np.where(np.isnan(volumes), -np.inf, volumes)
    before = np.concatenate(([-np.inf], np.maximum.accumulate(filled)[:-1]))
    bad = ~np.isnan(volumes) & (volumes < before - _EPS)
    return _rows("range", Severity.ERROR, subject, "total volume fell", slots[bad])


def crossed(slots: Ints, bid: Floats, ask: Floats, subject: str) -> list[Finding]:
    """Flag books whose best bid is at (locked) or above (crossed) their best ask."""
    return _rows("crossed", Severity.ERROR, subject, "best bid >= best ask", slots[bid >= ask])


def pair_sum(
    slots: Ints, gap: Floats, tick: float | None, subject: str, *, same_book: bool = False
) -> list[Finding]:
    """Flag NO books that are not 1 - YES: *gap* is how far off their best prices were.

    Within one book any gap is our own parsing error; of two books fetched apart, 2 ticks are
    tolerated (a cent each where the tick is unknown).
    """
    if same_book:
        wrong = slots[np.abs(gap) > _EPS]
        return _rows("pair_sum", Severity.ERROR, subject, "NO is not the mirror of YES", wrong)
    apart = slots[np.abs(gap) > PAIR_TICKS * (tick or 0.01) + _EPS]
    text = f"NO and YES books differ by more than {PAIR_TICKS} ticks"
    return _rows("pair_sum", Severity.INFO, subject, text, apart)


def event_sum(event_id: str, mids: Floats) -> list[Finding]:
    """Flag an event of mutually exclusive markets whose mids do not sum to about 1.

    Not judged unless every market has its mid: a missing one is not 0.
    """
    if len(mids) < 2 or np.isnan(mids).any():  # noqa: PLR2004  # one market is no group
        return []
    total = float(mids.sum())
    if EVENT_SUM[0] - _EPS <= total <= EVENT_SUM[1] + _EPS:
        return []
    text = f"the {len(mids)} mids of event {event_id} sum to {total:.3f}"
    return [Finding("event_sum", Severity.WARN, "", text, {"event_id": event_id, "sum": total})]


def frozen(slots: Ints, hashes: Sequence[str], trade_times: Ints, subject: str) -> list[Finding]:
    """Flag a book that kept its hash for 8 slots or more while trades printed ("" is unknown)."""
    found: list[Finding] = []
    start = 0
    for i in range(1, len(hashes) + 1):
        if i < len(hashes) and hashes[i] == hashes[start]:
            continue
        run = slots[start:i]
        if len(run) >= FROZEN_SLOTS and hashes[start]:
            # a trade in the first slot may have come before the book was seen
            inside = (trade_times >= run[1]) & (trade_times < run[-1])
            if inside.any():
                text = f"the same book for {len(run)} slots while {inside.sum()} trade(s) printed"
                found += _rows("frozen", Severity.WARN, subject, text, run)
        start = i
    return found


def frozen_everywhere(unchanged: int, compared: int) -> list[Finding]:
    """Flag a cycle in which none of ten or more books changed since the slot before: a cache."""
    if compared < FROZEN_MARKETS or unchanged < compared:
        return []
    text = f"none of {compared} books changed since the last slot: we may be reading a cache"
    return [Finding("frozen", Severity.ERROR, "", text, {"compared": compared})]


def stale_source(
    listed: tuple[float | None, float | None],
    book: tuple[float | None, float | None],
    tick: float | None,
    subject: str,
) -> list[Finding]:
    """Flag (bid, ask) of the listing more than 2 ticks from the book's (about 15 % are)."""
    pairs = zip(listed, book, strict=True)
    apart = [abs(a - b) for a, b in pairs if a is not None and b is not None]
    if not apart or max(apart) <= PAIR_TICKS * (tick or 0.01) + _EPS:
        return []
    text = f"the listing's best price is {max(apart):.4f} from the book's"
    return [Finding("stale_source", Severity.INFO, subject, text, {"apart": max(apart)})]


def hampel(values: Floats, tick: float) -> NDArray[np.bool_]:
    """Return which *values* lie over 3 scales from the median of themselves and the 4 before.

    scale = 1.4826 x max(MAD, tick). Absent values (NaN) are skipped; the first four present ones
    are never flagged. A value is judged by its past alone, so no later row changes the answer.
    """
    flags = np.zeros(len(values), dtype=np.bool_)
    present = np.flatnonzero(np.isfinite(values))
    if len(present) < HAMPEL_WINDOW:
        return flags
    windows = np.lib.stride_tricks.sliding_window_view(values[present], HAMPEL_WINDOW)
    median = np.median(windows, axis=1)
    mad = np.median(np.abs(windows - median[:, None]), axis=1)
    scale = MAD_TO_SIGMA * np.maximum(mad, tick)
    flags[present[HAMPEL_WINDOW - 1 :]] = np.abs(windows[:, -1] - median) > HAMPEL_K * scale
    return flags


def outliers(slots: Ints, mid: Floats, tick: float | None, subject: str) -> list[Finding]:
    """Flag sudden mids. Real news jumps too, so this only ever informs."""
    jumps = slots[hampel(mid, tick or 0.01)]
    return _rows("outlier", Severity.INFO, subject, "the mid jumped", jumps)


def clock_offset(offset_s: float | None) -> list[Finding]:
    """Flag |server date - local| above 2 s / 30 s; ``None``: no answer told the time."""
    if offset_s is None or abs(offset_s) <= CLOCK_WARN_S:
        return []
    severity = Severity.ERROR if abs(offset_s) > CLOCK_ERROR_S else Severity.WARN
    text = f"this machine's clock is {abs(offset_s):.1f} s from the venue's"
    return [Finding("clock", severity, "", text, {"offset_s": offset_s})]


def schema_drift(refusals: Sequence[Refusal], items: int) -> list[Finding]:
    """Flag each refused item at its subject, and the cycle where over 1 in 20 of *items* were.

    A refusal that names no subject is a warning, so that one stray item cannot stop a cycle.
    """
    found = [
        Finding(
            "schema_drift",
            Severity.ERROR if refusal.subject else Severity.WARN,
            refusal.subject,
            f"{refusal.source} {refusal.kind} refused: {refusal.reason}",
            {"source": refusal.source, "kind": refusal.kind, "detail": refusal.detail},
        )
        for refusal in refusals
    ]
    share = len(refusals) / max(items, len(refusals), 1)
    if share > REFUSED_SHARE:
        text = f"{len(refusals)} of {items} items were refused: the venue may have changed its form"
        found.append(Finding("schema_drift", Severity.ERROR, "", text, {"share": share}))
    return found


def nulls(columns: Mapping[str, tuple[int, int]], subject: str = "") -> list[Finding]:
    """Flag each column of (present, expected) values that is less than 95 % present."""
    return [
        Finding(
            "nulls",
            Severity.WARN,
            subject,
            f"{name}: {present} of {expected} present",
            {"column": name, "share": present / expected},
        )
        for name, (present, expected) in sorted(columns.items())
        if expected > 0 and present / expected < MOSTLY_PRESENT
    ]


def accuracy(agreeing: int, compared: int) -> list[Finding]:
    """Flag a cycle in which listing and book agree for less than 90 % of the markets compared."""
    if compared <= 0 or agreeing / compared >= MOSTLY_AGREE:
        return []
    text = f"listing and book agree for {agreeing} of {compared} markets"
    return [Finding("accuracy", Severity.WARN, "", text, {"share": agreeing / compared})]


def outcome_sanity(payouts: tuple[float, float] | None, subject: str) -> list[Finding]:
    """Flag final payouts (YES, NO) that are not 0, 1/2 or 1, or do not sum to 1."""
    if payouts is None:
        return []
    if all(p in (0.0, 0.5, 1.0) for p in payouts) and abs(sum(payouts) - 1.0) <= _EPS:
        return []
    text = f"payouts {payouts[0]} and {payouts[1]} are no settlement"
    return [Finding("outcome", Severity.ERROR, subject, text, {"payouts": payouts})]


def _rows(check: str, severity: Severity, subject: str, text: str, slots: Ints) -> list[Finding]:
    """Return one finding about *slots*, none where there are none."""
    if len(slots) == 0:
        return []
    evidence = {"slots": _ints(slots)}
    return [Finding(check, severity, subject, f"{text} ({len(slots)} slot(s))", evidence)]


def _ints(slots: Ints) -> tuple[int, ...]:
    return tuple(int(slot) for slot in slots)


def _when(slot: int) -> str:
    return f"{from_epoch(slot):%Y-%m-%d %H:%M}"
