"""Charts of `kwx score`: each source's reliability curve in its band, and bars of the scores by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl

from kwx.cli.charts import WIDTH, Chart
from kwx.scoring.stored.slices import ALL

if TYPE_CHECKING:
    from kwx.scoring.reliability import Reliability
    from kwx.scoring.stored.card import Card

_CURVE_COLOUR, _BAND_COLOUR, _DIAGONAL_COLOUR = "#1f5f8b", "#9ec9e2", "#888888"
_BARS = (("log_loss", "log loss"), ("brier", "Brier score of a contract"))
_PANEL = 230


def card_chart(card: Card) -> Chart:
    """Draw the reliability of each source, and below it the scores of each dimension."""
    curves = alt.hconcat(*(_curve(source, found) for source, found in card.reliability.items()))
    dimensions = card.lines["by"].unique(maintain_order=True).to_list()
    return alt.vconcat(curves, *(_bars(card, by) for by in dimensions)).resolve_scale(xOffset="independent")


def _curve(source: str, found: Reliability) -> Chart:
    """Draw how often what was said came true, inside the band that calibrated forecasts leave seldom."""
    rows = pl.DataFrame({"p": found.forecast, "came": found.observed, "low": found.low, "high": found.high})
    unit = alt.Scale(domain=[0, 1])
    base = alt.Chart(_values(rows)).encode(x=alt.X("p:Q", title="said", scale=unit))
    band = base.mark_area(color=_BAND_COLOUR, opacity=0.7).encode(
        y=alt.Y("low:Q", title="came true", scale=unit), y2="high:Q"
    )
    line = base.mark_line(color=_CURVE_COLOUR, point=True).encode(y="came:Q")
    ends = alt.Chart(_values(pl.DataFrame({"p": [0.0, 1.0]})))
    diagonal = ends.mark_line(color=_DIAGONAL_COLOUR, strokeDash=[4, 3]).encode(x="p:Q", y="p:Q")
    where = "inside" if found.inside else "leaves"
    title = f"{source}: {where} its {found.level:.0%} band"
    return alt.layer(band, diagonal, line, title=title).properties(width=_PANEL, height=_PANEL)


def _bars(card: Card, by: str) -> Chart:
    """Draw the compared scores of each slice, a bar for each source, with its interval."""
    ours = card.lines.filter(pl.col("by") == by)
    order = ours["slice"].unique(maintain_order=True).to_list()
    title = "all rows" if by == "source" else f"by {by}"
    panels = [
        _score_bars(ours.filter(pl.col("score") == score), order, card.sources, title=f"{name}, {title}")
        for score, name in _BARS
    ]
    return alt.hconcat(*panels).resolve_scale(xOffset="independent")


def _score_bars(lines: pl.DataFrame, order: list[str], sources: tuple[str, ...], *, title: str) -> Chart:
    base = alt.Chart(_values(lines.select("slice", "source", "value", "low", "high", "n"))).encode(
        x=alt.X("slice:N", title=None, sort=order, axis=alt.Axis(labelAngle=0, labels=order != [ALL])),
        xOffset=alt.XOffset("source:N", sort=list(sources)),
    )
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", title=None), color=alt.Color("source:N", title=None, sort=list(sources))
    )
    intervals = base.mark_rule(color="black").encode(y="low:Q", y2="high:Q")
    return alt.layer(bars, intervals, title=title).properties(width=WIDTH // 2, height=180)


def _values(rows: pl.DataFrame) -> Any:
    """Return rows as a drawing carries them, whatever their number."""
    return alt.InlineData(values=rows.to_dicts())
