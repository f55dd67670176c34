"""The audit: it counts what models read, finds a gate that leaks, and trusts nobody."""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from kwx.features.audit import run as audits
from kwx.features.audit.kinds import kind_of
from kwx.features.audit.mending import TUNED_FROM_DATES, weights_serve
from kwx.features.audit.run import Asked, audit_features
from kwx.features.audit.verdict import Status
from kwx.features.gate import THE_CONFIGURATION
from kwx.features.panel import read_panel
from kwx.features.sets import feature_set
from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import market_clock, time_of_day
from kwx.features.tmax.sets import MARKET_CLOCK, TOD
from kwx.features.tmax.snapshots import read_snapshots, snapshots_of
from kwx.fuse.fit.split import least_dates
from kwx.fuse.fit.tune import TuneWish
from tests.kwx.held_weights import HELD
from warehouse.errors import BadDateRange, Refused, Usage
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import BOOKS, FUSION_PARAMS, Partition
from warehouse.lake.writer import write

GATED = ("dew_f", "humidity_pct", "wind_mph")
RICH = Asked(feature_set="elasticnet_rich", every_minutes=15)
GATE = "case when not (cities.vc_excluded and starts_with(minutes.source, 'vc')) then minutes.dew_f end"


def line(audit, city, feature):
    """Return one line of an audit."""
    return audit.rows.row(by_predicate=(pl.col("city") == city) & (pl.col("feature") == feature), named=True)


@pytest.fixture(scope="module")
def rich(known_lake):
    """The audit of the rich set: Chicago has two of three days run, New York none."""
    return audit_features(Lake(known_lake).snapshot(), RICH)


def test_the_gate_of_new_york_holds_and_chicago_sees_all(rich):
    """The registry's city is told its reason; what stations told it is counted, what the vendor told is not there."""
    for feature in GATED:
        ours, theirs = line(rich, "nyc", feature), line(rich, "chicago", feature)
        assert ("excluded", "the gate", 0) == (ours["status"], ours["reason"], ours["leaked_minutes"])
        assert 0 < ours["known_share"] < 0.5
        assert ("used", "", 1.0, None) == tuple(
            theirs[n] for n in ("status", "reason", "known_share", "leaked_minutes")
        )
    assert ("used", 1.0) == tuple(line(rich, "nyc", "temp_f")[name] for name in ("status", "known_share"))


def test_what_nobody_ran_is_never_known_and_the_command_to_type_is_said(rich):
    """So the audit is not passed, though the gate holds."""
    assert not rich.passed
    assert {("nyc", "never known")} == set(rich.failures.select("city", "status").unique().rows())
    assert "make it with: kwx hazard backfill --city nyc" == line(rich, "nyc", "hazard_60m")["reason"]
    fused = "make it with: kwx fuse tune --every 7, then kwx fuse run --city nyc;"
    assert (
        f"{fused} or, before 13 dates are settled, kwx fuse run --city nyc --weight 0.7"
        == line(rich, "nyc", "p_fused")["reason"]
    )
    assert "used" == line(rich, "chicago", "p_fused")["status"]


def test_where_weights_may_serve_nothing_is_tuned(known_lake, tmp_path):
    """The city's own or those of all; the commands find the lake as the asker did."""
    root = tmp_path / "a lake"
    shutil.copytree(known_lake, root, symlinks=True)
    publish_sets_in(root, HELD)
    snapshot, asked = Lake(root).snapshot(), replace(RICH, cities=("nyc",), every_minutes=60, lake_said=root)

    found = audit_features(snapshot, asked)

    assert f"make it with: kwx fuse run --city nyc --lake '{root}'" == line(found, "nyc", "p_fused")["reason"]
    assert f"make it with: kwx hazard backfill --city nyc --lake '{root}'" == line(found, "nyc", "p_wx")["reason"]
    assert weights_serve(snapshot, "nyc", [date(2026, 11, 1)])
    assert not weights_serve(snapshot, "nyc", [date(2026, 10, 31)])


