"""Charts of `kwx score`: each source's reliability curve in its band, and bars of the scores by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.plots.reliability import reliability_chart
from kwx.plots.theme import TRUTH, WIDTH, Chart, inline, source_scale
from kwx.scoring.stored.slices import ALL

if TYPE_CHECKING:
    from kwx.scoring.reliability import Reliability
    from kwx.scoring.stored.card import Card

_BARS = (("log_loss", "log loss", "nats"), ("brier", "Brier score of a contract", None))
_PANEL = 230


def card_chart(card: Card) -> Chart:
    """Draw the reliability of each source, and below it the scores of each dimension."""
    curves = alt.hconcat(*(_curve(source, found) for source, found in card.reliability.items()))
    dimensions = card.lines["by"].unique(maintain_order=True).to_list()
    return alt.vconcat(curves, *(_bars(card, by) for by in dimensions)).resolve_scale(xOffset="independent")


def _curve(source: str, found: Reliability) -> Chart:
    """Draw how often what was said came true, inside the band that calibrated forecasts leave seldom."""
    where = "inside" if found.inside else "leaves"
    title = f"{source}: {where} its {found.level:.0%} band"
    return reliability_chart(found.curve(), forecast_title="said", title=title, width=_PANEL, height=_PANEL)


def _bars(card: Card, by: str) -> Chart:
    """Draw the compared scores of each slice, a bar for each source, with its interval."""
    ours = card.lines.filter(pl.col("by") == by)
    order = ours["slice"].unique(maintain_order=True).to_list()
    title = "all rows" if by == "source" else f"by {by}"
    panels = [
        _score_bars(ours.filter(pl.col("score") == score), order, card.sources, title=f"{name}, {title}", unit=unit)
        for score, name, unit in _BARS
    ]
    return alt.hconcat(*panels).resolve_scale(xOffset="independent")


def _score_bars(
    lines: pl.DataFrame, order: list[str], sources: tuple[str, ...], *, title: str, unit: str | None
) -> Chart:
    base = alt.Chart(inline(lines.select("slice", "source", "value", "low", "high", "n"))).encode(
        x=alt.X("slice:N", title=None, sort=order, axis=alt.Axis(labelAngle=0, labels=order != [ALL], ticks=False)),
        xOffset=alt.XOffset("source:N", sort=list(sources)),
    )
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", title=unit), color=alt.Color("source:N", title=None, scale=source_scale(list(sources)))
    )
    intervals = base.mark_rule(color=TRUTH).encode(y="low:Q", y2="high:Q")
    return alt.layer(bars, intervals, title=title).properties(width=WIDTH // 2, height=180)
