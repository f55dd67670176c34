"""Pooled or per city: a small family on two cities that are alike, and on two that are not."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from kwx.cli.studied import study_rows, study_summary, tell_study
from kwx.models.artifact import PREDICTED, Artifact
from kwx.models.calibration import calibrator_of, fit_calibrator
from kwx.models.calibration.rows import opens_utc
from kwx.models.study import NO_DIFFERENCE, PER_CITY, POOLED, TOO_FEW, Said, Study, study
from kwx.models.windows import Window
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, PMF_MINUTE, SETTLEMENTS, Partition
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

FIRST, DAYS = date(2026, 3, 1), 30
TWO = ("chicago", "nyc")
WINDOWS = tuple(
    Window(
        train_since=FIRST, train_until=FIRST + timedelta(days=last), test_since=FIRST + timedelta(days=last + 2),
        test_until=FIRST + timedelta(days=last + 9),
    )
    for last in (11, 19)
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LineRecipe:
    """Knobs of the small family: how many of the last days before its test it is fitted on."""

    days: int = 60
    seed: int = 42

    def config(self) -> dict[str, object]:
        """Return the knobs as JSON has them."""
        return {"days": self.days, "seed": self.seed}


@dataclass(frozen=True, kw_only=True)
class FittedLine:
    """A line in the log-odds of the weather's probability."""

    document: dict[str, object]
    family: str = "line"
    features: tuple[str, ...] = ("p_wx",)

    def predict(self, rows: pl.DataFrame) -> np.ndarray:
        """Return the probability of each row."""
        return calibrator_of(self.document).apply(rows["p_wx"].to_numpy())

    def files(self) -> dict[str, bytes]:
        """Return the numbers as JSON."""
        return {"line.json": json.dumps(self.document).encode()}

    def degenerate(self) -> str | None:
        """Say when the line is flat."""
        return "flat" if self.document["slope"] == 0 else None


def rows_between(snapshot, cities, since, until) -> pl.DataFrame:
    """Return the minutes of some cities with what came of their markets, and when that was known."""
    span = {"cities": cities, "since": since, "until": until}
    markets = snapshot.scan(MARKETS, **span).select("city", "event_date", "market_ticker", "low_f", "high_f").collect()
    minutes = snapshot.scan(PMF_MINUTE, **span).select("market_ticker", "ts_utc", "p_wx").collect()
    high = pl.col("label_f")
    inside = (high >= pl.col("low_f").fill_null(high)) & (high <= pl.col("high_f").fill_null(high))
    settled = snapshot.scan(SETTLEMENTS, **span).filter(pl.col("source") == "kalshi")
    labels = settled.select("city", "event_date", label_f="high_f", label_known_utc="known_utc").collect()
    told = markets.join(labels, on=["city", "event_date"]).with_columns(outcome=inside)
    return minutes.join(told, on="market_ticker").sort("city", "market_ticker", "ts_utc")


def fit_line(snapshot, city, bracket, window, recipe) -> Artifact:
    """Fit the small family to what was known when the first market of the test opened."""
    cities = TWO if city == ALL_CITIES else (city,)
    since = max(window.train_since, window.train_until - timedelta(days=recipe.days - 1))
    train = rows_between(snapshot, cities, since, window.train_until)
    known = train.filter(pl.col("label_known_utc") <= opens_utc(window.test_since))
    if known.is_empty():
        raise Refused(f"{city} has nothing to fit")
    fitted = FittedLine(document=fit_calibrator("platt", known["p_wx"], known["outcome"]).document())
    test = rows_between(snapshot, cities, window.test_since, window.test_until)
    said = test.with_columns(p_model=pl.Series(fitted.predict(test)), p_calibrated=pl.lit(None, pl.Float64))
    return Artifact(
        family="line", city=city, bracket=bracket, horizon="day", window=window, fitted=fitted, calibrator=None,
        predictions=said.select(list(PREDICTED)), params={}, metrics={}, config=recipe.config(), seed=recipe.seed,
        snapshot=snapshot.number,
    )  # fmt: skip


