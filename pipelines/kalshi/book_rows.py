"""Events of a stream as rows of `books` and `trades`, and recorded frames as the same.

A message is known from its receipt, or from its own stamp or sending where our clock was behind. A gap is a row for
each of its markets, in the place of the first number that never came, so that no two rows share a number. Between a gap
and the next snapshot of a market its changes are kept, but the book is not known. Trades that are missing have no row:
what is missing, and since when, is told among what is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from pipelines.kalshi.events import BOOKS_CHANNEL, STOPPED, TRADES_CHANNEL, Event, Gap, event_known_us
from pipelines.kalshi.feed import Feed
from pipelines.kalshi.levels import Levels
from pipelines.kalshi.messages import Damaged, Delta, FrameReader, Snapshot, TapeTrade
from pipelines.kalshi.places import UNPLACED, with_places
from pipelines.payload import Parsed, refusal, refused_frame
from warehouse.lake.tables import BOOKS, TRADES, UTC_TYPE, Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEVELS = tuple(Levels.__struct_fields__)

SidOf = Callable[[int], int]


def microseconds(instant: datetime) -> int:
    """Return an instant as µs since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def rows_of(events: Sequence[Event], *, sid_of: SidOf) -> tuple[Parsed, Parsed]:
    """Return events as rows of `books` and of `trades`; `sid_of` names a subscription as the lake knows it."""
    damaged = [
        refusal(said.market_ticker, said.rule, said.record) for _, _, said in events if isinstance(said, Damaged)
    ]
    trades = [event for event in events if type(event.message) is TapeTrade]
    return (
        _parsed(BOOKS, _books(events, sid_of), damaged),
        _parsed(TRADES, _trades(trades), [trade_gap(*gap) for gap in trade_gaps(events)]),
    )


def trade_gaps(events: Iterable[Event]) -> Iterator[tuple[Gap, int]]:
    """Yield the gaps of the tape, each with the instant at which it was seen."""
    for received_us, _, said in events:
        if isinstance(said, Gap) and said.channel == TRADES_CHANNEL and said.cause != STOPPED and said.market_tickers:
            yield said, received_us


def trade_gap(gap: Gap, seen_us: int) -> dict[str, str | None]:
    """Return what people and `kwx ingest trades` need to fill a gap of the tape; one that ends a line has no end."""
    record = {
        "from_utc": _instant(seen_us if gap.since_us is None else gap.since_us),
        "until_utc": None if gap.ends else _instant(seen_us),
        "market_tickers": gap.market_tickers,
    }
    return refusal(gap.market_tickers[0], f"trades are missing on the stream: {gap.cause}", record)


def _instant(us: int) -> str:
    return (_EPOCH + timedelta(microseconds=us)).isoformat()


def parse_recorded_frames(
    frames: Iterable[tuple[datetime, bytes | str]], *, use_yes_price: bool, first_sid: int = 1
) -> Iterator[Parsed]:
    """Turn frames recorded from one or more connections into rows; repeats are dropped, gaps are marked.

    `use_yes_price` says at whose prices the no side was recorded. Subscriptions are named from `first_sid` on.
    """
    feed, reader = Feed(adopts=True, use_yes_price=use_yes_price), FrameReader(use_yes_price=use_yes_price)
    for received_utc, raw in frames:
        feed.take(reader.read(raw), microseconds(received_utc))
        if feed.failed is not None:  # live, this would be a new connection; here the frames just go on
            feed.disconnect(microseconds(received_utc), feed.failed)
            feed.failed = None
    yield from rows_of(feed.drain(), sid_of=lambda number: first_sid + number - 1)


def _books(events: Sequence[Event], sid_of: SidOf) -> pl.DataFrame:
    frames = [
        _snapshots([event for event in events if type(event.message) is Snapshot]),
        _deltas([event for event in events if type(event.message) is Delta]),
        _gaps(events),
    ]
    rows = pl.concat([frame for frame in frames if frame.height] or frames[:1], how="diagonal")
    numbers = rows["subscription"].unique().to_list()
    sids = pl.DataFrame({"subscription": numbers, "sid": [sid_of(number) for number in numbers]}, schema=_SIDS)
    rows = rows.join(sids, on="subscription", how="left", maintain_order="left")
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in BOOKS.schema.items() if name not in rows.columns]
    return rows.with_columns(*missing)