@pytest.mark.parametrize("change", [{"accepted": False}, {"horizon": "5m"}, {"city": "chicago"}])
def test_weights_that_cannot_serve_are_as_good_as_none(known_lake, tmp_path, change):
    """The market alone was better, something else was the target, or they are of another city."""
    root = tmp_path / "lake"
    shutil.copytree(known_lake, root, symlinks=True)
    publish_sets_in(root, replace(HELD, **change))

    assert not weights_serve(Lake(root).snapshot(), "nyc", [date(2026, 11, 2)])


def publish_sets_in(root, one):
    """Store a set of weights in a lake."""
    with write(Lake(root), purpose="test") as writer:
        writer.put(FUSION_PARAMS, one.row(), Partition(one.city))
        writer.publish()


def test_so_many_dates_are_said_as_a_tuning_needs():
    """Of every pool, with the share that is held out when nothing is said."""
    assert TUNED_FROM_DATES == least_dates(TuneWish().pools, held_out=TuneWish().held_out)


def test_every_count_is_that_of_the_rows_which_a_model_reads(rich, known_lake):
    """Rows, known rows, least, greatest, first and last date, counted anew one feature at a time."""
    snapshot = Lake(known_lake).snapshot()
    panel = read_panel(snapshot, "chicago", since=date(2026, 10, 1), until=date(2026, 12, 1), every_minutes=15)
    built = feature_set("elasticnet_rich").build(panel).with_columns(panel["event_date"])

    for name in feature_set("elasticnet_rich").names:
        known = built.filter(pl.col(name).is_not_nan())
        found = line(rich, "chicago", name)
        assert (panel.height, known.height) == (found["rows"], found["known"])
        assert known.height / panel.height == found["known_share"]
        assert (known[name].min(), known[name].max()) == (found["min"], found["max"])
        assert (known["event_date"].min(), known["event_date"].max()) == (found["first_date"], found["last_date"])
    assert date(2026, 10, 31) == line(rich, "chicago", "mid")["first_date"]
    assert date(2026, 11, 1) == line(rich, "chicago", "p_wx")["first_date"]


def test_a_long_range_is_counted_in_parts(rich, known_lake, monkeypatch):
    """Day by day the same comes out as at once."""
    monkeypatch.setattr(audits, "_DATES_AT_ONCE", 1)

    assert rich.rows.equals(audit_features(Lake(known_lake).snapshot(), RICH).rows)


def test_a_view_that_lets_the_vendor_through_is_found(known_lake, altered):
    """Dew points of the vendor in the panel are a leak, minute by minute, though no set of New York reads them."""
    leaking = altered(known_lake, "weather_of_event", GATE, "minutes.dew_f")

    found = audit_features(leaking, Asked(feature_set="elasticnet_rich", cities=("nyc",), every_minutes=60))

    with leaking.connect() as con:
        told = con.sql(
            "select count(wx_dew)::bigint as n from minute_panel_full where city = 'nyc' and wx_source = 'vc'"
        )
        leaked = told.pl().item()
    assert leaked == line(found, "nyc", "dew_f")["leaked_minutes"] > 1_000
    assert Status.LEAKS == line(found, "nyc", "dew_f")["status"]
    assert not found.passed
    assert "excluded" == line(found, "nyc", "wind_mph")["status"]


def test_a_leak_at_one_odd_minute_is_found(known_lake, altered):
    """The gate is searched at every minute, however coarsely features are counted."""
    breach = f"case when minutes.ts_utc = '2026-11-01 18:33:00Z' then 30 else {GATE} end"
    leaking = altered(known_lake, "weather_of_event", GATE, breach)

    found = audit_features(leaking, Asked(feature_set="elasticnet_rich", cities=("nyc",), every_minutes=60))

    assert 0 < line(found, "nyc", "dew_f")["leaked_minutes"] <= 12
    assert Status.LEAKS == line(found, "nyc", "dew_f")["status"]


def test_a_model_that_reads_behind_the_gate_is_found(known_lake):
    """What a model sees is asked, not assumed."""
    asked = Asked(feature_set="elasticnet_rich", cities=("nyc",), every_minutes=60)

    found = audit_features(Lake(known_lake).snapshot(), asked, chosen=lambda name, city, **said: feature_set(name))

    assert all(Status.LEAKS == line(found, "nyc", feature)["status"] for feature in GATED)
    assert "in the set in spite of: the gate" == line(found, "nyc", "dew_f")["reason"]


