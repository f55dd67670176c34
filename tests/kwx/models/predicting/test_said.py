"""What is said of new dates is, in every family, what the fit said of its test dates."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from kwx.models.direction.fit import fit_window as fit_direction
from kwx.models.direction.recipe import DirectionRecipe
from kwx.models.predicting.said import cities_spoken_of, said_of
from kwx.models.registry.store import Loaded, store
from kwx.models.tmax import joined
from kwx.models.tmax.fit import fit_alone
from kwx.models.tmax.fit import fit_window as fit_tmax
from kwx.models.tmax.recipe import TmaxRecipe
from kwx.models.windows import Window
from warehouse.lake.store import Lake

UNTIL = date(2026, 11, 4)
WINDOW = Window(
    train_since=UNTIL - timedelta(days=9), train_until=UNTIL - timedelta(days=2), test_since=UNTIL, test_until=UNTIL
)
SMALL = {"rounds": 4, "patience": 2, "fit_every_minutes": 60, "least_rows": 5}
FITS = {
    "market-clock": (fit_alone, TmaxRecipe(family="market-clock", **SMALL)),
    "tod": (fit_tmax, TmaxRecipe(family="tod", lent=0.0, **SMALL)),
    "hybrid": (joined.fit_window, joined.HybridRecipe(parts={**SMALL, "lent": 0.0})),
    "direction": (fit_direction, DirectionRecipe(every_minutes=5, resamples=10)),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FITS)
def test_a_stored_model_says_what_its_fit_said(family, ten_days, tmp_path):
    """To the bit, row by row; degenerate or not, for it is the reading of rows that is judged here."""
    fit, recipe = FITS[family]
    snapshot = Lake(ten_days).snapshot()
    artifact = fit(snapshot, "miami", "all", WINDOW, recipe)
    card = store(artifact, tmp_path)
    loaded = Loaded(fitted=artifact.fitted, calibrator=artifact.calibrator, card=card)

    said = said_of(loaded, snapshot, "miami", [UNTIL])

    keys = ["market_ticker", "ts_utc"]
    told = artifact.predictions.select(said.columns)
    assert cities_spoken_of(loaded) == ("miami",)
    assert told.height > 100
    assert told.sort(keys).drop("outcome").equals(said.sort(keys).drop("outcome"))
