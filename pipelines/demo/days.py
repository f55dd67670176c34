"""One city of a demo world, day by day, as admitted frames of the lake's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipelines.demo.books import books_frame
from pipelines.demo.forecasts import forecasts_frame
from pipelines.demo.market import candles_frame, ladder, market_tickers, markets_frame, trades_frame, truth_frame
from pipelines.demo.observations import obs_frame, truth_minutes_frame
from pipelines.demo.session import hold
from pipelines.demo.settlements import Report, high_f, reports, settled_utc, settlements_frame, truth_days_frame
from pipelines.demo.truth import worth
from pipelines.demo.weather import Sky, sky
from pipelines.demo.world import World
from warehouse.errors import BadDateRange
from warehouse.lake.tables import Partition, table
from warehouse.market.cities import city


@dataclass(frozen=True, kw_only=True)
class CityDay:
    """Everything that a world says of one city and one climate day, by the name of its table."""

    partition: Partition
    frames: Mapping[str, pl.DataFrame]


def simulate(world: World, city_key: str, since: date | None = None, until: date | None = None) -> Iterator[CityDay]:
    """Yield the days of one city within a range of event dates; the first event date brings its eve's weather along."""
    if since is not None and until is not None and until < since:
        raise BadDateRange(f"the range {since} … {until} ends before it begins", hint=f"say {until} … {since}")
    key = city(city_key).key
    chosen = [day for day in world.event_dates if (since or day) <= day <= (until or day)]
    if world.event_dates[0] in chosen:
        air = sky(world, key)
        # The eve has no markets, so the exchange settles nothing on it.
        issued = [report for report in reports(world, air, world.eve) if report.source != "kalshi"]
        yield _admitted(key, world.eve, _weather_frames(world, air, world.eve, issued))
    for day in chosen:
        yield _admitted(key, day, _event_frames(world, sky(world, key), day))


def _admitted(city_key: str, day: date, frames: Mapping[str, pl.DataFrame]) -> CityDay:
    partition = Partition(city_key, day)
    return CityDay(
        partition=partition,
        frames={name: table(name).admit(frame, partition) for name, frame in frames.items()},
    )


def _weather_frames(world: World, air: Sky, day: date, issued: list[Report]) -> dict[str, pl.DataFrame]:
    return {
        "obs": obs_frame(world, air, day),
        "settlements": settlements_frame(issued),
        "truth_minutes": truth_minutes_frame(air, day),
        "truth_days": truth_days_frame(world, air, day),
    }


def _event_frames(world: World, air: Sky, day: date) -> dict[str, pl.DataFrame]:
    value = worth(world, air.city.key)
    issued = reports(world, air, day)
    brackets = ladder(value.edges_of(day))
    tickers = market_tickers(air.city, day, brackets)
    session = hold(world, air.city.key, day, p_true=value.brackets_of(day))
    volumes_centi = np.bincount(session.tape.bracket, session.tape.count_centi, len(brackets)).astype(np.int64)
    frames = {
        "markets": markets_frame(
            session, brackets, high_f=high_f(air, day), settled_utc=settled_utc(issued), volumes_centi=volumes_centi
        ),
        "candles_1m": candles_frame(session, tickers),
        "trades": trades_frame(session, tickers),
        "truth_probabilities": truth_frame(session, tickers),
        "forecasts": forecasts_frame(world, air, day),
        **_weather_frames(world, air, day, issued),
    }
    return frames | ({"books": books_frame(session, tickers)} if world.books else {})