def test_a_constant_feature_is_no_feature(known_lake):
    """Once a day, at midnight UTC, the hour is always the same."""
    found = audit_features(
        Lake(known_lake).snapshot(), Asked(feature_set="ridge_conservative", cities=("chicago",), every_minutes=1440)
    )

    assert {"hour_sin", "hour_cos"} == set(found.failures.filter(pl.col("status") == "constant")["feature"])
    assert line(found, "chicago", "hour_sin")["reason"].startswith("always ")


def test_an_infinite_value_is_found(known_lake, altered):
    """A temperature that no instrument shows."""
    broken = altered(
        known_lake, "weather_of_event", "minutes.temp_f as wx_temp_1m",
        "case when minutes.ts_utc > '2026-11-01 18:00Z' then 'infinity'::double else minutes.temp_f end as wx_temp_1m",
    )  # fmt: skip

    found = audit_features(broken, Asked(feature_set="ridge_conservative", cities=("chicago",), every_minutes=60))

    assert ["temp_f"] == found.failures["feature"].to_list()
    assert Status.NOT_FINITE == line(found, "chicago", "temp_f")["status"]


def test_a_type_of_bracket_is_audited_for_itself(known_lake):
    """What it can never know is excluded, and not missing."""
    found = audit_features(
        Lake(known_lake).snapshot(),
        Asked(feature_set="elasticnet_rich", bracket="greater", cities=("chicago",), every_minutes=15),
    )

    assert found.passed
    assert ["right_gap", "run_max_to_high_f"] == found.rows.filter(pl.col("status") == "excluded")["feature"].to_list()
    assert 0 == line(found, "chicago", "right_gap")["known"] < line(found, "chicago", "left_gap")["known"]


def test_cities_behind_the_gate_may_be_said(known_lake):
    """A model then does without, though the panel still has the values; that is no leak of the views."""
    asked = Asked(feature_set="elasticnet_rich", cities=("chicago",), every_minutes=60, excluded=("nyc", "chicago"))

    found = audit_features(Lake(known_lake).snapshot(), asked)

    assert ("chicago",) == found.excluded
    assert ("excluded", None, 1.0, THE_CONFIGURATION) == tuple(
        line(found, "chicago", "wind_mph")[name] for name in ("status", "leaked_minutes", "known_share", "reason")
    )


def test_the_sets_of_the_high_are_counted_in_the_snapshots_that_their_models_read(known_lake):
    """The gate takes nothing of New York: no dew point, humidity or wind is read; a city's own mark is no fault."""
    snapshot = Lake(known_lake).snapshot()

    found = audit_features(snapshot, Asked(feature_set="market_clock"), Asked(feature_set="tod", bracket="less"))

    assert found.passed
    assert {"market_clock": 5, "tod": 15} == found.every_minutes
    assert {"all"} == set(found.rows["bracket"])
    assert {"used"} == set(found.rows["status"])
    assert [None] == found.rows["leaked_minutes"].unique().to_list()
    for features, clock in ((MARKET_CLOCK, market_clock), (TOD, time_of_day)):
        rows = read_snapshots(snapshot, "nyc", since=date(2026, 10, 31), until=date(2026, 11, 2), clock=clock)
        known = features.build(rows).select(pl.all().is_not_nan().sum()).row(0, named=True)
        ours = found.rows.filter((pl.col("city") == "nyc") & (pl.col("feature_set") == features.name))
        assert known == dict(ours.select("feature", "known").iter_rows())
        assert {rows.height} == set(ours["rows"])
    marks = found.rows.filter(pl.col("feature") == "is_nyc").select("city", "reason").rows()
    told = {"chicago": "always 0: says which city it is", "nyc": "always 1: says which city it is"}
    assert told == dict(marks)


class Unrecorded(Snapshot):
    """A snapshot of a lake in which nobody recorded the books of New York."""

    def partitions(self, table):
        """Return what is there."""
        return [place for place in super().partitions(table) if (table, place.city) != (BOOKS.name, "nyc")]


