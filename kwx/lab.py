"""What a notebook starts from: one pinned snapshot, and whether it holds what the notebook is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.errors import Usage
from warehouse.lake.store import Lake, Snapshot


@dataclass(frozen=True, kw_only=True)
class Need:
    """Something that a lake may hold: the rows that show it, and the commands that make it."""

    what: str
    rows: str
    made_by: tuple[str, ...]


_WEATHER = ("kwx hazard fit-params --every 3 --window 8", "kwx hazard backfill")

NEEDS = {
    "events": Need(
        what="event that has prices and is settled",
        rows="from candles_dense semi join settlement_label using (city, event_date)",
        made_by=("make lake-build",),
    ),
    "books": Need(
        what="order book that was recorded",
        rows="from books",
        made_by=("kwx record",),
    ),
    "weather": Need(
        what="distribution of a settled high by the weather",
        rows="from pmf_degrees semi join settlement_label using (city, event_date)",
        made_by=_WEATHER,
    ),
    "fusion": Need(
        what="settled event of which market and weather both spoke",
        rows="from pmf_minute semi join settlement_label using (city, event_date)"
        " where p_mkt is not null and p_wx is not null",
        made_by=(*_WEATHER, "kwx fuse run --weight 0.7"),
    ),
    "predictions": Need(
        what="prediction of a settlement by a model",
        rows="from predictions where horizon = 'day'",
        made_by=("kwx train market-clock --train-days 9 --test-days 3",),
    ),
    "fills": Need(
        what="run that traded",
        rows="from fills",
        made_by=("kwx backtest --strategy accel",),
    ),
}
"""By name."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lab:
    """A snapshot that stays the same however long a notebook is open, and what it lacks of what is needed."""

    lake: Lake
    number: int | None
    con: duckdb.DuckDBPyConnection
    lacking: tuple[Need, ...]

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot that is seen."""
        return self.lake.snapshot(self.number)

    @property
    def where(self) -> str:
        """Which snapshot of which lake is seen, in Markdown."""
        seen = "no snapshot yet" if self.number is None else f"snapshot {self.number}"
        return f"{seen} of `{self.lake.paths.root}`"

    @property
    def advice(self) -> str:
        """What is lacking and what to type, in Markdown."""
        lacks = ", ".join(f"no {need.what}" for need in self.lacking)
        commands = dict.fromkeys(command for need in self.lacking for command in need.made_by)
        fenced = ["```sh", *commands, "```"]
        return "\n".join([f"There is {lacks} in {self.where}. Type this, then run the notebook again:", "", *fenced])


def open_lab(*needs: str, lake_root: Path | None = None) -> Lab:
    """Pin the current snapshot for a notebook that needs some of NEEDS; a lake that is not there lacks all of them."""
    unknown = [name for name in needs if name not in NEEDS]
    if unknown:
        raise Usage(f"there is no need {unknown[0]!r}", hint=f"needs: {' '.join(NEEDS)}")
    lake = Lake(lake_root)
    number = lake.current_number()
    con = lake.connect(number)
    lacking = tuple(need for name, need in NEEDS.items() if name in needs and not _is_there(con, need))
    return Lab(lake=lake, number=number, con=con, lacking=lacking)


def _is_there(con: duckdb.DuckDBPyConnection, need: Need) -> bool:
    return len(con.sql(f"select 1 from ({need.rows} limit 1)").pl()) > 0
