"""The panel over Parquet is that of the views, bit by bit."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from kwx.signals.panel import FAST_COLUMNS, read_signal_panel
from kwx.signals.weather import OF_WEATHER
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, Partition

CITY, SINCE, UNTIL = "chicago", date(2026, 11, 1), date(2026, 11, 2)
OWN = {"p_said", "left_p_said", "right_p_said", "whole_ladder"}
KEYS = ["city", "event_date", "market_ticker", "ts_utc"]
ORDER = "order by event_date, market_ticker, ts_utc"


def viewed(snapshot, columns, city=CITY):
    """Return columns of the view of both days."""
    where = f"city = '{city}' and event_date between '{SINCE}' and '{UNTIL}'"
    with snapshot.connect() as con:
        return con.sql(f"select {', '.join(columns)} from minute_panel_full where {where} {ORDER}").pl()


def test_every_fast_column_is_that_of_the_view(snapshot, panel_of):
    """All rows, in the order of date, market and minute; what is null there is null here."""
    columns = sorted(FAST_COLUMNS - OWN)

    expected, got = viewed(snapshot, [*KEYS, *columns]), panel_of()

    assert expected.height > 25_000
    for name in [*KEYS, *columns]:
        assert expected[name].equals(got[name]), name
        assert got[name].n_unique() > 1 or name == "city", name


def test_weather_behind_the_gate_is_that_of_the_view(snapshot):
    """Of New York the vendor's dew, humidity and wind are not there; its temperature and other reports are."""
    columns = sorted(OF_WEATHER)

    expected = viewed(snapshot, columns, "nyc")

    assert expected.equals(
        read_signal_panel(snapshot, "nyc", since=SINCE, until=UNTIL, columns=columns).select(columns)
    )
    is_vendor = expected["wx_source"].str.starts_with("vc")
    assert expected.filter(is_vendor)["wx_dew"].is_null().all()
    assert expected.filter(~is_vendor)["wx_dew"].is_not_null().any()
    assert expected.filter(is_vendor)["wx_temp_1m"].is_not_null().any()


def test_a_column_that_only_the_view_has_comes_by_the_view(snapshot, panel_of):
    """Beside those that are read fast, row by row."""
    columns = ["wx_forecast_high_f", "mid_prob", "local_date"]

    assert viewed(snapshot, columns).equals(panel_of(columns).select(columns))


def test_what_is_said_is_the_share_of_the_familys_calibrated_word(snapshot, panel_of):
    """Each family's own, over its sum where it speaks of a whole ladder; and beside it that of the neighbours."""
    word = pl.coalesce("p_calibrated", "p_model")
    total = word.sum().over("event_ticker", "ts_utc")
    is_whole = word.is_not_null().all().over("event_ticker", "ts_utc")
    beside = panel_of().select("event_ticker", "ts_utc", "bracket_order")
    for family in ("hybrid", "market_clock", "tod", "elasticnet"):
        panel = panel_of(family=family)
        assert {f"{family}_chicago_all_win_20261101_20261102", None} == set(panel["model_id"])
        share = panel.select(pl.when(is_whole).then(word / total).otherwise(word)).to_series()
        assert panel["p_said"].is_null().equals(share.is_null())
        assert (panel["p_said"] - share).abs().max() < 1e-12
        for side, steps in (("left", -1), ("right", 1)):
            key = beside.with_columns(pl.col("bracket_order") + steps)
            found = key.join(panel, on=key.columns, how="left", maintain_order="left")["p_said"]
            assert found.equals(panel[f"{side}_p_said"])
            assert found.is_not_null().sum() > 10_000


def test_a_word_stands_for_a_day_and_no_longer(panel_of):
    """The one word on the coldest bracket is gone 24 hours later, when the market still trades."""
    tod = panel_of(family="tod").filter(pl.col("bracket_order") == 1)

    spoken = tod.group_by("market_ticker").agg(
        (pl.col("p_said").is_not_null()).sum().alias("minutes"),
        (pl.col("ts_utc").filter(pl.col("p_said").is_null()).max() == pl.col("ts_utc").max()).alias("ends_silent"),
    )

    assert [1_440, 1_440] == spoken["minutes"].to_list()
    assert spoken["ends_silent"].all()


def test_a_ladder_is_whole_where_all_its_brackets_trade(panel_of, own_signal_lake, put):
    """A minute that one bracket lacks is none for the others either."""
    assert panel_of()["whole_ladder"].all()
    place = Partition(CITY, SINCE)
    rows = Lake(own_signal_lake).snapshot().read(CANDLES_DENSE, place).select(CANDLES_DENSE.schema.names())
    gone = rows.sample(1, seed=1)
    put(own_signal_lake, CANDLES_DENSE, rows.join(gone, on=["market_ticker", "ts_utc"], how="anti"), place)

    panel = read_signal_panel(
        Lake(own_signal_lake).snapshot(), CITY, since=SINCE, until=UNTIL, columns=["whole_ladder"]
    )

    broken = panel.filter(~pl.col("whole_ladder"))
    assert 5 == broken.height
    assert [gone["ts_utc"][0]] * 5 == broken["ts_utc"].to_list()


def test_how_an_event_ended_is_no_column(panel_of):
    """A label is not of the panel, and is refused by its name."""
    with pytest.raises(Refused, match="no column label_f"):
        panel_of(["label_f", "mid_prob"])


def test_a_city_without_minutes_has_an_empty_panel(snapshot):
    """All columns are there, and no row."""
    panel = read_signal_panel(snapshot, "miami", since=SINCE, until=UNTIL, columns=FAST_COLUMNS)

    assert 0 == panel.height
    assert set(panel.columns) >= FAST_COLUMNS
