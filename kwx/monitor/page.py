"""The whole page: what it is of, the tiles, then each part from what is asked first to what is asked last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import duckdb
import polars as pl

from kwx.monitor.alerts import alerts
from kwx.monitor.coverage import coverage
from kwx.monitor.drift_told import drift
from kwx.monitor.freshness_told import freshness
from kwx.monitor.hazard_told import hazard
from kwx.monitor.ladders_told import ladders
from kwx.monitor.look import DAYS, Look, Wish, look_at
from kwx.monitor.models import models
from kwx.monitor.money_told import money
from kwx.monitor.told import Told, at, failed, missing
from kwx.plots.page import Part, Section, Text, Tile, Tiles, document
from warehouse.errors import KwxError, Usage
from warehouse.lake.store import Lake

_PARTS: dict[str, Callable[[Look], Told]] = {
    "Money": money,
    "Today's ladders": ladders,
    "Drift of Brier score and calibration": drift,
    "Hazard": hazard,
    "Freshness of the data": freshness,
    "Coverage": coverage,
    "Ages of models": models,
}
_BROKEN = "kwx lake check names every broken file; kwx lake rollback goes back"

OnPart = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """A page that was made; words say what it is of.

    snapshot and event_date are None of a lake in which nothing was published yet.
    """

    snapshot: int | None
    event_date: date | None
    moment: datetime
    parts: Sequence[Told]
    words: str

    @cached_property
    def html(self) -> str:
        """The whole of it, without an address or a script."""
        first: list[Part] = [Text(words=self.words)]
        if self.tiles:
            first.append(Tiles(tiles=self.tiles))
        sections = [Section(title="", parts=first), *(one.section for one in self.parts)]
        return document("kwx monitor", sections)

    @property
    def failures(self) -> list[str]:
        """What is there and could not be told."""
        return [f"{one.name}: {one.failed}" for one in self.parts if one.failed]

    @property
    def tiles(self) -> list[Tile]:
        """The figures that stand first: money is what people ask for, then come the alerts that they must see."""
        return [tile for one in sorted(self.parts, key=lambda part: part.name != "money") for tile in one.tiles]

    @property
    def figures(self) -> dict[str, Any]:
        """Everything that the page says, to machines."""
        told = {"snapshot": self.snapshot, "event_date": self.event_date, "moment_utc": self.moment}
        return told | {one.name: one.figures for one in self.parts}


def page_of(
    lake: Lake, wish: Wish, *, moment: datetime, on_part: OnPart = lambda done, total, what: None
) -> Page:  # fmt: skip
    """Make the page of a lake as it is at a moment; of an empty one a page that says how to fill it."""
    with look_at(lake, wish, moment=moment) as look:
        if look is None:
            empty = missing("lake", "Lake", f"The lake {lake.paths.root} is empty", f"kwx lake build{wish.said}")
            return _page(lake, None, moment, [alerts(lake, moment), empty])
        others = list(_parts(look, on_part))
        return _page(lake, look, moment, [alerts(lake, moment, others), *others])


def _parts(look: Look, on_part: OnPart) -> Iterator[Told]:
    """Yield each part."""
    for number, title in enumerate(_PARTS):
        on_part(number, len(_PARTS), title)
        yield _part(look, title)
    on_part(len(_PARTS), len(_PARTS), "")


def _part(look: Look, title: str) -> Told:
    """Return one part; where it cannot be told it takes nothing else with it, a question without a meaning does."""
    tell = _PARTS[title]
    try:
        return tell(look)
    except Usage:
        raise
    except KwxError as error:
        return failed(tell.__name__, title, str(error), error.hint)
    except (pl.exceptions.PolarsError, duckdb.Error) as error:
        return failed(tell.__name__, title, str(error).splitlines()[0], _BROKEN)


def _page(lake: Lake, look: Look | None, moment: datetime, parts: Sequence[Told]) -> Page:
    return Page(
        snapshot=None if look is None else look.recent.number, event_date=None if look is None else look.event_date,
        moment=moment, parts=parts, words=_of(lake, look, moment),
    )  # fmt: skip


def _of(lake: Lake, look: Look | None, moment: datetime) -> str:
    """Say what the page is of."""
    if look is None:
        return f"Made {at(moment)} of the lake {lake.paths.root}, in which nothing was published yet."
    manifest = look.whole.manifest
    written = datetime.fromisoformat(manifest.created_utc)
    return (
        f"Made {at(moment)} of snapshot {manifest.number} ({manifest.purpose}, {at(written)}) of {lake.paths.root}."
        f" Today is the event date {look.event_date}; judged are the {DAYS} event dates from {look.since} to it."
    )