_SIDS = {"subscription": pl.Int64(), "sid": pl.Int32()}


def _snapshots(events: Sequence[Event]) -> pl.DataFrame:
    said = [event.message for event in events if isinstance(event.message, Snapshot)]
    return _said("snapshot", events).with_columns(
        *(pl.Series(name, [getattr(one.levels, name) for one in said], dtype=pl.List(pl.Int64)) for name in _LEVELS),
        market_ticker=pl.Series([one.market_ticker for one in said], dtype=pl.String),
        seq=pl.Series([one.seq for one in said], dtype=pl.Int64),
        ts_utc=_instants([one.ts_ms for one in said]),
    )


def _deltas(events: Sequence[Event]) -> pl.DataFrame:
    said = [event.message for event in events if isinstance(event.message, Delta)]
    return _said("delta", events).with_columns(
        market_ticker=pl.Series([one.market_ticker for one in said], dtype=pl.String),
        seq=pl.Series([one.seq for one in said], dtype=pl.Int64),
        ts_utc=_instants([one.ts_ms for one in said]),
        side=pl.Series([one.side for one in said], dtype=pl.String),
        price_ticks=pl.Series([one.price_ticks for one in said], dtype=pl.Int32),
        delta_centi=pl.Series([one.delta_centi for one in said], dtype=pl.Int64),
    )


def _gaps(events: Sequence[Event]) -> pl.DataFrame:
    each = [
        (event, event.message.seq, ticker)
        for event in events
        if isinstance(event.message, Gap) and event.message.channel == BOOKS_CHANNEL
        for ticker in event.message.market_tickers
    ]
    return _said("gap", [event for event, _, _ in each]).with_columns(
        market_ticker=pl.Series([ticker for _, _, ticker in each], dtype=pl.String),
        seq=pl.Series([seq for _, seq, _ in each], dtype=pl.Int64),
        ts_utc=_instants([None] * len(each)),
    )


def _said(kind: str, events: Sequence[Event]) -> pl.DataFrame:
    known = pl.Series("known_utc", [event_known_us(event) for event in events], dtype=pl.Int64).cast(UTC_TYPE)
    numbers = pl.Series("subscription", [event.subscription for event in events], dtype=pl.Int64)
    return pl.DataFrame([known, numbers]).with_columns(kind=pl.lit(kind))


def _trades(events: Sequence[Event]) -> pl.DataFrame:
    said = [event.message for event in events if isinstance(event.message, TapeTrade)]
    return _said("trade", events).with_columns(
        trade_id=pl.Series([one.trade_id for one in said], dtype=pl.String),
        market_ticker=pl.Series([one.market_ticker for one in said], dtype=pl.String),
        ts_utc=_instants([one.ts_ms for one in said]),
        yes_price_ticks=pl.Series([one.yes_price_ticks for one in said], dtype=pl.Int32),
        count_centi=pl.Series([one.count_centi for one in said], dtype=pl.Int64),
        taker_side=pl.Series([one.taker_side for one in said], dtype=pl.String),
        is_block=pl.Series([one.is_block for one in said], dtype=pl.Boolean),
    )


def _instants(milliseconds: Sequence[int | None]) -> pl.Series:
    return (pl.Series(milliseconds, dtype=pl.Int64) * 1000).cast(UTC_TYPE)


def _parsed(table: Table, rows: pl.DataFrame, refusals: Sequence[dict[str, str | None]] = ()) -> Parsed:
    """Give rows their partition; a market of another product is refused."""
    rows = with_places(rows)
    astray = rows.filter(pl.col(UNPLACED).is_not_null()).unique("market_ticker", maintain_order=True)
    told = zip(astray["market_ticker"], astray[UNPLACED], strict=True)
    refused = [*refusals, *(refusal(ticker, why, ticker) for ticker, why in told)]
    kept = rows.filter(pl.col(UNPLACED).is_null()).select(*table.path_columns, *table.schema)
    return Parsed(table=table, frame=kept, refused=refused_frame(refused))
