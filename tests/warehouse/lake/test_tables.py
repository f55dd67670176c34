"""Tables as contracts: what each promises, and how a frame is admitted, sifted or refused."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.errors import ContractBroken, Usage
from warehouse.lake.tables import (
    ALL_CITIES,
    BOOKS,
    MARKETS,
    MODEL_RUNS,
    OBS,
    OBS_1M,
    PREDICTIONS,
    TABLES,
    TRADES,
    TRUTH_DAYS,
    Column,
    Layout,
    Partition,
    Table,
    table,
)
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

DAY = Partition("nyc", date(2026, 10, 4))
NOON_UTC = datetime(2026, 10, 4, 16, tzinfo=UTC)
TICKER = "KXHIGHNY-26OCT04-B72.5"
PARTICULAR = {"market_ticker": TICKER, "event_ticker": "KXHIGHNY-26OCT04", "close_utc": NOON_UTC + timedelta(hours=9)}
EVERY_TABLE = pytest.mark.parametrize("contract", TABLES.values(), ids=TABLES)


def some_value(column: Column) -> object:
    """Return a value that the column may hold."""
    if column.name in PARTICULAR:
        return PARTICULAR[column.name]
    by_type = {
        pl.String: "word",
        pl.Boolean: False,
        pl.Float64: max(0.5, column.low or 0),
        pl.Datetime: NOON_UTC,
        pl.List: [1],
        pl.Date: DAY.event_date,
    }
    return column.one_of[0] if column.one_of else by_type.get(column.dtype.base_type(), 1)


def frame_of(contract: Table, *changes: dict[str, object]) -> pl.DataFrame:
    """Return a row that the table admits for each set of changes, with the changes made."""
    row = {column.name: some_value(column) for column in contract.columns}
    return pl.DataFrame([row | change for change in changes], schema=contract.schema, strict=True)


def partition_of(contract: Table) -> Partition:
    return DAY if contract.layout is Layout.CITY_DAY else Partition("nyc")


def rules_broken(contract: Table, *changes: dict[str, object], partition: Partition = DAY) -> list[str]:
    return contract.sift(frame_of(contract, *changes), partition).refused["rule"].to_list()


@EVERY_TABLE
def test_a_table_says_what_it_holds_and_when_it_is_known(contract):
    """Every table and every column has a meaning, and the table says when a row may be used."""
    assert all([contract.meaning, contract.known, contract.grain, *(column.meaning for column in contract.columns)])


@EVERY_TABLE
def test_a_table_names_each_column_once(contract):
    """A column is of the file or of the path, once."""
    names = [*contract.path_columns, *(column.name for column in contract.columns)]

    assert len(names) == len(set(names))


@EVERY_TABLE
def test_grain_and_order_are_columns_that_are_never_null(contract):
    """What identifies a row is stored in it or in its path."""
    required = {column.name for column in contract.columns if not column.null} | set(contract.path_columns)

    assert set() == {*contract.grain, *contract.order} - required


@EVERY_TABLE
def test_a_sound_row_is_admitted_as_it_is(contract):
    """What keeps every rule is stored unchanged."""
    frame = frame_of(contract, {})

    assert frame.equals(contract.admit(frame, partition_of(contract)))


@EVERY_TABLE
def test_no_rows_are_admitted(contract):
    """A day on which nothing happened is no error."""
    assert contract.empty().equals(contract.admit(contract.empty(), partition_of(contract)))


@EVERY_TABLE
def test_a_repeated_row_is_folded(contract):
    """The same row said twice is one row, in tables of one row per day and of lists too."""
    assert 1 == contract.admit(frame_of(contract, {}, {}), partition_of(contract)).height


@EVERY_TABLE
def test_a_null_in_a_required_column_is_refused(contract):
    """Every column that may not be null refuses a null, by its name."""
    for column in contract.columns:
        if not column.null:
            broken = rules_broken(contract, {column.name: None}, partition=partition_of(contract))
            assert [f"{column.name} is missing"] == broken


def test_a_missing_column_is_refused_with_the_columns_of_the_table():
    """A frame of another shape never enters, whatever its rows."""
    with pytest.raises(
        ContractBroken, match=r"trades city=nyc/date=2026-10-04: column 'is_block' is missing"
    ) as caught:
        TRADES.admit(frame_of(TRADES, {}).drop("is_block"), DAY)

    assert "trade_id, market_ticker" in caught.value.hint


def test_a_foreign_column_is_refused():
    """Nothing that the contract does not name is stored."""
    with pytest.raises(ContractBroken, match="column 'mood' is not of this table"):
        TRADES.admit(frame_of(TRADES, {}).with_columns(mood=pl.lit("good")), DAY)


def test_a_wrong_type_is_refused_with_the_meaning_of_the_column():
    """A type is never cast silently."""
    frame = frame_of(TRADES, {}).cast({"yes_price_ticks": pl.Int64})

    with pytest.raises(ContractBroken, match="'yes_price_ticks' is Int64, expected Int32") as caught:
        TRADES.admit(frame, DAY)

    assert "price of yes" in caught.value.hint


def test_a_column_of_nulls_only_takes_the_type_of_the_table():
    """A frame made without a value has no type to be wrong."""
    frame = frame_of(OBS, {"dew_f": None}).with_columns(dew_f=pl.lit(None))

    assert pl.Float64 == OBS.admit(frame, DAY).schema["dew_f"]


@pytest.mark.parametrize(
    ("contract", "change", "rule"),
    [
        (OBS, {"temp_f": float("nan")}, "temp_f is not finite"),
        (OBS, {"temp_f": float("inf")}, "temp_f is not finite"),
        (OBS, {"temp_f": 141.0}, "temp_f is above 140"),
        (OBS, {"wind_mph": -1.0}, "wind_mph is below 0"),
        (OBS, {"temp_lo_f": 3, "temp_hi_f": 2}, "not so: temp_lo_f <= temp_hi_f"),
        (OBS, {"known_utc": NOON_UTC - timedelta(seconds=1)}, "not so: known_utc >= ts_utc"),
        (TRADES, {"yes_price_ticks": 10_001}, "yes_price_ticks is above 10000"),
        (TRADES, {"yes_price_ticks": -1}, "yes_price_ticks is below 0"),
        (TRADES, {"count_centi": -1}, "count_centi is below 0"),
        (TRADES, {"taker_side": "maybe"}, "taker_side is none of yes no"),
        (TRADES, {"market_ticker": "KXHIGHCHI-26OCT04-T70"}, "market_ticker is not of its city and date"),
        (TRADES, {"market_ticker": "KXHIGHNY-26OCT05-T70"}, "market_ticker is not of its city and date"),
        (MARKETS, {"event_ticker": "KXHIGHNY-26OCT05"}, "event_ticker is not of its city and date"),
        (MARKETS, {"low_f": None, "high_f": None}, "not so: low_f or high_f is a bound"),
        (MARKETS, {"close_utc": NOON_UTC}, "not so: open_utc < close_utc"),
        (PREDICTIONS, {"p_model": 1.5}, "p_model is above 1"),
        (BOOKS, {"kind": "delta", "side": None}, "not so: a delta has side, price_ticks and delta_centi"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_by_that_rule(contract, change, rule):
    """The first broken rule of a row is named in words."""
    assert [rule] == rules_broken(contract, change)


def test_the_older_series_of_the_city_is_of_its_partition():
    """The prefix changed; the partition is the city's."""
    assert [] == rules_broken(TRADES, {"market_ticker": "HIGHNY-26OCT04-T70"})