def studied(snapshot, cities, windows=WINDOWS, *, days: int = 60) -> Study:
    """Fit the small family both ways, and compare what it says."""
    said, notes = [], []
    for window in windows:
        for city in (ALL_CITIES, *cities):
            try:
                fit = fit_line(snapshot, city, "all", window, LineRecipe(days=days))
            except Refused as refusal:
                notes.append(f"{city} {window.name}: {refusal}")
            else:
                said.append(Said(city=city, window=window, predictions=fit.predictions))
    return study(said, cities, family="line", bracket="all", snapshot=snapshot.number, notes=notes)


@pytest.fixture(scope="module")
def lake_where(demo_lake, tmp_path_factory):
    """Return a lake of two cities whose weather is too sure of itself by a factor each, in log-odds."""

    def make(sharpness: dict[str, float]):
        root, rng = tmp_path_factory.mktemp("two") / "lake", np.random.default_rng(12)
        donor = Lake(demo_lake).snapshot()
        with write(Lake(root), purpose="test") as writer:
            for city, factor in sharpness.items():
                listed = donor.read(MARKETS, Partition(city, date(2026, 11, 1))).sort("bracket_order")
                told = donor.read(SETTLEMENTS, Partition(city, date(2026, 11, 1))).filter(pl.col("source") == "kalshi")
                for number in range(DAYS):
                    place = Partition(city, FIRST + timedelta(days=number))
                    write_day(writer, place, listed, told, factor, rng)
            writer.publish()
        return Lake(root).snapshot()

    return make


@pytest.fixture(scope="module")
def unlike(lake_where):
    """Chicago's weather is far too sure, New York's far too unsure."""
    return lake_where({"chicago": 2.5, "nyc": 0.5})


@pytest.fixture(scope="module")
def alike(lake_where):
    """Both are as sure as they ought to be."""
    return lake_where({"chicago": 1.0, "nyc": 1.0})


def write_day(writer, place, listed, told, factor, rng) -> None:
    """Write a day whose winner is drawn from the honest probabilities of six of its hours."""
    day, event = ClimateDay(CITIES[place.city], place.event_date), listed["event_ticker"][0]
    name = f"{CITIES[place.city].series}-{place.event_date:%y%b%d}".upper()
    opens = day.start_utc - timedelta(hours=10)
    none = pl.lit(None)
    markets = listed.with_columns(
        pl.col("market_ticker").str.replace(event, name, literal=True), event_ticker=pl.lit(name),
        open_utc=pl.lit(opens), known_utc=pl.lit(opens), close_utc=pl.lit(day.end_utc),
        settled_utc=none.cast(pl.Datetime("us", "UTC")), result=none.cast(pl.String),
        expiration_value_f=none.cast(pl.Int32),
    )  # fmt: skip
    # The log-odds against the others are drawn about what the winner makes of them: Bayes' rule with equal priors.
    winner = rng.integers(len(markets))
    seen = rng.normal(0, 1.2, (6, len(markets)))
    seen[:, winner] += 1.2**2
    honest = np.exp(seen) / np.exp(seen).sum(axis=1, keepdims=True)
    ts_utc = [day.start_utc + timedelta(hours=hour) for hour in range(6)]
    minutes = pl.DataFrame(
        {
            "market_ticker": np.tile(markets["market_ticker"].to_numpy(), 6),
            "ts_utc": pl.Series([ts for ts in ts_utc for _ in range(len(markets))], dtype=pl.Datetime("us", "UTC")),
            "p_wx": expit(factor * logit(honest)).ravel(),
        }
    ).with_columns(wx_utc="ts_utc")
    row = markets.row(int(winner), named=True)
    high_f = row["high_f"] if row["low_f"] is None else row["low_f"]
    issued = pl.lit(day.end_utc + timedelta(hours=4))
    settled = told.with_columns(issued_utc=issued, known_utc=issued, high_f=pl.lit(high_f, pl.Int32))
    writer.put(MARKETS, markets.select(MARKETS.schema.names()), place)
    writer.put(SETTLEMENTS, settled.select(SETTLEMENTS.schema.names()), place)
    writer.put(
        PMF_MINUTE,
        minutes.select(
            (pl.col(name) if name in minutes.columns else none).cast(dtype).alias(name)
            for name, dtype in PMF_MINUTE.schema.items()
        ),
        place,
    )


