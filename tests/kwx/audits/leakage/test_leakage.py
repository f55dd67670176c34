"""The audit of leakage: a sound lake passes, and whatever looks ahead is told by its column and its minute."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.audits.leakage.checks import LEAKAGE_CHECKS, run_leakage_checks
from kwx.audits.leakage.look import EVALUATIONS, FEATURES, FUSION, PANEL, PARTS, PREDICTIONS, STRATEGIES
from kwx.audits.leakage.poison import Sample
from kwx.audits.leakage.run import STORED, Wish, audit_leakage, draw_samples
from kwx.audits.repair import OF_CODE, Repairs
from kwx.audits.scope import Scope
from kwx.features.feature import Feature, FeatureSet
from kwx.features.sets import FEATURE_SETS
from kwx.models.artifact import PREDICTED, Artifact
from kwx.models.elasticnet.fitted import FittedElasticnet
from kwx.models.registry.promotion import Choice, promote
from kwx.models.registry.store import store
from kwx.models.scaling import Scaling
from kwx.models.windows import Window
from pipelines.transform import grids
from warehouse.errors import Refused
from warehouse.lake import statements as sql
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, MC_PARAMS, OBS_1M, PMF_DEGREES, Partition
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

pytestmark = pytest.mark.slow

DAY = date(2026, 11, 2)
PLACE = Partition("chicago", DAY)
PEEKING = '''
"""A strategy that knows the next minute's price."""
import polars as pl
from kwx.signals.strategy import Columns, Strategy

