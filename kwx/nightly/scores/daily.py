"""The scores of one event date: of every source, city by city and of all together, hour by hour counted alike.

Every bracket of an event at an hour is a contract: what a source said of it is held against whether it paid. `claimed`
is the Brier score that the probabilities themselves expect, the mean of p (1 − p): above it, a source was too sure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import kwx.hazard.scored
import kwx.models.served
import kwx.scoring
from kwx.hazard.scored.diagnostics import pmf_sums
from kwx.hazard.scored.mornings import Window, mornings_of
from kwx.hazard.scored.mornings import scores as morning_scores
from kwx.models.served import served_predictions
from kwx.nightly.step import require_lack
from kwx.scoring.calibration import calibration_error
from kwx.scoring.contracts import brier, log_loss
from kwx.scoring.corp import sort_forecasts
from kwx.scoring.stored.labels import labels_of
from kwx.scoring.stored.ladders import SOURCES, read_ladders
from kwx.scoring.stored.moments import every, instants_of
from kwx.scoring.stored.scored import contracts_of
from warehouse.errors import Refused
from warehouse.lake.catalog import sql_sha256
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MARKETS
from warehouse.lake.tables.contract import ALL_CITIES

MODEL = "model"
"""What the promoted model said as it is served; beside the sources of pmf_minute."""
OF_WEATHER = "p_wx"
EVERY_MINUTES = 60
MORNING = Window(first=time(10), last=time(10))

SCHEMA: dict[str, pl.DataType] = {
    "event_date": pl.Date(),
    "city": pl.String(),
    "source": pl.String(),
    "contracts": pl.Int64(),
    "brier": pl.Float64(),
    "claimed": pl.Float64(),
    "log_loss": pl.Float64(),
    "ece": pl.Float64(),
    "sum_deviation": pl.Float64(),
    "morning_p_winner": pl.Float64(),
    "morning_error_f": pl.Float64(),
    "morning_crps_f": pl.Float64(),
    "label_f": pl.Int32(),
    "made_of": pl.String(),
    "scored_by": pl.String(),
}
"""Of the weather alone: how far its ladders sum from one (sum_deviation), and what it said at 10:00 LST (morning_*).

made_of: the hash of the data; scored_by: that of the code, which is another once a score reads otherwise.
"""

_DIGITS = 12
"""Of a deviation: numbers are added up in any order, and what lies beyond says only in which."""

_CONTRACT = {"city": pl.String(), "source": pl.String(), "p": pl.Float64(), "hit": pl.Boolean()}


@cache
def scoring_sha256() -> str:
    """Return the hash of the code that scores: this file, the rooms that it asks, and the views that they read."""
    rooms = [Path(room.__path__[0]) for room in (kwx.scoring, kwx.hazard.scored)]
    ours = [Path(__file__), Path(kwx.models.served.__file__), *(path for room in rooms for path in room.rglob("*.py"))]
    digest = hashlib.sha256(sql_sha256().encode())
    for path in sorted(ours):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def scores_of(snapshot: Snapshot, event_date: date, cities: Sequence[str], *, made_of: str) -> pl.DataFrame:
    """Return the scores of a date; no rows where nothing of it is settled, or nobody spoke."""
    contracts = pl.concat(
        [*_of_ladders(snapshot, event_date, cities), *_of_models(snapshot, event_date, cities)]
        or [pl.DataFrame(schema=_CONTRACT)]
    )
    rows = [_scored(city, source, part) for (source, city), part in _parts(contracts)]
    health = _weather_health(snapshot, event_date, cities)
    return pl.DataFrame(
        [
            {
                "event_date": event_date, **row, "made_of": made_of, "scored_by": scoring_sha256(),
                **(health.get(row["city"], {}) if row["source"] == OF_WEATHER else {}),
            }
            for row in rows
        ],
        schema=SCHEMA,
    )  # fmt: skip


def _parts(contracts: pl.DataFrame) -> Iterator[tuple[tuple[str, str], pl.DataFrame]]:
    """Yield the contracts of each source: of all cities together, then of each."""
    for (source,), whole in sorted(contracts.partition_by("source", as_dict=True).items(), key=lambda one: str(one[0])):
        yield (str(source), ALL_CITIES), whole
        for (city,), part in sorted(whole.partition_by("city", as_dict=True).items(), key=lambda one: str(one[0])):
            yield (str(source), str(city)), part


def _scored(city: str, source: str, part: pl.DataFrame) -> dict[str, Any]:
    p, hit = part["p"].to_numpy(), part["hit"].to_numpy()
    forecasts = sort_forecasts(p)
    return {
        "city": city,
        "source": source,
        "contracts": part.height,
        "brier": float(brier(p, hit=hit).mean()),
        "claimed": float((p * (1 - p)).mean()),
        "log_loss": float(log_loss(p, hit=hit).mean()),
        "ece": calibration_error(forecasts, forecasts.hits(hit)),
    }


def _of_ladders(snapshot: Snapshot, event_date: date, cities: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield what weather, market and both said, on the same rows."""
    try:
        ladders = read_ladders(snapshot, every(EVERY_MINUTES), cities=tuple(cities), since=event_date, until=event_date)
    except Refused as refusal:
        require_lack(refusal)
        return
    for source in (one for one in SOURCES if one in ladders.p):
        told = contracts_of(ladders, source)
        yield pl.DataFrame(
            {
                "city": ladders.rows["city"].gather(told.row), "source": [source] * len(told.row),
                "p": np.clip(told.p, 0.0, 1.0), "hit": told.hit,
            },
            schema=_CONTRACT,
        )  # fmt: skip


