"""What is written of an event date: of what its minutes are made, said once, and then every minute that was decided."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Words
from kwx.exec.minute import Minute
from kwx.exec.params import Params
from kwx.exec.rules import Rules
from kwx.exec.runs.asked import code_sha256
from kwx.exec.state import Actions, State
from kwx.models.registry.code import library_versions
from kwx.models.registry.plain import json_bytes, sha256
from warehouse.market.fees import FeeRule

SHADOW, LIVE = "shadow", "live"
_NAME_LETTERS = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Origin:
    """Of what the minutes that follow are made; said anew when any of it changes within a date.

    kind: shadow or live. config: every setting of the strategy, as a kept run has it. snapshot: the lake's number when
    it began. tickers: [B, C, 1], "" where there is no such bracket. fees, listed_maker_fee_num: by city, what minutes
    charge, and what the exchange lists for makers.
    """

    event_date: date
    kind: str
    strategy: str
    rules: Rules
    params: Params
    config: Mapping[str, Any]
    snapshot: int
    began_utc: datetime
    cities: tuple[str, ...]
    tickers: Words
    fees: tuple[FeeRule, ...]
    listed_maker_fee_num: tuple[int, ...]
    code_sha256: str = field(default_factory=code_sha256)
    versions: Mapping[str, str] = field(default_factory=library_versions)

    @property
    def config_json(self) -> str:
        """The settings as the one text that they have."""
        return json_bytes(self.config).decode()

    @property
    def config_sha256(self) -> str:
        """The hash of that text."""
        return sha256(self.config_json.encode())

    @property
    def run_id(self) -> str:
        """The name of the run of a date that begins with this: what it is made of, and when it began."""
        said = (
            self.kind, self.strategy, self.rules.fill.value, self.rules.sizing.value, self.event_date,
            self.config_sha256, self.code_sha256, self.began_utc, self.cities,
        )  # fmt: skip
        letters = sha256(json_bytes(said))[:_NAME_LETTERS]
        return f"{self.kind}-{self.strategy}-{self.rules.fill.value}-{letters}".lower()

    def differs_from(self, other: Origin) -> tuple[str, ...]:
        """Say in words what of two origins is not the same, whenever they began and whatever the lake's number."""
        said = {
            "the code": (self.code_sha256, other.code_sha256),
            "the configuration": (self.config_sha256, other.config_sha256),
            "the parameters": (_sealed(self.params), _sealed(other.params)),
            "the rules": (self.rules, other.rules),
            "the strategy": ((self.kind, self.strategy), (other.kind, other.strategy)),
            "the libraries": (dict(self.versions), dict(other.versions)),
            "the markets": (self._markets, other._markets),
            "the fees": ((self.fees, self.listed_maker_fee_num), (other.fees, other.listed_maker_fee_num)),
        }
        return tuple(what for what, (ours, theirs) in said.items() if ours != theirs)

    @property
    def _markets(self) -> tuple[object, ...]:
        return (self.cities, self.tickers.tolist())


def _sealed(params: Params) -> str:
    """Return one hash of parameters: their numbers, types and shapes."""
    digest = hashlib.sha256()
    for name, value in params._asdict().items():
        values = np.asarray(value)
        digest.update(f"{name} {values.dtype.str} {values.shape} ".encode() + values.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Causes:
    """Why a minute was decided as it was: what the loop knew to be missing when it decided.

    missed: the loop did not run, and stepped the minute afterwards without an opinion. stale: by city, the sources that
    were too old. late: by city, the sources of which something came in after the minute was decided that belongs to
    it or to a minute before. unsized: the open markets of which no book was at hand, or EVERY. decided_utc:
    when it was. books_utc: until when what was received of books was in what the minute saw of them; None where a
    journal does not say, or none were looked at.
    told: whatever else is to be known of it, a sentence each.
    """

    decided_utc: datetime
    missed: bool = False
    stale: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    late: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unsized: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    books_utc: datetime | None = None


EVERY = "*"
"""Stands for all open markets of a date."""
PRICES, WEATHER, TRADES, BOOKS, LISTING, CLOCK = "prices", "weather", "trades", "books", "listing", "clock"
"""The sources by the names that `Causes` and the reports know."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MinuteRecord:
    """One minute of an event date: what the step was given, what it did, and what was said and seen of each market.

    minute, actions: as the step had and returned them, sizes and all, in NumPy: [B, C, 1]. signals, features: a row for
    each market, by market_ticker. before: the state that was stepped from, where it is not the one that the step before
    left, since an exchange had reported fills; reported: these fills, as the table fills has them. A settlement is a
    minute with a winner.
    """

    minute_utc: datetime
    minute: Minute
    actions: Actions
    causes: Causes
    signals: pl.DataFrame = field(default_factory=pl.DataFrame)
    features: pl.DataFrame = field(default_factory=pl.DataFrame)
    stages: Mapping[str, float] = field(default_factory=dict)
    before: State | None = None
    reported: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def is_settlement(self) -> bool:
        """Whether it pays a bracket: such a record is no minute, and follows all of them."""
        return bool((np.asarray(self.minute.winner) >= 0).any())
