"""Sparse candles to the complete minute grid: every minute from open to close, as it was known then.

All markets of a city lie one after the other in one long array, so that a year costs one pass: each sparse row is
repeated until the next one takes over. A minute is an integer here: minutes since 1970, inclusive end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from warehouse.errors import ContractBroken
from warehouse.lake.tables import BRACKET_COLUMNS, CANDLES_DENSE, OBS_1M, UTC_TYPE
from warehouse.market.cities import CITIES, City
from warehouse.market.money import TICKS_PER_DOLLAR

QUOTE_FRESH_MINUTES = 60  # a quote is told again only when it moves, so an hour of silence is still a quote
WEATHER_FRESH_MINUTES = 15
VOLUME_WINDOW_MINUTES = 20

RUN_UP_MINUTES = VOLUME_WINDOW_MINUTES
"""So many minutes before those that are asked for are laid out, so that what they look back on is whole."""
_MICROSECONDS = 60_000_000
_MINUTES_PER_DAY = 1_440
_ABSENT = -1  # stands for null inside integer arrays: no price, volume or minute is negative
_CODE_SHIFT = 32  # market code above, minute below: one integer that orders by market, then by minute

Ints = npt.NDArray[np.int64]


def dense_candles(candles: pl.DataFrame, markets: pl.DataFrame, *, weather: pl.DataFrame, city: City) -> pl.DataFrame:
    """Return every minute of every market from open (exclusive) to close, holding only what was known by then.

    A candle takes effect at the first whole minute at or after both its stamp and its arrival. One that comes late
    adds its volume and trades to the minute in which it arrived, and never takes quotes, open interest or last price
    over from a younger one. One without quotes, made from the tape, leaves quotes, their age and open interest as they
    are. Candles stamped at or before the open, or effective after the close, have no minute.

    Args:
        candles: rows of candles_1m, any order; of rows that share market and stamp the first known counts.
        markets: rows of markets, one for every market of one city that is to be laid out.
        weather: rows of obs_1m that cover the trading hours; minutes without a row are not `complete`.
        city: whose civil clock gives utc_offset_minutes.
    """
    listed = markets.unique("market_ticker", keep="first").sort("market_ticker")
    _require_listed(candles["market_ticker"], listed["market_ticker"])
    grid = _Grid.of(listed, cities=np.zeros(listed.height, dtype=np.int64))
    return _laid_out(candles, grid, [(city, weather)]).select(_typed())


def latest_candles(
    candles: pl.DataFrame,
    markets: pl.DataFrame,
    *,
    weather: Mapping[str, pl.DataFrame],
    since_utc: datetime,
    until_utc: datetime,
) -> pl.DataFrame:
    """Return the same of the minutes after one instant and up to another alone, of the markets of several cities.

    The rows are those of `dense_candles`, with city and event date before them, in the order of city, date, market and
    minute. A candle of a market that is not listed is left out: what is missing there must not stop the others.

    Args:
        candles: as above, quickest where they lie in that order.
        markets: rows of markets with their city and event date.
        weather: rows of obs_1m by city.
        since_utc: whole minutes, as is until_utc.
        until_utc: the last minute; what became known after it changes nothing.
    """
    listed = markets.unique("market_ticker", keep="first").sort("city", "event_date", "market_ticker")
    keys = listed["city"].unique().sort()
    of_market = keys.search_sorted(listed["city"]).cast(pl.Int64).to_numpy()
    since, until = (round(instant.timestamp()) // 60 for instant in (since_utc, until_utc))
    grid = _Grid.of(listed, cities=of_market, since=since - RUN_UP_MINUTES, until=until)
    rows = _laid_out(candles, grid, [(CITIES[key], weather.get(key, OBS_1M.empty())) for key in keys])
    return rows.filter(pl.col("minute") > since).select("city", "event_date", *_typed())


def _require_listed(tickers: pl.Series, listed: pl.Series) -> None:
    runs = tickers.rle().struct.field("value")
    unlisted = runs.filter(~runs.is_in(listed.implode()))
    if len(unlisted):
        raise ContractBroken(
            f"candles of {unlisted[0]!r} have no market: its open and close are unknown",
            hint="ingest the markets of that event before its candles are laid out",
        )


def _typed() -> Iterator[pl.Expr]:
    return (pl.col(name).cast(dtype) for name, dtype in CANDLES_DENSE.schema.items())


def _laid_out(candles: pl.DataFrame, grid: _Grid, weather: Sequence[tuple[City, pl.DataFrame]]) -> pl.DataFrame:
    changes = _changes(_arrivals(candles, grid))
    held, moved = _holding(grid, changes.row)
    minute = grid.minute_of_rows()
    dense = pl.concat(
        [
            grid.label_rows(minute),
            _clock_and_weather(grid, minute, weather),
            changes.state().select(pl.all().gather(held)),
            changes.flow().select(pl.all().gather(moved)),
            pl.DataFrame({"minute": minute, "volume_20m_centi": _trailing_volume(grid, changes)}),
        ],
        how="horizontal",
    )
    return _derived(dense)


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """The minutes of all markets, one market after the other.

    first_minute: the minute of each market's first row, which is the one after its open, or one so late that all before
    it is told by that row alone. cities: the number of each market's city.
    """

    listed: pl.DataFrame
    cities: Ints
    open_minute: Ints
    close_minute: Ints
    first_minute: Ints
    first_row: Ints
    size: Ints

    @classmethod
    def of(cls, listed: pl.DataFrame, *, cities: Ints, since: int | None = None, until: int | None = None) -> _Grid:
        """Lay the markets out, in their order, from one minute to another where these are said."""
        open_minute, close_minute = _floor_minute(listed["open_utc"]), _floor_minute(listed["close_utc"])
        first_minute = open_minute + 1 if since is None else np.maximum(open_minute + 1, since)
        last_minute = close_minute if until is None else np.minimum(close_minute, until)
        size = np.maximum(last_minute - first_minute + 1, 0)
        path = [name for name in ("city", "event_date") if name in listed.columns]
        return cls(
            listed=listed.select(*path, "market_ticker", *BRACKET_COLUMNS),
            cities=cities,
            open_minute=open_minute,
            close_minute=close_minute,
            first_minute=first_minute,
            first_row=np.cumsum(size) - size,
            size=size,
        )

    @property
    def rows(self) -> int:
        """The number of minutes of all markets together."""
        return int(self.size.sum())

    def minute_of_rows(self) -> Ints:
        """Return the minute of every row."""
        return np.repeat(self.first_minute - self.first_row, self.size) + np.arange(self.rows)

    def row_of(self, code: Ints, minute: Ints) -> Ints:
        """Return where a minute of a market lies; what is before its first row is told by that row."""
        row: Ints = self.first_row[code] + np.maximum(minute - self.first_minute[code], 0)
        return row

    def label_rows(self, minute: Ints) -> pl.DataFrame:
        """Return the market, its bracket, the instant and the minutes of trading past and left of every row."""
        code = pl.Series(np.repeat(np.arange(len(self.size), dtype=np.uint32), self.size))
        return self.listed.select(pl.all().gather(code)).with_columns(
            pl.Series(minute * _MICROSECONDS).cast(UTC_TYPE).alias("ts_utc"),
            pl.Series("minutes_since_open", minute - np.repeat(self.open_minute, self.size)),
            pl.Series("minutes_to_close", np.repeat(self.close_minute, self.size) - minute),
        )

    def code_of(self, tickers: pl.Series) -> Ints:
        """Return the place of each ticker among the markets, _ABSENT for one that is not listed."""
        runs = tickers.rle().struct.unnest()
        code = {name: place for place, name in enumerate(self.listed["market_ticker"].to_list())}
        found = np.array([code.get(name, _ABSENT) for name in runs["value"].to_list()], dtype=np.int64)
        return np.repeat(found, runs["len"].to_numpy())


@dataclass(frozen=True, kw_only=True)
class _Arrivals:
    """The candles that fall into the grid, in the order in which they became known, then of their stamps."""

    row: Ints
    code: Ints
    ts_minute: Ints
    values: dict[str, Ints]


_VALUES = (
    *("yes_bid_close_ticks", "yes_ask_close_ticks", "open_interest_centi", "volume_centi"),
    *("price_open_ticks", "price_high_ticks", "price_low_ticks", "price_close_ticks"),
)


def _arrivals(candles: pl.DataFrame, grid: _Grid) -> _Arrivals:
    code = grid.code_of(candles["market_ticker"])
    ts_minute = _floor_minute(candles["ts_utc"])
    known_us = _micros(candles["known_utc"])
    minute = np.maximum(ts_minute, -(-known_us // _MICROSECONDS))
    last_minute = np.where(grid.size > 0, grid.first_minute + grid.size - 1, _ABSENT)
    picked = np.flatnonzero((code != _ABSENT) & (ts_minute > grid.open_minute[code]) & (minute <= last_minute[code]))
    stamp = (code << _CODE_SHIFT) + ts_minute
    picked = picked[_first_known(stamp[picked], known_us[picked])]
    picked = picked[_telling(candles, picked, code, early=minute[picked] < grid.first_minute[code[picked]])]
    row = grid.row_of(code[picked], minute[picked])
    if np.any(row[1:] < row[:-1]):
        by_arrival = np.argsort(row, kind="stable")
        picked, row = picked[by_arrival], row[by_arrival]
    told = candles.select(pl.col(_VALUES).fill_null(_ABSENT))
    values = {name: told[name].to_numpy()[picked] for name in _VALUES}
    return _Arrivals(row=row, code=code[picked], ts_minute=ts_minute[picked], values=values)


def _first_known(stamp: Ints, known_us: Ints) -> Ints:
    """Return where the first known row of every stamp stands, ordered by stamp."""
    if np.all(stamp[1:] > stamp[:-1]):
        return np.arange(len(stamp))
    order = np.lexsort((known_us, stamp))
    return order[np.flatnonzero(np.diff(stamp[order], prepend=_ABSENT))]


def _telling(candles: pl.DataFrame, picked: Ints, code: Ints, *, early: npt.NDArray[np.bool_]) -> Ints:
    """Return which candles say anything, of those picked in the order of market and stamp.

    Of those that take effect before the first row of their market the youngest quote and the youngest trade do.
    """
    if not early.any():
        return np.arange(len(picked))
    says = ~early
    for name in ("yes_bid_close_ticks", "price_close_ticks"):
        told = np.flatnonzero(early & candles[name].is_not_null().to_numpy()[picked])
        says[told[np.append(np.diff(code[picked[told]]) != 0, True)[: len(told)]]] = True
    return np.flatnonzero(says)


_STATE = {
    "yes_bid_ticks": pl.Int32, "yes_ask_ticks": pl.Int32, "quote_minute": pl.Int64, "open_interest_centi": pl.Int64,
    "last_price_ticks": pl.Int32, "two_sided": pl.Boolean, "mid_half_ticks": pl.Int32, "price_source": pl.String,
}  # fmt: skip
_NOTHING_HELD = pl.DataFrame({name: [None] for name in _STATE}, schema=_STATE)
_FLOW = {"volume_centi": pl.Int64, **dict.fromkeys(_VALUES[4:], pl.Int32)}
_SILENT = pl.DataFrame({name: [0 if name == "volume_centi" else None] for name in _FLOW}, schema=_FLOW)


@dataclass(frozen=True, kw_only=True)
class _Changes:
    """One entry for every row in which something became known: the state from then on, and the flow of that minute."""

    row: Ints
    quote_minute: Ints
    bid: Ints
    ask: Ints
    open_interest: Ints
    last_price: Ints
    volume: Ints
    prices: dict[str, Ints]

    def state(self) -> pl.DataFrame:
        """Return what holds until the next change; the last entry is the nothing before the first candle."""
        held = pl.DataFrame(
            {
                "yes_bid_ticks": _nullable(self.bid, pl.Int32()),
                "yes_ask_ticks": _nullable(self.ask, pl.Int32()),
                "quote_minute": _nullable(self.quote_minute, pl.Int64()),
                "open_interest_centi": _nullable(self.open_interest, pl.Int64()),
                "last_price_ticks": _nullable(self.last_price, pl.Int32()),
            }
        )
        bid, ask, last = pl.col("yes_bid_ticks"), pl.col("yes_ask_ticks"), pl.col("last_price_ticks")
        two_sided = (bid > 0) & (ask < TICKS_PER_DOLLAR) & (bid <= ask)
        # A trade of an hour ago is no price above today's offer: where one side is left, it bounds the last trade.
        bounded = pl.when(bid <= ask).then(last.clip(bid, ask)).otherwise(last)
        held = held.with_columns(
            two_sided.alias("two_sided"),
            pl.when(two_sided).then(bid + ask).otherwise(bounded * 2).alias("mid_half_ticks"),
            pl.when(two_sided).then(pl.lit("mid")).when(last.is_not_null()).then(pl.lit("last")).alias("price_source"),
        )
        return pl.concat([held, _NOTHING_HELD])

    def flow(self) -> pl.DataFrame:
        """Return what belongs to the minute of the change alone; the last entry is a silent minute."""
        prices = {name: _nullable(of, pl.Int32()) for name, of in self.prices.items()}
        told = pl.DataFrame({"volume_centi": self.volume, **prices})
        return pl.concat([told, _SILENT])


def _changes(arrivals: _Arrivals) -> _Changes:
    values, row = arrivals.values, arrivals.row
    first = np.flatnonzero(np.diff(row, prepend=_ABSENT))
    last = np.append(first[1:], len(row))[: len(first)] - 1
    quoted = _newest(arrivals, "yes_bid_close_ticks", at=last)
    traded = _newest(arrivals, "price_close_ticks", at=last)
    return _Changes(
        row=row[first],
        quote_minute=_taken(arrivals.ts_minute, quoted),
        bid=_taken(values["yes_bid_close_ticks"], quoted),
        ask=_taken(values["yes_ask_close_ticks"], quoted),
        open_interest=_taken(values["open_interest_centi"], quoted),
        last_price=_taken(values["price_close_ticks"], traded),
        volume=np.add.reduceat(values["volume_centi"], first),
        prices=_merged_prices(values, first),
    )


def _newest(arrivals: _Arrivals, name: str, *, at: Ints) -> Ints:
    """Return where the youngest candle so far stands that tells a value, of the same market, or _ABSENT."""
    stamp = (arrivals.code << _CODE_SHIFT) + arrivals.ts_minute
    place = _youngest(stamp, arrivals.values[name] != _ABSENT)[at]
    return np.where((place != _ABSENT) & (arrivals.code[place] == arrivals.code[at]), place, _ABSENT)


def _taken(values: Ints, place: Ints) -> Ints:
    return np.where(place != _ABSENT, values[place], _ABSENT)


def _youngest(stamp: Ints, eligible: npt.NDArray[np.bool_]) -> Ints:
    """Return, for every arrival, which eligible one so far has the youngest stamp; a later market is younger."""
    seen = np.maximum.accumulate(np.where(eligible, stamp, _ABSENT))
    return np.maximum.accumulate(np.where(eligible & (stamp == seen), np.arange(len(stamp)), _ABSENT))


def _merged_prices(values: dict[str, Ints], first: Ints) -> dict[str, Ints]:
    """Merge the trades that became known in one minute: first, highest, lowest and last by their stamps."""
    place = np.arange(len(values["price_open_ticks"]))
    far = np.iinfo(np.int64).max
    opened, low, closed = (
        values["price_open_ticks"],
        values["price_low_ticks"].astype(np.int64),
        values["price_close_ticks"],
    )
    opening = np.minimum.reduceat(np.where(opened != _ABSENT, place, far), first)
    closing = np.maximum.reduceat(np.where(closed != _ABSENT, place, _ABSENT), first)
    lowest = np.minimum.reduceat(np.where(low != _ABSENT, low, far), first)
    return {
        "price_open_ticks": np.where(opening != far, opened[np.minimum(opening, len(place) - 1)], _ABSENT),
        "price_high_ticks": np.maximum.reduceat(values["price_high_ticks"], first),
        "price_low_ticks": np.where(lowest != far, lowest, _ABSENT),
        "price_close_ticks": np.where(closing != _ABSENT, closed[closing], _ABSENT),
    }


def _holding(grid: _Grid, row: Ints) -> tuple[pl.Series, pl.Series]:
    """Return, for every row of the grid, which change holds there and which happened there; the last + 1 is none."""
    none = len(row)
    moved = np.full(grid.rows, none, dtype=np.uint32)
    moved[row] = np.arange(none, dtype=np.uint32)
    opening = grid.first_row[grid.size > 0]
    silent = opening[moved[opening] == none]
    start = np.concatenate([row, silent])
    order = np.argsort(start, kind="stable")
    which = np.concatenate([np.arange(none), np.full(len(silent), none)]).astype(np.uint32)[order]
    held = np.repeat(which, np.diff(start[order], append=grid.rows))
    return pl.Series(held), pl.Series(moved)


def _trailing_volume(grid: _Grid, changes: _Changes) -> Ints:
    """Return the volume of the last 20 minutes: a trade enters at its minute and leaves 20 later, or at the close."""
    market_end = np.repeat(grid.first_row + grid.size, grid.size)[changes.row]
    change = np.zeros(grid.rows + 1, dtype=np.int64)
    change[changes.row] = changes.volume
    np.subtract.at(change, np.minimum(changes.row + VOLUME_WINDOW_MINUTES, market_end), changes.volume)
    return np.cumsum(change)[:-1]


def _clock_and_weather(grid: _Grid, minute: Ints, weather: Sequence[tuple[City, pl.DataFrame]]) -> pl.DataFrame:
    """Return each row's offset of the civil clock, and whether its weather is fresh: looked up by city and minute."""
    if not len(minute):
        return pl.DataFrame(schema={"utc_offset_minutes": pl.Int32, "weather_fresh": pl.Boolean})
    earliest, latest = int(minute.min()), int(minute.max())
    offsets = [_offset_minutes(city, earliest, latest) for city, _ in weather]
    fresh = [_is_fresh(told, earliest, latest) for _, told in weather]
    place = np.repeat(grid.cities * (latest - earliest + 1), grid.size) + (minute - earliest)
    return pl.DataFrame(
        {
            "utc_offset_minutes": np.concatenate(offsets)[place],
            "weather_fresh": np.concatenate(fresh)[place],
        }
    )


