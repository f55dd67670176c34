"""Storing and reading back: same artifact, same bytes; nothing altered, foreign or missing is ever read."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.features import definitions
from kwx.features.feature import FeatureSet
from kwx.features.sets import FEATURE_SETS
from kwx.features.weather import TEMP_F
from kwx.models.artifact import PREDICTED
from kwx.models.registry.card import Card, card_bytes, read_card
from kwx.models.registry.defined import features_sha256
from kwx.models.registry.families import FAMILIES, family_of
from kwx.models.registry.plain import json_bytes, sha256
from kwx.models.registry.promotion import Choice, promote
from kwx.models.registry.replaced import difference, earlier_cards
from kwx.models.registry.shelf import shelf
from kwx.models.registry.store import load, read_predictions, store
from warehouse.errors import FileBroken, Refused, Usage

tiny = sys.modules["tiny_family"]
WINDOW = tiny.WINDOWS[0]


def kept(root, artifact=None, *, clock=lambda: tiny.NOW):
    """Store an artifact and return its folder."""
    artifact = artifact or tiny.fit_window("chicago", "between", WINDOW)
    store(artifact, root, clock=clock)
    return root / "pilots" / artifact.city / artifact.bracket / artifact.family / artifact.window.name


def contents(folder):
    """Return every file of a folder with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_artifact_makes_the_same_bytes(tmp_path):
    """Fitted twice and stored in two places, every file is the same, the card included."""
    one, two = kept(tmp_path / "a"), kept(tmp_path / "b")

    assert contents(one) == contents(two)
    assert {
        "calibrator.json", "card.json", "coefficients.json", "metrics.json", "model.json", "params.json",
        "predictions.parquet",
    } == set(contents(one))  # fmt: skip


def test_what_is_read_back_predicts_the_same_to_the_bit(tmp_path):
    """Model and calibrator come back from numbers alone."""
    artifact = tiny.fit_window("chicago", "between", WINDOW)
    rows = tiny.market_rows("chicago", [WINDOW.test_since])

    loaded = load(kept(tmp_path, artifact))

    assert np.array_equal(artifact.fitted.predict(rows), loaded.fitted.predict(rows))
    said = loaded.calibrator.apply(loaded.fitted.predict(rows))
    assert np.array_equal(artifact.calibrator.apply(artifact.fitted.predict(rows)), said)
    assert artifact.predictions.equals(read_predictions(tmp_path / "pilots/chicago/between/tiny" / WINDOW.name))


def test_the_card_says_what_the_model_was_made_of(tmp_path):
    """Dates, data, features, code, configuration, versions and the hash of every file."""
    folder = kept(tmp_path)

    card = read_card(folder)

    assert WINDOW == card.window
    assert (3, 42, tiny.NOW, ("made up",)) == (card.snapshot, card.seed, card.created_utc, card.notes)
    assert tiny.FEATURES == card.features
    assert sha256(json_bytes(card.config)) == card.config_sha256
    assert {"python", "numpy", "polars", "kalshi-wx"} <= set(card.versions)
    assert {name: sha256(content) for name, content in contents(folder).items() if name != "card.json"} == card.files
    assert f"tiny_chicago_between_{WINDOW.name}" == card.model_id


def test_the_hash_of_the_code_changes_with_a_source(tmp_path, monkeypatch):
    """Another line in a module that moves a number is another hash; one of the command line is not."""
    from kwx.models.registry import code

    home = tmp_path / "kwx"
    for room in ("features", "models/registry", "cli"):
        (home / room).mkdir(parents=True)
        (home / room / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(code, "__file__", str(home / "models/registry/code.py"))
    seen = [code.code_sha256.__wrapped__()]
    for room in ("features", "models/registry", "cli"):
        (home / room / "a.py").write_text("x = 2\n")
        seen.append(code.code_sha256.__wrapped__())

    assert 3 == len(set(seen))
    assert seen[2] == seen[3]


def test_a_window_that_is_fitted_again_takes_the_place_of_the_first(tmp_path):
    """No file of the first fit is left, and no draft."""
    kept(tmp_path)
    folder = kept(tmp_path, tiny.fit_window("chicago", "between", WINDOW, seed=7, calibrator=None))

    assert 7 == load(folder).card.seed
    assert "calibrator.json" not in contents(folder)
    assert [folder.name] == [path.name for path in folder.parent.iterdir()]


def test_a_store_that_dies_leaves_what_was_there(tmp_path, monkeypatch):
    """Files are written into a draft; until all are, the window is the old one."""
    from kwx.models.registry import folder as folders

    folder = kept(tmp_path)
    before = contents(folder)
    written = []

    def die(path, content):
        written.append(path)
        if len(written) == 3:
            raise OSError("killed")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    monkeypatch.setattr(folders, "write_new", die)
    with pytest.raises(OSError, match="killed"):
        kept(tmp_path, tiny.fit_window("chicago", "between", WINDOW, seed=7))
    monkeypatch.undo()

    assert before == contents(folder)
    assert [WINDOW.name] == [path.name for path in tmp_path.glob("pilots/*/*/*/*") if path.suffix != ".draft"]


@pytest.mark.parametrize(
    "name", ["model.json", "calibrator.json", "predictions.parquet", "metrics.json", "params.json"]
)
def test_an_altered_file_is_refused_by_name(tmp_path, name):
    """One bit is enough."""
    folder = kept(tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))

    with pytest.raises(FileBroken, match=f"{name} was altered"):
        load(folder)


