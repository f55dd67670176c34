"""What calibrators are chosen by: a family's stored predictions of a city, each with what came of its market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.models.contract import Floats
from kwx.models.windows import PURGED_DAYS
from kwx.scoring.inputs import Bools, Ints
from kwx.scoring.stored.labels import labels_of
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MARKETS, MODEL_RUNS, PREDICTIONS
from warehouse.market.climate_day import opens_utc

SETTLEMENT = "day"

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


def read_rows(
    snapshot: Snapshot,
    city: str,
    *,
    since: date | None = None,
    until: date | None = None,
    every_minutes: int = 1,
) -> tuple[dict[str, Rows], int]:
    """Return the settled predictions of each family of a city, and how many are left out for want of their run."""
    said, foreign = settled_predictions(snapshot, city, since=since, until=until, every_minutes=every_minutes)
    families = said["family"].unique().sort().to_list()
    return {family: _rows(said.filter(pl.col("family") == family)) for family in families}, foreign


def settled_predictions(
    snapshot: Snapshot,
    city: str,
    *,
    since: date | None = None,
    until: date | None = None,
    every_minutes: int = 1,
) -> tuple[pl.DataFrame, int]:
    """Return what every family said of a city's settled markets, with what came, and how many no run is held of.

    Where models of one family speak of the same minute, the one with the newest data stands.
    """
    span: Mapping[str, Any] = {"cities": (city,), "since": since, "until": until}
    said = (
        snapshot.scan(PREDICTIONS, **span)
        .filter(
            pl.col("horizon") == SETTLEMENT,
            pl.col("ts_utc").dt.epoch("us") // 60_000_000 % every_minutes == 0,
        )
        .select("event_date", "market_ticker", "ts_utc", "model_id", "run_id", "p_model", "p_calibrated")
        .collect()
    )
    # One run is of one family, whatever city it is filed under.
    runs = snapshot.scan(MODEL_RUNS).select("run_id", "family", "until_date", "fitted_utc").collect().unique("run_id")
    named = said.join(runs, on="run_id", how="inner")
    keys = ["family", "event_date", "market_ticker", "ts_utc"]
    newest = (
        named.sort(*keys, "until_date", "fitted_utc", "model_id")
        .unique(keys, keep="last", maintain_order=True)
        .join(_outcomes(snapshot, city, span), on=["event_date", "market_ticker"], how="inner", maintain_order="left")
    )
    return newest, said.height - named.height


def _outcomes(snapshot: Snapshot, city: str, span: Mapping[str, Any]) -> pl.DataFrame:
    """Return what came of each settled market: whether its bracket holds the settled high."""
    markets = snapshot.scan(MARKETS, **span).select("event_date", "market_ticker", "low_f", "high_f").collect()
    labels = labels_of(snapshot).filter(pl.col("city") == city)
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
