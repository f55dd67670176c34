"""What the promoted models say of a sample's event, asked anew: of rows of the panel or of snapshots of the day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from kwx.audits.leakage.poison import Sample
from kwx.features.book.aggression import Laws
from kwx.features.book.microstructure import MICROSTRUCTURE, with_microstructure
from kwx.features.feature import Feature, FeatureSet
from kwx.features.panel import KEYS, STRIKE_TYPES, read_panel
from kwx.features.sets import FEATURE_SETS
from kwx.features.tmax.instants import market_clock, time_of_day
from kwx.features.tmax.snapshots import read_snapshots
from kwx.models.contract import Fitted
from kwx.models.direction.fitted import LogisticDirection, TreeDirection
from kwx.models.registry.families import OF_SNAPSHOTS
from kwx.models.registry.places import TRAINED
from kwx.models.registry.shelf import shelf
from kwx.models.registry.store import Loaded, load
from warehouse.errors import FileBroken, Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.contract import ALL_CITIES


@dataclass(frozen=True, kw_only=True, eq=False)
class Promoted:
    """The promoted models that can be read, and what is to be told of others."""

    models: Sequence[Loaded] = ()
    notes: Sequence[str] = ()

    @classmethod
    def of(cls, root: Path | str | None) -> Promoted:
        """Read the promoted models of a registry; none where there is no registry."""
        models, notes = [], []
        for held in shelf(root, TRAINED):
            try:
                models.append(load(held.folder))
            except (Refused, FileBroken) as refusal:
                notes.append(f"{held.name} is left out: {refusal}")
        return cls(models=models, notes=notes)

    def speak_of(self, sample: Sample) -> list[Loaded]:
        """Return those that may speak of a sample's event."""
        return [
            one for one in self.models
            if one.card.city in {sample.city, ALL_CITIES} and one.card.window.serves(sample.event_date)
        ]  # fmt: skip


_KNOWN: dict[str, Feature] = {one.name: one for of in (*FEATURE_SETS.values(), MICROSTRUCTURE) for one in of.features}


def predicted(snapshot: Snapshot, sample: Sample, promoted: Promoted) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield what each model that may speak of a sample's event says of every row of it, by the model's name."""
    for one in promoted.speak_of(sample):
        rows = _rows(snapshot, sample, one)
        said = one.fitted.predict(rows)
        keys = [name for name in ("market_ticker", "ts_utc") if name in rows.columns]
        classes = said[:, None] if said.ndim == 1 else said
        columns = {f"p_{number}": np.ascontiguousarray(column) for number, column in enumerate(classes.T)}
        yield one.card.model_id, rows.select(keys).with_columns(pl.Series(name, p) for name, p in columns.items())


def _rows(snapshot: Snapshot, sample: Sample, one: Loaded) -> pl.DataFrame:
    """Return the rows that a model reads, with its features."""
    day = sample.event_date
    if one.card.family in OF_SNAPSHOTS:
        clock = time_of_day if one.card.family == "tod" else market_clock
        return read_snapshots(snapshot, sample.city, since=day, until=day, clock=clock)
    features = FeatureSet(name=one.card.model_id, features=tuple(_KNOWN[name] for name in one.fitted.features))
    of_books = [name for name in features.sources if name in MICROSTRUCTURE.sources]
    columns = [name for name in features.sources if name not in of_books]
    kinds = (one.card.bracket,) if one.card.bracket in STRIKE_TYPES else ()
    panel = read_panel(
        snapshot, sample.city, since=day, until=day, strike_types=kinds, columns=(*KEYS, *columns)
    )  # fmt: skip
    if of_books:
        panel = with_microstructure(panel, snapshot, sample.city, _laws_of(one.fitted))
    return pl.concat([panel.select("market_ticker", "ts_utc"), features.build(panel)], how="horizontal")


def _laws_of(fitted: Fitted) -> Laws:
    """Return the laws of buys and sells by which a model's intensities are made."""
    hawkes = fitted.about.hawkes if isinstance(fitted, LogisticDirection | TreeDirection) else None
    return Laws(buy=None, sell=None) if hawkes is None else Laws.of(hawkes)