def test_a_missing_and_a_foreign_file_are_refused_by_name(tmp_path):
    """The folder holds what the card names, no less and no more; a link is no file."""
    folder = kept(tmp_path)
    (folder / "model.pkl").write_bytes(pickle.dumps({"weights": [1.0]}))
    with pytest.raises(FileBroken, match=r"model\.pkl is foreign"):
        load(folder)

    (folder / "model.pkl").unlink()
    (folder / "model.json").rename(tmp_path / "elsewhere.json")
    with pytest.raises(FileBroken, match=r"model\.json is missing"):
        load(folder)

    (folder / "model.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(FileBroken, match=r"model\.json is foreign: it is no plain file"):
        load(folder)


def test_a_card_that_was_edited_is_refused(tmp_path):
    """Better metrics cannot be written into it."""
    folder = kept(tmp_path)
    said = json.loads((folder / "card.json").read_bytes())
    said["metrics"]["log_loss"] = 0.01
    (folder / "card.json").write_bytes(json_bytes(said))

    with pytest.raises(FileBroken, match=r"card\.json was altered"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 1}, "card of format 1; this kwx reads format 2"),
        ({"surprise": 1}, "surprise: extra inputs are not permitted"),
        ({"seed": "42"}, "seed: input should be a valid integer"),
        ({"features": ["mid_logit", "minute"]}, "its card says tiny mid_logit, minute"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_card_of_another_shape_is_refused_though_its_seal_is_right(tmp_path, change, said):
    """Another format, a key too many, a wrong type, features that are not those of its hash."""
    folder = kept(tmp_path)
    document = json.loads((folder / "card.json").read_bytes())
    document.pop("card_sha256")
    document |= change
    (folder / "card.json").write_bytes(json_bytes({**document, "card_sha256": sha256(json_bytes(document))}))

    with pytest.raises(FileBroken, match=said):
        load(folder)


def test_a_model_that_reads_other_features_than_its_card_says_is_refused(tmp_path):
    """Though every hash agrees."""
    folder = kept(tmp_path)
    model = json_bytes({"features": ["hour", "mid_logit"], "weights": [1.0, 0.0, 0.0]})
    (folder / "model.json").write_bytes(model)
    document = json.loads((folder / "card.json").read_bytes())
    document.pop("card_sha256")
    document["files"]["model.json"] = sha256(model)
    (folder / "card.json").write_bytes(json_bytes({**document, "card_sha256": sha256(json_bytes(document))}))

    with pytest.raises(FileBroken, match="its card says tiny mid_logit, hour"):
        load(folder)


def test_a_model_whose_features_are_defined_otherwise_now_is_refused(tmp_path, monkeypatch):
    """The names are the same and every hash of a file agrees; one formula is another than when it was fitted."""
    fitted = tiny.TinyFitted(weights=(1.0, 0.5, 0.0), features=("mid_logit", "temp_f"))
    folder = kept(tmp_path, replace(tiny.fit_window("chicago", "between", WINDOW), fitted=fitted))
    before = read_card(folder)
    assert load(folder).card == before

    rich = FEATURE_SETS["elasticnet_rich"]
    warmer = replace(TEMP_F, value=TEMP_F.value + 1)
    changed = tuple(warmer if one.name == "temp_f" else one for one in rich.features)
    monkeypatch.setattr(definitions, "FEATURE_SETS", {"elasticnet_rich": FeatureSet(name=rich.name, features=changed)})

    with pytest.raises(Refused, match="its features are defined otherwise now") as refused:
        load(folder)
    assert "kwx train" in refused.value.hint
    assert before.features_sha256 != card_of_again(tmp_path / "again", fitted).features_sha256
    assert ["features changed"] == [one.state for one in shelf(tmp_path, "pilots")]
    with pytest.raises(Refused, match="defined otherwise now"):
        promote(Choice(), tmp_path, reason="I insist", clock=lambda: tiny.NOW)


def card_of_again(root, fitted):
    """Return the card of the same model, stored now."""
    return store(replace(tiny.fit_window("chicago", "between", WINDOW), fitted=fitted), root, clock=lambda: tiny.NOW)


def test_a_changed_module_of_snapshots_is_another_hash_of_every_model_of_the_high(monkeypatch):
    """Their columns are code and no expressions; models of brackets do not read them."""
    names = ("run_max_f", "base_f")
    families = ("market_clock", "tod", "hybrid", "elasticnet")
    before = [features_sha256(family, names) for family in families]

    monkeypatch.setattr(definitions, "code_of", lambda places: {"tmax/day_so_far.py": "x = 2"})
    after = [features_sha256(family, names) for family in families]

    assert [True, True, True, False] == [one != other for one, other in zip(before, after, strict=True)]


def test_the_card_of_what_is_replaced_is_kept_and_the_difference_is_said(tmp_path):
    """Settings first; the very same again replaces nothing and is kept once."""
    artifact = tiny.fit_window("chicago", "between", WINDOW)
    folder = kept(tmp_path, artifact)
    first = read_card(folder)
    kept(tmp_path, artifact)
    assert "" == difference(first, read_card(folder))

    other = {**artifact.config, "train_days": 19, "search": {"c_min": 0.1}}
    second = store(replace(artifact, config=other, snapshot=4, params={"C": 2.0}), tmp_path, clock=lambda: tiny.NOW)

    assert [first] == earlier_cards(tmp_path, folder)
    assert (
        "other settings: train_days 20, now 19, search.c_min None, now 0.1; other data: snapshot 3, now 4"
        == difference(first, second)
    )
    assert [] == earlier_cards(tmp_path, folder.with_name(tiny.WINDOWS[1].name))
    (folder / "card.json").write_text("{}")
    kept(tmp_path, artifact)
    assert [first] == earlier_cards(tmp_path, folder)[:1]


def test_a_folder_in_the_place_of_another_city_is_refused(tmp_path):
    """A copy of Chicago's model does not pass for New York's."""
    folder = kept(tmp_path)
    other = tmp_path / "pilots/nyc/between/tiny" / WINDOW.name
    other.parent.mkdir(parents=True)
    folder.rename(other)

    with pytest.raises(FileBroken, match="its card is that of chicago/between/tiny"):
        load(other)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"[1, 2]", r"holds no calibrator but \[1, 2\]"), (b"{", "is not JSON"), (b"7", "holds no calibrator but 7")],
)
def test_a_calibrator_that_is_none_is_refused_though_its_seal_is_right(tmp_path, content, said):
    """With a card that names the hash of what lies there."""
    folder = kept(tmp_path)
    card = read_card(folder)
    files = {**card.files, "calibrator.json": sha256(content)}
    (folder / "calibrator.json").write_bytes(content)
    (folder / "card.json").write_bytes(card_bytes(card.model_copy(update={"files": files})))

    with pytest.raises(FileBroken, match=f"calibrator.json {said}") as broken:
        load(folder)
    assert "train the window again" in broken.value.hint


