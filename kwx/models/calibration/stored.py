"""The calibrators that a lake holds, and which of them may serve an event date."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from kwx.models.calibration.methods import Fittable, calibrator_of
from kwx.models.calibration.rows import last_fitted
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CALIBRATORS, Partition
from warehouse.lake.tables.research import SETTLEMENT_HORIZON


@dataclass(frozen=True, kw_only=True)
class StoredCalibrator:
    """One calibrator of a family in a city, the event dates that it was fitted on, and how it was chosen.

    Where doing nothing was best it changes no bit, and so replaces an older one that did.
    """

    city: str
    horizon: str = SETTLEMENT_HORIZON
    model_type: str
    fitted_utc: datetime
    since: date
    until: date
    calibrator: Fittable
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def serves(self, event_date: date) -> bool:
        """Tell whether it may speak of a date: from the second day after its last one on."""
        return self.until <= last_fitted(event_date)

    def row(self) -> pl.DataFrame:
        """Return it as one row of the table calibrators."""
        values = {
            "horizon": self.horizon,
            "model_type": self.model_type,
            "method": self.calibrator.method,
            "fitted_utc": self.fitted_utc,
            "since_date": self.since,
            "until_date": self.until,
            "parameters_json": json.dumps(self.calibrator.document(), sort_keys=True, allow_nan=False),
            "metrics_json": json.dumps(dict(self.metrics), sort_keys=True, allow_nan=False),
        }
        return pl.DataFrame([values], schema=CALIBRATORS.schema)

    @classmethod
    def of_row(cls, city: str, row: Mapping[str, Any]) -> StoredCalibrator:
        """Read a row of the table back."""
        return cls(
            city=city,
            horizon=row["horizon"],
            model_type=row["model_type"],
            fitted_utc=row["fitted_utc"],
            since=row["since_date"],
            until=row["until_date"],
            calibrator=calibrator_of(json.loads(row["parameters_json"])),
            metrics=json.loads(row["metrics_json"]),
        )

    def says_the_same(self, other: StoredCalibrator) -> bool:
        """Tell whether another one of the same dates came to the same, whenever that was and of whatever snapshot."""
        return self._said() == other._said()

    def _said(self) -> tuple[object, ...]:
        told = {name: value for name, value in self.metrics.items() if name != "snapshot"}
        return (
            self.city, self.horizon, self.model_type, self.since, self.until, self.calibrator,
            json.dumps(told, sort_keys=True),
        )  # fmt: skip


def calibrators_of(
    snapshot: Snapshot, city: str, *, model_type: str | None = None, horizon: str | None = None
) -> list[StoredCalibrator]:
    """Return the calibrators that are stored of a city, of one family and horizon where these are said."""
    rows = snapshot.read(CALIBRATORS, Partition(city))
    for name, wanted in (("model_type", model_type), ("horizon", horizon)):
        rows = rows if wanted is None else rows.filter(pl.col(name) == wanted)
    return [StoredCalibrator.of_row(city, row) for row in rows.iter_rows(named=True)]


def calibrator_before(stored: Sequence[StoredCalibrator], event_date: date) -> StoredCalibrator | None:
    """Return the one with the newest data that may serve a date, the last fitted of these; None where none may."""
    may_serve = [one for one in stored if one.serves(event_date)]
    return max(may_serve, key=lambda one: (one.until, one.fitted_utc), default=None)
