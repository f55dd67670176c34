"""What holds for every view at once: one row per grain, and nothing from the future."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from warehouse.lake.statements import statements

MIDNIGHT = datetime.fromisoformat("2026-02-04T06:00:00+00:00")
NOW = MIDNIGHT + timedelta(minutes=20)
PANELS = ("minute_panel_base", "minute_panel_neighbors", "minute_panel_weather", "minute_panel_full", "event_ladder")
# What an all-knowing vandal does to every row that is known only after NOW.
POISON = (
    ("obs_1m", "ts_utc", "temp_f = 139, dew_f = 139, run_max_f = 139, source = 'vandal'"),
    ("obs_5m", "ts_utc", "temp_f = 139"),
    ("forecasts", "known_utc", "high_f = 139, issued_utc = '2030-01-01'"),
    ("pmf_minute", "ts_utc", "p_wx = 1, mc_version = 'vandal'"),
    ("predictions", "ts_utc", "p_model = 1, model_id = 'A'"),
    ("promotions", "since_utc", "line = 'a', run_ids = (select list(distinct run_id) from predictions)"),
    (
        "candles_dense",
        "ts_utc",
        "mid_half_ticks = 20000, velocity_half_ticks = 9, acceleration_half_ticks = 9, volume_centi = 9",
    ),
    ("markets", "settled_utc", "result = 'yes', status = 'vandal', expiration_value_f = 139, volume_centi = 9"),
    ("settlements", "known_utc", "high_f = 139, is_final = true"),
)


@pytest.mark.parametrize("name", [view.name for view in statements("views").values()])
def test_a_view_has_one_row_per_grain(busy_lake, name):
    """What the header calls the grain is unique, on a lake of two cities, two days and two models."""
    grain = ", ".join(statements("views")[name].grain)

    assert busy_lake.ask(f"select count(*) from {name}")[0][0] > 0
    assert [] == busy_lake.ask(f"select {grain} from {name} group by all having count(*) > 1")


@pytest.mark.parametrize("name", PANELS)
def test_no_panel_row_changes_when_everything_known_later_is_poisoned(busy_lake, name):
    """The rows up to a minute are the same whatever becomes known after it."""
    query = f"from {name} where ts_utc <= '{NOW}' order by all"
    before = busy_lake.ask(query)

    for table, known, change in POISON:
        busy_lake.con.execute(f"update {table} set {change} where coalesce({known}, 'infinity') > '{NOW}'")

    assert len(before) > 0
    assert before == busy_lake.ask(query)


def test_the_poison_is_strong(busy_lake):
    """Every poisoned source shows after the minute: the law above is not kept by joining nothing."""
    for table, known, change in POISON:
        busy_lake.con.execute(f"update {table} set {change} where coalesce({known}, 'infinity') > '{NOW}'")

    shown = busy_lake.ask(
        "select max(wx_temp_1m), max(wx_temp_5m), max(wx_forecast_high_f), max(p_wx), max(p_model), "
        f"max(mid_prob), max(label_f) from minute_panel_labeled where ts_utc > '{NOW}'"
    )

    assert [(139.0, 139.0, 139.0, 1.0, 1.0, 1.0, 139)] == shown