def test_an_empty_folder_in_a_window_is_foreign(tmp_path):
    """Though it holds no file."""
    folder = kept(tmp_path)
    (folder / "deep" / "empty").mkdir(parents=True)

    with pytest.raises(FileBroken, match="empty is foreign"):
        load(folder)


def test_a_degenerate_model_is_kept_for_the_record_and_never_loaded(tmp_path):
    """The card says why."""
    folder = kept(tmp_path, tiny.constant(tiny.fit_window("chicago", "between", WINDOW)))

    assert "every coefficient is zero" == read_card(folder).degenerate
    with pytest.raises(Refused, match="degenerate: every coefficient is zero"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"family": "strange"}, "no family of models 'strange'"),
        ({"predictions": pl.DataFrame(schema={"p": pl.Float64()})}, "predictions have the columns"),
        ({"city": "../chicago"}, "names no folder"),
    ],
    ids=("family", "columns", "city"),
)
def test_what_could_not_be_read_back_is_not_stored(tmp_path, change, said):
    """It is refused now, and nothing is written."""
    artifact = replace(tiny.fit_window("chicago", "between", WINDOW), **change)

    with pytest.raises(Refused, match=said):
        store(artifact, tmp_path, clock=lambda: tiny.NOW)
    assert [] == list(tmp_path.rglob("win_*"))


