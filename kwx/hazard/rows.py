"""From a run day to the rows of pmf_degrees and pmf_minute, and how these join what their partitions hold already."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.hazard.question import Floats
from kwx.hazard.run import DayRun
from warehouse.errors import ContractBroken
from warehouse.lake.tables import PMF_DEGREES, PMF_MINUTE
from warehouse.market.ladder import Ladder

_KEY = ("market_ticker", "ts_utc")


def degrees_rows(run: DayRun, *, mc_version: str, inputs_sha256: str) -> pl.DataFrame:
    """Return the rows of pmf_degrees: one for each evaluation, its distribution without zeros at the ends."""
    first, p = listed(run.distribution.p)
    return pl.DataFrame(
        {
            "ts_utc": run.evidence.ts_utc,
            "mc_version": mc_version,
            "first_f": (run.distribution.first_f + first).astype(np.int32),
            "p": p,
            "params_fitted_utc": run.fit.fitted_utc,
            "quality": list(run.quality),
            "inputs_sha256": inputs_sha256,
        },
        schema_overrides=PMF_DEGREES.schema,
    ).select(PMF_DEGREES.schema.names())


def listed(p: Floats) -> tuple[NDArray[np.int64], pl.Series]:
    """Return where each row begins to be more than zero, and the rows from there to where they end being so."""
    some = p > 0
    first = some.argmax(axis=1)
    end = p.shape[1] - some[:, ::-1].argmax(axis=1)
    rows = [row[begin:until] for row, begin, until in zip(p, first.tolist(), end.tolist(), strict=True)]
    return first, pl.Series("p", rows, dtype=pl.List(pl.Float64))


def minute_rows(run: DayRun, *, mc_version: str) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows of pmf_minute, and what was refused: events whose brackets do not tile the degrees.

    An event has rows from when all of its markets are open. There is no hazard on the eve and before the first report.
    """
    common = _of_every_market(run, mc_version)
    frames, refused = [PMF_MINUTE.empty()], []
    for _, event in run.data.markets.group_by("event_ticker", maintain_order=True):
        try:
            ladder = Ladder.of_event(event)
        except ContractBroken as error:
            refused.append(str(error))
            continue
        is_open = common["ts_utc"] >= event["open_utc"].max()
        masses = ladder.masses(run.distribution.p, run.distribution.first_f)
        for ticker, chances in zip(ladder.names, masses.T, strict=True):
            p_wx = pl.Series("p_wx", np.ascontiguousarray(chances))
            frames.append(_typed(common.with_columns(p_wx, market_ticker=pl.lit(ticker)).filter(is_open)))
    return pl.concat(frames), refused


def _of_every_market(run: DayRun, mc_version: str) -> pl.DataFrame:
    """Return what all markets of the day share at each evaluation."""
    evidence, distribution = run.evidence, run.distribution
    there = np.array([kind is not None for kind in evidence.record_kind])
    lo_f, hi_f = (
        pl.Series(np.where(there, bound, 0), dtype=pl.Int32).set(~pl.Series(there), None)
        for bound in (evidence.record_lo_f, evidence.record_hi_f)
    )
    return pl.DataFrame(
        {
            "ts_utc": evidence.ts_utc,
            "wx_utc": evidence.ts_utc,
            "hazard_next_5m": pl.Series(distribution.hazard_5m).fill_nan(None),
            "hazard_next_60m": pl.Series(distribution.hazard_60m).fill_nan(None),
            "m_run_temp_f": pl.Series(run.running_max_f).fill_nan(None),
            "m_run_lo_f": lo_f,
            "m_run_hi_f": hi_f,
            "mc_version": mc_version,
            "params_fitted_utc": run.fit.fitted_utc,
            "quality": list(run.quality),
        },
        schema_overrides={name: dtype for name, dtype in PMF_MINUTE.schema.items() if name in _SHARED},
    )


_SHARED = (
    "ts_utc", "wx_utc", "hazard_next_5m", "hazard_next_60m", "m_run_temp_f", "m_run_lo_f", "m_run_hi_f", "mc_version",
    "params_fitted_utc", "quality",
)  # fmt: skip


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with every column of pmf_minute; what it does not say is null."""
    return frame.select(
        pl.col(name) if name in frame.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in PMF_MINUTE.schema.items()
    )


def joined_degrees(rows: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Return what the partition shall hold: these rows, and those of every other version."""
    versions = rows["mc_version"].unique().implode()
    others = held.select(PMF_DEGREES.schema.names()).filter(~pl.col("mc_version").is_in(versions))
    return pl.concat([others, rows])


def joined_minutes(rows: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Return what the partition shall hold: all that it holds where no weather has moved, else these rows alone.

    What was fused of other weather goes with it: a fusion is made anew from what is held.
    """
    held = held.select(PMF_MINUTE.schema.names())
    of_weather = ["market_ticker", "p_wx", *_SHARED]
    evaluated = held.filter(pl.col("wx_utc") == pl.col("ts_utc")).select(of_weather).sort(_KEY)
    return held if evaluated.equals(rows.select(of_weather).sort(_KEY)) else rows


def event_of_ticker() -> pl.Expr:
    """Return the event of a market: its ticker without the last part."""
    return pl.col("market_ticker").str.replace(r"-[^-]*$", "")