def _offset_minutes(city: City, earliest: int, latest: int) -> npt.NDArray[np.int32]:
    """Return the offset of the civil clock at each minute; within a day that begins and ends alike it does not move."""
    if latest - earliest < _MINUTES_PER_DAY:
        first, last = (datetime.fromtimestamp(60 * minute, city.tzinfo).utcoffset() for minute in (earliest, latest))
        if first is not None and first == last:
            return np.full(latest - earliest + 1, first // timedelta(minutes=1), dtype=np.int32)
    civil = pl.Series(np.arange(earliest, latest + 1) * _MICROSECONDS).cast(UTC_TYPE).dt.convert_time_zone(city.zone)
    offset = (civil.dt.base_utc_offset() + civil.dt.dst_offset()).dt.total_minutes()
    return offset.cast(pl.Int32).to_numpy()


def _is_fresh(weather: pl.DataFrame, earliest: int, latest: int) -> npt.NDArray[np.bool_]:
    minute = _floor_minute(weather["ts_utc"])
    # In NumPy what is not known is NaN, which is no age.
    is_fresh = weather["stale_minutes"].to_numpy() <= WEATHER_FRESH_MINUTES
    fresh = np.zeros(latest - earliest + 1, dtype=np.bool_)
    fresh[minute[is_fresh & (minute >= earliest) & (minute <= latest)] - earliest] = True
    return fresh


def _derived(dense: pl.DataFrame) -> pl.DataFrame:
    """Add what follows from the minute and the minute before it; the first minute of a market has none before it."""
    has_past = pl.col("minutes_since_open") > 1
    age = (pl.col("minute") - pl.col("quote_minute")).alias("quote_age_minutes")
    volume = pl.col("volume_centi")
    dense = dense.with_columns(
        age,
        pl.when(has_past).then(volume.diff()).otherwise(volume).alias("volume_delta_centi"),
        pl.when(has_past).then(pl.col("mid_half_ticks").diff()).alias("velocity_half_ticks"),
    )
    fresh_quote = pl.col("two_sided").fill_null(False) & (pl.col("quote_age_minutes") <= QUOTE_FRESH_MINUTES)
    return dense.with_columns(
        pl.when(has_past).then(pl.col("velocity_half_ticks").diff()).alias("acceleration_half_ticks"),
        (fresh_quote & pl.col("weather_fresh")).alias("complete"),
    )


def _nullable(values: Ints, dtype: pl.DataType) -> pl.Series:
    # A double holds every whole number up to 2**53: no price, minute or count comes near.
    return pl.Series(np.where(values == _ABSENT, np.nan, values), nan_to_null=True).cast(dtype)


def _floor_minute(instants: pl.Series) -> Ints:
    return _micros(instants) // _MICROSECONDS


def _micros(instants: pl.Series) -> Ints:
    micros: Ints = instants.to_numpy().view(np.int64)
    return micros
