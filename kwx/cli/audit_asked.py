"""What `kwx audit features` is asked: sets as they are said, or as a configuration has them for each pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kwx.config.file import BRACKETS, load_config
from kwx.features.audit.run import Asked, cities_asked
from kwx.features.gate import EVERY_TYPE
from kwx.models.training.asked import elasticnet_recipe
from warehouse.lake.store import Snapshot


def as_said(wish: Asked, sets: Sequence[str], bracket: str | None) -> list[Asked]:
    """Return a question for each set."""
    return [replace(wish, feature_set=name, bracket=bracket or EVERY_TYPE) for name in sets]


def as_configured(
    snapshot: Snapshot,
    wish: Asked,
    file: Path,
    panel_sets: Sequence[str] | None,
    others: Sequence[str],
    bracket: str | None,
) -> list[Asked]:
    """Return a question for each city and type of bracket as the file has the pair, then those of the other sets.

    panel_sets stand in place of the file's own set where they are said; the gate and the minutes are the file's.
    """
    return [*_of_pairs(snapshot, wish, file, panel_sets, bracket), *as_said(wish, others, bracket)]


def _of_pairs(
    snapshot: Snapshot, wish: Asked, file: Path, panel_sets: Sequence[str] | None, bracket: str | None
) -> Iterator[Asked]:
    configuration = load_config(file)
    kinds = BRACKETS if bracket in {None, EVERY_TYPE} else (bracket,)
    for city in cities_asked(snapshot, wish):
        for kind in kinds:
            recipe = elasticnet_recipe(configuration.for_(city, kind))
            for name in (recipe.feature_set,) if panel_sets is None else panel_sets:
                yield replace(
                    wish, feature_set=name, bracket=kind, cities=(city,), excluded=recipe.excluded_vc_cities,
                    every_minutes=wish.every_minutes or recipe.every_minutes,
                )  # fmt: skip
