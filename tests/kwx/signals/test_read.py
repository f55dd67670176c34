"""The columns of a lake: what becomes known later changes nothing that was said before."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from kwx.signals.read import signals_of
from kwx.signals.registry import every_strategy
from warehouse.errors import BadDateRange, UnknownCity
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, PMF_MINUTE, PREDICTIONS, SETTLEMENTS
from warehouse.lake.writer import write

CITY, SINCE, UNTIL = "chicago", date(2026, 11, 1), date(2026, 11, 2)
T_UTC = datetime(2026, 11, 1, 19, 3, tzinfo=UTC)
KEYS = ["city", "event_date", "market_ticker", "ts_utc"]
EVERY = every_strategy()


def said_of(root, one, **said):
    """Return the columns of both days, with their terms."""
    return signals_of(Lake(root).snapshot(), one, city=CITY, since=SINCE, until=UNTIL, terms=True, **said)


def garbled(frame, known, rng):
    """Return a frame whose numbers after the instant are those of other rows, a tenth of these rows gone."""
    later = (frame[known] > T_UTC).to_numpy()
    order = np.arange(frame.height)
    order[later] = rng.permutation(order[later])
    moved = [name for name, dtype in frame.schema.items() if dtype.is_float() or name.endswith(("_ticks", "_centi"))]
    poisoned = frame.with_columns(frame[name].gather(order).alias(name) for name in moved)
    return poisoned.filter(~later | (rng.uniform(size=frame.height) < 0.9)), int(later.sum())


@pytest.fixture(scope="module")
def poisoned_lake(signal_lake, tmp_path_factory):
    """A copy in which everything that became known after the instant is another thing."""
    import shutil

    root, rng, later = tmp_path_factory.mktemp("poisoned") / "lake", np.random.default_rng(3), {}
    shutil.copytree(signal_lake, root, symlinks=True)
    snapshot = Lake(root).snapshot()
    tables = ((CANDLES_DENSE, "ts_utc"), (PMF_MINUTE, "ts_utc"), (PREDICTIONS, "ts_utc"), (SETTLEMENTS, "known_utc"))
    with write(Lake(root), purpose="poison") as writer:
        for table, known in tables:
            for place in snapshot.partitions(table.name):
                frame, count = garbled(snapshot.read(table, place), known, rng)
                later[table.name] = later.get(table.name, 0) + count
                writer.put(table, frame.select(table.schema.names()), place)
        writer.publish()
    assert all(count > 0 for count in later.values()), later
    return root


@pytest.mark.parametrize("one", EVERY, ids=[one.name for one in EVERY])
def test_what_becomes_known_later_changes_nothing_before(signal_lake, poisoned_lake, one):
    """Quotes, volumes, weather, fusion, predictions and settlements of later: rows before keep every bit."""
    before, after = said_of(signal_lake, one), said_of(poisoned_lake, one)

    known, later = pl.col("ts_utc") <= T_UTC, pl.col("ts_utc") > T_UTC
    assert before.filter(known).equals(after.filter(known))
    assert 3_000 < before.filter(known).height < before.height - 3_000
    both = before.filter(later).join(after.filter(later), on=KEYS, suffix="_after")
    changed = both.select(pl.col("p_fair").ne_missing(pl.col("p_fair_after")).mean()).item()
    assert (changed > 0.3) == (one.name != "market")


def test_every_minute_of_every_market_is_there_in_order(signal_lake):
    """In the order of date, market and minute, as the dense minutes have them."""
    snapshot = Lake(signal_lake).snapshot()
    minutes = snapshot.scan(CANDLES_DENSE, cities=(CITY,), since=SINCE, until=UNTIL).select(KEYS).collect()

    said = signals_of(snapshot, "market", city="chi", since=SINCE, until=UNTIL)

    assert minutes.sort("event_date", "market_ticker", "ts_utc").equals(said.select(KEYS))


def test_a_stretch_of_dates_is_its_days(signal_lake):
    """A year is read in pieces, and each event says what it says alone."""
    snapshot = Lake(signal_lake).snapshot()
    days = [signals_of(snapshot, "accel", city=CITY, since=day, until=day) for day in (SINCE, UNTIL)]

    year = signals_of(snapshot, "accel", city=CITY, since=date(2026, 1, 1), until=date(2026, 12, 31))

    assert pl.concat(days).equals(year.filter(pl.col("event_date").is_between(SINCE, UNTIL)))


def test_a_city_without_minutes_says_nothing(signal_lake):
    """No row, all columns."""
    none = signals_of(Lake(signal_lake).snapshot(), "accel", city="miami", since=SINCE, until=UNTIL)

    assert (0, [*KEYS, "p_fair", "p_gate", "score", "urgent"]) == (none.height, none.columns)


@pytest.mark.parametrize(
    ("said", "error"), [({"city": "atlantis"}, UnknownCity), ({"until": date(2026, 10, 1)}, BadDateRange)]
)
def test_what_cannot_be_meant_is_refused(signal_lake, said, error):
    """A city that is none, and a range that ends before it begins."""
    with pytest.raises(error):
        signals_of(Lake(signal_lake).snapshot(), "market", **{"city": CITY, "since": SINCE, "until": UNTIL} | said)
