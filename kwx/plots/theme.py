"""What all drawings share: their sizes, their colours by meaning, and how they carry rows and time."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import altair as alt
import polars as pl

Chart = Any
"""One of Altair's charts: its types tell layers and facets apart where a drawing need not."""

WIDTH = 720
NARROW, HEIGHT = 330, 190
"""Narrow enough for a telephone at full size; wide windows show several beside each other."""

INK = "#010203"
"""Nearly black in a file; on a page it stands for the colour of the page's own text, whatever that is."""

# Okabe and Ito's colours, which colour-blind people tell apart, given to meanings once for all drawings.
MARKET, WEATHER, FUSED, MODEL, TRUTH = "#e69f00", "#56b4e9", "#009e73", "#cc79a7", INK
LINE, BAND, IDLE, ALARM = "#0072b2", "#9ec9e2", "#999999", "#d55e00"
GAIN, LOSS = LINE, ALARM
"""Blue against vermilion: green against red is what most colour-blind people confuse."""

SOURCE_COLOURS: dict[str, str] = {"market": MARKET, "weather": WEATHER, "fused": FUSED, "model": MODEL}
_COLUMNS = {"p_mkt": "market", "p_wx": "weather", "p_fused": "fused", "p_fused_norm": "fused", "p_model": "model"}
"""Sources as columns of the lake name them."""
CATEGORIES = (LINE, MARKET, FUSED, MODEL, WEATHER, ALARM, "#f0e442", INK)
"""For series that have no meaning of their own, in this order."""

_ORDERED = (
    "#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
)  # fmt: skip
_ORDERED_FROM, _ORDERED_TO = 0.1, 0.95
"""Without the ends of viridis, which a dark and a white page swallow."""


def bracket_colours(n: int) -> list[str]:
    """Return the colours of a ladder from the coldest bracket to the warmest: ever lighter, also without hues."""
    if n == 1:
        return [LINE]
    span = _ORDERED_TO - _ORDERED_FROM
    return [_ordered(_ORDERED_FROM + span * place / (n - 1)) for place in range(n)]


def _ordered(share: float) -> str:
    """Return the colour that lies so far on the way through viridis."""
    place = share * (len(_ORDERED) - 1)
    first = min(int(place), len(_ORDERED) - 2)
    pairs = zip(_channels(_ORDERED[first]), _channels(_ORDERED[first + 1]), strict=True)
    mixed = (round(low + (high - low) * (place - first)) for low, high in pairs)
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def source_scale(sources: list[str]) -> alt.Scale:
    """Return the scale of colours of these sources; one without a colour of its own gets one that is left."""
    others = cycle(colour for colour in CATEGORIES if colour not in SOURCE_COLOURS.values())
    known = {name: SOURCE_COLOURS.get(_COLUMNS.get(name, name)) for name in sources}
    return alt.Scale(domain=sources, range=[colour or next(others) for colour in known.values()])


def inline(rows: pl.DataFrame) -> alt.InlineData:
    """Return rows as a drawing carries them: instants as ISO 8601 in UTC, dates as text, what is no number as null."""
    told = rows.with_columns(
        pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        (pl.selectors.date() | pl.selectors.time()).cast(pl.String),
        pl.selectors.decimal().cast(pl.Float64),
    )
    floats = pl.selectors.float()
    finite = told.with_columns(pl.when(floats.is_finite()).then(floats).name.keep())
    return alt.InlineData(values=finite.to_dicts())


def when_utc(shown: str = "%b %d") -> alt.X:
    """Return the axis of time of `ts_utc`, told as `shown`."""
    axis = alt.Axis(format=shown, labelOverlap=True, tickCount=6)
    return alt.X("ts_utc:T", title=None, scale=alt.Scale(type="utc"), axis=axis)


def event_dates() -> alt.X:
    """Return the axis of `event_date`: a place for each date, as many labels as there is room for."""
    return alt.X("event_date:O", title=None, axis=alt.Axis(labelOverlap=True, labelAngle=-45))


def legend_below(columns: int = 2) -> alt.Legend:
    """Return a legend that takes no width from a narrow drawing."""
    return alt.Legend(orient="bottom", columns=columns)


def themed(chart: Chart, *, background: str = "white") -> Chart:
    """Return a whole drawing in the theme; its parts have none, so that they can be put together."""
    # All at once: each `configure_…` copies a drawing with its rows.
    return chart.properties(config=_config(background))


def _config(background: str) -> alt.Config:
    ink: dict[str, Any] = {"labelColor": INK, "titleColor": INK}
    lines: dict[str, Any] = {"domainColor": INK, "tickColor": INK, "gridColor": INK, "gridOpacity": 0.12}
    return alt.Config(
        background=background,
        padding=8,
        range=alt.RangeConfig(category=list(CATEGORIES), ordinal=bracket_colours(7)),
        axis=alt.AxisConfig(**ink, **lines, titleFontWeight="normal", labelLimit=320),
        axisQuantitative=alt.AxisConfig(labelOverlap=True, labelSeparation=8),
        legend=alt.LegendConfig(**ink, titleFontWeight="normal", labelLimit=320),
        header=alt.HeaderConfig(**ink),
        title=alt.TitleConfig(color=INK, fontSize=12, anchor="start"),
        view=alt.ViewConfig(stroke=None),
    )
