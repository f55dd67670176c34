"""What every model keeps, whatever its family: held here by all of them, fitted on one lake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.features.book.aggression import Laws, fit_laws
from kwx.features.book.microstructure import MICROSTRUCTURE, with_microstructure
from kwx.features.panel import read_panel
from kwx.features.sets import set_for
from kwx.features.tmax.instants import market_clock, time_of_day
from kwx.features.tmax.snapshots import read_snapshots
from kwx.models.artifact import Artifact
from kwx.models.calibration import calibrator_of
from kwx.models.calibration.stored import StoredCalibrator
from kwx.models.direction.fit import fit_window as fit_direction
from kwx.models.direction.recipe import DirectionRecipe
from kwx.models.elasticnet.fit import fit_window as fit_elasticnet
from kwx.models.elasticnet.recipe import CalibrationRule, ElasticnetRecipe
from kwx.models.registry.families import FAMILIES
from kwx.models.registry.published import rows_said, stage_runs
from kwx.models.registry.store import load, read_predictions, store
from kwx.models.served import blended_predictions, served_predictions
from kwx.models.tmax import fit, joined
from kwx.models.tmax.recipe import TmaxRecipe
from kwx.models.windows import Window
from kwx.signals.standing import standing_predictions
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import (
    BOOKS,
    CALIBRATORS,
    CANDLES_1M,
    CANDLES_DENSE,
    FORECASTS,
    MARKETS,
    OBS,
    OBS_1M,
    OBS_5M,
    PMF_DEGREES,
    PMF_MINUTE,
    PREDICTIONS,
    SETTLEMENTS,
    TABLES,
    TRADES,
    Partition,
    Table,
)
from warehouse.lake.writer import write

WINDOW = Window(
    train_since=date(2026, 10, 26), train_until=date(2026, 11, 2),
    test_since=date(2026, 11, 4), test_until=date(2026, 11, 4),
)  # fmt: skip
AT_FIT = datetime(2026, 11, 3, 14, tzinfo=UTC)
"""The market of the test date opens on the eve, which nobody uses; only what is known by then may move a fit."""
AT_NOON = datetime(2026, 11, 4, 18, tzinfo=UTC)
KEY = ("market_ticker", "ts_utc")
WEATHER = ("p_wx", "p_mkt", "p_fused", "p_fused_norm", "hazard_next_5m", "hazard_next_60m")
QUICK = {"cities": ("miami",), "fit_every_minutes": 60, "rounds": 20, "least_rows": 20}
POISONS: dict[str, tuple[str, tuple[pl.Expr, ...]]] = {
    MARKETS.name: ("settled_utc", (pl.col("expiration_value_f") + 6, pl.lit("yes").alias("result"))),
    CANDLES_DENSE.name: (
        "ts_utc",
        (
            pl.col("yes_bid_ticks") * 0 + 3_000, pl.col("yes_ask_ticks") * 0 + 4_000,
            pl.col("mid_half_ticks") * 0 + 7_000, pl.col("last_price_ticks") * 0 + 3_500,
            pl.col("velocity_half_ticks") * 0 + 300, pl.col("acceleration_half_ticks") * 0 - 300,
            pl.col("volume_20m_centi") + 900_000,
        ),
    ),
    CANDLES_1M.name: ("known_utc", (pl.col("volume_centi") * 7,)),
    TRADES.name: (
        "known_utc",
        (
            pl.col("yes_price_ticks") * -1 + 10_000, pl.col("count_centi") + 900_000,
            pl.when(pl.col("taker_side") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes")).alias("taker_side"),
        ),
    ),
    BOOKS.name: (
        "known_utc",
        (
            pl.col("delta_centi") * 3, pl.col("price_ticks") * -1 + 10_000,
            pl.col("bid_sizes_centi").list.eval(pl.element() * 3),
            pl.col("ask_sizes_centi").list.eval(pl.element() * 5),
        ),
    ),
    OBS.name: ("known_utc", (pl.col("temp_f") + 9, pl.col("dew_f") - 9, pl.col("max_6h_f") + 9)),
    OBS_1M.name: ("ts_utc", (pl.col("temp_f") + 9, pl.col("run_max_f") + 9)),
    OBS_5M.name: ("ts_utc", (pl.col("temp_f") + 9, pl.col("run_max_f") + 9)),
    FORECASTS.name: ("known_utc", (pl.col("temp_f") + 9, pl.col("high_f") + 9)),
    SETTLEMENTS.name: ("known_utc", (pl.col("high_f") + 6,)),
    PMF_MINUTE.name: ("ts_utc", tuple(pl.col(name) * -1 + 1 for name in WEATHER)),
    PMF_DEGREES.name: ("ts_utc", (pl.col("first_f") + 9,)),
}  # fmt: skip
"""Every table that says something by the minute: when a row is known, and how it is changed."""
OF_LADDERS = ("elasticnet", "market_clock", "tod", "hybrid")
"""The families that speak of the brackets of a ladder: what is served of it sums to one."""
OF_MOVES = ("direction",)
"""Those that speak of the next move of a mid: up or down, and of no ladder."""
SUMMING = ("market_clock", "tod", "hybrid")
"""Those whose own words sum to one already; elastic nets are fitted for each type of bracket by itself."""
BRACKETS = ("less", "between", "greater")
OF_DIRECTION = "ridge_conservative"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A family: how it is fitted on the lake, and the rows that it reads."""

    fit: Callable[[Snapshot], Artifact]
    rows: Callable[[Snapshot], pl.DataFrame]


