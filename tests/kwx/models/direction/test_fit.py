"""Fits on lakes with a planted signal and without, and what later dates and minutes may not change."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from kwx.features.book.aggression import Laws
from kwx.models.artifact import PREDICTED
from kwx.models.direction import DIRECTION, DirectionRecipe, fit_direction, fit_window, validation_rows
from kwx.models.direction.parts import parts_of, window_of
from kwx.models.registry.store import load, store
from kwx.scoring.contracts import log_loss
from warehouse.errors import Refused
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import BOOKS, CANDLES_DENSE, TRADES, Partition, Table
from warehouse.lake.writer import write

SINCE, UNTIL = date(2026, 1, 5), date(2026, 1, 16)
LOGISTIC = DirectionRecipe(horizon_minutes=1, every_minutes=1, feature_set="ridge_conservative", cs=(0.01, 1.0))
TREES = replace(LOGISTIC, kind="gbdt", depths=(3,), trees=(20, 50), rates=(0.1,))
MICRO = replace(LOGISTIC, feature_set="baseline", microstructure=True)


@pytest.fixture(scope="module")
def reverting(reverting_lake):
    return Lake(reverting_lake).snapshot()


@pytest.fixture(scope="module")
def walking(walking_lake):
    return Lake(walking_lake).snapshot()


@pytest.fixture(scope="module")
def struck(struck_lake):
    return Lake(struck_lake).snapshot()


@pytest.fixture(scope="module")
def logistic(reverting):
    return fit_window(reverting, "chicago", "all", window_of(reverting, "chicago", SINCE, UNTIL, LOGISTIC), LOGISTIC)


@pytest.fixture(scope="module")
def validation(reverting, logistic):
    return validation_rows(reverting, "chicago", "all", logistic.window, LOGISTIC, logistic.fitted)


@pytest.fixture(scope="module")
def micro(walking):
    return fit_direction(walking, "chicago", SINCE, UNTIL, MICRO)


@pytest.fixture(scope="module")
def lawful(struck):
    """A model that reads the rates of orders, by laws of trades."""
    return fit_direction(struck, "chicago", SINCE, UNTIL, MICRO)


def test_a_planted_signal_is_found_by_the_logistic(logistic):
    """The move before tells the next one; the interval of the area lies well above one half."""
    metrics, fitted = logistic.metrics, logistic.fitted

    assert metrics["auc"]["value"] > 0.7
    assert metrics["log_loss"]["value"] < metrics["market_log_loss"]["value"] - 0.05
    assert metrics["accuracy"]["value"] > 0.65
    assert metrics["rows"] > 500
    assert fitted.coefficients()["velocity"] < 0
    assert fitted.degenerate() is None


def test_a_planted_signal_is_found_by_the_trees(reverting):
    artifact = fit_direction(reverting, "chicago", SINCE, UNTIL, TREES)
    assert artifact.metrics["auc"]["value"] > 0.7
    assert artifact.params["trees"] in TREES.trees
    assert artifact.fitted.degenerate() is None


@pytest.mark.parametrize("recipe", [LOGISTIC, TREES], ids=["logistic", "trees"])
def test_of_noise_nothing_is_learnt(walking, recipe):
    """A walk has no memory: the area is that of a coin, and the loss no better than the market's."""
    metrics = fit_direction(walking, "chicago", SINCE, UNTIL, recipe).metrics
    assert abs(metrics["auc"]["value"] - 0.5) < 0.05
    assert metrics["log_loss"]["value"] > metrics["market_log_loss"]["value"] - 0.005


def test_the_book_tells_what_the_price_does_not(micro):
    """The queues of the walking lake lean four times in five towards the next step."""
    assert micro.metrics["auc"]["value"] > 0.75
    assert micro.fitted.coefficients()["queue_imbalance"] > 0


def test_what_was_not_recorded_is_said(micro):
    assert any("not recorded on 1 of" in note for note in micro.notes)
    assert any("too few trades to fit hawkes_buy" in note for note in micro.notes)
    laws = Laws.of(micro.fitted.about.hawkes)
    assert (laws.buy, laws.sell) == (None, None)


def test_without_any_recorded_book_the_microstructure_is_refused(reverting):
    with pytest.raises(Refused, match="no order book"):
        fit_direction(reverting, "chicago", SINCE, UNTIL, MICRO)


def test_dates_are_parted_with_one_between(reverting, logistic, validation):
    """Of twelve dates four fit, one chooses, two judge the choice and two test; three lie between."""
    window = logistic.window
    dates = [SINCE + timedelta(days=day) for day in range(12)]
    parts = parts_of(reverting, "chicago", window, LOGISTIC)
    assert (window.train_since, window.train_until) == (SINCE, SINCE + timedelta(days=8))
    assert (window.test_since, window.test_until) == (SINCE + timedelta(days=10), UNTIL)
    assert (list(parts.fitted), list(parts.choosing)) == (dates[:4], dates[5:6])
    assert (list(parts.judging), list(parts.tested)) == (dates[7:9], dates[10:])
    assert sorted(validation["event_date"].unique()) == dates[5:6]
    assert fit_window(reverting, "chicago", "all", window, LOGISTIC).fitted == logistic.fitted


