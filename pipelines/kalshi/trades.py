"""Answers with trades, of every era, to rows of trades.

First JSON to columns of exact integers, then those to rows; an archive of columns enters at the second stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec
import numpy as np
import polars as pl

from pipelines.kalshi.bodies import Shape, json_of, shown
from pipelines.kalshi.exact import BAD, MISSING, Ints, Word, centi_of, instants_of, preferred, ticks_of
from pipelines.kalshi.judged import Law, RecordsOf, parted, readable, refusals_of, without_repeats
from pipelines.kalshi.places import UNPLACED, with_places
from pipelines.lags import TAPE_LAG, known_expr
from pipelines.payload import Parsed, Payload, refusal, refused_frame
from warehouse.errors import Refused
from warehouse.lake.tables import TRADES, UTC_TYPE
from warehouse.market.money import TICKS_PER_DOLLAR

FRAME_SCHEMA = pl.Schema({**TRADES.schema, **TRADES.path_columns})

ROWS_AT_ONCE = 200_000
"""More rows than this make another frame, so that a long replay does not grow."""
TRADES_AT_ONCE = 5_000
"""So many trades are turned into columns together: as columns they take a fraction of the memory."""

YES, NO = 1, 0
_CODES: Mapping[str | None, int] = {
    "yes": YES,
    "no": NO,
    # The book has one side for each: whoever lifts an offer has bid for yes.
    "bid": YES,
    "ask": NO,
    "": MISSING,
    None: MISSING,
}
_Side = Literal["yes", "no", ""] | None
_BookSide = Literal["bid", "ask", ""] | None

_Refusal = Mapping[str, str | None]


class _Trade(msgspec.Struct, gc=False, omit_defaults=True):
    trade_id: str | None = None
    ticker: str | None = None
    created_time: str | None = None
    count_fp: str | None = None
    count: Word = None
    yes_price_dollars: str | None = None
    yes_price: Word = None
    no_price_dollars: str | None = None
    no_price: Word = None
    price: str | float | None = None
    taker_outcome_side: _Side = None
    taker_book_side: _BookSide = None
    taker_side: _Side = None
    is_block_trade: bool | None = None


class _KnownTrade(_Trade, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    pass


T = TypeVar("T")


class _Page(msgspec.Struct, Generic[T]):
    trades: list[T] | None


_PAGES: Shape[_Page[Any]] = Shape(_Page[_KnownTrade], _Page[_Trade])
# Others keep the tape of an event as lists by market.
_BY_MARKET: Shape[dict[str, list[Any]]] = Shape(dict[str, list[_KnownTrade]], dict[str, list[_Trade]])


@dataclass(frozen=True, kw_only=True)
class _Part:
    """The trades of one answer; `places` says where they stood in it."""

    payload: Payload
    places: Sequence[int]

    def records(self, places: Sequence[int]) -> list[object]:
        """Return the trades of some places as they were said, word for word."""
        said = _records(self.payload.body)
        return [said[self.places[place]] for place in places]


def parse_trades(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn pages of trades into rows; every trade ends in a frame, as a repeat of one, or among the refused.

    The words of many answers are read at once, for those of a minute have few trades each.
    """
    parts: list[_Part] = []
    blocks: list[_Block] = []
    unread: list[_Trade] = []
    refusals: list[_Refusal] = []
    rows = 0
    for payload in payloads:
        part, trades = _read(payload, refusals)
        parts.append(part)
        unread += trades
        rows += len(trades)
        if len(unread) >= TRADES_AT_ONCE:
            blocks.append(_block(unread))
            unread = []
        if rows >= ROWS_AT_ONCE:
            yield _parsed(parts, [*blocks, _block(unread)], refusals)
            parts, blocks, unread, refusals, rows = [], [], [], [], 0
    if rows or refusals:
        yield _parsed(parts, [*blocks, _block(unread)], refusals)


def parsed_columns(columns: pl.DataFrame, *, records_of: RecordsOf, refusals: Sequence[_Refusal] = ()) -> Parsed:
    """Turn columns of exact integers into rows of trades: the second stage, where archives of columns enter."""
    kept, refused = parted(with_places(columns), _LAWS, subject_to=UNPLACED)
    kept, repeated = without_repeats(kept.select("part", "place", *_typed()), TRADES.key)
    told_of = [refusals_of(some, records_of) for some in (refused, repeated)]
    return Parsed(
        table=TRADES, frame=kept.select(FRAME_SCHEMA.names()), refused=pl.concat([refused_frame(refusals), *told_of])
    )


def _parsed(parts: Sequence[_Part], blocks: Sequence[_Block], refusals: Sequence[_Refusal]) -> Parsed:
    sizes = np.fromiter((len(part.places) for part in parts), np.int64, len(parts))
    of_part = np.repeat(np.arange(len(parts)), sizes)
    columns: dict[str, Any] = {
        "part": of_part,
        "place": np.arange(len(of_part)) - (np.cumsum(sizes) - sizes)[of_part],
        "received_utc": pl.Series([part.payload.received_utc for part in parts], dtype=UTC_TYPE).gather(of_part),
        **{name: pl.concat([block.texts[name] for block in blocks]) for name in blocks[0].texts},
        **{name: np.concatenate([block.columns[name] for block in blocks]) for name in blocks[0].columns},
    }
    return parsed_columns(
        pl.DataFrame(columns), records_of=lambda part, places: parts[part].records(places), refusals=refusals
    )


