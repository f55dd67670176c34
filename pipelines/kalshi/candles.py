"""Answers with candles, of every tier and era, to rows of candles_1m.

First JSON to columns of words, then words to exact integers, a column at a time. The live tier says `close_dollars`,
the historical one `close` in dollars, the old one `close` in cents: text is dollars, a bare number is cents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.kalshi.bodies import Shape, json_of, shown
from pipelines.kalshi.calls import PERIOD
from pipelines.kalshi.exact import BAD, MISSING, YEARS, Ints, Word, centi_of, nullable, preferred, ticks_of
from pipelines.kalshi.judged import Law, parted, readable, refusals_of, told_last, without_repeats
from pipelines.kalshi.places import UNPLACED, with_places
from pipelines.lags import TAPE_LAG, known_expr
from pipelines.payload import Parsed, Payload, refusal, refused_frame
from warehouse.errors import Refused
from warehouse.lake.tables import CANDLES_1M, UTC_TYPE

FRAME_SCHEMA = pl.Schema({**CANDLES_1M.schema, **CANDLES_1M.path_columns})

ROWS_AT_ONCE = 200_000
"""More rows than this make another frame, so that a long replay does not grow."""

_MOMENTS = ("open", "high", "low", "close")
_QUOTE_SIDES = ("yes_bid", "yes_ask")
_SIDES = (*_QUOTE_SIDES, "price")
_SMALLEST_MS = 100_000_000_000  # as seconds that is the year 5138
_ANSWER = "answer"
_HOUR = 3_600
_HOURLY_FROM = 3  # so many candles, all of whole hours, are no minutes
_FIRST_S, _AFTER_S = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (YEARS.start, YEARS.stop))


# Wide enough to see milliseconds and say so, narrow enough to count.
_Seconds = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _Ohlc(msgspec.Struct, gc=False, omit_defaults=True):
    open_dollars: str | None = None
    high_dollars: str | None = None
    low_dollars: str | None = None
    close_dollars: str | None = None
    open: Word = None
    high: Word = None
    low: Word = None
    close: Word = None
    mean_dollars: Any = None
    previous_dollars: Any = None
    min_dollars: Any = None
    max_dollars: Any = None
    mean: Any = None
    previous: Any = None
    min: Any = None
    max: Any = None


class _Candle(msgspec.Struct, gc=False, omit_defaults=True):
    end_period_ts: _Seconds
    yes_bid: _Ohlc | None = None
    yes_ask: _Ohlc | None = None
    price: _Ohlc | None = None
    volume_fp: str | None = None
    open_interest_fp: str | None = None
    volume: Word = None
    open_interest: Word = None


class _KnownOhlc(_Ohlc, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    pass


class _KnownCandle(_Candle, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    yes_bid: _KnownOhlc | None = None
    yes_ask: _KnownOhlc | None = None
    price: _KnownOhlc | None = None


L = TypeVar("L")
_Refusal = Mapping[str, str | None]


class _OfMarket(msgspec.Struct, Generic[L]):
    market_ticker: Any = None
    candlesticks: L | None = None


class _Answer(msgspec.Struct, Generic[L]):
    """Of one market, of a batch, or of an event; the others are absent."""

    ticker: Any = None
    candlesticks: L | msgspec.UnsetType | None = msgspec.UNSET
    markets: list[_OfMarket[L]] | None = None
    market_tickers: list[Any] | None = None
    market_candlesticks: list[L | None] | None = None

    def parts(self) -> list[tuple[Any, L | None]]:
        """Return each market with its candles; refuse an answer that holds neither."""
        if self.markets is not None:
            return [(one.market_ticker, one.candlesticks) for one in self.markets]
        if self.market_candlesticks is not None:
            if len(self.market_tickers or ()) != len(self.market_candlesticks):
                raise Refused("market_tickers and market_candlesticks are not of one length")
            return list(zip(self.market_tickers or (), self.market_candlesticks, strict=True))
        if self.candlesticks is msgspec.UNSET:
            raise Refused("the answer holds no candlesticks")
        return [(self.ticker, self.candlesticks)]


_SHAPE: Shape[_Answer[list[_Candle]]] = Shape(_Answer[list[_KnownCandle]], _Answer[list[_Candle]])


@dataclass(frozen=True, kw_only=True)
class _Part:
    """The candles of one market in one answer; `places` says where they stood in it.

    block: columns of exact integers, of this market or of all markets of the answer, one after the other.
    """

    ticker: str | None
    payload: Payload
    number: int
    places: Sequence[int]
    block: dict[str, Ints]

    def records(self, places: Sequence[int]) -> list[object]:
        """Return what was said of the candles of some places, word for word."""
        ticker, said = _loose(self.payload.body)[self.number]
        return [{"ticker": ticker, "candle": said[self.places[place]]} for place in places]


def parse_candles(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn answers with one-minute candles into rows; every candle ends in a frame or among the refused."""
    parts: list[_Part] = []
    refusals: list[_Refusal] = []
    rows = 0
    for payload in payloads:
        told = _read(payload, refusals)
        parts += told
        rows += sum(len(part.places) for part in told)
        if rows >= ROWS_AT_ONCE:
            yield _parsed(parts, refusals)
            parts, refusals, rows = [], [], 0
    if rows or refusals:
        yield _parsed(parts, refusals)


