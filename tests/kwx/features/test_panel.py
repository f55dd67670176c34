"""Features of a lake: what became known later changes nothing that was known before."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from kwx.features.panel import KEYS, read_panel
from kwx.features.sets import feature_set
from pipelines.derivation import Overlay, derive_city_days, derive_tasks
from warehouse.errors import Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_1M, FORECASTS, MARKETS, OBS, PMF_MINUTE, SETTLEMENTS
from warehouse.lake.writer import write

RICH = feature_set("elasticnet_rich")
T_UTC = datetime(2026, 11, 1, 19, 2, tzinfo=UTC)
CITY, SINCE, UNTIL = "chicago", date(2026, 11, 1), date(2026, 11, 2)


def panel_of_lake(root, **said):
    """Return the panel of two days of Chicago."""
    return read_panel(Lake(root).snapshot(), CITY, since=SINCE, until=UNTIL, **said)


def drawn(rng, frame, low, high):
    """Return whole numbers, one for each row."""
    return pl.Series(rng.integers(low, high, frame.height))


def other_candles(rng, frame):
    """Return candles with other quotes, trades and volumes."""
    bid, price = drawn(rng, frame, 1, 49) * 100, drawn(rng, frame, 1, 99) * 100
    sides = {"yes_bid": bid, "yes_ask": bid + drawn(rng, frame, 1, 50) * 100, "price": price}
    moved = {
        f"{side}_{when}_ticks": value for side, value in sides.items() for when in ("open", "high", "low", "close")
    }
    traded = frame["price_close_ticks"].is_not_null()
    volume = drawn(rng, frame, 0, 90_000) * traded.cast(pl.Int64)
    return moved | {"volume_centi": volume, "open_interest_centi": drawn(rng, frame, 0, 90_000)}


def other_reports(rng, frame):
    """Return reports of another air."""
    temp_f = drawn(rng, frame, -20, 110)
    other = {name: drawn(rng, frame, 0, 100) for name in ("dew_f", "humidity_pct", "wind_mph")}
    return other | {"temp_f": temp_f, "temp_lo_f": temp_f, "temp_hi_f": temp_f + 1}


def other_forecasts(rng, frame):
    """Return forecasts of other temperatures."""
    return {"temp_f": drawn(rng, frame, -20, 110), "high_f": drawn(rng, frame, -20, 110)}


def other_probabilities(rng, frame):
    """Return other probabilities."""
    names = ("p_wx", "p_mkt", "p_fused", "p_fused_norm", "hazard_next_5m", "hazard_next_60m")
    return {name: pl.Series(rng.uniform(size=frame.height)) for name in names}


def other_highs(rng, frame):
    """Return other settlements."""
    return {"high_f": drawn(rng, frame, -20, 110)}


RAW = (
    (CANDLES_1M, "known_utc", other_candles),
    (OBS, "known_utc", other_reports),
    (FORECASTS, "known_utc", other_forecasts),
)
TOLD = (
    (PMF_MINUTE, "ts_utc", other_probabilities),
    (SETTLEMENTS, "known_utc", other_highs),
)


def places(snapshot, table):
    """Return the partitions of the city."""
    return [place for place in snapshot.partitions(table.name) if place.city == CITY]


def derive_again(root):
    """Make the dense minutes and the grids of the city from what its candles and reports are now."""
    lake = Lake(root)
    snapshot = lake.snapshot()
    with write(lake, purpose="derive") as writer:
        reader = Overlay(paths=lake.paths, number=snapshot.number)
        for task in derive_tasks(places(snapshot, MARKETS), reader=reader, staging=writer.staging):
            for staged in derive_city_days(task):
                writer.add(staged)
        writer.publish()


def poison(root, poisons):
    """Change every value that became known after the instant and drop some rows; return how many rows were later."""
    rng, later_rows = np.random.default_rng(3), {}
    snapshot = Lake(root).snapshot()
    with write(Lake(root), purpose="poison") as writer:
        for table, known, other in poisons:
            later_rows[table.name] = 0
            for place in places(snapshot, table):
                frame = snapshot.read(table, place)
                later = frame[known] > T_UTC
                values = pl.DataFrame(other(rng, frame))
                values = values.cast({name: frame.schema[name] for name in values.columns})
                poisoned = frame.with_columns(
                    pl.when(later & frame[name].is_not_null()).then(values[name]).otherwise(frame[name]).alias(name)
                    for name in values.columns
                ).filter(~later | pl.Series(rng.uniform(size=frame.height) < 0.9))
                later_rows[table.name] += int(later.sum())
                writer.put(table, poisoned.select(table.schema.names()), place)
        writer.publish()
    return later_rows


@pytest.fixture
def own_known_lake(known_lake, tmp_path):
    """A copy of the lake with weather, market and fusion that may be written."""
    root = tmp_path / "lake"
    shutil.copytree(known_lake, root, symlinks=True)
    return root


def test_what_becomes_known_later_changes_no_feature(own_known_lake):
    """Quotes, trades, reports, forecasts, probabilities and settlements of later: the rows before keep their bits."""
    before = panel_of_lake(own_known_lake)

    changed = poison(own_known_lake, RAW)
    derive_again(own_known_lake)
    changed |= poison(own_known_lake, TOLD)
    after = panel_of_lake(own_known_lake)

    seen = (before["ts_utc"] <= T_UTC).to_numpy()
    assert before.select(KEYS).equals(after.select(KEYS))
    assert all(count > 0 for count in changed.values()), changed
    assert 3_000 < seen.sum() < len(seen) - 3_000
    was, became = (np.ascontiguousarray(RICH.matrix(panel)).view(np.uint64) for panel in (before, after))
    np.testing.assert_array_equal(was[seen], became[seen])
    untouched = {"minutes_to_close", "minutes_to_close_log", "hour_sin", "hour_cos"}
    moved = (was[~seen] != became[~seen]).any(axis=0)
    assert untouched == {name for name, moves in zip(RICH.names, moved, strict=True) if not moves}


def test_a_panel_has_the_features_of_its_rows_whichever_rows_are_read(known_lake):
    """Every tenth minute of one type of bracket: the same numbers as among all others."""
    whole = panel_of_lake(known_lake)
    some = panel_of_lake(known_lake, every_minutes=10, strike_types=("between",), columns=RICH.sources)

    chosen = (pl.col("strike_type") == "between") & (pl.col("ts_utc").dt.minute() % 10 == 0)
    expected = whole.select(KEYS).with_columns(RICH.build(whole)).filter(whole.select(chosen).to_series())
    assert 0 < some.height == expected.height
    assert expected.equals(some.select(KEYS).with_columns(RICH.build(some)))


@pytest.mark.parametrize("said", [{"every_minutes": 0}, {"strike_types": ("wide",)}])
def test_what_cannot_be_meant_is_refused(known_lake, said):
    """A step that is none, and a type of bracket that is none."""
    with pytest.raises(Usage):
        panel_of_lake(known_lake, **said)