def test_cities_that_are_not_alike_are_better_fitted_each_by_itself(unlike):
    """On later days, beyond chance, in each city and in both."""
    found = studied(unlike, TWO)

    assert [ALL_CITIES, *TWO] == [line.city for line in found.lines]
    assert {PER_CITY} == {line.generalises for line in found.lines}
    line = found.of(ALL_CITIES)
    assert 0 < line.log_loss.low < line.log_loss.difference < line.log_loss.high
    assert math.isclose(line.log_loss.difference, line.log_loss.pooled - line.log_loss.per_city, abs_tol=1e-12)
    assert line.rows == sum(found.of(city).rows for city in TWO)


@pytest.mark.slow
def test_cities_that_are_alike_are_better_fitted_together_where_days_are_few(alike):
    """Of three days a line learns chance, of six less; of all days the two ways come near each other."""
    short = studied(alike, TWO, days=3)
    whole = studied(alike, TWO)

    assert short.of(ALL_CITIES).log_loss.difference < 0
    assert {NO_DIFFERENCE, POOLED} >= {line.generalises for line in whole.lines}
    assert abs(whole.of(ALL_CITIES).log_loss.difference) < abs(short.of(ALL_CITIES).log_loss.difference)


def test_every_test_row_counts_once_and_only_rows_that_both_speak_of(unlike):
    """Windows that overlap give the later one's word; a city that is not asked for is not read."""
    overlapping = (
        *WINDOWS,
        Window(
            train_since=FIRST, train_until=FIRST + timedelta(days=14), test_since=FIRST + timedelta(days=16),
            test_until=FIRST + timedelta(days=23),
        ),
    )  # fmt: skip
    markets = len(unlike.read(MARKETS, Partition("nyc", FIRST)))
    found = studied(unlike, ("nyc",), overlapping)

    assert [ALL_CITIES, "nyc"] == [line.city for line in found.lines]
    assert (16, 16 * 6 * markets) == (found.of("nyc").dates, found.of("nyc").rows)
    assert found.of("nyc").log_loss == found.of(ALL_CITIES).log_loss


def test_a_fit_that_is_refused_is_told_and_its_rows_count_for_neither(unlike):
    """A city without data leaves the others as they are."""
    found = studied(unlike, (*TWO, "denver"))

    assert [ALL_CITIES, *TWO] == [line.city for line in found.lines]
    assert {"denver has nothing to fit"} == {note.split(": ")[1] for note in found.notes}
    assert found.lines == studied(unlike, TWO).lines
    with pytest.raises(Refused, match="denver has nothing to fit"):
        studied(unlike, ("denver",))


def test_on_few_dates_a_difference_has_no_interval_and_decides_nothing(unlike):
    """Five dates say nothing of how far dates lie apart."""
    short = Window(
        train_since=FIRST, train_until=FIRST + timedelta(days=9), test_since=FIRST + timedelta(days=11),
        test_until=FIRST + timedelta(days=15),
    )  # fmt: skip
    (line, *_) = studied(unlike, TWO, (short,)).lines

    assert (line.dates, line.generalises) == (5, TOO_FEW)
    assert math.isnan(line.log_loss.low)
    assert line.log_loss.difference > 0


def test_it_is_told_to_people_and_to_machines(unlike, capsys):
    """A line for each city, with intervals, counts and which way generalises."""
    found = studied(unlike, TWO)

    tell_study([found])
    rows = study_rows([found])

    said = capsys.readouterr().out
    assert f"line all, 2 windows from {WINDOWS[0].test_since} to {WINDOWS[1].test_until}" in said
    assert said.count(PER_CITY) >= 4
    assert rows["city"].to_list() == [ALL_CITIES, *TWO]
    assert (rows["log_loss_low"] < rows["log_loss_difference"]).all()
    assert json.loads(json.dumps(study_summary([found])))["windows"] == [window.name for window in WINDOWS]