def test_predictions_of_a_date_that_was_fitted_are_refused(tmp_path):
    """They would be judged as if they had been made before."""
    artifact = tiny.fit_window("chicago", "between", WINDOW)
    early = artifact.predictions.with_columns(event_date=pl.lit(WINDOW.train_until))

    with pytest.raises(Refused, match="outside the dates of its test"):
        store(replace(artifact, predictions=early.select(list(PREDICTED))), tmp_path, clock=lambda: tiny.NOW)


def test_a_model_may_not_name_its_files_as_the_registry_does(tmp_path):
    """Nor reach out of its folder."""
    artifact = tiny.fit_window("chicago", "between", WINDOW)
    for name in ("card.json", "../model.json", ".hidden", "a//b", "/etc/x", "tod/../../x", "a b"):
        fitted = type("Odd", (tiny.TinyFitted,), {"files": lambda self, name=name: {name: b"{}"}})
        with pytest.raises(Refused, match="cannot be a file of the model"):
            store(replace(artifact, fitted=fitted(weights=(1.0, 1.0, 1.0))), tmp_path, clock=lambda: tiny.NOW)


def test_a_model_that_comes_back_as_another_is_refused(tmp_path):
    """Its family's files() and load() must agree."""
    artifact = tiny.fit_window("chicago", "between", WINDOW)
    forgetful = type(
        "Forgetful", (tiny.TinyFitted,),
        {"files": lambda self: {"model.json": json_bytes({"features": tiny.FEATURES, "weights": self.weights})}},
    )  # fmt: skip

    with pytest.raises(Refused, match="another model once it is read back"):
        store(replace(artifact, fitted=forgetful(weights=(1.0, 1.0, 1.0))), tmp_path, clock=lambda: tiny.NOW)


def test_fits_are_stored_among_the_pilots_only(tmp_path):
    """What is trained comes about by promotion."""
    with pytest.raises(Usage, match="not in trained"):
        store(tiny.fit_window("chicago", "between", WINDOW), tmp_path, stage="trained")


def test_plain_values_have_one_text(tmp_path):
    """Numbers of NumPy, tuples and dates are what JSON has; NaN is null; an object is refused."""
    value = {"b": np.float64(0.1), "a": (np.int64(1), date(2026, 11, 1)), "c": float("nan"), "d": np.array([1.5])}

    assert {"a": [1, "2026-11-01"], "b": 0.1, "c": None, "d": [1.5]} == json.loads(json_bytes(value))
    with pytest.raises(Refused, match="timedelta cannot be kept"):
        json_bytes({"x": timedelta(days=1)})


def test_two_horizons_and_two_families_of_one_window_do_not_collide(tmp_path):
    """The kind is a level of its own."""
    store(tiny.fit_window("chicago", "between", WINDOW), tmp_path, clock=lambda: tiny.NOW)
    card = store(tiny.fit_window("chicago", "between", WINDOW, horizon="5m"), tmp_path, clock=lambda: tiny.NOW)

    assert {"tiny", "tiny-5m"} == {path.name for path in (tmp_path / "pilots/chicago/between").iterdir()}
    assert "tiny-5m" == card.group.kind
    assert Card.model_validate_json(card.model_dump_json()) == card


def test_a_model_of_several_models_has_a_folder_for_each(tmp_path):
    """Their files are hashed, and missed and found foreign, like any other."""
    artifact = tiny.fit_window("chicago", "between", WINDOW)
    folder = kept(tmp_path, replace(artifact, fitted=tiny.Nested(weights=artifact.fitted.weights)))

    assert (folder / "parts/one/model.json").is_file()
    assert artifact.fitted.weights == load(folder).fitted.weights
    promote(Choice(), tmp_path, clock=lambda: tiny.NOW)
    promote(Choice(), tmp_path, clock=lambda: tiny.NOW)
    assert (
        artifact.fitted.weights == load(tmp_path / "trained" / folder.relative_to(tmp_path / "pilots")).fitted.weights
    )
    (folder / "parts/one/model.json").rename(folder / "parts/model.json")
    with pytest.raises(FileBroken, match=r"parts/one/model\.json is missing"):
        load(folder)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_that_is_listed_is_there_under_its_name(name):
    """The table is of words; what they name exists."""
    assert name == family_of(name).name