def features_of(name: str, *strike_types: str) -> Callable[[Snapshot], pl.DataFrame]:
    """Return the reader of a set's columns on the test date, market by market."""
    features = set_for(name, "miami")

    def read(snapshot: Snapshot) -> pl.DataFrame:
        panel = read_panel(
            snapshot, "miami", since=WINDOW.test_since, until=WINDOW.test_until, every_minutes=30,
            strike_types=strike_types,
        )  # fmt: skip
        return features.build(panel)

    return read


def snapshots_at(clock) -> Callable[[Snapshot], pl.DataFrame]:
    """Return the reader of a clock's snapshots of the test date."""
    return lambda snapshot: read_snapshots(
        snapshot, "miami", since=WINDOW.test_since, until=WINDOW.test_until, clock=clock
    )


def direction(kind: str, **asked: object) -> Kind:
    """Return a family of direction: of the next minute, which a mid that bounces between quotes tells a little of."""
    recipe = DirectionRecipe(
        kind=kind, horizon_minutes=1, every_minutes=1, feature_set=OF_DIRECTION, resamples=50, cs=(0.1, 1.0),
        trees=(20,), depths=(3,), **asked,
    )  # fmt: skip
    return Kind(
        fit=lambda snapshot: fit_direction(snapshot, "miami", "all", WINDOW, recipe),
        rows=with_book_and_tape if recipe.microstructure else features_of(OF_DIRECTION),
    )


def with_book_and_tape(snapshot: Snapshot) -> pl.DataFrame:
    """Return a set's columns and those of the microstructure on the test date, by laws of the dates before."""
    panel = read_panel(snapshot, "miami", since=WINDOW.test_since, until=WINDOW.test_until, every_minutes=30)
    beside = with_microstructure(panel, snapshot, "miami", fit_laws(snapshot, "miami", WINDOW.train_dates))
    built = (one.build(beside) for one in (set_for(OF_DIRECTION, "miami"), MICROSTRUCTURE))
    return pl.concat(built, how="horizontal")


