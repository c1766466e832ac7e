"""The news of an event: when talk swells, when the price moves, and which causes which."""

from dataclasses import dataclass

import numpy as np

from trading_cli.simulator.cast import DAY, HOUR, EventPlan, Kind
from trading_cli.simulator.dice import Floats, stream

DRIFT_HOURS = 12
FORGOTTEN_HOURS = 36
SCENE_VOLUME = 14.0
SCENE_TALK = 900.0
SCENE_TALK_DECAY_H = 0.08  # within a quarter of an hour: all of it falls into one hour of talk


@dataclass(frozen=True, slots=True)
class Shock:
    """One piece of news; ``None`` where it reaches only one side.

    ``drift`` is the push on the latent state in its own remaining standard deviations, spread
    over DRIFT_HOURS from ``price_at``; 0 means that only volatility and volume rise then.
    ``decay_h``: after so long a 1/e of the swell is left.
    """

    talk_at: float | None
    price_at: float | None
    size: float
    sign: int
    drift: float = 0.0
    decay_h: float = 3.0


def shocks(seed: int, event: EventPlan) -> tuple[Shock, ...]:
    """Return the event's news in order of time."""
    if event.zombie:
        return ()
    if event.knots:
        return _staged(event)
    span = (event.decided - event.opens) / DAY
    if event.kind is Kind.COMMON_CAUSE:
        return _shared(seed, event)
    rng = stream(seed, "news", event.key)
    every = 4.0 if event.kind is Kind.NULL else 2.2
    count = int(rng.poisson(span / every))
    times = np.sort(rng.uniform(event.opens + HOUR, event.decided, count))
    sizes = rng.lognormal(0.9, 0.35, count)
    ups = rng.random(count) < 0.88  # noqa: PLR2004  # most news is good: its sign can be learnt
    alone = rng.random(count) < 0.5  # noqa: PLR2004  # half of idle news is talk, half is price
    out = []
    for at, size, up, talk in zip(times, sizes, ups, alone, strict=True):
        out.append(_shock(event, float(at), float(size), 1 if up else -1, talk=bool(talk)))
    return tuple(out)


def _staged(event: EventPlan) -> tuple[Shock, ...]:
    """Return the news of a scripted scene: talk all at once, volume for some hours."""
    talk = [Shock(at, None, SCENE_TALK, 1, decay_h=SCENE_TALK_DECAY_H) for at in event.talk_at]
    return tuple(talk + [Shock(None, at, SCENE_VOLUME, 1) for at in event.volume_at])


def _shock(event: EventPlan, at: float, size: float, sign: int, *, talk: bool) -> Shock:
    """Return one shock at *at* as the event's kind spreads it."""
    lag = event.lag_h * HOUR
    match event.kind:
        case Kind.TALK_LEADS:
            return Shock(at, at + lag, size, sign, event.strength)
        case Kind.PRICE_LEADS:
            return Shock(at + lag, at, size, sign)
        case Kind.VOLATILITY_ONLY:
            return Shock(at, at + lag, size, 0)
        case _:
            return Shock(at if talk else None, None if talk else at, size, 0)


def _shared(seed: int, event: EventPlan) -> tuple[Shock, ...]:
    """Return the shocks of the event's theme: every event of the theme has the same ones."""
    out = []
    for week in range(int(event.opens // (7 * DAY)), int(event.decided // (7 * DAY)) + 1):
        rng = stream(seed, "theme", event.theme, week)
        for at, size, up in zip(
            np.sort(rng.uniform(0, 7 * DAY, 3)),
            rng.lognormal(0.9, 0.3, 3),
            rng.random(3),
            strict=True,
        ):
            when = week * 7 * DAY + float(at)
            if event.opens < when < event.decided:
                sign = 1 if up < 0.88 else -1  # noqa: PLR2004  # as above
                lag = event.lag_h * HOUR
                out.append(Shock(when, when + lag, float(size), sign, event.strength))
    return tuple(out)


def swell(times: Floats, news: tuple[Shock, ...], *, talk: bool) -> Floats:
    """Return by how much *news* multiplies activity at each of *times*; 1 where it is calm.

    Activity jumps, then decays with a half-life of about two hours.
    """
    out = np.ones(len(times))
    for shock in news:
        at = shock.talk_at if talk else shock.price_at
        if at is not None:
            lo, hi = np.searchsorted(times, [at, at + FORGOTTEN_HOURS * HOUR])
            out[lo:hi] += shock.size * np.exp((at - times[lo:hi]) / (shock.decay_h * HOUR))
    return out


def lean(times: Floats, news: tuple[Shock, ...]) -> Floats:
    """Return the mood of talk at each of *times*, -1 (bad) to 1 (good): fresh news gives its sign.

    News without a sign leaves the mood alone.
    """
    out = np.zeros(len(times))
    for shock in news:
        if shock.talk_at is not None and shock.sign:
            lo, hi = np.searchsorted(times, [shock.talk_at, shock.talk_at + FORGOTTEN_HOURS * HOUR])
            out[lo:hi] += (
                shock.sign * shock.size * np.exp((shock.talk_at - times[lo:hi]) / (3 * HOUR))
            )
    mood: Floats = np.clip(out, -1, 1)
    return mood
