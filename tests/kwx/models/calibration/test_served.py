"""What is served: the model that stands, mended by what may serve its date, pooled with the market, blind to later."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.config.file import BRACKETS, load_config
from kwx.models.calibration import METHODS, calibrator_of, fit_calibrator
from kwx.models.calibration.stored import StoredCalibrator
from kwx.models.served import blend_weights, blended_predictions, served_predictions, with_blend
from warehouse.errors import Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import CALIBRATORS, PMF_MINUTE, PREDICTIONS, PROMOTIONS, Partition

FIRST, LAST = date(2026, 2, 24), date(2026, 3, 19)
MADE = datetime(2026, 4, 1, tzinfo=UTC)
WEIGHTS = dict.fromkeys(BRACKETS, 0.7)
CHICAGO = Partition("chicago")


def a_calibrator(method="platt", until=FIRST - timedelta(days=2), family="loud", **said):
    """Return a calibrator as it is stored, fitted to outcomes that come less often than was said."""
    rng = np.random.default_rng(3)
    p = rng.random(3000)
    return StoredCalibrator(
        city="chicago", model_type=family, since=date(2026, 1, 1), until=until,
        calibrator=fit_calibrator(method, p, rng.random(3000) < p**2), **{"fitted_utc": MADE} | said,
    )  # fmt: skip


def stored(root, put, *calibrators):
    """Let the lake hold these calibrators and no others."""
    put(root, CALIBRATORS, pl.concat([one.row() for one in calibrators]), CHICAGO)


def served(root, **asked):
    """Return what is served of all dates."""
    return served_predictions(Lake(root).snapshot(), "chicago", FIRST, LAST, **asked)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_stored_mends_in_the_lake_as_it_does_in_memory(own_predicted, put, method):
    """Each method by its own numbers, read back from the table, at the ends of the scale too."""
    one = a_calibrator(method)
    stored(own_predicted, put, one)
    place = Partition("chicago", LAST)
    said = Lake(own_predicted).snapshot().read(PREDICTIONS, place).with_row_index()
    fifth = pl.col("index") % 5
    edges = said.with_columns(p_model=pl.when(fifth > 1).then("p_model").otherwise(fifth.cast(pl.Float64)))
    put(own_predicted, PREDICTIONS, edges.select(PREDICTIONS.schema.names()), place)

    rows = served(own_predicted, family="loud")

    assert {0.0, 1.0} <= set(rows["p_model"])
    assert rows.height == 24 * 6 * 34
    again = calibrator_of(one.calibrator.document()).apply(rows["p_model"].to_numpy())
    np.testing.assert_allclose(rows["p_calibrated"].to_numpy(), again, rtol=0, atol=1e-12)
    assert served(own_predicted, family="plain")["p_calibrated"].is_null().all()


def test_where_doing_nothing_was_best_no_bit_is_changed(own_predicted, put):
    """It takes the place of the model's own calibration: what was judged is what the model said before it."""
    for place in Lake(own_predicted).snapshot().partitions(PREDICTIONS.name)[:1]:
        rows = Lake(own_predicted).snapshot().read(PREDICTIONS, place).with_columns(p_calibrated=pl.lit(0.25))
        put(own_predicted, PREDICTIONS, rows.select(PREDICTIONS.schema.names()), place)
    own = served(own_predicted, family="loud").filter(event_date=FIRST)
    nothing = calibrator_of({"method": "temperature", "sharpness": 1.0})
    stored(own_predicted, put, replace(a_calibrator(), calibrator=nothing))

    mended = served(own_predicted, family="loud").filter(event_date=FIRST)

    assert (own["p_calibrated"] == 0.25).all()
    assert mended["p_calibrated"].equals(mended["p_model"].rename("p_calibrated"))