def _read(payload: Payload, refusals: list[_Refusal]) -> list[_Part]:
    try:
        answer = _SHAPE.read(payload.body)
        if answer is None:
            return list(_read_one_by_one(payload, refusals))
        return list(_parts(answer.parts(), payload))
    except Refused as error:
        refusals.append(refusal(payload.kind, str(error), shown(payload.body)))
        return []


def _parts(told: Sequence[tuple[Any, list[_Candle] | None]], payload: Payload) -> Iterator[_Part]:
    """Yield the markets of an answer; their words are read at once, for a minute of many markets has few of each."""
    block = _columns([candle for _, candles in told for candle in candles or ()])
    for number, (ticker, candles) in enumerate(told):
        yield _Part(
            ticker=_subject(ticker), payload=payload, number=number, places=range(len(candles or ())), block=block
        )  # fmt: skip


def _read_one_by_one(payload: Payload, refusals: list[_Refusal]) -> Iterator[_Part]:
    """Read an answer in which some field has another type than it should: the rest of it is as good as ever."""
    for number, (ticker, records) in enumerate(_loose(payload.body)):
        if not isinstance(records, list | None):
            refusals.append(refusal(_subject(ticker), "candlesticks is no list", {"candlesticks": records}))
            continue
        candles, places = [], []
        for place, record in enumerate(records or ()):
            try:
                candles.append(msgspec.convert(record, _Candle))
                places.append(place)
            except msgspec.ValidationError as error:
                refusals.append(refusal(_subject(ticker), str(error), {"ticker": ticker, "candle": record}))
        yield _Part(
            ticker=_subject(ticker), payload=payload, number=number, places=places, block=_columns(candles)
        )  # fmt: skip


def _loose(body: bytes) -> list[tuple[Any, Any]]:
    try:
        return msgspec.convert(json_of(body), _Answer[Any]).parts()
    except msgspec.ValidationError as error:
        raise Refused(f"the answer holds no lists of candles: {error}") from None


def _subject(ticker: object) -> str | None:
    return ticker if isinstance(ticker, str) else None


def _columns(candles: Sequence[_Candle]) -> dict[str, Ints]:
    """Return the words of candles as columns of exact integers."""
    columns = {"end_period_ts": np.fromiter([candle.end_period_ts for candle in candles], np.int64, len(candles))}
    for side in _SIDES:
        nodes = [node or _NOTHING for node in map(attrgetter(side), candles)]
        columns |= {f"{side}_{moment}_ticks": prices for moment, prices in zip(_MOMENTS, _ohlc(nodes), strict=True)}
    columns["volume_centi"] = preferred(
        centi_of, [candle.volume_fp for candle in candles], lambda: centi_of([candle.volume for candle in candles])
    )
    columns["open_interest_centi"] = preferred(
        centi_of,
        [candle.open_interest_fp for candle in candles],
        lambda: centi_of([candle.open_interest for candle in candles]),
    )
    return columns


_NOTHING = _Ohlc()


def _ohlc(nodes: Sequence[_Ohlc]) -> Iterator[Ints]:
    """Yield open, high, low and close; a comprehension each, because reading an attribute by its name takes twice."""
    yield preferred(ticks_of, [node.open_dollars for node in nodes], lambda: ticks_of([n.open for n in nodes]))
    yield preferred(ticks_of, [node.high_dollars for node in nodes], lambda: ticks_of([n.high for n in nodes]))
    yield preferred(ticks_of, [node.low_dollars for node in nodes], lambda: ticks_of([n.low for n in nodes]))
    yield preferred(ticks_of, [node.close_dollars for node in nodes], lambda: ticks_of([n.close for n in nodes]))


def _parsed(parts: Sequence[_Part], refusals: Sequence[_Refusal]) -> Parsed:
    if not parts:
        return Parsed(table=CANDLES_1M, frame=pl.DataFrame(schema=FRAME_SCHEMA), refused=refused_frame(refusals))
    kept, refused = parted(with_places(_words(parts)), _LAWS, subject_to=UNPLACED)
    # An answer that contradicts itself is damaged; a later answer knows better.
    kept, contradicting = without_repeats(_rows(kept), CANDLES_1M.key, within=[_ANSWER])
    kept, outdated = told_last(kept.drop(_ANSWER), CANDLES_1M.key, by="received_utc")
    told_of = [
        refusals_of(some, lambda part, places: parts[part].records(places))
        for some in (refused, contradicting, outdated)
    ]
    frame = kept.select(FRAME_SCHEMA.names())
    return Parsed(table=CANDLES_1M, frame=frame, refused=pl.concat([refused_frame(refusals), *told_of]))


