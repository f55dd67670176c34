"""The audit: it counts what models read, finds a gate that leaks, and trusts nobody."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from kwx.features import audit as audits
from kwx.features.audit import Asked, Status, audit_features
from kwx.features.panel import read_panel
from kwx.features.sets import feature_set
from warehouse.errors import BadDateRange, Refused
from warehouse.lake.store import Lake

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
    assert "make it with: kwx hazard backfill" == line(rich, "nyc", "hazard_60m")["reason"]
    assert "make it with: kwx fuse run" == line(rich, "nyc", "p_fused")["reason"]
    assert "used" == line(rich, "chicago", "p_fused")["status"]


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
    assert ("excluded", None, 1.0) == tuple(
        line(found, "chicago", "wind_mph")[name] for name in ("status", "leaked_minutes", "known_share")
    )


def test_what_is_not_there_cannot_be_audited(known_lake):
    """A city without minutes, a range without dates, and one that ends before it begins."""
    snapshot = Lake(known_lake).snapshot()

    with pytest.raises(Refused, match="no minute of trading of denver"):
        audit_features(snapshot, Asked(feature_set="baseline", cities=("chicago", "denver")))
    with pytest.raises(Refused, match="no minute of trading of these dates"):
        audit_features(snapshot, Asked(feature_set="baseline", since=date(2027, 1, 1)))
    with pytest.raises(BadDateRange):
        audit_features(snapshot, Asked(feature_set="baseline", since=date(2026, 11, 2), until=date(2026, 11, 1)))
