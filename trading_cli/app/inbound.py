"""An opinion from outside, received by the webhook: proven, kept once, and weighed by its record.

Whoever holds TRADING_INBOUND_SECRET may say what a market is worth. It is kept as it came, with the
price we knew then, and never changed; decisions see it from the next second on. It moves nothing
unless `inbound.weigh` is on and its source has shown, over 30 settled events, that it knows more
than the price.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app.inbound_proof import Proven, Refused, prove
from trading_cli.app.opinions import midnight, records
from trading_cli.app.settings import Loaded, load
from trading_cli.core import log
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.domain import Market, Outcome
from trading_cli.research.opinions import Record
from trading_cli.store import Store, Transaction, listings, opinions, settled
from trading_cli.store.born import is_there

HOUR = timedelta(hours=1)
PRICE_AGE = timedelta(minutes=30)


class NotHeard(Refused):
    """The source is not among those that are heard."""

    status = 403
    code = "inbound_source"


class UnknownMarket(Refused):
    """No market is called so."""

    status = 404
    code = "inbound_market"


class Settled(Refused):
    """The market has ended: there is nothing left to say."""

    status = 409
    code = "inbound_settled"


class Over(Refused):
    """What was said held until a moment that has passed: no decision would ever see it."""

    status = 422
    code = "inbound_over"


class Repeated(Refused):
    """The very nonce was used before: whatever it is, it is not taken again."""

    status = 409
    code = "inbound_repeated"


class TooMany(Refused):
    """The source said too much within an hour; ``retry_after`` seconds make it welcome again."""

    status = 429
    code = "inbound_rate"

    def __init__(self, message: str, *, retry_after: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


def receive(
    config: Path | None,
    headers: Mapping[str, str],
    body: bytes,
    *,
    clock: Clock | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Keep the opinion in *body* and return it as it was kept, with what its source has shown.

    Raises a ``Refused``, which says the HTTP status; then nothing was kept.
    """
    return take(load(config, env=env), headers, body, clock or SystemClock())


def take(loaded: Loaded, headers: Mapping[str, str], body: bytes, clock: Clock) -> dict[str, Any]:
    """Do as ``receive`` does, for who has the settings at hand: a server."""
    said: dict[str, str] = {}
    try:
        proven = prove(loaded.secrets.inbound_secret, headers, body, clock.now())
        said = {"source": proven.told.source, "market": proven.told.market}
        return _kept(loaded, proven, clock)
    except Refused as refused:
        log.get_logger("inbound").warning("opinion refused", code=refused.code, **said)
        raise


def _kept(loaded: Loaded, proven: Proven, clock: Clock) -> dict[str, Any]:
    told, section = proven.told, loaded.settings.inbound
    if section.sources and told.source not in section.sources:
        raise NotHeard(
            f"source {told.source} is not heard.", hint="add it to inbound.sources in config.yaml"
        )
    if not is_there(loaded.database):
        raise _unknown(told.market)
    with _opened(loaded, clock) as store:
        with store.reading() as look:
            _new(look, proven)
            market = _market(look, told.market, clock.now())
            _not_over(look, market, clock.now())
            shown = records(look, midnight(clock.now())).get(told.source, Record())
        with store.transaction(durable=True) as tx:
            now = clock.now()
            _new(tx, proven)
            _not_too_many(tx, told.source, section.per_hour, now)
            said = _said(tx, proven, market, timedelta(hours=section.valid_hours), now)
            _still_holds(said, now)
            number = opinions.record(tx, said)
    counts = section.weigh and said.price is not None
    log.get_logger("inbound").info("opinion kept", source=said.source, market=said.market)
    return {
        "id": number,
        "source": said.source,
        "market": {"id": market.id, "question": market.question},
        "probability": said.probability,
        "price": said.price,
        "said_at": said.said_at.isoformat(),
        "observed_at": said.observed_at.isoformat(),
        "valid_until": (said.said_at + said.valid).isoformat(),
        "note": said.note,
        "record": asdict(shown),
        "used": counts,
        "weight": shown.weight if counts else 0.0,
    }


def _opened(loaded: Loaded, clock: Clock) -> Store:
    section = loaded.settings.database
    return Store.open(
        loaded.database,
        now=clock.now(),
        busy_timeout_ms=section.busy_timeout_ms,
        backups=section.backup_keep,
    )


def _new(look: Transaction, proven: Proven) -> None:
    """Raise Repeated where the source used the nonce before."""
    before = opinions.known(look, proven.told.source, proven.nonce)
    if before is None:
        return
    same = "it is already known" if before.body == proven.digest else "its nonce was used before"
    raise Repeated(
        f"{same}: opinion {before.number}, received at"
        f" {before.observed_at:%Y-%m-%d %H:%M:%S} UTC. Nothing was changed.",
        hint="a new opinion needs a new nonce",
    )


def _market(look: Transaction, name: str, now: datetime) -> Market:
    """Return the one market that is called *name*. Raises UnknownMarket for none, or several."""
    found = listings.listing_at(look, as_of=now, venue_ids=[name])
    if not found:
        every = listings.listing_at(look, as_of=now)
        found = [one for one in every if name in {one.condition_id, one.slug}]
    if len(found) != 1:
        raise _unknown(name)
    return found[0]


def _unknown(name: str) -> UnknownMarket:
    return UnknownMarket(
        f"no market we know has the id, condition id or slug {name}.",
        hint="GET /api/v1/markets lists them",
    )


def _not_over(look: Transaction, market: Market, now: datetime) -> None:
    end = listings.resolution_at(look, market.id, as_of=now)
    if market.closed or (end is not None and end.outcome is not Outcome.OPEN):
        raise Settled(f"market {market.id} has ended.", hint="say it of one that is open")


def _still_holds(said: opinions.Said, now: datetime) -> None:
    end = said.said_at + said.valid
    if end <= now:
        raise Over(
            f"it held until {end:%Y-%m-%d %H:%M:%S} UTC, which has passed. Nothing was changed.",
            hint="say it anew with a later said_at; it holds for inbound.valid_hours at most",
        )


def _not_too_many(look: Transaction, source: str, most: int, now: datetime) -> None:
    """Raise TooMany where *source* said *most* things within the hour."""
    times = opinions.times_since(look, source, now - HOUR)
    if len(times) >= most:
        wait = max(1, int((times[-most] + HOUR - now).total_seconds()) + 1)
        raise TooMany(
            f"source {source} said {len(times)} things within an hour; {most} are heard.",
            retry_after=wait,
            hint=f"try again in {wait} s, or raise inbound.per_hour",
        )


def _said(
    look: Transaction, proven: Proven, market: Market, longest: timedelta, now: datetime
) -> opinions.Said:
    """Return what is kept: with the YES mid we know *now*, ``None`` where it is older than 30 min.

    The price of the day it was said, where that is earlier, is not asked for: an opinion is worth
    what it knew when we could first use it.
    """
    told = proven.told
    (mid,) = settled.mids_before(look, market.id, [(now - PRICE_AGE, now)])
    price = None if mid is None or not 0 < mid.price < 1 else mid.price
    valid = longest if told.valid_hours is None else timedelta(hours=told.valid_hours)
    return opinions.Said(
        told.source, proven.nonce, market.id, told.of_yes, price,
        max(min(valid, longest), timedelta(seconds=1)), min(proven.said_at, now), now, told.words,
        proven.digest,
    )  # fmt: skip