def test_predictions_stand_at_every_minute_whatever_followed(reverting, logistic):
    """Were only minutes told that a move followed, the telling would give the move away."""
    predictions = logistic.predictions
    window = logistic.window
    minutes = reverting.scan(
        CANDLES_DENSE, cities=("chicago",), since=window.test_since, until=window.test_until
    ).collect()

    assert dict(predictions.schema) == PREDICTED
    assert predictions.height == minutes.height
    assert predictions["p_model"].is_between(0, 1).all()
    assert 0 < predictions["outcome"].null_count() < predictions.height
    assert predictions["outcome"].count() == logistic.metrics["rows"]


def test_validation_rows_are_those_that_chose_with_what_was_seen_and_said(logistic, validation):
    """They are read anew for the model that is kept, and it loses on them what it was chosen for."""
    rows = validation
    loss = log_loss(rows["p_model"].to_numpy(), hit=rows["up"].to_numpy()).mean()
    assert loss == pytest.approx(logistic.fitted.about.validation_log_loss, rel=1e-12)
    assert rows.height == logistic.metrics["rows_choosing"]
    assert rows.columns[:5] == ["city", "event_date", "event_ticker", "market_ticker", "ts_utc"]
    assert rows["up"].null_count() == 0
    assert (rows["up"] == (rows["move_prob"] > 0)).all()
    assert (rows["move_prob"].abs() >= LOGISTIC.epsilon).all()
    assert logistic.fitted.predict(rows).tolist() == rows["p_model"].to_list()


def test_the_same_asked_twice_gives_the_same_bytes(reverting):
    once, again = (fit_direction(reverting, "chicago", SINCE, UNTIL, TREES) for _ in range(2))
    assert once.fitted.files() == again.fitted.files()
    assert once.metrics == again.metrics
    assert once.predictions.equals(again.predictions)


def test_the_registry_keeps_it_and_gives_it_back(logistic, lawful, tmp_path):
    for artifact in (logistic, lawful):
        card = store(artifact, tmp_path)
        (folder,) = tmp_path.glob(f"pilots/**/{artifact.window.name}")
        again = load(folder).fitted
        assert card.model_id == artifact.model_id
        assert again == artifact.fitted
        shutil.rmtree(folder)


def later(column: str, other: pl.Expr, after: datetime) -> pl.Expr:
    """Return a column that is another after an instant."""
    known = "known_utc" if column not in CANDLES_DENSE.schema else "ts_utc"
    return pl.when(pl.col(known) > after).then(other).otherwise(column).alias(column)