BASELINE = ElasticnetRecipe(feature_set="baseline", trials=2, cv_splits=2, every_minutes=30)
KINDS = {
    "elasticnet": Kind(
        fit=lambda snapshot: fit_elasticnet(snapshot, "miami", "between", WINDOW, BASELINE),
        rows=features_of("baseline", "between"),
    ),
    "elasticnet of all features": Kind(
        fit=lambda snapshot: fit_elasticnet(
            snapshot, "miami", "between", WINDOW,
            ElasticnetRecipe(feature_set="elasticnet_rich", trials=2, cv_splits=2, every_minutes=30),
        ),
        rows=features_of("elasticnet_rich", "between"),
    ),
    "direction by logistic": direction("logistic"),
    "direction by trees": direction("gbdt"),
    "direction by book and tape": direction("logistic", microstructure=True),
    "market_clock": Kind(
        fit=lambda snapshot: fit.fit_window(snapshot, "all", "all", WINDOW, TmaxRecipe(**QUICK)),
        rows=snapshots_at(market_clock),
    ),
    "tod": Kind(
        fit=lambda snapshot: fit.fit_window(snapshot, "miami", "all", WINDOW, TmaxRecipe(family="tod", **QUICK)),
        rows=snapshots_at(time_of_day),
    ),
    "hybrid": Kind(
        fit=lambda snapshot: joined.fit_window(
            snapshot, "miami", "all", WINDOW,
            joined.HybridRecipe(parts={name: QUICK[name] for name in QUICK if name != "cities"}),
        ),
        rows=snapshots_at(market_clock),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def fitted(lake) -> Callable[[str], Artifact]:
    """Return the artifact of a family, fitted once."""
    held: dict[str, Artifact] = {}
    snapshot = Lake(lake).snapshot()

    def of(name: str) -> Artifact:
        if name not in held:
            held[name] = KINDS[name].fit(snapshot)
        return held[name]

    return of


def test_laws_of_orders_live_in_the_model_of_book_and_tape(fitted):
    """Both sides have trades enough, and their rates weigh; so that poison of book or tape would reach a fit."""
    model = fitted("direction by book and tape").fitted

    assert all(Laws.of(model.about.hawkes).of_column.values())
    assert set(MICROSTRUCTURE.names) <= set(model.coefficients())


def weathered(snapshot: Snapshot, day: Partition) -> list[tuple[Table, pl.DataFrame]]:
    """Return what the weather and the fusion say of a day every half an hour, by chance."""
    rng = np.random.default_rng(day.event_date.toordinal())
    at = snapshot.read(CANDLES_DENSE, day).filter(pl.col("ts_utc").dt.epoch("s") % 1800 == 0).sort(KEY)
    chances = {name: rng.uniform(0.02, 0.98, at.height) for name in WEATHER}
    minutes = at.select(KEY).with_columns(**chances, wx_utc="ts_utc")
    degrees = at.select("ts_utc").unique().sort("ts_utc").with_columns(
        first_f=pl.lit(70), p=pl.lit([0.25, 0.5, 0.25]), mc_version=pl.lit("made")
    )  # fmt: skip
    return [(PMF_MINUTE, shaped(PMF_MINUTE, minutes)), (PMF_DEGREES, shaped(PMF_DEGREES, degrees))]


def shaped(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the columns of a table; what they lack is null."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in table.schema.items()
    )


@pytest.fixture(scope="module")
def lake(ten_days: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ten days, and what the weather and the fusion say of them."""
    root = tmp_path_factory.mktemp("weathered") / "lake"
    shutil.copytree(ten_days, root, symlinks=True)
    held = Lake(root).snapshot()
    with write(Lake(root), purpose="test") as writer:
        for day in held.partitions(CANDLES_DENSE.name):
            for table, rows in weathered(held, day):
                writer.put(table, rows, day)
        writer.publish()
    return root


@pytest.fixture(scope="module")
def poisoned_after(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[datetime], Snapshot]:
    """Return the same lake, in which all that became known after an instant is another, on whatever date it lies."""
    held: dict[datetime, Snapshot] = {}

    def of(at: datetime) -> Snapshot:
        if at not in held:
            held[at] = garbled(lake, tmp_path_factory.mktemp("poisoned") / "lake", at)
        return held[at]

    return of


def garbled(lake: Path, root: Path, at: datetime) -> Snapshot:
    """Copy a lake and poison it after an instant; each kind of row that it holds is among those that change."""
    shutil.copytree(lake, root, symlinks=True)
    held = Lake(root).snapshot()
    with write(Lake(root), purpose="poison") as writer:
        for name, (known, changes) in POISONS.items():
            table, changed = TABLES[name], 0
            for day in held.partitions(name):
                rows = held.read(table, day).select(table.schema.names())
                late = pl.col(known) > at
                changed += rows.filter(late).height
                others = [pl.when(late).then(one).otherwise(pl.col(one.meta.output_name())) for one in changes]
                writer.put(table, rows.with_columns(others).cast(table.schema), day)
            assert changed, name
        writer.publish()
    return Lake(root).snapshot()


@pytest.mark.parametrize("name", KINDS)
def test_probabilities_are_probabilities(fitted, lake, name):
    """Each row has a finite chance in 0 … 1, or one of each class that sum to one."""
    p = fitted(name).fitted.predict(KINDS[name].rows(Lake(lake).snapshot()))

    assert len(p) > 20
    assert np.isfinite(p).all()
    assert ((p >= 0) & (p <= 1)).all()
    if p.ndim > 1:
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_predicted_of_the_test_dates_is_of_each_market_once(fitted, name):
    """Predictions lie on the test dates, one for each market and minute; of a ladder they sum to one."""
    said = fitted(name).predictions

    assert {WINDOW.test_since} == set(said["event_date"])
    assert {"miami"} == set(said["city"])
    assert said.height == said.unique(["market_ticker", "ts_utc"]).height
    assert said["p_model"].is_between(0, 1).all()
    if name in SUMMING:
        sums = said.group_by("ts_utc").agg(pl.col("p_model").sum())["p_model"]
        assert sums.is_between(1 - 1e-9, 1 + 1e-9).all()


@pytest.mark.parametrize("name", KINDS)
def test_a_model_that_was_kept_says_the_same_to_the_bit(fitted, lake, tmp_path, name):
    """Stored, and read back from its files, it predicts what it predicted; so do its predictions."""
    artifact, rows = fitted(name), KINDS[name].rows(Lake(lake).snapshot())
    card = store(artifact, tmp_path)
    (folder,) = (path.parent for path in tmp_path.rglob("card.json"))
    assert read_predictions(folder).equals(artifact.predictions)
    assert card.degenerate is None  # else nothing would be read back
    assert np.array_equal(load(folder).fitted.predict(rows), artifact.fitted.predict(rows))


@pytest.mark.parametrize("name", KINDS)
def test_a_row_is_predicted_by_itself(fitted, lake, name):
    """Neither the order of rows nor those that come later change what is said of one."""
    model, rows = fitted(name).fitted, KINDS[name].rows(Lake(lake).snapshot())
    whole, half = model.predict(rows), rows.height // 2
    order = np.random.default_rng(3).permutation(rows.height)

    np.testing.assert_array_equal(model.predict(rows.head(half)), whole[:half])
    np.testing.assert_array_equal(model.predict(rows[order]), whole[order])


@pytest.mark.parametrize("name", KINDS)
def test_nothing_that_is_known_after_the_fit_moves_it(fitted, poisoned_after, name):
    """With all else that became known after the test's market opened, the fitted files are the same bytes."""
    again = KINDS[name].fit(poisoned_after(AT_FIT))

    assert dict(fitted(name).fitted.files()) == dict(again.fitted.files())
    assert another_said(fitted(name), again).height  # the poison reached what is predicted


@pytest.mark.parametrize("name", KINDS)
def test_nothing_that_is_known_later_moves_what_is_said_at_a_minute(fitted, poisoned_after, name):
    """With all else that became known after noon of the test date, every word until noon is the same to the bit."""
    again = KINDS[name].fit(poisoned_after(AT_NOON))
    early = pl.col("ts_utc") <= AT_NOON

    before, after = (one.predictions.filter(early).sort(KEY) for one in (fitted(name), again))
    assert before.height
    assert before.select(*KEY, "p_model", "p_calibrated").equals(after.select(*KEY, "p_model", "p_calibrated"))
    assert another_said(fitted(name), again)["ts_utc"].min() > AT_NOON


@pytest.fixture(scope="module")
def served(fitted, lake, tmp_path_factory) -> Snapshot:
    """A lake to which every family has told what it says of the test date, with a calibrator of each in store.

    Its days settle in the coldest, the warmest and a middle bracket in turn, so that each type can be fitted.
    """
    root = tmp_path_factory.mktemp("served")
    shutil.copytree(lake, root / "lake", symlinks=True)
    held = Lake(root / "lake").snapshot()
    with write(Lake(root / "lake"), purpose="test") as writer:
        for number, day in enumerate(held.partitions(MARKETS.name)):
            high_f = pl.lit(settled_f(held.read(MARKETS, day), number), pl.Int32)
            rows = held.read(SETTLEMENTS, day).select(SETTLEMENTS.schema.names())
            writer.put(SETTLEMENTS, rows.with_columns(high_f=high_f), day)
        writer.put(CALIBRATORS, pl.concat([a_calibrator(family) for family in OF_LADDERS]), Partition("miami"))
        writer.publish()
    settled = Lake(root / "lake").snapshot()
    recipe = replace(BASELINE, calibration=CalibrationRule(share=0.1))
    nets = [fit_elasticnet(settled, "miami", bracket, WINDOW, recipe) for bracket in BRACKETS]
    others = [fitted(name) for name in (*SUMMING, "direction by logistic")]
    told = [(store(artifact, root / "models"), artifact.predictions) for artifact in (*nets, *others)]
    with write(Lake(root / "lake"), purpose="test") as writer:
        for staged in stage_runs(writer, settled, [card for card, _ in told]):
            writer.add(staged)
        for day, rows in PREDICTIONS.split(pl.concat([rows_said(*one) for one in told])):
            writer.put(PREDICTIONS, rows, day)
        writer.publish()
    return Lake(root / "lake").snapshot()


def settled_f(markets: pl.DataFrame, number: int) -> int:
    """Return a high in the coldest, the warmest or a middle bracket, by a number."""
    ladder = markets.sort("bracket_order")
    row = ladder.row((0, ladder.height - 1, ladder.height // 2)[number % 3], named=True)
    return row["high_f"] if row["low_f"] is None else row["low_f"]


def a_calibrator(family: str) -> pl.DataFrame:
    """Return the row of one that mends each bracket by itself, fitted on days before the test."""
    mends = {"method": "platt", "slope": 0.6, "intercept": -0.3}
    return StoredCalibrator(
        city="miami", model_type=family, since=WINDOW.train_since, until=WINDOW.train_until, fitted_utc=AT_FIT,
        calibrator=calibrator_of(mends),
    ).row()  # fmt: skip


def test_every_family_speaks_of_ladders_or_of_moves():
    """A new one has to say which, and is held to it."""
    assert set(FAMILIES) == {*OF_LADDERS, *OF_MOVES}


@pytest.mark.parametrize("family", OF_LADDERS)
def test_what_is_served_of_a_ladder_sums_to_one(served, family):
    """Though brackets are fitted or mended each by itself: for strategies, in the pool with the market, in panels."""
    on, weights = WINDOW.test_since, dict.fromkeys(BRACKETS, 0.7)
    words = served_predictions(served, "miami", on, on, family=family)
    read = standing_predictions(served, "miami", on, on, family=family)
    pools = blended_predictions(served, "miami", on, on, weights=weights, family=family)

    for rows, column in ((words, "p_served"), (read, "p_served"), (pools, "p_blend")):
        sums = rows.filter(pl.col(column).is_not_null()).group_by("ts_utc").agg(pl.len(), pl.col(column).sum())
        assert sums.height > 20
        assert set(sums["len"]) == {6}
        assert (sums[column] - 1).abs().max() < 1e-12
    said = words.group_by("ts_utc").agg(pl.coalesce("p_calibrated", "p_model").sum().alias("p"))["p"]
    assert (said - 1).abs().min() > 1e-6
    share = pl.coalesce("p_calibrated", "p_model")
    assert (words["p_served"] - words.select(share / share.sum().over("ts_utc")).to_series()).abs().max() < 1e-12


def test_the_panel_shows_one_family_a_ladder_and_its_shares(served):
    """Minute by minute, of every family whichever is placed best."""
    where = f"city = 'miami' and event_date = '{WINDOW.test_since}' and p_model is not null"
    with served.connect() as con:
        rows = con.sql(f"select ts_utc, p_served, model_id from minute_panel_full where {where}").pl()
    families = pl.col("model_id").str.extract(r"^([a-z_]+?)_(?:miami|all)_").n_unique()

    ladders = rows.group_by("ts_utc").agg(pl.len(), pl.col("p_served").sum(), families=families)

    assert ladders.height > 1000
    assert set(ladders["len"]) == {6}
    assert set(ladders["families"]) == {1}
    assert (ladders["p_served"] - 1).abs().max() < 1e-12


@pytest.mark.parametrize("name", ["direction by logistic", "direction by trees"])
def test_a_model_of_moves_gives_up_and_down_the_whole_chance(fitted, name):
    """What moves is up or down: p_model is of up, the rest of down, by which it is judged; what does not is neither."""
    artifact = fitted(name)
    told = artifact.predictions
    p_up, p_down = told["p_model"], 1 - told["p_model"]

    moved = told.select(p=pl.when("outcome").then(p_up).otherwise(p_down), up="outcome").drop_nulls("up")

    assert 0 < moved.height < told.height
    assert set(moved["up"]) == {True, False}
    loss = -moved["p"].log().mean()
    assert loss == pytest.approx(artifact.metrics["log_loss"]["value"], rel=1e-9)


def test_what_is_served_of_a_move_is_no_share_of_a_ladder(served):
    """Each market's word stands by itself."""
    on = WINDOW.test_since
    words = served_predictions(served, "miami", on, on, family="direction", horizon="1m")

    assert words["p_served"].equals(words["p_model"].rename("p_served"))
    assert (words.group_by("ts_utc").agg(pl.col("p_served").sum())["p_served"] - 1).abs().max() > 0.1


def another_said(one: Artifact, other: Artifact) -> pl.DataFrame:
    """Return the minutes of markets of which two artifacts say other chances."""
    both = one.predictions.join(other.predictions, on=KEY, suffix="_other")
    return both.filter(pl.col("p_model") != pl.col("p_model_other"))


@pytest.mark.parametrize("name", KINDS)
def test_a_fit_again_is_the_same_to_the_bit(fitted, lake, name):
    """Seed, data and versions decide every byte."""
    again = KINDS[name].fit(Lake(lake).snapshot())

    assert dict(fitted(name).fitted.files()) == dict(again.fitted.files())
    assert fitted(name).predictions.equals(again.predictions)
