"""From an event and a set of weights to rows of pmf_minute: every minute of trading, and the evaluations around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.fuse.events import Event
from kwx.fuse.market.minutes import Floats, Ints, Scalar, instants_us
from kwx.fuse.market.probabilities import WORDS
from kwx.fuse.pooled import fused, outcome_words
from kwx.fuse.weights import WeightSet
from warehouse.lake.tables import PMF_MINUTE, UTC_TYPE

_NO_MINUTE = "no minute of trading"
_OF_WEATHER = (
    "p_wx", "hazard_next_5m", "hazard_next_60m", "m_run_temp_f", "m_run_lo_f", "m_run_hi_f", "mc_version", "wx_utc",
    "params_fitted_utc", "quality",
)  # fmt: skip
_NOTHING_TOLD = pl.DataFrame(
    {name: [None] for name in _OF_WEATHER}, schema={name: PMF_MINUTE.schema[name] for name in _OF_WEATHER}
)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layout:
    """How an event's rows lie in its files: market by market as their tickers sort, instants after each other.

    instants_us: [N] the minutes of trading and the evaluations around it. traded: [N] which of them are minutes.
    evaluation: [N] the number of the evaluation that each carries, -1 for none. order: [B] tickers as they sort.
    """

    event: Event
    instants_us: Ints
    traded: NDArray[np.bool_]
    evaluation: Ints
    order: Ints

    @classmethod
    def of(cls, event: Event) -> _Layout:
        evaluated_us = instants_us(event.evaluations["ts_utc"])[:: len(event.ladder.names)]
        every_us = np.union1d(event.minutes.ts_us, evaluated_us)
        traded = event.minutes.hold(every_us)
        evaluation = np.searchsorted(evaluated_us, every_us)
        evaluation[traded] = event.weather.place
        return cls(
            event=event, instants_us=every_us, traded=traded, evaluation=evaluation,
            order=np.argsort(np.array(event.ladder.names)),
        )  # fmt: skip

    def tickers(self) -> pl.Series:
        return self._lines(pl.Series(self.event.ladder.names), np.repeat(self.order, len(self.traded)))

    def instants(self) -> pl.Series:
        return pl.Series(np.tile(self.instants_us, len(self.order))).cast(UTC_TYPE)

    def told(self) -> pl.DataFrame:
        """Return what each row carries of its evaluation, nulls without one."""
        brackets, told = len(self.order), self.event.evaluations.select(_OF_WEATHER)
        line = np.where(self.evaluation < 0, told.height, self.evaluation * brackets + self.order[:, None])
        return pl.concat([told, _NOTHING_TOLD], rechunk=True)[pl.Series(line.ravel(), dtype=pl.UInt32)]

    def numbers(self, values: Floats) -> pl.Series:
        """Return what is known of minutes, [T] or [T, B]; NaN, and what is around trading, is null."""
        return pl.Series(self._laid(values, around=np.nan).ravel(), nan_to_null=True)

    def said(self, values: pl.Series, codes: Ints, *, around: str | None) -> pl.Series:
        """Return the values of codes, [T] or [T, B], and what is said around trading."""
        every = pl.concat([values, pl.Series([around], dtype=values.dtype)])
        return self._lines(every, self._laid(codes, around=len(values)))

    def _laid(self, values: NDArray[Scalar], *, around: float) -> NDArray[Scalar]:
        """Return [B, N] values of minutes, and what stands around trading."""
        laid: NDArray[Scalar] = np.full((len(self.order), len(self.traded)), around, dtype=values.dtype)
        laid[:, self.traded] = values.T[self.order] if values.ndim > 1 else values
        return laid

    @staticmethod
    def _lines(values: pl.Series, places: Ints) -> pl.Series:
        return values[pl.Series(places.ravel(), dtype=pl.UInt32)]


def minute_rows(event: Event, weights: WeightSet | None, *, sha256: str) -> pl.DataFrame:
    """Return the event's rows of pmf_minute, in their order; evaluations around its trading stay as they are."""
    pooled, layout = fused(event, weights), _Layout.of(event)
    fitted_utc = pl.Series([None if weights is None else weights.fitted_utc], dtype=UTC_TYPE)
    columns: dict[str, pl.Series | pl.Expr] = {
        "market_ticker": layout.tickers(),
        "ts_utc": layout.instants(),
        "p_mkt": layout.numbers(event.market.p),
        "p_fused": layout.numbers(pooled.raw),
        "p_fused_norm": layout.numbers(pooled.p),
        "w_mkt": layout.numbers(pooled.weight),
        "mkt_quality": layout.said(WORDS, event.market.codes, around=_NO_MINUTE),
        "fused_quality": layout.said(outcome_words(weights), pooled.outcome, around=_NO_MINUTE),
        "fusion_fitted_utc": layout.said(fitted_utc, np.zeros_like(pooled.outcome), around=None),
        "fusion_sha256": pl.lit(sha256),
        **layout.told().to_dict(),
    }
    return pl.select(columns[name].alias(name) for name in PMF_MINUTE.schema)


def weather_alone(evaluations: pl.DataFrame, *, why: str, sha256: str) -> pl.DataFrame:
    """Return evaluations as rows of which nothing is fused now, whatever was before, and why."""
    return evaluations.with_columns(_nothing_fused(why, sha256)).select(PMF_MINUTE.schema.names())


def _nothing_fused(why: str, sha256: str) -> list[pl.Expr]:
    gone = ("p_mkt", "p_fused", "p_fused_norm", "w_mkt", "fusion_fitted_utc")
    return [
        *(pl.lit(None, PMF_MINUTE.schema[name]).alias(name) for name in gone),
        pl.lit(why).alias("mkt_quality"),
        pl.lit(why).alias("fused_quality"),
        pl.lit(sha256).alias("fusion_sha256"),
    ]
