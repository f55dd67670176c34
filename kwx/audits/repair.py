"""The exact command that mends a finding in the lake at hand: rows of vendors are asked for, others made anew.

A demo world is asked nobody for: it is built again, as it was built.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from warehouse.errors import KwxError
from warehouse.lake.store import Lake, Snapshot

CHECKOUT = "CHECKOUT"
"""Stands for the folder of the repository where the code that runs does not lie in one."""


def checkout() -> str:
    """Return the checkout that this code lies in, as a shell reads it, else the word that stands for it."""
    root = Path(__file__).resolve().parents[2]
    return shlex.quote(str(root)) if (root / "pyproject.toml").is_file() else CHECKOUT


OF_CODE = f"git -C {checkout()} status --short; python -m pip install --force-reinstall --no-deps {checkout()}"
"""No row of the lake is wrong: the code that reads it is. Where it stays so in a fresh one, its authors must hear."""

DEMO_SOURCE, DEMO_PURPOSE = "demo", "demo build"
SERVED_SOURCE = "loopback"
OF_SERVER = " --server URL"
"""URL is to be replaced: a lake that a demo server filled is asked for there, and does not keep the address."""

_KINDS = {
    "markets": "markets",
    "fee_changes": "markets",
    "candles_1m": "candles",
    "trades": "trades",
    "obs": "obs",
    "forecasts": "forecasts",
    "settlements": "settlements",
}
"""Which kind of ingest brings a table."""
_DERIVED = ("candles_dense", "obs_1m", "obs_5m")
_MADE_BY = {
    "pmf_degrees": "kwx hazard backfill",
    "pmf_minute": "kwx hazard backfill",
    "mc_params": "kwx hazard fit-params",
    "fusion_params": "kwx fuse tune",
    "calibrators": "kwx calibrate",
}
_RECORDED = "kwx record"
"""Books are heard as they are sent, or never."""
_TRUTH_WORDS = re.compile(r"(\d+) days to (\S+), seed (-?\d+), efficiency ([\d.]+)")


@dataclass(frozen=True, kw_only=True)
class Repairs:
    """How things are mended in one lake.

    said: ` --lake DIR` where it is not the usual one. demo: how it was built. server: whom it asks in vendors' place.
    """

    said: str = ""
    demo: str | None = None
    server: str = ""

    @classmethod
    def of(cls, snapshot: Snapshot, lake_said: Path | None = None) -> Repairs:
        """Look at where a snapshot's rows came from; lake_said: what the user said of --lake."""
        said = "" if lake_said is None else f" --lake {shlex.quote(str(lake_said))}"
        server = OF_SERVER if SERVED_SOURCE in snapshot.manifest.sources else ""
        return cls(said=said, demo=_demo_build(snapshot), server=server)

    def of_table(
        self, table: str, city: str, since: date | None, until: date | None, *, source: str | None = None
    ) -> str:
        """Return the command that brings the rows of a table again."""
        where = _where(city, since, until)
        if table in _DERIVED:
            return f"kwx lake dense{where}{self.said}"
        if table == "books":
            return self._demo() or f"{_RECORDED}{_where(city, None, None)}{self.server}{self.said}"
        if table in _KINDS:
            of_source = f" --source {source}" if source else ""
            return self._demo() or f"kwx ingest {_KINDS[table]}{where}{of_source} --again{self.server}{self.said}"
        return f"{_MADE_BY[table]}{where}{self.said}"

    def fused(self, city: str, since: date | None, until: date | None, *, again: bool = False) -> str:
        """Return the command that fuses event dates which the weather was run for."""
        return f"kwx fuse run{_where(city, since, until)}{' --again' if again else ''}{self.said}"

    def evaluated(self, city: str, since: date | None, until: date | None) -> str:
        """Return the command that runs the weather of event dates anew, whatever is held."""
        return f"kwx hazard backfill{_where(city, since, until)} --again{self.said}"

    def predicted(self, city: str, since: date | None, until: date | None) -> str:
        """Return the command that lets promoted models speak of event dates; what was said stays."""
        return f"kwx models predict{_where(city, since, until)}{self.said}"

    def of_model(self, family: str, city: str, until: date | None) -> str:
        """Return the command that fits and tells a model of event dates up to one."""
        word = family.replace("_", "-")
        return f"kwx train {word}{_where(city, None, until)} --again{self.said}"

    def _demo(self) -> str | None:
        return None if self.demo is None else f"{self.demo}{self.said}"


def _where(city: str, since: date | None, until: date | None) -> str:
    said = {"--city": city, "--since": since, "--until": until}
    return "".join(f" {option} {value}" for option, value in said.items() if value)


def _demo_build(snapshot: Snapshot) -> str | None:
    """Return the command by which a demo world was built; None where a lake is no demo world."""
    told = snapshot.manifest.sources.get(DEMO_SOURCE)
    if told is None:
        return None
    settings = _settings(snapshot) or _settings_told(told)
    words = ["kwx lake build --demo"]
    words += [f"--{name} {settings[name]}" for name in ("days", "until", "seed", "efficiency") if name in settings]
    words += [f"--city {city}" for city in settings.get("cities", ())]
    return " ".join(words) + ("" if settings.get("books", True) else " --no-books")


def _settings(snapshot: Snapshot) -> Mapping[str, Any] | None:
    """Return the settings of the build that a snapshot descends from; None where that is not kept any more."""
    lake, manifest = Lake(snapshot.paths.root), snapshot.manifest
    try:
        while manifest.purpose != DEMO_PURPOSE:
            if manifest.parent is None:
                return None
            manifest = lake.snapshot(manifest.parent).manifest
    except KwxError:
        return None
    return manifest.config


def _settings_told(told: str) -> Mapping[str, Any]:
    """Return what the words of the source say of the settings."""
    found = _TRUTH_WORDS.search(told)
    return dict(zip(("days", "until", "seed", "efficiency"), found.groups(), strict=True)) if found else {}
