"""How good the mornings were: every day's scores beside those of the references, and what all of them come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from kwx.hazard.question import Engine
from kwx.hazard.scored.mornings import Mornings, Window, mornings_of, pit_of, scores
from kwx.hazard.scored.references import climatology, hold_last, truth
from kwx.scoring.paired import Comparison, compare
from kwx.scoring.pit import LEAST_DATES, uniformity
from kwx.scoring.reliability import Reliability, reliability
from kwx.scoring.resampling import LEAST_BLOCKS
from warehouse.lake.store import Snapshot

REFERENCES = ("climatology", "hold_last", "truth")
COMPARED = ("crps", "log_loss", "rps")


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """The scores of each day and window, their means against each reference, and the reliability of the brackets."""

    rows: pl.DataFrame
    summary: pl.DataFrame
    reliability: Reliability
    mc_version: str


def evaluate_mornings(
    snapshot: Snapshot,
    windows: Sequence[Window],
    engine: Engine,
    *,
    cities: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
    mc_version: str | None = None,
) -> Evaluation:
    """Score the stored distributions, averaged over each window, and the references on the same days."""
    mornings = mornings_of(snapshot, windows, cities=cities, since=since, until=until, mc_version=mc_version)
    rows = pl.concat([_told(mornings), scores(mornings, mornings.forecast)], how="horizontal")
    rows = rows.with_columns(pit=pl.Series(pit_of(mornings)))
    for name, (forecast, there) in {
        "climatology": climatology(mornings),
        "hold_last": hold_last(snapshot, mornings, engine),
    }.items():
        scored = scores(mornings, forecast, there)
        rows = rows.with_columns(scored[score].alias(f"{score}_{name}") for score in COMPARED)
    true = truth(snapshot, mornings)
    if true is not None:
        rows = rows.with_columns(true[score].alias(f"{score}_truth") for score in true.columns)
    return Evaluation(
        rows=rows, summary=_summary(rows), reliability=_reliability(mornings), mc_version=mornings.mc_version
    )


def _told(mornings: Mornings) -> pl.DataFrame:
    """Return what each row is about."""
    labels = mornings.rows["label_f"].to_list()
    winners = [str(ladder.brackets[ladder.winner(f)]) for ladder, f in zip(mornings.ladders, labels, strict=True)]
    return mornings.rows.drop("since_utc").with_columns(winner=pl.Series(winners, dtype=pl.String))


def _summary(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the means of each window, alone and against each reference on the days that have one."""
    lines = []
    for (window,), part in rows.partition_by("window", as_dict=True).items():
        lines.append({"window": window, "against": "", "days": part.height, **_means(part), **_pit(part)})
        for name in REFERENCES:
            lines += _against(part, name, window=str(window))
    return pl.DataFrame(lines, infer_schema_length=None)


def _means(part: pl.DataFrame) -> dict[str, float]:
    return {name: float(part[name].mean()) for name in (*COMPARED, "p_winner")}  # type: ignore[arg-type]


def _pit(part: pl.DataFrame) -> dict[str, float | None]:
    """Return how uniform the transforms are, from as many dates on as the test needs."""
    if part["event_date"].n_unique() < LEAST_DATES:
        return {"pit_p": None}
    return {"pit_p": uniformity(part["pit"].to_numpy(), dates=part["event_date"].to_numpy()).p_value}


def _against(part: pl.DataFrame, name: str, *, window: str) -> list[dict[str, object]]:
    """Return one line against one reference; none where no day has it."""
    there = [score for score in COMPARED if f"{score}_{name}" in part.columns]
    known = part.filter(pl.col(f"log_loss_{name}").is_not_null()) if there else part.clear()
    if known.is_empty():
        return []
    line: dict[str, object] = {"window": window, "against": name, "days": known.height, **_means(known)}
    for score in there:
        line[f"{score}_reference"] = float(known[f"{score}_{name}"].mean())  # type: ignore[arg-type]
    found = _compared(known, "crps" if "crps" in there else "log_loss", name)
    if found is not None:
        line |= {"skill": found.skill, "skill_low": found.skill_low, "skill_high": found.skill_high}
        line["p_value"] = found.p_value
    return [line]


def _compared(known: pl.DataFrame, score: str, name: str) -> Comparison | None:
    if known["event_date"].n_unique() < LEAST_BLOCKS:
        return None
    return compare(
        known[score].to_numpy(), reference=known[f"{score}_{name}"].to_numpy(), dates=known["event_date"].to_numpy()
    )


def _reliability(mornings: Mornings) -> Reliability:
    """Return the reliability of all brackets of all rows; those of a date are one draw."""
    p, below, hit, dates = [], [], [], []
    rows = mornings.rows.select("event_date", "label_f").iter_rows()
    for place, (event_date, label_f) in enumerate(rows):
        ladder = mornings.ladders[place]
        masses = ladder.masses(mornings.forecast.p[place], mornings.forecast.first_f)
        p.append(masses / masses.sum())
        below.append(np.clip(np.cumsum(p[-1]) - p[-1], 0.0, 1.0))
        hit.append(np.arange(len(masses)) == ladder.winner(label_f))
        dates.append(np.full(len(masses), event_date, dtype="datetime64[D]"))
    joined_p, joined_below, joined_hit, joined_dates = (np.concatenate(one) for one in (p, below, hit, dates))
    some = (joined_p > 0) | joined_hit
    return reliability(joined_p[some], hit=joined_hit[some], dates=joined_dates[some], below=joined_below[some])
