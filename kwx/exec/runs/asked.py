"""What a run was asked and of what it is made: together its name, so that the same run is never kept twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property
from typing import Any

from kwx.config.trading import TradeConfig
from kwx.models.registry.code import sources_sha256
from kwx.models.registry.plain import json_bytes, sha256
from kwx.signals.settings import SignalSettings
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import ALL_CITIES, DECISIONS, EQUITY, FILLS, ORDERS, RUNS, SIGNALS, TABLES

BACKTEST = "backtest"
_ROOMS = (
    "kwx/backtest", "kwx/config", "kwx/exec", "kwx/features", "kwx/fuse", "kwx/models", "kwx/scoring", "kwx/signals",
    "pipelines/lags.py", "warehouse/lake", "warehouse/market",
)  # fmt: skip
"""What moves a number; the views, through which most of the lake is read, stand beside them."""
_WRITTEN = frozenset(table.name for table in (RUNS, SIGNALS, DECISIONS, ORDERS, FILLS, EQUITY))
"""Tables that runs write: no backtest reads them."""
_AROUND = timedelta(days=2)
"""The eve of a day, and the days from which what was known is carried over to it."""
_NAME_LETTERS = 12


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One run before it is made: the question, and hashes of the data and the code that answer it.

    config: every setting, as JSON has it. level, block_days: how intervals are drawn. inputs_sha256: see `made_of`; the
    number of the snapshot is not part of the name, since keeping a run makes another snapshot that says the same.
    """

    strategy: str
    fill_model: str
    config: Mapping[str, Any]
    cities: tuple[str, ...]
    since: date
    until: date
    snapshot: int
    inputs_sha256: str
    seed: int = 0
    level: float = 0.95
    block_days: int = 1
    kind: str = BACKTEST

    @classmethod
    def of(
        cls, snapshot: Snapshot, *, strategy: str, fill_model: str, config: Mapping[str, Any], cities: tuple[str, ...],
        since: date, until: date, seed: int = 0, level: float = 0.95, block_days: int = 1,
        source: bytes = b"",
    ) -> Asked:  # fmt: skip
        """Return a backtest of a snapshot; source: the text of a strategy that is no part of the project."""
        data = made_of(snapshot, cities=cities, since=since, until=until)
        return cls(
            strategy=strategy, fill_model=fill_model, config=config, cities=cities, since=since, until=until, seed=seed,
            level=level, block_days=block_days, snapshot=snapshot.number,
            inputs_sha256=sha256(data.encode() + source) if source else data,
        )  # fmt: skip

    @cached_property
    def config_json(self) -> str:
        """The settings as the one text that they have."""
        return json_bytes(self.config).decode()

    @cached_property
    def config_sha256(self) -> str:
        """The hash of that text."""
        return sha256(self.config_json.encode())

    @cached_property
    def run_id(self) -> str:
        """The name of the run."""
        said = (
            self.kind, self.strategy, self.fill_model, self.config_sha256, self.cities, self.since, self.until,
            self.seed, self.level, self.block_days, self.inputs_sha256, code_sha256(),
        )  # fmt: skip
        return f"{self.kind}-{self.strategy}-{self.fill_model}-{sha256(json_bytes(said))[:_NAME_LETTERS]}".lower()

    def row(self) -> dict[str, Any]:
        """Return the row of runs as far as it is known before the run is made."""
        return {
            "run_id": self.run_id,
            "kind": self.kind,
            "strategy": self.strategy,
            "fill_model": self.fill_model,
            "snapshot": self.snapshot,
            "inputs_sha256": self.inputs_sha256,
            "code_sha256": code_sha256(),
            "config_sha256": self.config_sha256,
            "config_json": self.config_json,
            "seed": self.seed,
            "cities": list(self.cities),
            "since_date": self.since,
            "until_date": self.until,
        }


def config_of(
    configs: Mapping[str, TradeConfig], settings: Mapping[str, SignalSettings], cities: Sequence[str]
) -> dict[str, Any]:
    """Return every setting of a run as JSON has it."""
    return {
        key: {**configs[key].model_dump(mode="json"), "model_share": dict(settings[key].model_share)} for key in cities
    }


@cache
def code_sha256() -> str:
    """Return one hash of every source file that moves a number of a run."""
    return sources_sha256(_ROOMS)


def made_of(snapshot: Snapshot, *, cities: tuple[str, ...], since: date, until: date) -> str:
    """Return the hash of every file that a run over some event dates may read: those of its cities, and of all."""
    digest = hashlib.sha256()
    for name in sorted(set(TABLES) - _WRITTEN):
        for entry in snapshot.files(name):
            city, day = entry.partition.city, entry.partition.event_date
            if city in (ALL_CITIES, *cities) and (day is None or since - _AROUND <= day <= until + _AROUND):
                digest.update(f"{name} {entry.partition} {entry.sha256}\n".encode())
    return digest.hexdigest()
