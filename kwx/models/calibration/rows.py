"""What calibrators are chosen by: a family's stored predictions of a city, each with what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.models.contract import Floats
from kwx.models.direction.moves import moves_of, went_up
from kwx.models.windows import PURGED_DAYS
from kwx.scoring.inputs import Bools, Ints
from kwx.scoring.stored.labels import labels_of
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MARKETS, MODEL_RUNS, PREDICTIONS
from warehouse.lake.tables.research import SETTLEMENT_HORIZON
from warehouse.market.climate_day import opens_utc

HORIZON_MINUTES = {"1m": 1, "5m": 5}
"""The horizons whose outcome is a move of the mid, and how long after its minute that is known."""

_MINUTE = ["family", "event_date", "market_ticker", "ts_utc"]

Days = NDArray[np.datetime64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Predictions p [N] with what came, the event date, the market's number, and when its label was known."""

    p: Floats
    hit: Bools
    day: Days
    market: Ints
    known_utc: Days

    def __len__(self) -> int:
        return len(self.p)

    @property
    def days(self) -> tuple[date, ...]:
        """The event dates that there are, in order."""
        return tuple(np.unique(self.day).astype(object))

    def where(self, kept: Bools) -> Rows:
        """Return some of the rows."""
        return Rows(**{one.name: getattr(self, one.name)[kept] for one in fields(self)})

    def in_order(self) -> Rows:
        """Return the rows by date, market and what is said, so that their order means nothing."""
        order = np.lexsort((self.hit, self.p, self.market, self.day))
        return Rows(**{one.name: getattr(self, one.name)[order] for one in fields(self)})

    def between(self, since: date, until: date) -> Rows:
        """Return the rows of some event dates, both ends among them."""
        return self.where((self.day >= np.datetime64(since)) & (self.day <= np.datetime64(until)))

    def known_by(self, utc: datetime) -> Rows:
        """Return the rows whose label was known at an instant."""
        return self.where(self.known_utc <= np.datetime64(utc.astimezone(UTC).replace(tzinfo=None), "us"))


def first_served(until: date) -> date:
    """Return the first event date that may be served by what was fitted up to a date."""
    return until + timedelta(days=PURGED_DAYS + 1)


def last_fitted(served: date) -> date:
    """Return the last event date that a fit may have seen which serves a date."""
    return served - timedelta(days=PURGED_DAYS + 1)


def usable_rows(rows: Rows, *, since: date, until: date, fitted_utc: datetime) -> tuple[Rows, date]:
    """Return the rows of a range that a fit may use which ends there, and the date by which the fit is known.

    The labels used were known before the first event opens that may be served after that date: it is the last date of
    the rows, or later where a label of theirs came later.
    """
    usable = rows.between(since, until).known_by(min(fitted_utc, opens_utc(first_served(until))))
    if not len(usable):
        return usable, until
    ends, newest_label = usable.days[-1], usable.known_utc.max()
    while np.datetime64(opens_utc(first_served(ends)).replace(tzinfo=None), "us") < newest_label:
        ends += timedelta(days=1)
    return usable, ends


@dataclass(frozen=True, kw_only=True)
class Read:
    """The rows of each family of a city and horizon, and what was left out: of unknown runs, and of each family."""

    families: Mapping[str, Rows]
    foreign: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


def read_rows(
    snapshot: Snapshot,
    city: str,
    *,
    horizon: str = SETTLEMENT_HORIZON,
    since: date | None = None,
    until: date | None = None,
    every_minutes: int = 1,
) -> Read:
    """Return the predictions of each family of a city that something came of: its market settled, or its mid moved.

    left_out counts the predictions of moves after which none of the model's least size was seen.
    """
    span: Mapping[str, Any] = {"since": since, "until": until, "every_minutes": every_minutes}
    if horizon == SETTLEMENT_HORIZON:
        told, foreign = settled_predictions(snapshot, city, **span)
        return Read(families=_by_family(told), foreign=foreign)
    said, foreign = newest_predictions(snapshot, city, horizon=horizon, **span)
    told = moved(snapshot, city, said, horizon=horizon)
    still = dict(said.join(told, on=_MINUTE, how="anti").group_by("family").len().iter_rows())
    return Read(families=_by_family(told), foreign=foreign, left_out=still)