def test_books_are_counted_where_they_were_recorded_and_left_out_where_they_were_not(known_lake):
    """What of the tape and the book is known is counted over every minute of the panel."""
    whole = Lake(known_lake).snapshot()

    asked = Asked(feature_set="microstructure", every_minutes=15)
    found = audit_features(Unrecorded(whole.paths, whole.number), asked)

    assert found.passed
    assert {("chicago", "used"), ("nyc", "excluded")} == set(found.rows.select("city", "status").unique().rows())
    assert "no order book of these dates was recorded: kwx record" == line(found, "nyc", "ofi_log")["reason"]
    assert (0, "books") == tuple(line(found, "nyc", "ofi_log")[name] for name in ("known", "tables"))
    assert "trades" == line(found, "chicago", "hawkes_buy")["tables"]
    assert line(found, "chicago", "queue_imbalance")["known_share"] > 0.5
    assert ["hawkes_buy", "hawkes_sell"] == found.laws.filter(city="chicago")["column"].to_list()
    assert found.laws.filter(city="nyc").is_empty()


def altered_inputs(inputs):
    """Yield each table that snapshots are made of, and the inputs with that table saying something else."""
    highs, curves = (frame.with_columns(pl.col(name) + 3) for frame, name in
                     ((inputs.highs, "high_f"), (inputs.curves, "temp_f")))  # fmt: skip
    degrees = [name for name in inputs.grid.columns if name.endswith("_f")]
    warmer = inputs.grid.with_columns(pl.col(name) + 2 for name in degrees)
    stale = warmer.with_columns(pl.col("stale_minutes") + 1, source=pl.lit("metar")).filter(
        pl.int_range(pl.len()) % 7 > 0
    )
    words = inputs.words.with_columns(pl.col("max_f") + 5, pl.col("until_utc") - timedelta(minutes=60))
    yield "forecasts", replace(inputs, highs=highs, curves=curves)
    yield "forecasts", replace(inputs, highs=highs.filter(pl.int_range(pl.len()) % 5 > 0), curves=curves)
    yield "obs_5m", replace(inputs, grid=stale)
    yield "obs", replace(inputs, words=words)
    yield "markets", replace(inputs, trading=inputs.trading.with_columns(pl.col("open_utc") + timedelta(minutes=30)))


def test_the_tables_that_a_feature_of_the_high_is_made_of_are_those_which_move_it(demo_lake):
    """Each table says something else in turn: no feature moves that is not said to be of it."""
    inputs = TmaxInputs.read(Lake(demo_lake).snapshot(), "chicago", since=date(2026, 10, 31), until=date(2026, 11, 2))
    kind = kind_of("market_clock")
    key = ("event_date", "ts_utc")

    def built(of):
        rows = snapshots_of(of)
        return pl.concat([rows.select(key), kind.features.build(rows)], how="horizontal")

    before = built(inputs)
    moved = defaultdict(set)
    for table, other in altered_inputs(inputs):
        both = before.join(built(other), on=key, suffix="_then")
        for feature in kind.features.features:
            if not both[feature.name].equals(both[f"{feature.name}_then"], check_names=False):
                moved[feature.name].add(table)

    for feature in kind.features.features:
        said = set(kind.tables(feature))
        assert moved[feature.name] <= said, feature.name
        assert not said or moved[feature.name], feature.name
    assert {"forecasts", "obs_5m"} == moved["forecast_over_base_f"]


def test_a_set_that_is_not_there_is_refused_with_the_nearest_name(known_lake):
    """Whatever kind it is of."""
    with pytest.raises(Usage, match="no feature set 'market-clock'") as refused:
        audit_features(Lake(known_lake).snapshot(), Asked(feature_set="market-clock"))
    assert "did you mean 'market_clock'?" in refused.value.hint


def test_what_is_not_there_cannot_be_audited(known_lake):
    """A city without minutes, a range without dates, and one that ends before it begins."""
    snapshot = Lake(known_lake).snapshot()

    with pytest.raises(Refused, match="no minute of trading of denver"):
        audit_features(snapshot, Asked(feature_set="baseline", cities=("chicago", "denver")))
    with pytest.raises(Refused, match="no minute of trading of these dates"):
        audit_features(snapshot, Asked(feature_set="baseline", since=date(2027, 1, 1)))
    with pytest.raises(BadDateRange):
        audit_features(snapshot, Asked(feature_set="baseline", since=date(2026, 11, 2), until=date(2026, 11, 1)))
