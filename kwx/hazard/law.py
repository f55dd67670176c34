"""The fitted law of one city's air, as `mc_params` keeps it: one row is one law, one law is one baseline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl

from kwx.hazard.question import GRID_MINUTES, STEPS, Floats, Noise
from warehouse.lake.tables import MC_PARAMS

VERSION = "v1_grid5"
WHOLE_YEAR = "all"
NO_REPORT = "none"
RECORD_OFFSETS = 5


class Baseline(StrEnum):
    """What the residual is measured from."""

    TEMPLATE = "template"
    TIMELINE = "timeline"
    HOLD_LAST = "hold_last"


class RecordKind(StrEnum):
    """How the highest report so far was told: as a group of a bulletin, to the degree, or in whole °C."""

    GROUP = "group"
    EXACT = "exact"
    WHOLE_C = "whole_c"


@dataclass(frozen=True)
class Bucket:
    """A stretch of leads, in minutes: from `first` up to, not including, `end`."""

    first: int
    end: int

    def __str__(self) -> str:
        return f"{self.first}-{self.end}"


LEADS = (Bucket(0, 60), Bucket(60, 180), Bucket(180, 360), Bucket(360, 720), Bucket(720, 1440))
HOURS = tuple(Bucket(first, first + 3) for first in range(0, 24, 3))
"""Three hours of local standard time each; printed as 00-03 … 21-24."""


@dataclass(frozen=True)
class DayBias:
    """δ at one lead: mean_f + share · (level of the day so far over its curve), give or take sd_f."""

    mean_f: float
    share: float
    sd_f: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Law:
    """Everything that turns what is known of a day into a Question.

    sigma_f: by label of `sigma_labels`: "00-03" for a time of day, "0-60/00-03" for a lead and a time of day.
    templates_f: a typical day each, 289 steps, under "all" and, where the data suffice, under months "01" … "12".
    half_life_minutes: how fast the level of the day forgets; 0 is the last report alone.
    biases: by label of LEADS, the lead being that of the warmest step still to come, and "none" before any report.
    records: for each kind of record P(official maximum so far − lowest degree it can mean = 0, 1, … 4).
    """

    city: str
    baseline: Baseline
    forecast_source: str | None
    rho: float
    sigma_f: Mapping[str, float]
    templates_f: Mapping[str, Floats]
    half_life_minutes: float
    biases: Mapping[str, DayBias]
    tail_dof: float | None
    station_offset_f: float
    records: Mapping[RecordKind, tuple[float, ...]]
    fitted_utc: datetime
    since: date
    until: date
    days: int
    snapshot: int
    version: str = VERSION
    diagnostics: Mapping[str, Any] = field(default_factory=dict)

    def template_f(self, event_date: date) -> Floats:
        """Return the typical day of a date's month, or of the whole year."""
        month = f"{event_date.month:02d}"
        return self.templates_f[month if month in self.templates_f else WHOLE_YEAR]

    def bias_at(self, lead_minutes: float) -> DayBias:
        """Return δ at a lead."""
        return self.biases[str(lead_bucket(lead_minutes))]

    def noise(self) -> Noise:
        """Return the law of the residual on the grid."""
        by_lead = any("/" in label for label in self.sigma_f)
        leads = LEADS if by_lead else LEADS[:1]
        hour = (np.arange(STEPS) * GRID_MINUTES) // 180
        rows = [
            [self.sigma_f[f"{lead}/{hour_label(hours)}" if by_lead else hour_label(hours)] for hours in HOURS]
            for lead in leads
        ]
        steps = tuple(lead.first // GRID_MINUTES for lead in leads)
        return Noise(rho=self.rho, sigma_f=np.array(rows)[:, hour], lead_steps=steps)

    def row(self) -> pl.DataFrame:
        """Return the law as one row of mc_params."""
        labels = list(self.templates_f)
        values = {
            "fitted_utc": self.fitted_utc,
            "mc_version": self.version,
            "baseline": self.baseline.value,
            "forecast_source": self.forecast_source,
            "rho": self.rho,
            "sigma_labels": list(self.sigma_f),
            "sigma_f": list(self.sigma_f.values()),
            "template_labels": labels,
            "template_f": [float(value) for label in labels for value in self.templates_f[label]],
            "level_half_life_minutes": self.half_life_minutes,
            "day_bias_labels": list(self.biases),
            "day_bias_f": [bias.mean_f for bias in self.biases.values()],
            "day_bias_share": [bias.share for bias in self.biases.values()],
            "day_bias_sd_f": [bias.sd_f for bias in self.biases.values()],
            "tail_dof": self.tail_dof,
            "station_offset_f": self.station_offset_f,
            "record_labels": [kind.value for kind in self.records],
            "record_p": [p for chances in self.records.values() for p in chances],
            "grid_minutes": GRID_MINUTES,
            "since_date": self.since,
            "until_date": self.until,
            "days": self.days,
            "snapshot": self.snapshot,
            "diagnostics_json": json.dumps(dict(self.diagnostics), sort_keys=True),
        }
        return pl.DataFrame([values], schema=MC_PARAMS.schema)

    @classmethod
    def of_row(cls, city: str, row: Mapping[str, Any]) -> Law:
        """Read a row of mc_params back."""
        templates = np.array(row["template_f"]).reshape(-1, STEPS + 1)
        records = np.array(row["record_p"]).reshape(-1, RECORD_OFFSETS)
        biases = zip(row["day_bias_f"], row["day_bias_share"], row["day_bias_sd_f"], strict=True)
        return cls(
            city=city,
            baseline=Baseline(row["baseline"]),
            forecast_source=row["forecast_source"],
            rho=row["rho"],
            sigma_f=dict(zip(row["sigma_labels"], row["sigma_f"], strict=True)),
            templates_f=dict(zip(row["template_labels"], templates, strict=True)),
            half_life_minutes=row["level_half_life_minutes"],
            biases={label: DayBias(*values) for label, values in zip(row["day_bias_labels"], biases, strict=True)},
            tail_dof=row["tail_dof"],
            station_offset_f=row["station_offset_f"],
            records={
                RecordKind(label): tuple(map(float, chances))
                for label, chances in zip(row["record_labels"], records, strict=True)
            },
            fitted_utc=row["fitted_utc"],
            since=row["since_date"],
            until=row["until_date"],
            days=row["days"],
            snapshot=row["snapshot"],
            version=row["mc_version"],
            diagnostics=json.loads(row["diagnostics_json"]),
        )


def lead_bucket(lead_minutes: float) -> Bucket:
    """Return the bucket of a lead; what is further than a day counts as a day."""
    return next((lead for lead in LEADS if lead_minutes < lead.end), LEADS[-1])


def hour_label(hours: Bucket) -> str:
    """Return the name of a stretch of the day: 00-03."""
    return f"{hours.first:02d}-{hours.end:02d}"