def settled_predictions(
    snapshot: Snapshot,
    city: str,
    *,
    since: date | None = None,
    until: date | None = None,
    every_minutes: int = 1,
) -> tuple[pl.DataFrame, int]:
    """Return what every family said of a city's settled markets, with what came, and how many no run is held of."""
    said, foreign = newest_predictions(
        snapshot, city, horizon=SETTLEMENT_HORIZON, since=since, until=until, every_minutes=every_minutes
    )
    came = _settled(snapshot, city, {"cities": (city,), "since": since, "until": until})
    return said.join(came, on=["event_date", "market_ticker"], how="inner", maintain_order="left"), foreign


def newest_predictions(
    snapshot: Snapshot, city: str, *, horizon: str, since: date | None, until: date | None, every_minutes: int
) -> tuple[pl.DataFrame, int]:
    """Return what every family said of a horizon, and how many predictions are of runs that nobody knows.

    Where models of one family speak of the same minute, the one with the newest data stands, then the first by name,
    and of two fits of one model the one made last.
    """
    said = (
        snapshot.scan(PREDICTIONS, cities=(city,), since=since, until=until)
        .filter(
            pl.col("horizon") == horizon,
            pl.col("ts_utc").dt.epoch("us") // 60_000_000 % every_minutes == 0,
        )
        .select("event_date", "market_ticker", "ts_utc", "model_id", "run_id", "p_model", "p_calibrated")
        .collect()
    )
    # One run is of one family, whatever city it is filed under.
    wanted = ("run_id", "family", "until_date", "fitted_utc", "parameters_json")
    runs = snapshot.scan(MODEL_RUNS).select(wanted).collect().unique("run_id")
    named = said.join(runs, on="run_id", how="inner")
    falls = [*(False for _ in _MINUTE), True, False, True, False]
    placed = named.sort(*_MINUTE, "until_date", "model_id", "fitted_utc", "run_id", descending=falls)
    newest = placed.unique(_MINUTE, keep="first", maintain_order=True).drop("fitted_utc")
    return newest, said.height - named.height


def moved(snapshot: Snapshot, city: str, said: pl.DataFrame, *, horizon: str) -> pl.DataFrame:
    """Return the predictions after which the mid moved by the least size of their model or more, up or down.

    What came is known `horizon` minutes later. A run that does not say its least size has no outcome.
    """
    minutes = HORIZON_MINUTES[horizon]
    if said.is_empty():
        return said.with_columns(label_known_utc=pl.col("ts_utc"), hit=pl.lit(None, pl.Boolean))
    moves = moves_of(snapshot, (city,), said["event_date"].unique().to_list(), horizon_minutes=minutes)
    least = pl.col("parameters_json").str.json_path_match("$.epsilon").cast(pl.Float64)
    told = said.with_columns(epsilon=least).join(moves, on=["market_ticker", "ts_utc"], how="inner")
    parts = [
        rows.with_columns(hit=went_up(epsilon))
        for (epsilon,), rows in told.filter(pl.col("epsilon").is_not_null()).group_by("epsilon")
        if isinstance(epsilon, float)
    ]
    every = pl.concat(parts) if parts else told.clear().with_columns(hit=pl.lit(None, pl.Boolean))
    known = pl.col("ts_utc") + pl.duration(minutes=minutes)
    return every.filter(pl.col("hit").is_not_null()).sort(_MINUTE).with_columns(label_known_utc=known)


def _by_family(told: pl.DataFrame) -> dict[str, Rows]:
    families = told["family"].unique().sort().to_list()
    return {family: _rows(told.filter(pl.col("family") == family)) for family in families}


def _settled(snapshot: Snapshot, city: str, span: Mapping[str, Any]) -> pl.DataFrame:
    """Return what came of each settled market: whether its bracket holds the settled high."""
    markets = snapshot.scan(MARKETS, **span).select("event_date", "market_ticker", "low_f", "high_f").collect()
    labels = labels_of(snapshot, since=span["since"], until=span["until"]).filter(pl.col("city") == city)
    high = pl.col("label_f")
    inside = (high >= pl.col("low_f").fill_null(high)) & (high <= pl.col("high_f").fill_null(high))
    settled = markets.join(labels, on="event_date", how="inner")
    return settled.select("event_date", "market_ticker", "label_known_utc", hit=inside)


def _rows(frame: pl.DataFrame) -> Rows:
    """Return rows in the order of date, market and minute."""
    return Rows(
        p=frame["p_model"].to_numpy(),
        hit=frame["hit"].to_numpy(),
        day=frame["event_date"].to_numpy().astype("datetime64[D]"),
        market=frame["market_ticker"].rank("dense").cast(pl.Int64).to_numpy(),
        known_utc=frame["label_known_utc"].dt.replace_time_zone(None).to_numpy().astype("datetime64[us]"),
    )
