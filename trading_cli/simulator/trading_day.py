"""What takers did: one market, one UTC day at a time, the same whoever asks and when."""

from dataclasses import dataclass

import numpy as np

from trading_cli.simulator.cast import DAY, STEP, EventPlan, MarketPlan
from trading_cli.simulator.dice import Floats, Ints, digest, number, stream
from trading_cli.simulator.prices import Path
from trading_cli.simulator.shocks import shocks, swell

_SHAPE = np.array(
    [
        0.6,
        0.55,
        0.5,
        0.5,
        0.5,
        0.55,
        0.6,
        0.7,
        0.8,
        0.9,
        1.0,
        1.1,
        1.2,
        1.45,
        1.6,
        1.65,
        1.6,
        1.5,
        1.4,
        1.35,
        1.3,
        1.2,
        1.0,
        0.75,
    ]
)
_WEEK = np.concatenate([_SHAPE * (0.75 if day in {2, 3} else 1.1) for day in range(7)])
RHYTHM: tuple[float, ...] = tuple(_WEEK / _WEEK.mean())
_WASH_SHARE = 0.6
_SAME_TX = 0.06
_SPREAD, _EVEN = 1.3, 0.6


def rhythm(times: Floats) -> Floats:
    """Return the hour-of-week factor at *times*; 1970-01-01 was a Thursday; mean 1 over a week."""
    hours = (times // 3600).astype(np.int64) % 168
    out: Floats = np.asarray(RHYTHM)[hours]
    return out


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One market's takers on one UTC day, in order of time. ``usd`` is size · price per row."""

    at: Ints
    token: Ints
    buy: Ints
    price: Floats
    size: Floats
    wallet: Ints
    group: Ints
    summed: Floats
    key: str

    def slice(self, start: float, end: float) -> tuple[int, int]:
        """Return the half-open range of rows with start <= at < end."""
        lo, hi = np.searchsorted(self.at, [start, end], side="left")
        return int(lo), int(hi)


def trading_day(
    seed: int, event: EventPlan, market: MarketPlan, quotes: Path, day: int
) -> TradingDay:
    """Return all trades of *market* on UTC day *day* (days since 1970)."""
    key = f"{market.id}.{day}"
    rng = stream(seed, "trades", key)
    steps = (day * DAY + STEP * np.arange(DAY // STEP)).astype(np.float64)
    steps = steps[(steps >= event.opens) & (steps + STEP <= event.closes)]
    if market.daily_usd <= 0 or not len(steps) or event.zombie:
        return _empty(key)
    per_day = float(np.clip(market.daily_usd / (1_000 if event.knots else 600), 4, 250))
    # E[exp(0.35 z)] = exp(0.35² / 2): lumps leave the mean alone.
    lump = float(np.exp(rng.normal(-0.06, 0.35)))
    news = swell(steps, shocks(seed, event), talk=False)
    counts = rng.poisson(per_day / (DAY // STEP) * lump * rhythm(steps) * news)
    total = int(counts.sum())
    if not total:
        return _empty(key)
    at = np.repeat(steps, counts).astype(np.int64)
    at = np.sort(at + rng.integers(0, STEP, total))
    group: Ints = np.cumsum((rng.random(total) >= _SAME_TX).astype(np.int64))
    starts = np.searchsorted(group, group, side="left")
    at = at[starts]
    wallet, spread = (rng.pareto(0.9, total) * 4).astype(np.int64) % 400 + 1, _SPREAD
    if event.knots:  # a scene does not hang on one large trade
        wallet, spread = wallet * 7 % 61 + 1, _EVEN
    if market.wash:
        wallet[rng.random(total) < _WASH_SHARE] = 0
    mean = market.daily_usd / per_day
    usd = rng.lognormal(np.log(mean) - spread**2 / 2, spread, total)
    token, buy, price = _prices(rng, market, quotes, at, wallet)
    size = np.maximum(np.round(usd / price, 2), 5.0)
    summed = np.concatenate([[0.0], np.cumsum(size * price)])
    return TradingDay(at, token, buy, price, size, wallet, group, summed, key)


def _empty(key: str) -> TradingDay:
    """Return a day without trades."""
    none, zero = np.zeros(0, np.int64), np.zeros(0)
    return TradingDay(none, none, none, zero, zero, none, none, np.zeros(1), key)


def _prices(
    rng: np.random.Generator, market: MarketPlan, quotes: Path, at: Ints, wallet: Ints
) -> tuple[Ints, Ints, Floats]:
    """Return token index, is-a-buy and price: takers pay the ask and receive the bid."""
    total = len(at)
    column = np.clip(at // STEP - quotes.first, 0, quotes.bid.shape[1] - 1)
    bid = quotes.bid[market.member, column].astype(np.int64)
    ask = quotes.ask[market.member, column].astype(np.int64)
    token = (rng.random(total) < 0.42).astype(np.int64)  # noqa: PLR2004  # YES is dealt in more
    buy = (rng.random(total) < 0.6).astype(np.int64)  # noqa: PLR2004  # and bought more than sold
    washed = wallet == 0
    buy[washed] = np.arange(int(washed.sum())) % 2
    lifts = (buy == 1) == (token == 0)
    lifts = (bid <= 0) | (lifts & (ask < market.ticks))
    buy = (lifts == (token == 0)).astype(np.int64)
    yes = np.where(lifts, ask, bid)
    paid = np.where(token == 0, yes, market.ticks - yes)
    return token, buy, np.round(paid / market.ticks, 4)


def rows(
    seed: int, event: EventPlan, market: MarketPlan, day: TradingDay, span: tuple[int, int]
) -> list[dict[str, object]]:
    """Return rows span[0]..span[1] of *day* as the Data API writes them, oldest first."""
    return [_row(seed, event, market, day, i) for i in range(*span)]


def _row(
    seed: int, event: EventPlan, market: MarketPlan, day: TradingDay, i: int
) -> dict[str, object]:
    """Return one wire row."""
    token = int(day.token[i])
    wallet = digest(seed, "wallet", market.id, int(day.wallet[i]), size=20).hex()
    unknown = number(seed, "outcome", day.key, i) % 2000 == 0
    nick = f"{wallet[:4].upper()}-{wallet[-3:]}"
    return {
        "proxyWallet": "0x" + wallet,
        "side": "BUY" if day.buy[i] else "SELL",
        "asset": market.tokens[token],
        "conditionId": market.condition,
        "size": float(day.size[i]),
        "price": float(day.price[i]),
        "timestamp": int(day.at[i]),
        "title": market.question,
        "slug": market.slug,
        "icon": f"https://images.example/{market.id}.png",
        "eventSlug": event.slug,
        "outcome": "" if unknown else market.labels[token],
        "outcomeIndex": 999 if unknown else token,
        "name": nick if wallet[0] in "0123456789" else "",
        "pseudonym": f"Quiet-{nick}",
        "bio": "",
        "profileImage": "",
        "profileImageOptimized": "",
        "transactionHash": "0x" + digest(seed, "tx", day.key, int(day.group[i])).hex(),
    }
