"""`kwx score`: how good the stored probabilities were, source beside source, on the same rows."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.options import city_option, lake_option, range_options

_SOURCES = ("p_wx", "p_mkt", "p_fused_norm")
_SLICES = ("source", "lead", "hour", "city", "hazard", "season")
_MARKET = "p_mkt"


class EventTime(click.ParamType[int]):
    """A time of an event as a person types it: 09:00 of its day, or eve 19:00; minutes after its opening midnight."""

    name = "[eve ]HH:MM"
    _said = re.compile(r"(eve )?([01]?[0-9]|2[0-3]):([0-5][0-9])")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse a time of the event day or of its eve."""
        if isinstance(value, int):
            return value
        said = self._said.fullmatch(value.strip())
        if said is None:
            self.fail(f"{value!r} is not a time of an event; write it as 09:00, or as 'eve 19:00'", param, ctx)
        on_eve, hour, minute = said.groups()
        return 60 * int(hour) + int(minute) - (24 * 60 if on_eve else 0)


@click.command(epilog="Example:  kwx score --city chicago --at 10:00 --at 16:00 --by hour --plot scores.html")
@city_option
@range_options
@click.option(
    "--at",
    "instants",
    type=EventTime(),
    multiple=True,
    help="Local standard time of the event day (09:00) or its eve ('eve 19:00'); repeatable.",
)
@click.option(
    "--every",
    type=click.IntRange(1, 1440),
    default=60,
    show_default=True,
    help="Instead: every so many minutes of the eve and the day.",
)
@click.option("--by", multiple=True, type=click.Choice(_SLICES), help="Slices beside all rows; repeatable.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    type=click.Choice(_SOURCES),
    help="Whose probabilities; repeatable. All that are there when left out.",
)
@click.option("--against", type=click.Choice(_SOURCES), help="Whom skill is measured against (default: p_mkt).")
@click.option(
    "--level", type=click.FloatRange(0.5, 0.99), default=0.95, show_default=True, help="Of intervals and bands."
)
@forms_options
@lake_option
def score(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    instants: tuple[int, ...],
    every: int,
    by: tuple[str, ...],
    sources: tuple[str, ...],
    against: str | None,
    level: float,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Score the stored probabilities of weather, market and both against what settled.

    A row is an event at one instant, with what was stored at the newest minute up to an hour before it. Only rows that
    have every source are scored, so all are compared on the same ones. Dates are drawn whole for the intervals.
    """
    from kwx.cli.score_told import card_summary, tell_card
    from kwx.scoring.stored.card import score_card
    from kwx.scoring.stored.ladders import read_ladders
    from kwx.scoring.stored.moments import every as minutes_every
    from warehouse.lake.store import Lake

    if instants and click.get_current_context().get_parameter_source("every") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--at says instants, --every says them all: say one of the two")
    ladders = read_ladders(
        Lake(lake_root).snapshot(),
        instants or minutes_every(every),
        sources=_read(sources, against),
        cities=cities,
        since=since,
        until=until,
    )
    market = _MARKET if _MARKET in ladders.sources and len(ladders.sources) > 1 else None
    card = score_card(ladders, by=by, against=against or market, level=level)
    chart = drawn("card_chart", card, module="score_charts")
    forms.give(card.lines, card_summary(card), tell=lambda: tell_card(card), chart=chart)


def _read(sources: tuple[str, ...], against: str | None) -> tuple[str, ...]:
    """Return what must be there: the sources said and the one they are held against; nothing when none was said."""
    said = {*sources, against} if sources else {against}
    return tuple(source for source in _SOURCES if source in said) if sources else ()
