"""The lines from which the trees start: what they find of days whose law is known, and how they are kept."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from scipy.stats import norm

from kwx.features.tmax.snapshots import read_snapshots
from kwx.models.artifact import Artifact
from kwx.models.tmax.centre import PHASES, PHASES_BEGIN, STOPS, Centre, Drawn, phase_of
from kwx.models.tmax.classes import LOWEST, first_class
from kwx.models.tmax.ordinal import assembled
from warehouse.lake.store import Snapshot


@pytest.fixture(scope="module")
def rows(snapshot: Snapshot, clocked: Artifact) -> pl.DataFrame:
    """Return the snapshots of the training dates of Chicago."""
    window = clocked.window
    return read_snapshots(snapshot, "chicago", since=window.train_since, until=window.train_until)


def centre_of(rows: pl.DataFrame) -> Centre:
    """Return the lines of rows that count alike."""
    return Centre.fit(rows, np.ones(rows.height))


def test_it_is_nearer_to_the_high_than_the_forecast_is(rows: pl.DataFrame):
    """Most of all in the afternoon, when the day has nearly told."""
    missed_f = centre_of(rows).expected_f(Drawn.of(rows)) - rows["label_f"].to_numpy()
    forecast = (rows["forecast_high_f"] - rows["label_f"]).to_numpy()
    afternoon = (rows["standard_minute"] > 960).to_numpy()

    assert missed_f.std() < forecast.std()
    assert missed_f[afternoon].std() < 0.5 * forecast[afternoon].std()


def test_the_start_is_the_normal_law_about_the_line_cut_into_degrees(rows: pl.DataFrame):
    """Where a forecast is the base, nothing is cut off below."""
    eve = rows.filter("is_eve").sample(50, seed=1)
    centre = centre_of(rows)
    p = assembled(expit(centre.start(Drawn.of(eve))), first_class(eve))

    over = centre.expected_f(Drawn.of(eve)) - eve["base_f"].to_numpy()
    sd_f = centre.sd_f[phase_of(eve)]
    degree = LOWEST + np.arange(1, STOPS)
    inner = np.diff(norm.cdf((np.append(degree - 0.5, degree[-1] + 0.5) - over[:, None]) / sd_f[:, None]), axis=1)
    np.testing.assert_allclose(p[:, 1:-1], inner, atol=0.004)  # no odds are let beyond what a line may know


def test_a_day_that_has_peaked_says_only_that_the_rest_was_not_warmer(rows: pl.DataFrame):
    """Lines through the highs themselves would lie between those that rise further and those that do not."""
    rng = np.random.default_rng(3)
    day = rows.filter(pl.col("standard_minute") == 900).select(pl.all().first())
    drawn = pl.concat([day] * 400).with_columns(
        event_date=pl.Series(np.arange("2024-01-01", "2025-02-04", dtype="datetime64[D]")[:400]),
        official_floor_f=pl.Series(np.full(400, 60.0)), run_max_f=pl.lit(60.0), base_f=pl.lit(60, pl.Int32),
        label_f=pl.Series(np.maximum(60, np.floor(rng.normal(59, 2, 400) + 0.5)).astype(np.int32)),
        lowest_f=pl.lit(59, pl.Int32), is_observed=pl.lit(value=True),
    )  # fmt: skip
    centre = centre_of(drawn)

    assert abs(centre.expected_f(Drawn.of(drawn)).mean() - 59) < 0.35
    assert abs(centre.sd_f[phase_of(drawn)[0]] - 2) < 0.35
    p = assembled(expit(centre.start(Drawn.of(drawn[:1]))), first_class(drawn[:1]))[0]
    assert p[-LOWEST] == pytest.approx(norm.cdf(60.5, 59, 2), abs=0.05)
    assert p[:-LOWEST].sum() < 0.01


def test_a_day_of_no_weight_moves_nothing(rows: pl.DataFrame):
    """A city that lends nothing is as if it were not there."""
    other = rows.with_columns(label_f=pl.col("label_f") + 20, event_date=pl.col("event_date").dt.offset_by("1y"))
    both = pl.concat([rows, other])
    weight = np.repeat([1.0, 0.0], rows.height)

    ours, theirs = Centre.fit(both, weight), centre_of(rows)

    np.testing.assert_allclose(ours.expected_f(Drawn.of(rows)), theirs.expected_f(Drawn.of(rows)), atol=1e-9)


def test_a_phase_of_too_few_events_has_the_line_of_the_nearest(rows: pl.DataFrame):
    """A model of the afternoon is asked of the morning too."""
    late = rows.filter(pl.col("standard_minute") >= PHASES_BEGIN[-1])
    centre = centre_of(late)

    assert len(centre.shift) == PHASES
    np.testing.assert_array_equal(centre.slopes, np.repeat(centre.slopes[-1:], PHASES, axis=0))
    few = rows.filter(pl.col("event_date") <= rows["event_date"].unique().sort()[2])
    np.testing.assert_array_equal(centre_of(few).slopes, 0)


def test_a_row_is_the_same_whatever_stands_beside_it(rows: pl.DataFrame):
    """To the bit."""
    some = rows.sample(40, seed=2)
    centre = centre_of(rows)
    together = centre.start(Drawn.of(some))
    for row in range(some.height):
        np.testing.assert_array_equal(centre.start(Drawn.of(some[row : row + 1]))[0], together[row])


def test_it_comes_back_from_json_to_the_bit_and_what_is_no_table_of_lines_does_not(rows: pl.DataFrame):
    """Shapes, and that every spread is above zero."""
    centre = centre_of(rows)
    said = json.loads(json.dumps(centre.document()))
    np.testing.assert_array_equal(Centre.of_document(said).start(Drawn.of(rows)), centre.start(Drawn.of(rows)))

    for wrong in ({"shift": [0.0]}, {"sd_f": [0.0] * PHASES}, {"slopes": said["slopes"][1:]}):
        with pytest.raises(ValueError, match="no table of lines"):
            Centre.of_document(said | wrong)
