"""Market records to rows of `markets`: per event, because bounds, order and settled value are facts of the siblings.

Refused alone: a record that cannot be read, or of another product. Refused whole: an event whose brackets do not tile
(a page of it may be lost), that names two settled values, a value that contradicts a result, that ended without
exactly one winner, or of which a row breaks a law of the table: sifted out later, that row would leave a gap. Not one
of the 798 recorded events of 2024-2025 contradicts itself, so doubt means damage.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import polars as pl

from pipelines.kalshi.fee_changes import fee_changes_frame
from pipelines.kalshi.listing import Listing, event_name
from pipelines.kalshi.records import MarketRecord, parse_record
from pipelines.payload import Parsed, Payload, refusal, refused_frame
from warehouse.errors import ContractBroken, Refused
from warehouse.lake.tables import FEE_CHANGES, MARKETS, SETTLEMENTS, UTC_TYPE, Partition
from warehouse.market.brackets import Bracket, missing_bracket, require_tiling

FRAME_SCHEMA = pl.Schema({**MARKETS.schema, **MARKETS.path_columns})

_Record = Mapping[str, object]
_Told = tuple[_Record, MarketRecord]
_Unread = tuple[_Record, str]
_Refusal = Mapping[str, str | None]


def parse_markets(records: Iterable[_Record]) -> Parsed:
    """Turn market records of any era, in the order of their receipt, into rows; what cannot be one is refused.

    Of records of one market the last counts, and a final one before any that is not.
    """
    told, unread = _told_last(records)
    refused = [_refusal(record, reason) for record, reason in unread]
    events: dict[str, list[_Told]] = {}
    for record, market in told.values():
        events.setdefault(str(market.event), []).append((record, market))
    lost = _lost_siblings(unread, told)
    rows: list[dict[str, object]] = []
    for event in sorted(events):
        try:
            rows += _event_rows(event, [market for _, market in events[event]])
        except Refused as error:
            refused += [_refusal(record, f"{error}{lost.get(event, '')}") for record, _ in events[event]]
    frame = pl.DataFrame(rows, schema=FRAME_SCHEMA, orient="row")
    unlawful = _unlawful(frame)
    refused += [_refusal(record, reason) for event, reason in unlawful.items() for record, _ in events[event]]
    frame = frame.filter(~pl.col("event_ticker").is_in(list(unlawful))) if unlawful else frame
    return Parsed(table=MARKETS, frame=frame, refused=refused_frame(refused))


def parse_market_payloads(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn every listing of a fold into rows of markets, settlements and changes of fees.

    An event's fees are said by its series and its event, its settled value by any sibling, and siblings may come on
    different pages, so all payloads are one listing.
    """
    listing = Listing()
    for payload in sorted(payloads, key=lambda payload: payload.received_utc):
        listing.read(payload)
    parsed = parse_markets(listing.records())
    refused = pl.concat([refused_frame(listing.refusals), parsed.refused])
    yield Parsed(table=MARKETS, frame=parsed.frame, refused=refused)
    yield Parsed(table=SETTLEMENTS, frame=kalshi_settlements(parsed.frame))
    yield Parsed(table=FEE_CHANGES, frame=fee_changes_frame(listing.fee_changes(), listing.fee_rolls()))


def kalshi_settlements(markets: pl.DataFrame) -> pl.DataFrame:
    """Return the exchange's own settlement reports, one for each event whose value is known; the first label of all."""
    settled = markets.filter(pl.col("expiration_value_f").is_not_null() & pl.col("settled_utc").is_not_null())
    return (
        settled.group_by("city", "event_date", "event_ticker", maintain_order=True)
        .agg(pl.col("settled_utc").min().alias("issued_utc"), pl.col("expiration_value_f").first().alias("high_f"))
        .with_columns(
            source=pl.lit("kalshi"),
            known_utc=pl.col("issued_utc"),
            is_final=pl.lit(True),
            is_correction=pl.lit(False),
            as_of_utc=pl.lit(None, UTC_TYPE),
            product_id=pl.col("event_ticker"),
        )
        .select(*SETTLEMENTS.path_columns, *SETTLEMENTS.schema)
    )


def _told_last(records: Iterable[_Record]) -> tuple[dict[str, _Told], list[_Unread]]:
    told: dict[str, _Told] = {}
    unread: list[_Unread] = []
    for record in records:
        try:
            market = parse_record(record)
        except Refused as error:
            unread.append((record, str(error)))
            continue
        before = told.get(market.market_ticker)
        if before is None or market.is_final or not before[1].is_final:
            told[market.market_ticker] = record, market
    return told, unread