@pytest.mark.parametrize(
    ("contract", "hours", "is_inside"), [(OBS, 5, True), (OBS, 29, False), (OBS_1M, 5, False), (OBS_1M, 29, True)]
)
def test_midnight_is_of_the_day_that_the_table_says(contract, hours, is_inside):
    """A report at the opening midnight is of the day; a grid step is of the day that it ends."""
    instant = datetime(2026, 10, 4, tzinfo=UTC) + timedelta(hours=hours)

    broken = rules_broken(
        contract, {"ts_utc": instant, "known_utc": instant} if contract is OBS else {"ts_utc": instant}
    )

    assert ([] if is_inside else ["ts_utc is outside the climate day"]) == broken


def test_of_two_contradicting_rows_the_first_is_kept():
    """Rows of one key and different values are refused, but for the first."""
    frame = frame_of(TRADES, {"count_centi": 100}, {"count_centi": 200})

    sifted = TRADES.sift(frame, DAY)

    assert [100] == sifted.kept["count_centi"].to_list()
    assert [(200, "trade_id is there twice with different values")] == sifted.refused.select(
        "count_centi", "rule"
    ).rows()


def test_a_second_truth_of_one_day_is_refused():
    """A table whose grain is its path has room for one row."""
    frame = frame_of(TRUTH_DAYS, {"high_f": 70}, {"high_f": 71})

    sifted = TRUTH_DAYS.sift(frame, DAY)

    assert [70] == sifted.kept["high_f"].to_list()
    assert ["the row of the partition is there twice with different values"] == sifted.refused["rule"].to_list()