STRATEGY = Strategy(
    name="peek", meaning="the price of the next minute", reads=("mid_prob",),
    build=lambda settings: Columns(
        p_fair=pl.col("mid_prob").shift(-1).over("market"), p_gate=pl.lit(None), score=pl.col("mid_prob") - 0.5
    ),
)
'''


@pytest.fixture
def audited(monkeypatch):
    """Audit one event of a lake at one instant of its afternoon."""

    def run(root, *, at=datetime(2026, 11, 2, 19, 3, tzinfo=UTC), models=Path("nowhere"), **wish):
        sample = Sample(city="chicago", event_date=DAY, at_utc=at)
        monkeypatch.setattr("kwx.audits.leakage.run.draw_samples", lambda scope, wish: [sample])
        scope = Scope(snapshot=Lake(root).snapshot(), cities=("chicago",), since=DAY, until=DAY)
        return audit_leakage(scope, Repairs(), Wish(samples=1, models_root=models, **wish))

    return run


def columns(audit, part):
    """Return what was found in a part: name and column."""
    return {one.what.split(" ")[0] for one in audit.findings if one.part == part}


def test_a_sound_lake_passes_and_everything_was_looked_at(audited, priced_lake):
    """Each part speaks of minutes up to the instant, and of later ones says something else."""
    before = sorted(path for path in priced_lake.rglob("*"))

    audit = audited(priced_lake)

    assert ((), True) == (audit.findings, audit.passed)
    assert set(PARTS) - {PREDICTIONS} == set(audit.looked["part"])
    assert audit.looked["moved_after"].all()
    assert (audit.looked["rows_before"] > 0).all()
    assert {0} == {one.found for one in audit.checks}
    assert before == sorted(path for path in priced_lake.rglob("*"))


def test_reports_that_are_used_at_their_stamp_are_found(audited, tiny_lake, monkeypatch):
    """A grid that takes each report as known at once: every column that reads it is told, with its minute."""
    by_arrival = grids._by_arrival
    monkeypatch.setattr(grids, "_by_arrival", lambda obs: by_arrival(obs.with_columns(known_utc="ts_utc")))

    audit = audited(tiny_lake)

    assert {"obs_1m.temp_f", "obs_1m.run_max_f", "candles_dense.complete"} & columns(audit, "minutes and grids")
    assert "minute_panel_full.wx_temp_1m" in columns(audit, PANEL)
    assert "elasticnet_rich.temp_f" in columns(audit, FEATURES)
    assert any(one.what.startswith("obs_1m.temp_f") for one in audit.findings if one.part == STORED)
    first = next(one for one in audit.findings if one.what.startswith("minute_panel_full.wx_temp_1m"))
    assert "2026-11-02T" in first.example
    assert "once all known after 2026-11-02T19:03Z is garbled" in first.example
    assert OF_CODE == first.repair


def test_a_view_that_joins_on_the_issue_is_found(audited, tiny_lake, monkeypatch, tmp_path):
    """Forecasts an hour and a quarter before they are known."""
    shutil.copytree(sql.sql_root(), tmp_path / "sql")
    view = tmp_path / "sql" / "views" / "forecast_in_force.sql"
    early = view.read_text().replace("source, issued_utc, known_utc,", "source, issued_utc, issued_utc as known_utc,")
    view.write_text(early)
    monkeypatch.setattr(sql, "sql_root", lambda: tmp_path / "sql")

    audit = audited(tiny_lake)

    assert "minute_panel_full.wx_forecast_high_f" in columns(audit, PANEL)
    assert {"minute_panel_full.wx_forecast_high_f"} <= columns(audit, PANEL)
    assert set() == columns(audit, "minutes and grids")


def test_a_feature_that_reads_the_next_row_is_found(audited, tiny_lake, monkeypatch):
    """Only at the last minute before the instant is the next row garbled: that one row is enough."""
    peek = Feature(name="peek", meaning="next", sources=("mid_prob",), value=pl.col("mid_prob").shift(-1))
    monkeypatch.setitem(FEATURE_SETS, "peeking", FeatureSet(name="peeking", features=(peek,)))

    audit = audited(tiny_lake)

    assert {"peeking.peek"} == columns(audit, FEATURES)
    assert {"features"} == {one.part for one in audit.findings}


def test_a_strategy_of_ones_own_that_looks_ahead_is_found(audited, tiny_lake, tmp_path):
    """By its file, which is what is to be mended."""
    file = tmp_path / "peek.py"
    file.write_text(PEEKING)

    audit = audited(tiny_lake, strategies=(str(file),))

    assert {"peek.p_fair"} == columns(audit, STRATEGIES)
    assert {STRATEGIES} == {one.part for one in audit.findings}
    assert f"$EDITOR {file}; kwx audit leakage --strategy {file}" == audit.findings[0].repair


def test_an_evaluation_by_a_fit_that_has_seen_the_day_is_found(audited, own_lake, put, law_of, monkeypatch):
    """A fit may serve whose data end before the eve; with the rule gone, the newest one does, and is not there."""
    fits = pl.concat([law_of().row(), law_of(rho=0.9, until=DAY, fitted_utc=datetime(2026, 11, 20, tzinfo=UTC)).row()])
    put(own_lake, MC_PARAMS, fits, Partition("chicago"))
    assert not columns(audited(own_lake), EVALUATIONS)
    for room in ("kwx.hazard.fits", "kwx.audits.leakage.look"):
        monkeypatch.setattr(f"{room}.fit_before", lambda fits, event_date: fits[-1] if fits else None)

    audit = audited(own_lake)

    assert {"pmf_minute.params_fitted_utc", "pmf_minute.p_wx"} <= columns(audit, EVALUATIONS)


def test_fused_minutes_that_read_later_ones_are_found(audited, tiny_lake, monkeypatch):
    """p_mkt of quotes a minute ahead."""
    from kwx.fuse import events

    read = events.event_minutes
    ahead = lambda dense, ladder, **said: read(  # noqa: E731
        dense.with_columns(pl.col("yes_bid_ticks").shift(-1).over("market_ticker")), ladder, **said
    )
    monkeypatch.setattr(events, "event_minutes", ahead)

    audit = audited(tiny_lake)

    assert "pmf_minute.p_mkt" in columns(audit, FUSION)


def test_a_promoted_model_is_asked_anew(audited, tiny_lake, tmp_path, monkeypatch):
    """One that reads rows as they are says the same; one whose rows are another minute's is told by its name."""
    root = tmp_path / "models"
    window = Window(
        train_since=date(2026, 10, 1), train_until=date(2026, 10, 28), test_since=date(2026, 11, 1), test_until=DAY
    )  # fmt: skip
    fitted = FittedElasticnet(
        feature_set="baseline", features=("mid",), scaling=Scaling(mean=np.array([0.5]), sd=np.array([0.2])),
        weights=np.array([1.0]), intercept=0.0, yes_share=0.2, held_log_loss=None, prior_log_loss=None,
    )  # fmt: skip
    made = Artifact(
        family="elasticnet", city="chicago", bracket="between", horizon="day", window=window, fitted=fitted,
        calibrator=None, predictions=pl.DataFrame(schema=PREDICTED), params={}, metrics={"n": 0}, config={}, seed=1,
        snapshot=1,
    )  # fmt: skip
    store(made, root)
    promote(Choice(), root, reason="a test")

    honest = audited(tiny_lake, models=root)
    predict = FittedElasticnet.predict
    monkeypatch.setattr(FittedElasticnet, "predict", lambda self, rows: np.roll(predict(self, rows), -1))
    ahead = audited(tiny_lake, models=root)

    looked = honest.looked.filter(pl.col("part") == PREDICTIONS)
    assert [made.model_id] == looked["name"].to_list()
    assert honest.passed
    assert {f"{made.model_id}.p_0"} == columns(ahead, PREDICTIONS)
    assert f"kwx models demote --window {window.name} --family elasticnet; {OF_CODE}" == ahead.findings[0].repair


def test_what_the_lake_stores_otherwise_than_its_rows_make_it_is_found(audited, own_tiny_lake, put):
    """A quote of the next minute, written by hand: the checks and the poison both tell, and dense mends it."""
    rows = Lake(own_tiny_lake).snapshot().read(CANDLES_DENSE, PLACE).select(CANDLES_DENSE.schema.names())
    ahead = rows.with_columns(pl.col("open_interest_centi").shift(-5).over("market_ticker"))
    put(own_tiny_lake, CANDLES_DENSE, ahead, PLACE)

    audit = audited(own_tiny_lake)

    repair = "kwx lake dense --city chicago --since 2026-11-02 --until 2026-11-02"
    assert {STORED: {repair}, "checks": {repair}} == {
        part: {one.repair for one in audit.findings if one.part == part}
        for part in {one.part for one in audit.findings}
    }
    assert {"quotes_known_in_time"} == {one.what for one in audit.findings if one.part == "checks"}


def test_evaluations_that_are_not_what_they_say_they_are_made_of_are_found(audited, own_lake, put):
    """They name their reports, forecasts and fit by a hash; made of these they say something else."""
    rows = Lake(own_lake).snapshot().read(PMF_DEGREES, PLACE).select(PMF_DEGREES.schema.names())
    put(own_lake, PMF_DEGREES, rows.with_columns(pl.col("first_f") + 2), PLACE)

    audit = audited(own_lake)

    found = [one for one in audit.findings if one.part == STORED]
    assert {"pmf_degrees: mean_f is not what the reports, forecasts and fit that it names make it"} == {
        one.what for one in found
    }
    assert "kwx hazard backfill --city chicago --since 2026-11-02 --until 2026-11-02 --again" == found[0].repair


def test_a_grid_of_the_days_last_word_breaks_a_check(own_tiny_lake, put):
    """Told by the check's name, in its city and on its day, with the command that makes it anew."""
    rows = Lake(own_tiny_lake).snapshot().read(OBS_1M, PLACE).select(OBS_1M.schema.names())
    put(own_tiny_lake, OBS_1M, rows.with_columns(pl.col("run_max_f").max()), PLACE)

    checked, (found,) = run_leakage_checks(Scope(snapshot=Lake(own_tiny_lake).snapshot()), Repairs())

    assert set(LEAKAGE_CHECKS) <= set(sql.statements("checks"))
    assert ("running_max_known_in_time", "chicago", DAY) == (found.what, found.city, found.since)
    assert "kwx lake dense --city chicago --since 2026-11-02 --until 2026-11-02" == found.repair
    assert {0, found.found} == {one.found for one in checked}


def test_samples_are_drawn_by_the_seed_from_one_city_after_the_other(demo_lake):
    """On the day, every third on the eve; within the trading of their event."""
    scope = Scope(snapshot=Lake(demo_lake).snapshot())

    samples = draw_samples(scope, Wish(samples=6, seed=3))

    assert samples == draw_samples(scope, Wish(samples=6, seed=3))
    assert samples != draw_samples(scope, Wish(samples=6, seed=4))
    assert {"chicago", "nyc"} == {one.city for one in samples[:2]}
    assert 6 == len({(one.city, one.event_date) for one in samples})
    days = [ClimateDay(CITIES[one.city], one.event_date) for one in samples]
    assert [False, False, True] * 2 == [one.at_utc < day.start_utc for one, day in zip(samples, days, strict=True)]
    assert all(one.at_utc < day.end_utc for one, day in zip(samples, days, strict=True))


def test_a_lake_without_trading_has_nothing_to_be_poisoned(demo_lake):
    """It says so, and how minutes are made."""
    scope = Scope(snapshot=Lake(demo_lake).snapshot(), until=date(2026, 10, 30))

    with pytest.raises(Refused, match="no minute of trading"):
        draw_samples(scope, Wish())


def test_checks_are_run_without_poison(demo_lake):
    """All cities, one after the other."""
    checked, findings = run_leakage_checks(Scope(snapshot=Lake(demo_lake).snapshot()), Repairs())

    assert (list(LEAKAGE_CHECKS), []) == ([one.name for one in checked], findings)
