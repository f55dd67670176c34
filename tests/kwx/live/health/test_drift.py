"""Drift of settled predictions: counted exactly in any order, held against cards, with intervals by event date."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwx.live.health.drift import Tally, Trained, drifts_of, trained_of
from kwx.scoring.calibration import calibration_error
from kwx.scoring.corp import sort_forecasts
from tests.kwx.live.lived_days import DAY
from warehouse.lake.tables import MODEL_RUNS, PREDICTIONS, Partition

pytestmark = pytest.mark.slow

FIRST = date(2026, 3, 1)
MODEL = "elasticnet_chicago_all_win_20260801_20261101"


def drawn(
    seed: int, *, rows: int = 400, sure: float = 1.0, model: str | None = MODEL
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return predictions of a date in thousandths, and outcomes; sure: how many times too far from evens."""
    draw = np.random.default_rng(seed)
    p = np.round(draw.uniform(0.05, 0.9, rows), 3)
    names = [f"M{seed}-{n}" for n in range(rows)]
    said = pl.DataFrame({"market_ticker": names, "p_model": p, "p_fair": p, "model_id": [model] * rows},
                        schema_overrides={"model_id": pl.String})  # fmt: skip
    outcomes = pl.DataFrame({"market_ticker": names, "settled_yes": draw.random(rows) < 0.5 + (p - 0.5) / sure})
    return said, outcomes


def tallied(days: int, *, sure: float = 1.0, model: str | None = MODEL) -> Tally:
    tally = Tally()
    for number in range(days):
        tally.add(FIRST + timedelta(days=number), *drawn(number, sure=sure, model=model), strategy="fused")
    return tally


def test_scores_are_those_of_the_scoring_room():
    """Of thousandths exactly: the Brier score, and the calibration error in bins of equal mass."""
    parts = [drawn(number) for number in range(8)]
    p = np.concatenate([said["p_model"].to_numpy() for said, _ in parts])
    hit = np.concatenate([outcomes["settled_yes"].to_numpy() for _, outcomes in parts])
    forecasts = sort_forecasts(p)

    (found,) = drifts_of(tallied(8), {})

    assert (8 * 400, 8) == (found.rows, found.dates)
    assert found.brier.value == pytest.approx(((p - hit) ** 2).mean(), abs=1e-12)
    assert found.ece.value == pytest.approx(calibration_error(forecasts, forecasts.hits(hit)), abs=1e-12)
    assert found.brier.low < found.brier.value < found.brier.high


@settings(max_examples=20)
@given(st.permutations(range(6)), st.integers(1, 399))
def test_the_order_of_settlements_means_nothing(order, cut):
    """Dates in any order, a date in two pieces: the same counts."""
    tally = Tally()
    for number in order:
        said, outcomes = drawn(number)
        for part in (said.head(cut), said.tail(400 - cut)):
            tally.add(FIRST + timedelta(days=number), part, outcomes, strategy="fused")

    whole = tallied(6)
    assert whole.counts.keys() == tally.counts.keys()
    assert all((whole.counts[key].said == one.said).all() and (whole.counts[key].came == one.came).all()
               for key, one in tally.counts.items())  # fmt: skip


def test_calibrated_predictions_stay_within_their_limits_and_others_do_not():
    """The excess over what is claimed has 0 inside its interval, or far below it."""
    (fine,) = drifts_of(tallied(20), {})
    (wrong,) = drifts_of(tallied(20, sure=2.5), {})

    assert fine.excess.low < 0 < fine.excess.high
    assert wrong.excess.low > 0.02
    assert fine.ece_drift < 0.03 < wrong.ece_drift


def test_drift_is_against_the_cards_each_model_by_its_rows():
    """Two windows of a family; without a card it is against what the predictions claim themselves."""
    tally, other = tallied(3), "elasticnet_chicago_all_win_20261102_20261108"
    said, outcomes = drawn(9)
    tally.add(FIRST + timedelta(days=9), said.with_columns(model_id=pl.lit(other)), outcomes, strategy="fused")
    trained = {MODEL: Trained("elasticnet", 0.1, 0.02), other: Trained("elasticnet", 0.2, 0.06)}

    (found,) = drifts_of(tally, trained)
    (half,) = drifts_of(tally, {MODEL: trained[MODEL], other: Trained("elasticnet", 0.1, 0.02)})

    assert ("elasticnet", 4) == (found.family, found.dates)
    assert 0.125 == pytest.approx(found.trained_brier)
    assert 0.03 == pytest.approx(found.trained_ece)
    assert found.brier.value - 0.125 == pytest.approx(found.brier_drift)
    assert 0.1 == pytest.approx(half.trained_brier)
    assert 2 == len(drifts_of(tally, {}))


