"""One event's trading, minute by minute: what makers believe, what they quote, who hits them.

Arrays are brackets by minutes from open to close. Makers lose to informed takers, who know the truth at the end of the
minute and take the quotes of its beginning; noise takers, who lose to makers, exist only where the market is
inefficient. So at efficiency 1 no quote and no trade is worth anything to whoever provided it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.demo.climate import Floats, Ints
from pipelines.demo.weather import eve_minutes, opening_utc
from pipelines.demo.world import World, draws
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import City, city
from warehouse.market.climate_day import MINUTES_PER_DAY

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
FULL_CENTS = 100

_SLOWEST_LAG_MINUTES = 60
_BELIEF_NOISE = 0.6
_BELIEF_MEMORY_PER_MINUTE = 0.998
_WIDTH_MINUTES = 30
_P_WIDE_CELL = 0.2
_P_FLICKER = 0.1
_P_FRESH_PICK_OFF = 0.5
_P_STALE_PICK_OFF = 0.05
_NOISE_PER_MINUTE = 0.1
_NOISE_TAKERS = 2
_P_FRACTIONAL = 0.06
_FIRST_TRADE_US = 6 * SECOND_US  # the first quotes are in the book some seconds after the open
_FIELDS = 5 + 4 * (1 + _NOISE_TAKERS)

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Quotes:
    """Best bid and offer at the end of each minute, in cents, and when in that minute they moved to there."""

    bid: Ints
    ask: Ints
    moved_us: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class Tape:
    """Trades, ordered by bracket and instant; `minute` is the minute since open in which each fell, from 1."""

    bracket: Ints
    minute: Ints
    since_open_us: Ints
    price: Ints
    count_centi: Ints
    buys_yes: Bools
    refilled_us: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class _Takes:
    """Hits of one kind of taker, in no order; `refill` is a uniform draw: how soon makers restore the level."""

    bracket: Ints
    minute: Ints
    within_us: Ints
    price: Ints
    buys_yes: Bools
    size_centi: Ints
    refill: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Session:
    """Everything that happened in the markets of one event."""

    world: World
    city: City
    event_date: date
    p_true: Floats
    p_belief: Floats
    quotes: Quotes
    tape: Tape
    depth_centi: Ints

    @property
    def open_utc(self) -> datetime:
        """The first instant of trading."""
        return opening_utc(self.event_date)

    @property
    def minutes(self) -> int:
        """How many minutes the markets trade."""
        return int(self.p_true.shape[1]) - 1

    def instants(self, since_open_us: Ints) -> pl.Series:
        """Return the UTC instants of microseconds since the open."""
        epoch_us = int(self.open_utc.timestamp()) * SECOND_US
        return pl.Series(epoch_us + since_open_us).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(UTC_TYPE)


def hold(world: World, city_key: str, event_date: date, *, p_true: Floats) -> Session:
    """Trade one event whose true probabilities are given, one row a bracket, one column a minute from open to close."""
    chance = _Chance(world, city_key, event_date, brackets=len(p_true))
    belief = _belief(p_true, chance.belief_noise(), efficiency=world.efficiency)
    uniform = chance.uniform()
    quotes = _quotes(belief, uniform)
    depth_centi = chance.depth_centi()
    return Session(
        world=world,
        city=city(city_key),
        event_date=event_date,
        p_true=p_true,
        p_belief=belief,
        quotes=quotes,
        tape=_tape(p_true, quotes, uniform, depth_centi=depth_centi, efficiency=world.efficiency),
        depth_centi=depth_centi,
    )


class _Chance:
    """The draws of one event, in two lots: those that fall on its eve and those that fall on its own day."""

    def __init__(self, world: World, city_key: str, event_date: date, *, brackets: int) -> None:
        self._world, self._city_key, self._event_date, self._brackets = world, city_key, event_date, brackets
        eve = event_date - timedelta(days=1)
        self._lots = ((eve, eve_minutes(city(city_key))), (event_date, MINUTES_PER_DAY))

    def uniform(self) -> Floats:
        """Return uniform draws: field by bracket by minute, the first column being the first minute."""
        return np.concatenate(
            [self._draws("market", day).random((_FIELDS, self._brackets, minutes)) for day, minutes in self._lots],
            axis=2,
        )

    def belief_noise(self) -> Floats:
        """Return normal draws: bracket by minute, the first column being the instant of opening."""
        opening = self._draws("opening", self._lots[0][0]).standard_normal((self._brackets, 1))
        later = [self._draws("belief", day).standard_normal((self._brackets, minutes)) for day, minutes in self._lots]
        return np.hstack([opening, *later])

    def depth_centi(self) -> Ints:
        """Return how much rests at each level when it is shown: side (bids, offers) by bracket by cent."""
        normal = self._draws("depth", self._lots[0][0]).standard_normal((2, self._brackets, FULL_CENTS + 1))
        contracts: Ints = np.ceil(20 + np.exp(6.2 + 0.9 * normal)).astype(np.int64)
        return 100 * contracts

    def _draws(self, purpose: str, falls_on: date) -> np.random.Generator:
        return draws(self._world, self._city_key, purpose, event_date=self._event_date, falls_on=falls_on)


def lag_minutes(efficiency: float) -> int:
    """Return by how many minutes makers lag the truth."""
    return round((1 - efficiency) * _SLOWEST_LAG_MINUTES)


def _belief(p_true: Floats, noise: Floats, *, efficiency: float) -> Floats:
    if efficiency == 1:
        return p_true
    lag = lag_minutes(efficiency)
    seen = p_true[:, np.maximum(np.arange(p_true.shape[1]) - lag, 0)]
    memory = _BELIEF_MEMORY_PER_MINUTE ** np.arange(p_true.shape[1])
    innovations = noise * np.sqrt(1 - _BELIEF_MEMORY_PER_MINUTE**2)
    innovations[:, 0] = noise[:, 0]
    mood = memory * np.cumsum(innovations / memory, axis=1)
    leaning = seen * np.exp(_BELIEF_NOISE * (1 - efficiency) * mood)
    believed: Floats = np.clip(leaning / leaning.sum(axis=0), 0, 1)
    return believed


def _quotes(belief: Floats, chance: Floats) -> Quotes:
    """Quote the cell of one or two cents that holds the belief, now and then a cent wider on one side."""
    wide = np.repeat(chance[0][:, ::_WIDTH_MINUTES] < _P_WIDE_CELL, _WIDTH_MINUTES, axis=1)[:, : chance.shape[2]]
    width = np.hstack([np.ones((len(belief), 1)), 1 + wide])
    cents = FULL_CENTS * belief
    bid = width * np.floor(cents / width)
    ask = bid + width
    flicker, side = chance[1] < _P_FLICKER, chance[2] < 0.5
    bid[:, 1:] -= flicker & side
    ask[:, 1:] += flicker & ~side
    # What a minute brings reaches every bracket at one instant: no quote is left to be picked by watching another.
    news_us = np.broadcast_to((3 + 55 * chance[3][:1]) * SECOND_US, flicker.shape)
    return Quotes(
        bid=np.clip(bid, 0, FULL_CENTS - 1).astype(np.int64),
        ask=np.clip(ask, 1, FULL_CENTS).astype(np.int64),
        moved_us=news_us.astype(np.int64),
    )


def _tape(p_true: Floats, quotes: Quotes, chance: Floats, *, depth_centi: Ints, efficiency: float) -> Tape:
    informed = _informed(p_true, quotes, chance[4], chance[5:9])
    noise_rate = _NOISE_PER_MINUTE * (1 - efficiency)
    noise = [_noise(quotes, chance[start : start + 4], rate=noise_rate) for start in range(9, _FIELDS, 4)]
    takes = _in_order([informed, *noise])
    since_open_us = (takes.minute - 1) * MINUTE_US + takes.within_us
    available = depth_centi[np.where(takes.buys_yes, 1, 0), takes.bracket, takes.price]
    return Tape(
        bracket=takes.bracket,
        minute=takes.minute,
        since_open_us=since_open_us,
        price=takes.price,
        count_centi=np.minimum(takes.size_centi, 100 * (available // (100 * (3 + _NOISE_TAKERS)))),
        buys_yes=takes.buys_yes,
        refilled_us=_refilled(quotes, takes),
    )


def _in_order(parts: list[_Takes]) -> _Takes:
    """Put takes together by bracket, then instant."""
    columns = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(_Takes)}
    order = np.lexsort((columns["within_us"], columns["minute"], columns["bracket"]))
    return _Takes(**{name: column[order] for name, column in columns.items()})


def _informed(p_true: Floats, quotes: Quotes, happens: Floats, chance: Floats) -> _Takes:
    """Hit a quote of the minute's beginning that the truth has left behind by the minute's end."""
    bid, ask = quotes.bid[:, :-1], quotes.ask[:, :-1]
    now, before = FULL_CENTS * p_true[:, 1:], FULL_CENTS * p_true[:, :-1]
    buys = (now > ask) & (ask < FULL_CENTS)
    sells = (now < bid) & (bid > 0)
    fresh = (buys & (before <= ask)) | (sells & (before >= bid))
    rate = np.where(fresh, _P_FRESH_PICK_OFF, _P_STALE_PICK_OFF)
    bracket, column = np.nonzero((buys | sells) & (happens < rate))
    buying = buys[bracket, column]
    price = np.where(buying, ask[bracket, column], bid[bracket, column])
    ahead, heavy, odd, refill = chance[:, bracket, column]
    return _Takes(
        bracket=bracket,
        minute=column + 1,
        # Right before the quotes move: a trade that shows where they go leaves no time to follow it.
        within_us=quotes.moved_us[bracket, column] - np.floor(10_000 + 490_000 * ahead).astype(np.int64),
        price=price,
        buys_yes=buying,
        size_centi=_size_centi(heavy, odd),
        refill=refill,
    )


def _noise(quotes: Quotes, chance: Floats, *, rate: float) -> _Takes:
    """Take whatever is quoted, for no reason; nobody does so in an efficient market."""
    bracket, column = np.nonzero(chance[0] < rate)
    happens, instant, heavy, refill = chance[:, bracket, column]
    buying = happens < rate / 2
    first_us = np.where(column == 0, _FIRST_TRADE_US, 1)
    within_us = np.floor(first_us + instant * (0.999 * MINUTE_US - first_us)).astype(np.int64)
    at = column + (within_us >= quotes.moved_us[bracket, column])
    price = np.where(buying, quotes.ask[bracket, at], quotes.bid[bracket, at])
    # The draw that made the trade happen is uniform below the rate: stretched, it says which hundredths are traded.
    odd = happens / rate * 2 % 1 if rate > 0 else happens
    offered = (price > 0) & (price < FULL_CENTS)
    return _Takes(
        bracket=bracket[offered],
        minute=column[offered] + 1,
        within_us=within_us[offered],
        price=price[offered],
        buys_yes=buying[offered],
        size_centi=_size_centi(heavy, odd)[offered],
        refill=refill[offered],
    )


def _size_centi(heavy: Floats, odd: Floats) -> Ints:
    """Return sizes with a heavy tail, mostly whole contracts, a few with hundredths."""
    contracts = np.ceil(4 / np.maximum(heavy, 1e-4) ** 0.8)
    hundredths = np.where(odd < _P_FRACTIONAL, np.floor(100 * odd / _P_FRACTIONAL), 0)
    return (100 * contracts - hundredths).astype(np.int64)


def _refilled(quotes: Quotes, takes: _Takes) -> Ints:
    """Return when makers restore the level: before the quotes move, or, after that, before the minute ends."""
    moved_us = quotes.moved_us[takes.bracket, takes.minute - 1]
    limit_us = np.where(takes.within_us < moved_us, moved_us, MINUTE_US)
    rest_us = 1 + (takes.refill * 0.9 * (limit_us - takes.within_us - 2)).astype(np.int64)
    refilled_us: Ints = (takes.minute - 1) * MINUTE_US + takes.within_us + rest_us
    return refilled_us