def _words(parts: Sequence[_Part]) -> pl.DataFrame:
    """Return one row for each candle: its market, its receipt, its words as exact integers, and where it stood."""
    sizes = np.fromiter((len(part.places) for part in parts), np.int64, len(parts))
    of_part = np.repeat(np.arange(len(parts)), sizes)
    blocks = list({id(part.block): part.block for part in parts}.values())
    columns: dict[str, Any] = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return pl.DataFrame(
        {
            "part": of_part,
            "place": np.arange(len(of_part)) - (np.cumsum(sizes) - sizes)[of_part],
            _ANSWER: _answers(parts)[of_part],
            "market_ticker": pl.Series([part.ticker for part in parts], dtype=pl.String).gather(of_part),
            "received_utc": pl.Series([part.payload.received_utc for part in parts], dtype=UTC_TYPE).gather(of_part),
            "is_coarse": _coarse(parts, columns["end_period_ts"], sizes)[of_part],
            **columns,
        }
    )


def _answers(parts: Sequence[_Part]) -> Ints:
    """Return, for each part, the number of its answer: one of several markets has several parts."""
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(id(part.payload), len(numbers)) for part in parts], np.int64)


def _coarse(parts: Sequence[_Part], ts: Ints, sizes: Ints) -> npt.NDArray[np.bool_]:
    """Tell, for each market of an answer, whether its candles are those of hours or days.

    The question says it. Where nobody knows the question, several candles that all end at whole hours are no minutes.
    """
    off_hours = np.concatenate([[0], np.cumsum(ts % _HOUR != 0)])
    end = np.cumsum(sizes)
    guessed: npt.NDArray[np.bool_] = (sizes >= _HOURLY_FROM) & (off_hours[end] == off_hours[end - sizes])
    asked = [part.payload.asked.get(PERIOD) for part in parts]
    return np.array([guess if said is None else said != "1" for guess, said in zip(guessed, asked, strict=True)])


def _rows(kept: pl.DataFrame) -> pl.DataFrame:
    ts_utc = (pl.col("end_period_ts") * 1_000_000).cast(UTC_TYPE)
    rows = kept.with_columns(ts_utc.alias("ts_utc")).with_columns(
        known_expr(pl.col("ts_utc"), lag=TAPE_LAG, received_utc=pl.col("received_utc")),
        *(nullable(kept[name].to_numpy(), FRAME_SCHEMA[name]).alias(name) for name in _PRICES),
    )
    typed = (pl.col(name).cast(dtype) for name, dtype in FRAME_SCHEMA.items())
    return rows.select("part", "place", _ANSWER, "received_utc", *typed)


_QUOTES = tuple(f"{side}_{moment}_ticks" for side in _QUOTE_SIDES for moment in _MOMENTS)
_PRICES = tuple(f"price_{moment}_ticks" for moment in _MOMENTS)


def _laws() -> Iterator[Law]:
    ts = pl.col("end_period_ts")
    yield Law("end_period_ts is in milliseconds, not in seconds", ts >= _SMALLEST_MS)
    yield Law("end_period_ts is no time of this exchange", ~ts.is_between(_FIRST_S, _AFTER_S))
    yield Law("end_period_ts is no whole minute", ts % 60 != 0)
    yield Law("a candle of an hour or a day, not of a minute", pl.col("is_coarse"))
    # What it says would still change, and at its stamp nobody could have known how.
    yield Law("its minute was not over when it was received", ts * 1_000_000 > pl.col("received_utc").to_physical())
    absent = pl.all_horizontal(pl.col(name) == MISSING for name in _QUOTES)
    yield Law(
        "a candle without quotes: the filler that include_latest_before_start puts before a window", absent, _QUOTES[0]
    )
    for side in _QUOTE_SIDES:
        for moment in _MOMENTS:
            yield from readable(f"{side}_{moment}_ticks", f"{side}.{moment}", thing="price of $0 to $1")
    for moment, name in zip(_MOMENTS, _PRICES, strict=True):
        yield Law(f"price.{moment} is no price of $0 to $1", pl.col(name) == BAD, name, MISSING)
    untold = pl.sum_horizontal((pl.col(name) == MISSING).cast(pl.Int32) for name in _PRICES)
    yield Law("some of the four prices are missing", untold.is_between(1, len(_PRICES) - 1))
    for name in ("volume", "open_interest"):
        yield from readable(f"{name}_centi", name, thing="count")


_LAWS = tuple(_laws())