def test_what_no_model_said_is_the_strategys_own():
    """Its fair probability, under its name."""
    (found,) = drifts_of(tallied(3, model=None), {})

    assert ("fused", None) == (found.family, found.trained_brier)
    assert found.excess.value == found.brier_drift


def test_old_dates_are_forgotten():
    """Those before one."""
    tally = tallied(5)

    tally.forget(FIRST + timedelta(days=3))

    assert {FIRST + timedelta(days=3), FIRST + timedelta(days=4)} == {day for _, day in tally.counts}


def test_a_loop_that_counted_and_the_lake_agree(lived):
    """Counted from the journal as the event settled, and read back from the lake: the same."""
    from kwx.exec.bars.outcomes import outcomes_of

    recorded, snapshot = lived.journal.read(DAY), lived.lake.snapshot()
    outcomes = outcomes_of(snapshot, cities=["chicago"], since=DAY, until=DAY)
    counted, bars = Tally(), recorded.bars()
    for t, kept in enumerate(recorded.of_minutes):
        p_fair = pl.Series("p_fair", bars.minutes.p_fair[t].ravel().astype(np.float64)).fill_nan(None)
        trades = pl.Series(bars.minutes.open[t].ravel())
        counted.add(DAY, kept.signals.with_columns(p_fair).filter(trades), outcomes, strategy="fused")

    read = Tally.of_lake(snapshot, strategy="fused", until=DAY)

    assert [("fused", DAY)] == list(read.counts) == list(counted.counts)
    assert (read.counts["fused", DAY].said == counted.counts["fused", DAY].said).all()
    assert (read.counts["fused", DAY].came == counted.counts["fused", DAY].came).all()
    assert read.counts["fused", DAY].said.sum() > 500
    assert {} == Tally.of_lake(snapshot, strategy="market", until=DAY).counts


def test_a_card_without_scores_is_judged_by_its_predictions(lived, tmp_path, put):
    """The newest fit of a model: what its card says, else what the lake holds of its test dates."""
    import shutil

    shutil.copytree(lived.lake.paths.root, tmp_path / "lake", symlinks=True)
    market = lived.bars.tickers[2, 0, 0]
    ts = lived.journal.read(DAY).minutes_utc[0]
    tested, told = (f"tod_chicago_all_win_{DAY:%Y%m%d}_{DAY:%Y%m%d}", f"{MODEL}")
    usual = dict.fromkeys(MODEL_RUNS.schema) | {
        "horizon": "day", "fitted_utc": ts, "since_date": FIRST, "until_date": FIRST, "snapshot": 1,
        "config_sha256": "c", "seed": 0, "parameters_json": "{}",
    }  # fmt: skip
    runs = [
        usual | {"run_id": "a", "model_id": tested, "family": "tod", "metrics_json": '{"log_loss": 0.4}'},
        usual
        | {"run_id": "b", "model_id": told, "family": "elasticnet", "metrics_json": '{"brier": 0.11, "ece": 0.02}'},
    ]
    put(tmp_path / "lake", MODEL_RUNS, pl.DataFrame(runs, schema=MODEL_RUNS.schema), Partition("chicago"))
    said = {"market_ticker": market, "ts_utc": ts, "model_id": tested, "run_id": "a", "horizon": "day", "p_model": 0.3,
            "p_calibrated": None, "wf_window": "w"}  # fmt: skip
    put(tmp_path / "lake", PREDICTIONS, pl.DataFrame([said], schema=PREDICTIONS.schema), Partition("chicago", DAY))
    from warehouse.lake.store import Lake

    found = trained_of(Lake(tmp_path / "lake").snapshot(), [tested, told, "nobody"])

    paid = bool(lived.bars.minutes.winner[-1, 0, 0] == 2)
    assert {tested, told} == set(found)
    assert ("elasticnet", 0.11, 0.02) == found[told]
    assert ("tod", pytest.approx((0.3 - paid) ** 2)) == found[tested][:2]