def test_stored_rows_are_in_the_order_of_the_table():
    """Files are sorted, whatever the order of arrival."""
    changes = [{"trade_id": name, "ts_utc": NOON_UTC - timedelta(hours=hour)} for hour, name in enumerate("abc")]

    assert ["c", "b", "a"] == TRADES.admit(frame_of(TRADES, *changes), DAY)["trade_id"].to_list()


def test_path_columns_that_agree_are_left_to_the_path():
    """City and event date are stored once, in the folder's name."""
    frame = frame_of(TRADES, {}).with_columns(city=pl.lit("nyc"), event_date=pl.lit(DAY.event_date))

    assert TRADES.schema == TRADES.admit(frame, DAY).schema


@pytest.mark.parametrize(
    "said",
    [
        {"city": pl.lit("miami")},
        {"city": pl.lit(None, pl.String)},
        {"event_date": pl.lit(date(2026, 10, 5))},
        {"event_date": pl.lit("2026-10-04")},
    ],
)
def test_path_columns_that_contradict_their_partition_are_refused(said):
    """A row of another day, or of no day, is not stored under this one."""
    with pytest.raises(ContractBroken, match="does not equal its partition"):
        TRADES.sift(frame_of(TRADES, {}).with_columns(**said), DAY)


@pytest.mark.parametrize(
    ("contract", "partition"),
    [
        (TRADES, Partition("atlantis", date(2026, 10, 4))),
        (TRADES, Partition("nyc")),
        (TRADES, Partition(ALL_CITIES, date(2026, 10, 4))),
        (MODEL_RUNS, Partition("nyc", date(2026, 10, 4))),
        (MODEL_RUNS, Partition("ny")),
    ],
)
def test_a_partition_of_another_kind_is_refused(contract, partition):
    """A table with a day needs one, a table without refuses one, and the city is a key of the registry."""
    with pytest.raises(ContractBroken, match="is no partition of this table") as caught:
        contract.admit(contract.empty(), partition)

    assert "philadelphia" in caught.value.hint


def test_a_table_without_a_day_may_speak_of_all_cities():
    """One global model is stored under one name."""
    assert 1 == MODEL_RUNS.admit(frame_of(MODEL_RUNS, {}), Partition(ALL_CITIES)).height


def test_a_refusal_names_table_rule_and_first_bad_row():
    """The error says what was found, where, and what to do next."""
    frame = frame_of(TRADES, {}, {"trade_id": "t2", "yes_price_ticks": 10_001}, {"trade_id": "t3", "count_centi": -1})

    with pytest.raises(ContractBroken) as caught:
        TRADES.admit(frame, DAY)

    expected = "2 row(s) refused; the first: yes_price_ticks is above 10000, at trade_id=t2, yes_price_ticks=10001"
    assert f"trades {DAY}: {expected}" == str(caught.value)
    assert "quarantine" in caught.value.hint


SOME_CHANGES = st.lists(
    st.fixed_dictionaries(
        {
            "trade_id": st.sampled_from(["t1", "t2", "t3"]),
            "yes_price_ticks": st.sampled_from([0, 5_000, 10_000, 10_001, None]),
            "count_centi": st.sampled_from([100, -1]),
        }
    ),
    max_size=12,
)


@given(SOME_CHANGES)
def test_sifting_loses_and_invents_no_row(changes):
    """Kept, refused and folded repeats together are the rows that came."""
    frame = frame_of(TRADES, *changes)

    sifted = TRADES.sift(frame, DAY)

    came = Counter(frame.rows())
    stored = Counter(sifted.kept.rows()) + Counter(sifted.refused.drop("rule").rows())
    assert (set(came), True) == (set(stored), stored <= came)
    assert sifted.kept["trade_id"].is_unique().all()


