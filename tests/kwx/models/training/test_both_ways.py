"""A study keeps what it fits: a rerun fits nothing, and one that was cut short fits what is missing."""

from __future__ import annotations

import shutil

import pytest

from kwx.config.file import load_config
from kwx.models.training import both_ways
from kwx.models.training.asked import WalkWish
from kwx.models.training.both_ways import STUDIES, study_family
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import MODEL_RUNS
from warehouse.lake.tables.contract import ALL_CITIES


@pytest.fixture
def studied(ten_days, tmp_path, monkeypatch):
    """Return what studies market-clock on one window, and the fits that were made of late."""
    made: list[str] = []
    run = both_ways.fit_all

    def counted(*args, **said):
        told = run(*args, **said)
        made[:] = [f"{one.city} {one.state}" for one in told]
        return told

    monkeypatch.setattr(both_ways, "fit_all", counted)

    def study(family: str = "market_clock", **said):
        asked = {"cities": ("miami",), "bracket": "between", "wish": WalkWish(train_days=8, test_days=1)} | said
        found = study_family(
            Lake(ten_days), family, configuration=load_config(None), level=0.9, root=tmp_path, workers=1, **asked
        )
        return found, list(made)

    return study


def test_what_a_study_fits_is_kept_beside_the_pilots_and_found_again(studied, ten_days, tmp_path):
    """The rerun says the same, and the lake is told nothing."""
    first, made = studied()
    again, held = studied()

    assert ["all fitted", "miami fitted"] == made
    assert ["all held", "miami held"] == held
    assert first.lines[0].log_loss.pooled == again.lines[0].log_loss.pooled > 0
    assert [ALL_CITIES, "miami"] == [line.city for line in again.lines]
    assert 2 == len(list((tmp_path / STUDIES).rglob("card.json")))
    assert not (tmp_path / "pilots").exists()
    assert Lake(ten_days).snapshot().scan(MODEL_RUNS).collect().is_empty()


def test_a_study_that_was_cut_short_goes_on_where_it_stopped(studied, tmp_path):
    """Only the fit that is missing is made."""
    first, _ = studied()
    shutil.rmtree(tmp_path / STUDIES / "pilots" / "miami")

    again, made = studied()

    assert ["all held", "miami fitted"] == made
    assert [line.log_loss.per_city for line in first.lines] == [line.log_loss.per_city for line in again.lines]


def test_a_fit_that_is_refused_is_told(studied):
    """Denver has nothing in this lake: its line is missing, and why is said."""
    found, made = studied(cities=("miami", "denver"))

    assert "denver refused" in made
    assert [ALL_CITIES, "miami"] == [line.city for line in found.lines]
    assert ["denver"] == [note.split()[0] for note in found.notes]


def test_what_is_not_fitted_both_ways_is_refused(studied):
    """A model of one city is; and more days than there are hold no window."""
    with pytest.raises(Usage, match="'tod' is not fitted both ways"):
        studied("tod")
    with pytest.raises(Refused, match="92 are needed"):
        studied(wish=WalkWish(train_days=90, test_days=1))
