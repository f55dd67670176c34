"""A study keeps what it fits: a rerun fits nothing, and one that was cut short fits what is missing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest

from kwx.config.file import load_config
from kwx.features.tmax.inputs import TmaxInputs
from kwx.models.registry.store import read_predictions
from kwx.models.training import both_ways, run
from kwx.models.training.asked import WalkWish, tmax_series
from kwx.models.training.both_ways import STUDIES, study_family
from kwx.models.training.run import fit_all
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import MODEL_RUNS
from warehouse.lake.tables.contract import ALL_CITIES


@dataclass(frozen=True, kw_only=True)
class Named:
    """A task by its window and city."""

    window: int
    city: str


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


@pytest.mark.parametrize("family", ["tod", "hybrid", "tod_against_market_clock"])
def test_models_of_the_high_are_fitted_both_ways(studied, ten_days, tmp_path, family):
    """Both speak of the same brackets at the same minutes; tod of the event day alone, against either pooled model."""
    found, made = studied(family)

    assert ["all fitted", "miami fitted"] == made
    assert [ALL_CITIES, "miami"] == [line.city for line in found.lines]
    assert found.lines[0].log_loss == found.lines[1].log_loss
    folders = {path.parent.parent.name for path in (tmp_path / STUDIES / "pilots" / "all").rglob("card.json")}
    assert {"market_clock" if family == "tod_against_market_clock" else family} == folders
    assert (family == "hybrid") == (found.lines[0].rows > 6 * 4 * 24)


def test_what_both_ways_read_is_read_once(ten_days, tmp_path, monkeypatch):
    """The pooled fit and the one of the city ask for the same days; read apart they say the same to the bit."""
    reads: list[str] = []
    read = TmaxInputs.read.__func__

    def counted(cls, snapshot, city, **span):
        reads.append(city)
        return read(cls, snapshot, city, **span)

    monkeypatch.setattr(TmaxInputs, "read", classmethod(counted))
    asked = {"cities": ("miami",), "wish": WalkWish(train_days=8, test_days=1), "recipe": {"lent": 0.0}}
    series = [*tmax_series("tod", **asked), *tmax_series("tod", **asked | {"cities": (ALL_CITIES,)})]
    told = {}
    for together in (True, False):
        reads.clear()
        root = tmp_path / str(together)
        fits = fit_all(series, Lake(ten_days), root, together=together, workers=1)
        told[together] = reads.count("miami"), [read_predictions(one.folder) for one in fits]

    assert told[True][0] < told[False][0]
    assert all(one.equals(other) for one, other in zip(told[True][1], told[False][1], strict=True))


@pytest.mark.parametrize(("windows", "workers", "sizes"), [(3, 2, [4, 4, 4]), (1, 2, [2, 2]), (1, 9, [1, 1, 1, 1])])
def test_fits_of_a_window_stay_together_while_every_process_has_work(windows, workers, sizes):
    """Fewer windows than processes are parted."""
    tasks = [Named(window=window, city=city) for city in "abcd" for window in range(windows)]

    groups = run._groups(tasks, parts=workers)

    assert sizes == [len(group) for group in groups]
    assert {1} == {len({task.window for task in group}) for group in groups}
    assert sorted(tasks, key=str) == sorted((task for group in groups for task in group), key=str)


def test_what_is_not_fitted_both_ways_is_refused(studied):
    """A family that nobody knows is; and more days than there are hold no window."""
    with pytest.raises(Usage, match="'oracle' is not fitted both ways"):
        studied("oracle")
    with pytest.raises(Refused, match="92 are needed"):
        studied(wish=WalkWish(train_days=90, test_days=1))