def _of_models(snapshot: Snapshot, event_date: date, cities: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield what the promoted model said of each bracket that is settled, as it stood at each hour."""
    paid = _paid(snapshot, event_date, cities)
    for city in sorted(paid["city"].unique()):
        words = served_predictions(snapshot, city, event_date, event_date)
        ours = paid.filter(pl.col("city") == city).sort("market_ticker", "instant_utc")
        said = words.select("market_ticker", "ts_utc", "said_utc", p="p_served").sort("market_ticker", "ts_utc")
        stood = ours.join_asof(
            said, left_on="instant_utc", right_on="ts_utc", by="market_ticker", check_sortedness=False
        ).filter(pl.col("instant_utc") - pl.col("said_utc") < pl.duration(days=1))
        known = stood.filter(pl.col("p").is_not_null())
        if known.height:
            yield known.select("city", pl.lit(MODEL).alias("source"), pl.col("p").clip(0, 1), "hit")


def _paid(snapshot: Snapshot, event_date: date, cities: Sequence[str]) -> pl.DataFrame:
    """Return a row for each market whose day is settled and each hour that it trades, with whether it paid."""
    markets = snapshot.scan(MARKETS, cities=tuple(cities), since=event_date, until=event_date).collect()
    labels = labels_of(snapshot, since=event_date, until=event_date).drop("label_known_utc")
    high = pl.col("label_f")
    inside = (high >= pl.col("low_f").fill_null(high)) & (high <= pl.col("high_f").fill_null(high))
    settled = markets.join(labels, on=("city", "event_date"), how="inner").with_columns(hit=inside)
    asked = instants_of(settled, every(EVERY_MINUTES))
    trades = (pl.col("instant_utc") >= pl.col("open_utc")) & (pl.col("instant_utc") < pl.col("close_utc"))
    return asked.filter(trades).select("city", "market_ticker", "instant_utc", "hit")


def _weather_health(snapshot: Snapshot, event_date: date, cities: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    """Return by city how far ladders sum from one, and how what was said in the morning met the settlement."""
    health: dict[str, dict[str, Any]] = {}
    try:
        sums = pmf_sums(snapshot, cities=tuple(cities), since=event_date, until=event_date).rows
        for city, deviation in sums.group_by("city").agg(pl.col("deviation").max()).iter_rows():
            health.setdefault(city, {})["sum_deviation"] = round(deviation, _DIGITS)
        mornings = mornings_of(snapshot, [MORNING], cities=tuple(cities), since=event_date, until=event_date)
    except Refused as refusal:
        require_lack(refusal)
        return health
    told = pl.concat([mornings.rows, morning_scores(mornings, mornings.forecast)], how="horizontal")
    for row in told.iter_rows(named=True):
        health.setdefault(row["city"], {}).update(
            morning_p_winner=row["p_winner"], morning_crps_f=row["crps"],
            morning_error_f=row["expected_f"] - row["label_f"], label_f=row["label_f"],
        )  # fmt: skip
    return health