def poisoned(lake: Path, root: Path, dates: Sequence[date], *, after: datetime, tables: Sequence[Table]) -> Snapshot:
    """Return a copy of a lake in which mids, books and trades of some dates are others after an instant."""
    thrice = {name: pl.col(name).list.eval(pl.element() * 3) for name in ("bid_sizes_centi", "ask_sizes_centi")}
    flipped = pl.when(pl.col("taker_side") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes"))
    changes = {
        CANDLES_DENSE.name: {"mid_half_ticks": (pl.col("mid_half_ticks") * 7919 % 15_000).cast(pl.Int32)},
        BOOKS.name: thrice | {"bid_prices_ticks": pl.col("bid_prices_ticks").list.eval(pl.element() - 100)},
        TRADES.name: {"taker_side": flipped, "count_centi": pl.col("count_centi") * 7},
    }
    shutil.copytree(lake, root, symlinks=True)
    snapshot = Lake(root).snapshot()
    with write(Lake(root), purpose="test") as writer:
        for table in tables:
            others = [later(name, other, after) for name, other in changes[table.name].items()]
            for partition in (Partition("chicago", one) for one in dates):
                rows = snapshot.read(table, partition).select(table.schema.names())
                writer.put(table, rows.with_columns(others), partition)
        writer.publish()
    return Lake(root).snapshot()


EVERY_TABLE = (CANDLES_DENSE, BOOKS, TRADES)
ALWAYS = datetime(2026, 1, 1, tzinfo=UTC)


def test_live_laws_are_learnt_from(lawful):
    """Both sides have trades enough for a law, and their rates weigh in the model."""
    laws = Laws.of(lawful.fitted.about.hawkes)

    assert all(laws.of_column.values())
    assert {"hawkes_buy", "hawkes_sell", "hawkes_tilt"} <= set(lawful.fitted.coefficients())
    assert not any("too few trades" in note for note in lawful.notes)


def test_laws_are_of_dates_before_all_that_is_learnt_from(struck, struck_lake, lawful, tmp_path):
    """They are known before the first row, and other trades on any date with rows leave them as they are."""
    parts = parts_of(struck, "chicago", lawful.window, MICRO)
    laws = Laws.of(lawful.fitted.about.hawkes)
    first = struck.read(CANDLES_DENSE, Partition("chicago", parts.fitted[0]))["ts_utc"].min()
    snapshot = poisoned(struck_lake, tmp_path / "lake", parts.every, after=ALWAYS, tables=(TRADES,))

    artifact = fit_direction(snapshot, "chicago", SINCE, UNTIL, MICRO)

    assert max(parts.laws) < min(parts.every)
    assert laws.known_utc <= first
    assert artifact.fitted.about.hawkes == lawful.fitted.about.hawkes
    assert artifact.fitted.coefficients() != lawful.fitted.coefficients()


def test_test_dates_change_nothing_that_was_fitted(struck_lake, lawful, tmp_path):
    """Poison mids, books and trades from the day after the last that was fitted: the model is the same to the byte."""
    dates = (lawful.window.train_until + timedelta(days=1), *lawful.window.test_dates)
    snapshot = poisoned(struck_lake, tmp_path / "lake", dates, after=ALWAYS, tables=EVERY_TABLE)

    artifact = fit_direction(snapshot, "chicago", SINCE, UNTIL, MICRO)

    assert artifact.fitted.files() == lawful.fitted.files()
    assert not artifact.predictions["p_model"].equals(lawful.predictions["p_model"])


@pytest.mark.parametrize("table", EVERY_TABLE, ids=lambda one: one.name)
def test_later_minutes_change_no_earlier_prediction(struck, struck_lake, lawful, tmp_path, table):
    """Poison mids, books or trades after a minute of the last date: what was said up to it stays."""
    minutes = struck.read(CANDLES_DENSE, Partition("chicago", UNTIL))["ts_utc"].sort()
    middle = minutes[len(minutes) // 2]
    snapshot = poisoned(struck_lake, tmp_path / "lake", (UNTIL,), after=middle, tables=(table,))

    changed = fit_direction(snapshot, "chicago", SINCE, UNTIL, MICRO).predictions

    def said(rows: pl.DataFrame, when: pl.Expr) -> pl.DataFrame:
        return rows.filter(when & (pl.col("event_date") == UNTIL)).select("market_ticker", "ts_utc", "p_model")

    earlier = pl.col("ts_utc") <= middle
    assert said(changed, earlier).height == 3 * (len(minutes) // 6 + 1)
    assert said(changed, earlier).equals(said(lawful.predictions, earlier))
    assert not said(changed, ~earlier).equals(said(lawful.predictions, ~earlier))


def test_the_choice_is_judged_on_later_dates(reverting, reverting_lake, logistic, tmp_path):
    """What the judging dates say moves neither the choice nor a number of it, only whether it is good."""
    parts = parts_of(reverting, "chicago", logistic.window, LOGISTIC)
    snapshot = poisoned(reverting_lake, tmp_path / "lake", parts.judging, after=ALWAYS, tables=(CANDLES_DENSE,))

    again = fit_window(snapshot, "chicago", "all", logistic.window, LOGISTIC)

    held = logistic.fitted.about.held
    assert (held.dates, held.rows) == (2, logistic.metrics["rows_judging"])
    assert held.prior_log_loss - held.log_loss > held.chance
    assert again.fitted.about.held != held
    assert replace(again.fitted, about=replace(again.fitted.about, held=held)) == logistic.fitted


def test_the_luckiest_of_many_is_degenerate_on_noise(walking):
    """On the dates that chose it the best of 27 trees may beat the prior; on later ones it does not beyond chance."""
    many = replace(LOGISTIC, kind="gbdt", depths=(2, 3, 4), trees=(5, 10, 20), rates=(0.02, 0.05, 0.1))
    artifact = fit_direction(walking, "chicago", SINCE, UNTIL, many)
    assert len(artifact.metrics["tried"]) == 27
    assert "no better than the class prior" in artifact.fitted.degenerate()


def test_too_little_is_refused(reverting):
    with pytest.raises(Refused, match=r"7 dates .*; 8 are needed"):
        fit_direction(reverting, "chicago", SINCE, SINCE + timedelta(days=6), LOGISTIC)
    with pytest.raises(Refused, match=r"9 dates .*; 10 are needed"):
        fit_direction(reverting, "chicago", SINCE, SINCE + timedelta(days=8), MICRO)
    with pytest.raises(Refused, match="moves on the fitted dates"):
        fit_direction(reverting, "chicago", SINCE, UNTIL, replace(LOGISTIC, epsilon=0.9))
    window = window_of(reverting, "chicago", SINCE, UNTIL, LOGISTIC)
    with pytest.raises(Refused, match="0 dates before"):
        fit_window(reverting, "nyc", "all", window, LOGISTIC)


def test_models_of_one_type_of_bracket_see_only_it(reverting):
    artifact = fit_direction(reverting, "chicago", SINCE, UNTIL, LOGISTIC, bracket="between")
    seen = artifact.predictions["market_ticker"].unique()
    assert 0 < len(seen) < 3 * len(artifact.window.test_dates)
    assert all("-B" in name for name in seen)
    assert artifact.bracket == "between"


def test_the_family_is_known_to_the_registry():
    from kwx.models.registry.families import family_of

    assert family_of("direction") is DIRECTION