def test_a_calibrator_serves_from_the_second_day_after_its_last_and_the_newest_data_win(own_predicted, put):
    """Neither one made earlier on the same dates, nor of another family or horizon, speaks."""
    old, new = FIRST + timedelta(days=3), FIRST + timedelta(days=9)
    stored(
        own_predicted, put, a_calibrator("temperature", old),
        a_calibrator("platt", new, fitted_utc=MADE + timedelta(days=1)), a_calibrator("isotonic", old, family="other"),
        a_calibrator("beta", old, horizon="5m"),
    )  # fmt: skip

    rows = served(own_predicted, family="loud")

    none, first, second = (
        rows.filter(pl.col("event_date").is_between(since, until))
        for since, until in (
            (FIRST, old + timedelta(days=1)), (old + timedelta(days=2), new + timedelta(days=1)),
            (new + timedelta(days=2), LAST),
        )
    )  # fmt: skip
    assert none["p_calibrated"].is_null().all()
    for part, method in ((first, "temperature"), (second, "platt")):
        expected = a_calibrator(method).calibrator.apply(part["p_model"].to_numpy())
        np.testing.assert_allclose(part["p_calibrated"].to_numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("days", [1, 0, -30])
def test_calibrators_that_saw_a_date_or_a_later_one_change_nothing_of_it(own_predicted, put, days):
    """Whatever they say, and however many of them there are."""
    middle = FIRST + timedelta(days=12)
    ours = a_calibrator("platt", middle - timedelta(days=2))
    stored(own_predicted, put, ours)
    before = served(own_predicted).filter(pl.col("event_date") <= middle)

    late = [
        a_calibrator(method, middle - timedelta(days=days), fitted_utc=MADE + timedelta(hours=number))
        for number, method in enumerate(METHODS, start=1)
    ]
    stored(own_predicted, put, ours, *late)
    after = served(own_predicted)

    assert before.filter(event_date=middle)["p_calibrated"].null_count() == 0
    assert before.equals(after.filter(pl.col("event_date") <= middle))
    moved = after.filter(pl.col("event_date") == LAST, family="loud")
    assert days < 0 or not np.allclose(moved["p_calibrated"], ours.calibrator.apply(moved["p_model"].to_numpy()))


def test_later_words_prices_and_promotions_change_nothing_before(own_moving, put):
    """Poison all that is known after an instant in the midst of a day: the rows up to it are the same to the bit."""
    day = FIRST + timedelta(days=5)
    now = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    asked = {"weights": WEIGHTS}

    def read():
        snapshot = Lake(own_moving).snapshot()
        rows = blended_predictions(snapshot, "chicago", day, day, **asked)
        return rows.filter(pl.col("ts_utc") <= now), rows.filter(pl.col("ts_utc") > now)

    before, later = read()
    snapshot, place = Lake(own_moving).snapshot(), Partition("chicago", day)
    for table, change in (
        (PREDICTIONS, {"p_model": pl.lit(0.999)}),
        (PMF_MINUTE, {"p_mkt": pl.lit(0.999)}),
    ):
        rows = snapshot.read(table, place)
        garbled = rows.with_columns(
            pl.when(pl.col("ts_utc") > now).then(value).otherwise(name).alias(name) for name, value in change.items()
        )
        put(own_moving, table, garbled.select(table.schema.names()), place)
    told = now + timedelta(minutes=1)
    put(own_moving, PROMOTIONS, promoted("plain", since_utc=told), CHICAGO)
    after, poisoned = read()

    assert 0 < before.height
    assert before.equals(after)
    assert (set(later["family"]), set(poisoned["family"])) == ({"loud"}, {"plain"})
    assert (poisoned.filter(pl.col("ts_utc") > told)["p_model"] == 0.999).all()
    assert not later["p_mkt"].equals(poisoned["p_mkt"])


def promoted(family, *, since_utc):
    """Return that the window of a family is promoted from an instant on."""
    row = {
        "line": f"{family}_chicago_all", "since_utc": since_utc, "windows": ["win_20260224_20260319"],
        "run_ids": [f"run-{family}"], "state": 1,
    }  # fmt: skip
    return pl.DataFrame([row], schema=PROMOTIONS.schema)


def test_without_a_family_what_is_promoted_speaks_from_then_on(own_predicted, put):
    """Of equal data the first of the alphabet speaks until the other is promoted; asked by name each speaks alone.

    What it said last stands at once, told again at that minute.
    """
    since = datetime(2026, 3, 5, tzinfo=UTC)
    put(own_predicted, PROMOTIONS, promoted("plain", since_utc=since), CHICAGO)

    rows, plain = served(own_predicted), served(own_predicted, family="plain")

    before, after = rows.filter(pl.col("ts_utc") < since), rows.filter(pl.col("ts_utc") >= since)
    assert ({"loud"}, {"plain"}) == (set(before["family"]), set(after["family"]))
    again, words = (after.filter(one) for one in (pl.col("ts_utc") == since, pl.col("ts_utc") > since))
    assert words.equals(plain.filter(pl.col("ts_utc") > since))
    heard = plain.filter(pl.col("ts_utc").is_between(since - timedelta(days=1), since, closed="right"))
    last = heard.group_by("market_ticker").last()
    kept = ["market_ticker", "said_utc", "p_model"]
    assert again.select(kept).sort(kept).equals(last.select(kept).sort(kept))
    assert set(plain["family"]) == {"plain"}
    assert served(own_predicted, family="nobody").is_empty()


def test_the_panel_shows_what_is_served_from_its_minute_on(own_moving, put):
    """Every minute has the newest row that is served before or at it, calibrated as it is there."""
    stored(own_moving, put, a_calibrator("beta"))
    snapshot, day = Lake(own_moving).snapshot(), FIRST + timedelta(days=2)
    said = served_predictions(snapshot, "chicago", day, day)
    with snapshot.connect() as con:
        panel = con.sql(
            "select market_ticker, ts_utc, p_model, p_calibrated, model_id from minute_panel_full"
            f" where city = 'chicago' and event_date = date '{day}' order by ts_utc, market_ticker"
        ).pl()

    stands = panel.select("market_ticker", "ts_utc").join_asof(
        said.sort("ts_utc"), on="ts_utc", by="market_ticker", check_sortedness=False
    )  # fmt: skip
    assert panel["p_calibrated"].is_not_null().sum() > 10_000
    assert panel.select("p_model", "p_calibrated", "model_id").equals(
        stands.select("p_model", "p_calibrated", "model_id")
    )  # fmt: skip


def test_predictions_of_the_next_move_are_served_by_their_horizon(moving_lake):
    """They are not mixed with those of the settlement."""
    assert set(served(moving_lake, horizon="5m")["family"]) == {"swift"}
    assert set(served(moving_lake)["family"]) == {"loud"}


def test_the_pool_sums_to_one_over_every_whole_ladder(moving_lake):
    """Each bracket's share comes from both sides."""
    rows = blended_predictions(
        Lake(moving_lake).snapshot(), "chicago", FIRST, FIRST, weights=WEIGHTS, family="plain"
    ).filter(pl.col("p_blend").is_not_null())  # fmt: skip

    sums = rows.group_by("event_ticker", "ts_utc").agg(pl.col("p_blend").sum(), pl.len())
    assert (sums["len"] == 6).all()
    np.testing.assert_allclose(sums["p_blend"], 1, rtol=0, atol=1e-12)
    raw = rows.select("event_ticker", "ts_utc", p=0.7 * pl.col("p_model") + 0.3 * pl.col("p_mkt"))
    shares = raw.select(pl.col("p") / pl.col("p").sum().over("event_ticker", "ts_utc")).to_series()
    np.testing.assert_allclose(rows["p_blend"], shares, rtol=0, atol=1e-12)


def a_ladder(said, market):
    """Return one minute of a ladder of brackets: an open end, brackets of two degrees, an open end."""
    count = len(said)
    return pl.DataFrame(
        {
            "event_ticker": "E", "ts_utc": MADE, "bracket_order": range(1, count + 1),
            "strike_type": ["less", *["between"] * (count - 2), "greater"],
            "low_f": [None, *range(40, 39 + count)], "high_f": [*range(39, 38 + count), None],
            "p_served": said, "p_mkt": market, "mid_prob": None,
        },
        schema_overrides=dict.fromkeys(("p_served", "p_mkt", "mid_prob"), pl.Float64),
    )  # fmt: skip


chances = st.lists(st.tuples(st.floats(0.001, 0.999), st.floats(0.001, 0.999)), min_size=3, max_size=7)


@given(chances, st.sampled_from(["linear", "log_odds"]))
def test_a_ladder_is_made_to_sum_to_one_and_a_part_of_it_is_left_as_it_is(pairs, pool):
    """Without its last bracket, or where one has no market, each bracket stands by itself between its two sides."""
    ladder = a_ladder(*zip(*pairs, strict=True))
    weights = {"less": 0.2, "between": 0.7, "greater": 1.0}

    whole = with_blend(ladder, weights=weights, pool=pool)
    for part in (ladder.head(-1), ladder.with_columns(p_mkt=pl.when(pl.col("bracket_order") > 1).then("p_mkt"))):
        alone = with_blend(part, weights=weights, pool=pool).filter(pl.col("p_blend").is_not_null())
        assert alone.height == ladder.height - 1
        low, high = pl.min_horizontal("p_served", "p_mkt"), pl.max_horizontal("p_served", "p_mkt")
        assert alone.select(pl.col("p_blend").is_between(low - 1e-9, high + 1e-9).all()).item()

    assert whole["p_blend"].sum() == pytest.approx(1, abs=1e-12)
    assert whole.drop("p_blend").equals(ladder)


def test_a_type_of_bracket_without_a_weight_is_refused_and_the_configuration_has_one_for_each():
    """Nothing is pooled by a weight that nobody said."""
    with pytest.raises(Usage, match="between have no weight"):
        with_blend(a_ladder([0.2] * 3, [0.3] * 3), weights={"less": 0.5, "greater": 0.5})
    assert blend_weights(load_config(), "chicago") == WEIGHTS
