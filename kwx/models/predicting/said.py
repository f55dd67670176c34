"""What a stored model says of event dates: by its family's own reading of rows, so that it is what its fit would say.

A row is a function of what was known at its minute; the dates around it and their outcomes move nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import polars as pl

from kwx.models.artifact import PREDICTED
from kwx.models.registry.store import Loaded
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.market.cities import CITIES

Says = Callable[[Loaded, Snapshot, str, Sequence[date]], pl.DataFrame]
"""A loaded model, a snapshot, one city, and dates without a gap: what it says of the city's brackets."""


def cities_spoken_of(loaded: Loaded) -> tuple[str, ...]:
    """Return the cities that a model speaks of."""
    card = loaded.card
    if card.city != ALL_CITIES:
        return (card.city,)
    named: Sequence[str] = card.config.get("cities") or ()
    return tuple(named) or tuple(CITIES)


def said_of(loaded: Loaded, snapshot: Snapshot, city: str, dates: Sequence[date]) -> pl.DataFrame:
    """Return what a model says of a city's event dates, in the columns of an artifact's predictions."""
    family = loaded.card.family
    if family not in _SAYS:
        raise Refused(f"nobody knows how {family} speaks of new dates", hint=f"families: {' '.join(_SAYS)}")
    parts = [_SAYS[family](loaded, snapshot, city, run) for run in _runs(dates)]
    return pl.concat(parts).select(*PREDICTED) if parts else pl.DataFrame(schema=PREDICTED)


def _runs(dates: Sequence[date]) -> list[list[date]]:
    """Cut dates into stretches that follow each other."""
    runs: list[list[date]] = []
    for day in sorted(dates):
        if runs and (day - runs[-1][-1]).days == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _elasticnet(loaded: Loaded, snapshot: Snapshot, city: str, dates: Sequence[date]) -> pl.DataFrame:
    from kwx.models.elasticnet.fit import features_of, predictions_of
    from kwx.models.elasticnet.fitted import FittedElasticnet
    from kwx.models.elasticnet.rows import read_rows

    card, fitted = loaded.card, loaded.fitted
    assert isinstance(fitted, FittedElasticnet)
    config = card.config
    features = features_of(
        config["feature_set"], card.city, bracket=card.bracket, excluded=tuple(config["excluded_vc_cities"])
    )
    rows = read_rows(
        snapshot, city, card.bracket, features, since=dates[0], until=dates[-1], every_minutes=config["every_minutes"]
    )
    return predictions_of(fitted, loaded.calibrator, rows)


def _direction(loaded: Loaded, snapshot: Snapshot, city: str, dates: Sequence[date]) -> pl.DataFrame:
    from kwx.models.direction.fit import said_of_dates

    card = loaded.card
    return said_of_dates(snapshot, city, card.bracket, dates, card.config, loaded.fitted, of=card.city)


def _high(loaded: Loaded, snapshot: Snapshot, city: str, dates: Sequence[date]) -> pl.DataFrame:
    from kwx.features.tmax.snapshots import read_snapshots
    from kwx.models.tmax import market_clock, tod
    from kwx.models.tmax.predictions import words_of

    clock = tod.CLOCK if loaded.card.family == tod.FAMILY.name else market_clock.CLOCK
    rows = read_snapshots(snapshot, city, since=dates[0], until=dates[-1], clock=clock)
    return words_of(loaded.fitted, rows, snapshot)  # type: ignore[arg-type]


_SAYS: Mapping[str, Says] = {
    "elasticnet": _elasticnet,
    "direction": _direction,
    "market_clock": _high,
    "tod": _high,
    "hybrid": _high,
}
