"""What a model says of the brackets of events, and how good that was against the class prior and the market."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import numpy as np
import polars as pl

from kwx.models.artifact import PREDICTED
from kwx.models.tmax.classes import Floats
from kwx.models.tmax.degrees import Degrees
from kwx.scoring.brackets import log_loss, rps
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, PMF_MINUTE
from warehouse.market.ladder import Ladder

_EVENT = ("city", "event_date", "event_ticker")
_SUM_OF_MIDS = (0.5, 2.0)
"""Mids that add up to less or more are no market's opinion."""


class Spoken(Protocol):
    """A model that tells degrees, and its class prior."""

    def degrees(self, rows: pl.DataFrame) -> Degrees:
        """Return the chance of every whole degree."""

    def prior_degrees(self, rows: pl.DataFrame) -> Degrees:
        """Return the same of the class prior."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Event:
    """The snapshots of one event while it trades, and its brackets."""

    ladder: Ladder
    rows: pl.DataFrame

    @property
    def ts_utc(self) -> pl.Series:
        """When they were taken."""
        return self.rows["ts_utc"]

    @property
    def settled_f(self) -> int | None:
        """What the event settled on, or None."""
        label_f = self.rows["label_f"][0]
        return None if label_f is None else int(label_f)


def events_of(rows: pl.DataFrame, markets: pl.DataFrame, notes: list[str]) -> Iterator[Event]:
    """Yield the events that have snapshots and brackets that tile the degrees; tell why of the others."""
    by_day = rows.partition_by("city", "event_date", as_dict=True)
    for (city, event_date, name), listed in sorted(markets.partition_by(_EVENT, as_dict=True).items()):
        ours = by_day.get((city, event_date))
        if ours is None:
            continue
        try:
            ladder = Ladder.of_event(listed)
        except Refused as error:
            notes.append(f"{name}: {error}")
            continue
        opens: datetime = listed["open_utc"].max()  # type: ignore[assignment]
        closes: datetime = listed["close_utc"].min()  # type: ignore[assignment]
        trading = ours.filter(pl.col("ts_utc").is_between(opens, closes, closed="left"))
        if trading.height:
            yield Event(ladder=ladder, rows=trading)


def markets_of(snapshot: Snapshot, cities: Sequence[str], since: date, until: date) -> pl.DataFrame:
    """Return the brackets of the events of some days."""
    wanted = snapshot.scan(MARKETS, cities=tuple(cities), since=since, until=until)
    return wanted.select(*_EVENT, "market_ticker", "low_f", "high_f", "open_utc", "close_utc").collect()


def predicted(event: Event, p: Floats, beside: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return a row for each market and snapshot of an event, in that order; `beside` is told of every snapshot."""
    rows, brackets = p.shape
    settled_f = event.settled_f
    won = None if settled_f is None else event.ladder.winner(settled_f)
    frame = pl.DataFrame(
        {
            "city": event.rows["city"].gather(np.tile(np.arange(rows), brackets)),
            "event_date": event.rows["event_date"].gather(np.tile(np.arange(rows), brackets)),
            "market_ticker": np.repeat(np.array(event.ladder.names), rows),
            "ts_utc": event.ts_utc.gather(np.tile(np.arange(rows), brackets)),
            "p_model": p.T.ravel(),
            "p_calibrated": pl.Series([None], dtype=pl.Float64).new_from_index(0, rows * brackets),
            "outcome": pl.Series([None] * (rows * brackets), dtype=pl.Boolean)
            if won is None
            else np.repeat(np.arange(brackets) == won, rows),
        },
        schema=PREDICTED,
    )
    return frame if beside is None else pl.concat([frame, pl.concat([beside] * brackets)], how="horizontal")


def market_prices(snapshot: Snapshot, cities: Sequence[str], since: date, until: date) -> pl.DataFrame:
    """Return what the market said of each bracket on the five-minute clock: p_mkt, and the mid of both sides."""
    every = pl.col("ts_utc").dt.epoch("s") % 300 == 0
    dense, fused = (
        snapshot.scan(table, cities=tuple(cities), since=since, until=until).filter(every)
        for table in (CANDLES_DENSE, PMF_MINUTE)
    )
    mids = dense.filter(pl.col("price_source") == "mid").select(
        "market_ticker", "ts_utc", mid=pl.col("mid_half_ticks") / 20_000
    )
    told = fused.filter(pl.col("p_mkt").is_not_null()).select("market_ticker", "ts_utc", "p_mkt")
    return mids.join(told, on=("market_ticker", "ts_utc"), how="full", coalesce=True).collect()