def _read(payload: Payload, refusals: list[_Refusal]) -> tuple[_Part, Sequence[_Trade]]:
    try:
        page = _PAGES.read(payload.body)
        trades, places = _read_otherwise(payload, refusals) if page is None else _all_of(page.trades or [])
    except Refused as error:
        refusals.append(refusal(payload.kind, str(error), shown(payload.body)))
        trades, places = _all_of([])
    return _Part(payload=payload, places=places), trades


def _all_of(trades: list[_Trade]) -> tuple[list[_Trade], Sequence[int]]:
    return trades, range(len(trades))


def _read_otherwise(payload: Payload, refusals: list[_Refusal]) -> tuple[list[_Trade], Sequence[int]]:
    """Read trades by market, or an answer in which some field has another type: the rest is as good as ever."""
    by_market = _BY_MARKET.read(payload.body)
    if by_market and _are_markets(by_market):
        return _all_of(list(chain.from_iterable(by_market.values())))
    trades, places = list[_Trade](), list[int]()
    for place, record in enumerate(_records(payload.body)):
        try:
            trades.append(msgspec.convert(record, _Trade))
            places.append(place)
        except msgspec.ValidationError as error:
            ticker = record.get("ticker") if isinstance(record, dict) else None
            refusals.append(refusal(ticker if isinstance(ticker, str) else None, str(error), record))
    return trades, places


def _records(body: bytes) -> list[Any]:
    answer = json_of(body)
    lists = [answer["trades"]] if "trades" in answer else list(answer.values()) if _are_markets(answer) else None
    if lists is None or not all(isinstance(some, list | None) for some in lists):
        raise Refused("the answer holds no list of trades")
    return [record for some in lists for record in some or ()]


def _are_markets(names: Mapping[str, object]) -> bool:
    return bool(names) and all("-" in name for name in names)


class _Block(NamedTuple):
    """Trades as columns of text and of exact integers."""

    texts: dict[str, pl.Series]
    columns: dict[str, Ints]


def _block(trades: Sequence[_Trade]) -> _Block:
    texts = {
        "trade_id": pl.Series([trade.trade_id for trade in trades], dtype=pl.String),
        "market_ticker": pl.Series([trade.ticker for trade in trades], dtype=pl.String),
    }
    columns = {
        "created_us": instants_of([trade.created_time for trade in trades]),
        "yes_price_ticks": preferred(
            ticks_of, [trade.yes_price_dollars for trade in trades], lambda: _older_ticks(trades)
        ),
        "no_price_ticks": preferred(
            ticks_of,
            [trade.no_price_dollars for trade in trades],
            lambda: ticks_of([trade.no_price for trade in trades]),
        ),
        "count_centi": preferred(
            centi_of, [trade.count_fp for trade in trades], lambda: centi_of([trade.count for trade in trades])
        ),
        "outcome": preferred(
            _codes,
            [trade.taker_outcome_side for trade in trades],
            lambda: _codes([trade.taker_side for trade in trades]),
        ),
        "book": _codes([trade.taker_book_side for trade in trades]),
        "is_block": np.fromiter([trade.is_block_trade is True for trade in trades], np.int64, len(trades)),
    }
    return _Block(texts, columns)


def _older_ticks(trades: Sequence[_Trade]) -> Ints:
    # A bare `price` was dollars from the first, text or not.
    return preferred(
        ticks_of,
        [trade.yes_price for trade in trades],
        lambda: ticks_of([None if trade.price is None else str(trade.price) for trade in trades]),
    )


def _codes(words: Sequence[str | None]) -> Ints:
    return np.fromiter(map(_CODES.__getitem__, words), np.int64, len(words))


def _typed() -> Iterator[pl.Expr]:
    """Yield the columns of a row, all of which can be read."""
    ts_utc = pl.col("created_us").cast(UTC_TYPE)
    took_yes = pl.when(pl.col("outcome") == MISSING).then("book").otherwise("outcome") == YES
    made = {
        "ts_utc": ts_utc,
        "taker_side": pl.when(took_yes).then(pl.lit("yes")).otherwise(pl.lit("no")),
        "known_utc": known_expr(ts_utc, lag=TAPE_LAG, received_utc=pl.col("received_utc")),
    }
    for name, dtype in FRAME_SCHEMA.items():
        yield made.get(name, pl.col(name)).cast(dtype).alias(name)


def _laws() -> Iterator[Law]:
    yield Law("trade_id is missing", pl.col("trade_id").fill_null("") == "")
    yield from readable("created_us", "created_time", thing="instant of this exchange")
    yield from readable("yes_price_ticks", "the price of yes", thing="price of $0 to $1")
    yes, no, outcome, book = (pl.col(name) for name in ("yes_price_ticks", "no_price_ticks", "outcome", "book"))
    yield Law("the price of no is no price of $0 to $1", no == BAD, "no_price_ticks", MISSING)
    yield Law("the prices of yes and no do not add up to $1", (no >= 0) & (yes + no != TICKS_PER_DOLLAR))
    yield from readable("count_centi", "count", thing="count")
    yield Law("the side of the taker is missing", (outcome == MISSING) & (book == MISSING))
    yield Law("the sides of the taker contradict each other", (outcome >= 0) & (book >= 0) & (outcome != book))


_LAWS = tuple(_laws())