@given(SOME_CHANGES)
def test_what_was_kept_is_admitted_again_unchanged(changes):
    """Sifting twice is sifting once."""
    kept = TRADES.sift(frame_of(TRADES, *changes), DAY).kept

    assert kept.equals(TRADES.admit(kept, DAY))


def odd_values(column: Column) -> list[object]:
    """Return values at which a law may begin or end to hold; for a list none but those of a sound row."""
    day = ClimateDay(CITIES[DAY.city], DAY.event_date)
    instants = [
        day.start_utc + timedelta(days=days, seconds=seconds) for days in (-7, 0, 1, 8) for seconds in (-1, 0, 1)
    ]
    bounds = [bound + step for bound in (column.low, column.high) if bound is not None for step in (-1, 0, 1)]
    by_type = {
        pl.String: [TICKER, "HIGHNY-26OCT04", "KXHIGHNY-26OCT04", "KXHIGHCHI-26OCT04-T70", "word", *column.one_of],
        pl.Boolean: [True, False],
        pl.Float64: [float("nan"), float("inf"), *map(float, bounds)],
        pl.Datetime: instants,
        pl.Date: [DAY.event_date],
        pl.List: [],
    }
    return [None, some_value(column), *by_type.get(column.dtype.base_type(), map(int, bounds))]


@EVERY_TABLE
@given(data=st.data())
@settings(max_examples=25)
def test_rows_are_judged_alike_at_once_and_one_by_one(contract, data):
    """Whether any row breaks a law is what the laws say row by row, whichever of them do not hold."""
    values = st.fixed_dictionaries(
        {}, optional={column.name: st.sampled_from(odd_values(column)) for column in contract.columns}
    )
    partition = partition_of(contract)
    frame = frame_of(contract, *data.draw(st.lists(values, min_size=1, max_size=3)))

    laws = [*contract._row_laws, *contract._partition_laws(partition)]
    one_by_one = frame.select(pl.any_horizontal(broken.any() for _, broken in laws)).item()

    assert one_by_one == contract.breaks_a_law(frame, {partition: frame})


def test_a_frame_is_split_by_city_and_date_in_order():
    """Each partition gets its own rows, without the columns that its path says."""
    frame = frame_of(TRADES, *({"trade_id": name} for name in "abc")).with_columns(
        city=pl.Series(["nyc", "austin", "nyc"]),
        event_date=pl.Series([date(2026, 10, 5), date(2026, 10, 4), date(2026, 10, 4)]),
    )

    parts = {str(partition): rows["trade_id"].to_list() for partition, rows in TRADES.split(frame)}

    expected = {"austin/date=2026-10-04": ["b"], "nyc/date=2026-10-04": ["c"], "nyc/date=2026-10-05": ["a"]}
    assert {f"city={path}": names for path, names in expected.items()} == parts
    assert [f"city={path}" for path in expected] == list(parts)


def test_a_table_without_a_day_is_split_by_city():
    """Tables without a day partition by city alone."""
    frame = frame_of(MODEL_RUNS, {}, {}).with_columns(city=pl.Series(["nyc", "austin"]))

    assert [Partition("austin"), Partition("nyc")] == [partition for partition, _ in MODEL_RUNS.split(frame)]


@pytest.mark.parametrize(
    "said",
    [
        {"city": pl.lit("nyc")},
        {"city": pl.lit(None, pl.String), "event_date": pl.lit(date(2026, 10, 4))},
        {"city": pl.lit("nyc"), "event_date": pl.lit("2026-10-04")},
    ],
)
def test_rows_that_do_not_say_their_partition_are_not_split(said):
    """A row without city and date has no place in the lake."""
    with pytest.raises(ContractBroken, match="has no partition"):
        list(TRADES.split(frame_of(TRADES, {}).with_columns(**said)))


@pytest.mark.parametrize("partition", [DAY, Partition("austin")])
def test_a_partition_is_read_back_from_its_path(partition):
    """Path and partition are two spellings of one thing."""
    assert partition == Partition.from_path(partition.path)


def test_an_unknown_table_gets_the_nearest_name():
    """A typing error is answered with the name that was meant."""
    with pytest.raises(Usage, match="candle_1m") as caught:
        table("candle_1m")

    assert "did you mean 'candles_1m'?" == caught.value.hint