def market_says(event: Event, prices: Mapping[tuple[object, ...], pl.DataFrame]) -> Floats:
    """Return [N, B] the market's distribution at each snapshot: p_mkt, else its mids made to sum to one; or NaN."""
    p = np.full((2, event.rows.height, len(event.ladder.names)), np.nan)
    for bracket, name in enumerate(event.ladder.names):
        told = prices.get((name,))
        if told is not None:
            ours = event.rows.select("ts_utc").join(told, on="ts_utc", how="left", maintain_order="left")
            p[:, :, bracket] = ours.select("p_mkt", "mid").cast(pl.Float64).fill_null(float("nan")).to_numpy().T
    fused, mids = p
    total = mids.sum(axis=1, keepdims=True)
    low, high = _SUM_OF_MIDS
    with np.errstate(invalid="ignore"):
        priced = np.where((total >= low) & (total <= high), mids / total, np.nan)
    said: Floats = np.where(
        np.isnan(fused).any(axis=1, keepdims=True), priced, fused / fused.sum(axis=1, keepdims=True)
    )
    return said


class Scores:
    """Log loss of the settled bracket and RPS, summed up event by event."""

    def __init__(self) -> None:
        self._parts: list[pl.DataFrame] = []

    def add(self, event: Event, said: Mapping[str, Floats]) -> None:
        """Score what was said of a settled event; rows that are NaN say nothing."""
        settled_f = event.settled_f
        if settled_f is None:
            return
        columns: dict[str, Any] = {}
        for name, p in said.items():
            known = ~np.isnan(p).any(axis=1)
            winner = np.full(int(known.sum()), event.ladder.winner(settled_f))
            for score, of in (("log_loss", log_loss), ("rps", rps)):
                values = np.full(len(p), np.nan)
                values[known] = of(p[known], winner=winner)
                columns[f"{name}_{score}"] = values
        self._parts.append(event.rows.select("city", "event_date", "is_eve").with_columns(**columns))

    def metrics(self) -> dict[str, Any]:
        """Return the means over all rows, over the eve and the day, and over the rows that the market spoke of too."""
        if not self._parts:
            return {"n": 0, "dates": 0}
        rows = pl.concat(self._parts)
        priced = rows.filter(~pl.col("market_log_loss").is_nan())
        kinds = ("model", "prior")
        return _means(rows, kinds) | {
            "eve": _means(rows.filter("is_eve"), kinds),
            "day": _means(rows.filter(~pl.col("is_eve")), kinds),
            "with_market": _means(priced, (*kinds, "market")),
        }


def _means(rows: pl.DataFrame, kinds: Sequence[str]) -> dict[str, Any]:
    counts: dict[str, Any] = {"n": rows.height, "dates": rows["event_date"].n_unique()}
    if not rows.height:
        return counts
    names = {
        f"{kind}_{score}": f"{kind}_{score}".removeprefix("model_") for kind in kinds for score in ("log_loss", "rps")
    }
    return counts | {short: float(rows[name].mean()) for name, short in names.items()}  # type: ignore[arg-type]


def words_of(model: Spoken, rows: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """Return what a model says of the brackets of the events of some snapshots."""
    if rows.is_empty():
        return pl.DataFrame(schema=PREDICTED)
    days = rows["event_date"]
    markets = markets_of(snapshot, rows["city"].unique().to_list(), days.min(), days.max())  # type: ignore[arg-type]
    said = [predicted(event, model.degrees(event.rows).masses(event.ladder)) for event in events_of(rows, markets, [])]
    return pl.concat(said) if said else pl.DataFrame(schema=PREDICTED)


def spoken_of(
    model: Spoken, rows: pl.DataFrame, snapshot: Snapshot, notes: list[str], *, beside: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return what a model says of the brackets of the events of some snapshots, and how good that was."""
    said, scores = [], Scores()
    if rows.height:
        rows = rows if beside is None else pl.concat([rows, beside], how="horizontal")
        cities, days = rows["city"].unique().sort().to_list(), rows["event_date"]
        since, until = days.min(), days.max()
        markets = markets_of(snapshot, cities, since, until)  # type: ignore[arg-type]
        prices = market_prices(snapshot, cities, since, until).partition_by("market_ticker", as_dict=True)  # type: ignore[arg-type]
        for event in events_of(rows, markets, notes):
            p = model.degrees(event.rows).masses(event.ladder)
            prior = model.prior_degrees(event.rows).masses(event.ladder)
            scores.add(event, {"model": p, "prior": prior, "market": market_says(event, prices)})
            said.append(predicted(event, p, None if beside is None else event.rows.select(beside.columns)))
    return pl.concat(said) if said else pl.DataFrame(schema=PREDICTED), scores.metrics()
