"""The sets of weights that a lake holds in fusion_params, and which of them may serve an event date."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from scipy.special import logit

from kwx.fuse.market.minutes import Floats
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.pools import Pool, pool_of
from kwx.fuse.weight import Alphas
from warehouse.errors import Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import FUSION_PARAMS, Partition
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

_LEAST_WEIGHT = 1e-9


@dataclass(frozen=True, kw_only=True)
class WeightSet:
    """One fit: how the two are pooled, and by which weight. City `all` stands for every city without its own.

    fitted_utc is None for weights that somebody said, which were fitted to nothing.
    """

    city: str
    horizon: str = SETTLEMENT_HORIZON
    fitted_utc: datetime | None
    pool: str
    method: str
    alphas: Alphas
    beta_a: float = 1.0
    beta_b: float = 1.0
    market: MarketRecipe = field(default_factory=MarketRecipe)
    accepted: bool
    since: date
    until: date
    days: int
    snapshot: int
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pooling(self) -> Pool:
        """The pool with its numbers."""
        return pool_of(self.pool, beta_a=self.beta_a, beta_b=self.beta_b)

    @property
    def name(self) -> str:
        """What people call it: whose fit it is and where its data end, or the weight that was said."""
        if self.fitted_utc is None:
            return f"{self.pool}, weight {float(self.alphas.weight(np.array([1.0, 0, 0, 0]))):.3g}"
        return f"{self.pool} of {self.city} to {self.until}"

    @property
    def kind(self) -> tuple[str, ...]:
        """What tells sets of one end apart: pool, method and how p_mkt was made."""
        return (self.pool, self.method, str(self.market))

    @property
    def held_out_loss(self) -> float:
        """The loss on the dates that were held out of the fit."""
        return float(self.metrics["loss"]["value"]) if "loss" in self.metrics else math.inf

    def weight(self, features: Floats) -> Floats:
        """Return the market's weight; a fitted one is never all or nothing, however far its numbers reach."""
        weight = self.alphas.weight(features)
        return weight if self.fitted_utc is None else np.clip(weight, _LEAST_WEIGHT, 1 - _LEAST_WEIGHT)

    @property
    def sha256(self) -> str:
        """The hash of all that moves a probability."""
        said = [
            self.pool,
            self.alphas.numbers,
            self.beta_a,
            self.beta_b,
            str(self.market),
            str(self.fitted_utc),
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def row(self) -> pl.DataFrame:
        """Return the set as one row of fusion_params."""
        values = {
            "horizon": self.horizon,
            "fitted_utc": self.fitted_utc,
            "pool": self.pool,
            "method": self.method,
            **dict(zip(_ALPHAS, self.alphas.numbers, strict=True)),
            "beta_a": self.beta_a,
            "beta_b": self.beta_b,
            "price": self.market.price,
            "overround": self.market.overround,
            "accepted": self.accepted,
            "since_date": self.since,
            "until_date": self.until,
            "days": self.days,
            "snapshot": self.snapshot,
            "metrics_json": json.dumps(dict(self.metrics), sort_keys=True),
        }
        return pl.DataFrame([values], schema=FUSION_PARAMS.schema)

    @classmethod
    def of_row(cls, city: str, row: Mapping[str, Any]) -> WeightSet:
        """Read a row of fusion_params back."""
        return cls(
            city=city,
            horizon=row["horizon"],
            fitted_utc=row["fitted_utc"],
            pool=row["pool"],
            method=row["method"],
            alphas=Alphas(*(row[name] for name in _ALPHAS)),
            beta_a=row["beta_a"],
            beta_b=row["beta_b"],
            market=MarketRecipe(price=row["price"], overround=row["overround"]),
            accepted=row["accepted"],
            since=row["since_date"],
            until=row["until_date"],
            days=row["days"],
            snapshot=row["snapshot"],
            metrics=json.loads(row["metrics_json"]),
        )


_SURE = 40.0
"""From here on the logistic function is one, or nothing that matters."""


def said_weight(weight: float, *, pool: str, market: MarketRecipe) -> WeightSet:
    """Return the set that gives the market one weight at every minute."""
    if not 0 <= weight <= 1:
        raise Usage(f"a weight of {weight:g} is no share", hint="1 is the market alone, 0 the weather alone")
    constant = float(np.clip(logit(weight), -_SURE, _SURE))
    return WeightSet(
        city=ALL_CITIES, fitted_utc=None, pool=pool, method="said", alphas=Alphas(constant), market=market,
        accepted=True, since=date.min, until=date.min, days=0, snapshot=0,
    )  # fmt: skip


_ALPHAS = ("alpha_0", "alpha_volume", "alpha_hazard", "alpha_volatility")


def sets_of(snapshot: Snapshot, city: str, *, horizon: str = SETTLEMENT_HORIZON) -> list[WeightSet]:
    """Return all sets of a horizon that speak for a city: its own, and those of all cities together."""
    return [
        WeightSet.of_row(place, row)
        for place in (ALL_CITIES, city)
        for row in snapshot.read(FUSION_PARAMS, Partition(place)).iter_rows(named=True)
        if row["horizon"] == horizon
    ]


def set_before(sets: Sequence[WeightSet], event_date: date) -> WeightSet | None:
    """Return the best accepted set of the newest data that may serve an event date; None where there is none.

    An event trades from its eve on, so a set that has seen the eve's own event knows too much. Of the sets with the
    newest end the city's own decide where it has any: if none of them is accepted, no other one serves instead. A kind
    that was tuned again counts as it was tuned last. Among those accepted the least loss on held-out dates is best.
    """
    may_serve = [one for one in sets if one.until < event_date - timedelta(days=1)]
    newest = [one for one in may_serve if one.until == max(other.until for other in may_serve)]
    own = [one for one in newest if one.city != ALL_CITIES]
    last = {one.kind: one for one in sorted(own or newest, key=lambda one: str(one.fitted_utc))}
    return min((one for one in last.values() if one.accepted), key=lambda one: one.held_out_loss, default=None)
