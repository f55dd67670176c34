"""The health of the hazard: whether its distributions sum to one, and what mornings said against what settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time

import polars as pl

from kwx.hazard.scored.diagnostics import Sums, pmf_sums
from kwx.hazard.scored.mornings import Mornings, Window, mornings_of, pit_of, scores
from kwx.monitor.control import controlled
from kwx.monitor.look import Look
from kwx.scoring.pit import LEAST_DATES, Uniformity, uniformity

MORNING = Window(first=time(10), last=time(10))
"""The evaluation that is judged: 10:00 of local standard time, before most highs."""

PIT_BINS = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """Mornings against settlements. rows: city, event_date, label_f, expected_f, error_f, p_winner, crps, pit.

    error_by_date, crps_by_date: means over the cities of a date, in the limits of the dates before.
    """

    rows: pl.DataFrame
    error_by_date: pl.DataFrame
    crps_by_date: pl.DataFrame
    uniform: Uniformity | None
    mc_version: str


def sums_of(look: Look) -> Sums:
    """Return how far from one the stored probabilities of these dates sum; refuse a lake without any."""
    return pmf_sums(look.recent, since=look.since, until=look.event_date)


def judged_of(look: Look) -> Judged:
    """Hold the morning's distributions against what settled; refuse where no date has both."""
    mornings = mornings_of(look.recent, [MORNING], until=look.settled_until)
    rows = _rows(mornings)
    dates = rows["event_date"]
    return Judged(
        rows=rows,
        error_by_date=controlled(_means(rows, "error_f"), least=float("-inf")),
        crps_by_date=controlled(_means(rows, "crps")),
        uniform=uniformity(rows["pit"].to_numpy(), dates=dates.to_numpy()) if dates.n_unique() >= LEAST_DATES else None,
        mc_version=mornings.mc_version,
    )


def _rows(mornings: Mornings) -> pl.DataFrame:
    scored = scores(mornings, mornings.forecast).select("expected_f", "p_winner", "crps")
    rows = pl.concat([mornings.rows.select("city", "event_date", "label_f"), scored], how="horizontal")
    return rows.with_columns(
        error_f=pl.col("expected_f") - pl.col("label_f"), pit=pl.Series(pit_of(mornings))
    ).sort("event_date", "city")  # fmt: skip


def _means(rows: pl.DataFrame, name: str) -> Mapping[date, float]:
    return dict(rows.group_by("event_date").agg(pl.col(name).mean()).iter_rows())


def shares_of_pit(pit: pl.Series) -> pl.DataFrame:
    """Return low, high and share: how many transforms lie in each tenth."""
    tenth = (pit * PIT_BINS).floor().clip(0, PIT_BINS - 1).cast(pl.Int64)
    counts = tenth.value_counts(name="count").rename({tenth.name: "bin"})
    bins = pl.DataFrame({"bin": range(PIT_BINS)}, schema={"bin": pl.Int64})
    told = bins.join(counts, on="bin", how="left", maintain_order="left").with_columns(pl.col("count").fill_null(0))
    return told.select(
        low=pl.col("bin") / PIT_BINS, high=(pl.col("bin") + 1) / PIT_BINS, share=pl.col("count") / max(len(pit), 1)
    )