def _lost_siblings(unread: Iterable[_Unread], told: Container[str]) -> dict[str, str]:
    """Return, by event, which of its markets could not be read and are told nowhere else, each with its reason."""
    lost: dict[str, str] = {}
    for record, reason in unread:
        ticker = str(record.get("ticker"))
        if ticker not in told:
            event = str(record.get("event_ticker") or event_name(ticker))
            lost[event] = f"{lost.get(event, '')}; {ticker} was refused: {reason}"
    return lost


def _event_rows(event: str, markets: Sequence[MarketRecord]) -> list[dict[str, object]]:
    """Return the rows of one event from the coldest bracket to the warmest, or refuse the event."""
    brackets = _brackets(event, markets)
    _require_one_winner(event, markets)
    settled_f = _settled_value(event, markets, brackets)
    order = sorted(range(len(markets)), key=lambda place: brackets[place].order_key)
    return [
        _row(markets[place], brackets[place], rank=rank, settled_f=settled_f)
        for rank, place in enumerate(order, start=1)
    ]


def _unlawful(rows: pl.DataFrame) -> dict[str, str]:
    """Return the events of which a row breaks a law of the table, each with the first one."""
    own = rows.select("event_ticker", broken=pl.any_horizontal(_OWN_LAWS).fill_null(False))
    suspects = set(own.filter("broken")["event_ticker"])
    reasons: dict[str, str] = {}
    for (event,), some in rows.group_by("event_ticker", maintain_order=True):
        partition = Partition(some["city"][0], some["event_date"][0])
        if event in suspects or not MARKETS.keeps_day(some, partition):
            broken = MARKETS.sift(some, partition).refused
            reasons[str(event)] = f"event {event}: {broken['market_ticker'][0]} breaks a law: {broken['rule'][0]}"
    return reasons


# Judged in one pass: an ingest lists thousands of events, and sifting each costs more than reading it.
_OWN_LAWS = tuple(
    chain(
        (broken for column in MARKETS.columns for _, broken in column.broken()), (~rule.holds for rule in MARKETS.rules)
    )
)


def _brackets(event: str, markets: Sequence[MarketRecord]) -> list[Bracket]:
    told = [market.bracket for market in markets if market.bracket is not None]
    if len(told) < len(markets) - 1:
        raise Refused(f"event {event}: {len(markets) - len(told)} markets say neither strikes nor subtitle")
    try:
        if len(told) == len(markets):
            require_tiling(told, event=event)
            return told
        gap = missing_bracket(told, event=event)
    except ContractBroken as error:
        raise Refused(f"brackets do not tile: {error}") from None
    return [market.bracket or gap for market in markets]


def _require_one_winner(event: str, markets: Sequence[MarketRecord]) -> None:
    winners = sum(market.result == "yes" for market in markets)
    if winners > 1 or (winners == 0 and all(market.is_final for market in markets)):
        raise Refused(f"event {event}: {winners} of its {len(markets)} markets won, not one")
    if silent := [market.market_ticker for market in markets if market.is_final and market.result is None]:
        raise Refused(f"event {event}: {silent[0]} is final without a result")


def _settled_value(event: str, markets: Sequence[MarketRecord], brackets: Sequence[Bracket]) -> int | None:
    """Return the one settled degree that any sibling names; refuse one that a result contradicts."""
    named = {market.expiration_value_f for market in markets if market.expiration_value_f is not None}
    if not named:
        return None
    if len(named) > 1:
        raise Refused(f"event {event}: its markets name several settled values {sorted(named)}")
    (settled_f,) = named
    for market, bracket in zip(markets, brackets, strict=True):
        if market.result is not None and (settled_f in bracket) != (market.result == "yes"):
            raise Refused(
                f"event {event}: expiration value {settled_f} °F contradicts result {market.result!r} "
                f"of {market.market_ticker}, which pays for {bracket} °F"
            )
    return settled_f


def _row(market: MarketRecord, bracket: Bracket, *, rank: int, settled_f: int | None) -> dict[str, object]:
    read = {name: value for name, value in vars(market).items() if name in FRAME_SCHEMA}
    if market.bounds_source != "strikes":
        # Null strikes marked the winners of early 2025: left null they would tell the answer.
        read["floor_strike"], read["cap_strike"] = bracket.strikes
    return read | {
        "event_ticker": str(market.event),
        "series_ticker": market.event.series,
        "event_date": market.event.event_date,
        "strike_type": bracket.strike_type,
        "low_f": bracket.low_f,
        "high_f": bracket.high_f,
        "bracket_order": rank,
        "expiration_value_f": settled_f,
    }


def _refusal(record: _Record, reason: str) -> _Refusal:
    ticker = record.get("ticker")
    return refusal(ticker if isinstance(ticker, str) else None, reason, record)
