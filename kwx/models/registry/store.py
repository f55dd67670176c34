"""Storing what a fit handed on, and reading it back: the same artifact makes the same bytes, and no byte is code."""

from __future__ import annotations

import io
import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import polars as pl

from kwx.models.artifact import PREDICTED, Artifact
from kwx.models.contract import Calibrator, Fitted
from kwx.models.registry.card import Card, card_bytes, card_of
from kwx.models.registry.families import family_of
from kwx.models.registry.folder import read_folder, write_folder
from kwx.models.registry.places import CARD, PILOTS, Group, models_root, stage_folder
from kwx.models.registry.plain import json_bytes
from kwx.models.registry.replaced import keep_card
from warehouse.clock import Clock, utc_now
from warehouse.errors import FileBroken, Refused, Usage

CALIBRATOR, PREDICTIONS, METRICS = "calibrator.json", "predictions.parquet", "metrics.json"
PARAMS, COEFFICIENTS = "params.json", "coefficients.json"

_SIGNS = frozenset(string.ascii_letters + string.digits + "._-")
_OURS = frozenset({CARD, CALIBRATOR, PREDICTIONS, METRICS, PARAMS, COEFFICIENTS})


@runtime_checkable
class Linear(Protocol):
    """A fitted model that is a weighted sum."""

    def coefficients(self) -> Mapping[str, float]:
        """Return the weight of each feature that has one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """A model that was read back, with its calibrator and its card."""

    fitted: Fitted
    calibrator: Calibrator | None
    card: Card


def store(artifact: Artifact, root: Path | str | None = None, *, stage: str = PILOTS, clock: Clock = utc_now) -> Card:
    """Keep an artifact as a window's folder, in the place of what was fitted for that window before, whose card stays.

    It is read back before it is kept: a model that would not load is refused now, not on the day that it is needed.
    """
    if stage != PILOTS:
        raise Usage(f"fits are stored among the {PILOTS}, not in {stage}", hint="kwx models promote makes them trained")
    group = Group(city=artifact.city, bracket=artifact.bracket, family=artifact.family, horizon=artifact.horizon)
    folder = stage_folder(models_root(root), stage) / group.folder / artifact.window.name
    model = _model_files(artifact)
    files = {**_files_beside(artifact), **model}
    card = card_of(artifact, files, model_files=tuple(sorted(model)), created=clock())
    _require_readable(artifact, model)
    keep_card(models_root(root), folder)
    write_folder(folder, {**files, CARD: card_bytes(card)})
    return card


def _model_files(artifact: Artifact) -> dict[str, bytes]:
    files = dict(artifact.fitted.files())
    wrong = [name for name in files if name in _OURS or not _is_plain(name)]
    if wrong or not files:
        told = f"{wrong[0]!r} cannot be a file of the model" if wrong else "the model has no files"
        raise Refused(
            f"{artifact.model_id}: {told}",
            hint=f"plain names other than {' '.join(sorted(_OURS))}",
        )
    return files


def _is_plain(name: str) -> bool:
    """Tell whether a name stays in its folder: plain parts, none of them hidden or meaning another place."""
    return all(part and not part.startswith(".") and set(part) <= _SIGNS for part in name.split("/"))


def _files_beside(artifact: Artifact) -> dict[str, bytes]:
    """Return the files that are not the model itself."""
    files = {
        PREDICTIONS: _predictions_bytes(artifact),
        METRICS: json_bytes(artifact.metrics),
        PARAMS: json_bytes(artifact.params),
    }
    if artifact.calibrator is not None:
        files[CALIBRATOR] = json_bytes(artifact.calibrator.document())
    if isinstance(artifact.fitted, Linear):
        files[COEFFICIENTS] = json_bytes(artifact.fitted.coefficients())
    return files


def _predictions_bytes(artifact: Artifact) -> bytes:
    said, rows = artifact.window, artifact.predictions
    if not _are_predictions(rows):
        raise Refused(
            f"{artifact.model_id}: predictions have the columns {dict(rows.schema)}",
            hint=f"these are to be among them: {dict(PREDICTED)}",
        )
    outside = rows.filter(~pl.col("event_date").is_between(said.test_since, said.test_until))
    if outside.height:
        raise Refused(
            f"{artifact.model_id}: {outside.height} predictions lie outside the dates of its test, e.g."
            f" {outside['event_date'][0]}",
            hint="keep the predictions of the test dates only",
        )
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()


def _are_predictions(rows: pl.DataFrame) -> bool:
    """Tell whether the columns of predictions are there; a family may say more of each row beside them."""
    return {name: rows.schema.get(name) for name in PREDICTED} == PREDICTED


def _require_readable(artifact: Artifact, model: Mapping[str, bytes]) -> None:
    if artifact.fitted.degenerate() is not None:
        return  # it is kept for the record, and never loaded
    again = family_of(artifact.family).load(model)
    if dict(again.files()) != dict(model) or tuple(again.features) != tuple(artifact.fitted.features):
        raise Refused(
            f"{artifact.model_id} is another model once it is read back",
            hint="its family's files() and load() disagree",
        )


def load(folder: Path | str) -> Loaded:
    """Read a model back from its folder.

    Refused by name: a file that is altered, missing or foreign, features other than the card's or defined otherwise
    than when it was fitted, a degenerate model. The hashes tell accidents and careless edits; whoever can write the
    folder can also write its card.
    """
    at = Path(folder)
    card, files = read_folder(at)
    fitted = family_of(card.family).load({name: files[name] for name in card.model_files})
    if tuple(fitted.features) != card.features or fitted.family != card.family:
        raise FileBroken(
            f"{at}: the model reads {fitted.family} {', '.join(fitted.features)}; its card says"
            f" {card.family} {', '.join(card.features)}",
            hint="train the window again",
        )
    if (changed := card.outdated) is not None:
        raise Refused(f"{at}: {changed}", hint="train the window again: kwx train")
    if (why := fitted.degenerate() or card.degenerate) is not None:
        raise Refused(f"{at}: the model is degenerate: {why}", hint="train it on more dates, or with other features")
    return Loaded(fitted=fitted, calibrator=_calibrator(at, files), card=card)


def _calibrator(at: Path, files: Mapping[str, bytes]) -> Calibrator | None:
    if CALIBRATOR not in files:
        return None
    from kwx.models.calibration import calibrator_of

    try:
        document: Any = json.loads(files[CALIBRATOR])
    except ValueError as error:
        raise FileBroken(f"{at / CALIBRATOR} is not JSON: {error}", hint="train the window again") from error
    if not isinstance(document, dict):
        raise FileBroken(f"{at / CALIBRATOR} holds no calibrator but {document!r}", hint="train the window again")
    return calibrator_of(document)


def read_predictions(folder: Path | str) -> pl.DataFrame:
    """Return what the model of a folder said of its test dates, and what its family says of each row beside it."""
    _, files = read_folder(Path(folder))
    rows = pl.read_parquet(io.BytesIO(files[PREDICTIONS]))
    if not _are_predictions(rows):
        raise FileBroken(f"{Path(folder) / PREDICTIONS} has other columns than predictions", hint="train it again")
    return rows
