"""The chart of `kwx models show`: what a model weighs, or else how it did beside the market."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from kwx.cli.modelled import coefficients_of
from kwx.models.registry.judged import losses_of
from kwx.plots.bars import bars_chart
from kwx.plots.theme import GAIN, LOSS, MARKET, MODEL, Chart
from warehouse.errors import Usage

if TYPE_CHECKING:
    from kwx.models.registry.shelf import Held

_SHOWN = 30
_UP, _DOWN = "raises the chance", "lowers it"


def card_chart(one: Held) -> Chart:
    """Draw the heaviest coefficients of a model that has some; of another its log loss beside the market's."""
    if weights := coefficients_of(one):
        return _weights(one.name, weights)
    losses = None if one.card is None else losses_of(one.card.metrics)
    if losses is None or losses.model is None:
        raise Usage(
            f"there is nothing to draw of {one.name}: it has neither coefficients nor a log loss",
            hint="kwx models list --plot FILE draws all windows of a stage",
        )
    told = {"model": losses.model, "market": losses.market}
    rows = pl.DataFrame([{"name": who, "value": loss} for who, loss in told.items() if loss is not None])
    return bars_chart(
        rows.with_columns(who="name"), value_title="log loss, nats", by="who",
        colours={"model": MODEL, "market": MARKET}, title=f"{one.name}, {losses.rows:,} rows",
    )  # fmt: skip


def _weights(name: str, weights: Mapping[str, float]) -> Chart:
    heaviest = sorted(weights.items(), key=lambda item: -abs(item[1]))[:_SHOWN]
    rows = pl.DataFrame(
        [{"name": feature, "value": weight, "way": _UP if weight > 0 else _DOWN} for feature, weight in heaviest]
    )
    more = f", the heaviest {_SHOWN}" if len(weights) > _SHOWN else ""
    return bars_chart(
        rows, value_title="weight", by="way", colours={_UP: GAIN, _DOWN: LOSS},
        title=f"{name}: {len(weights)} coefficients{more}",
    )  # fmt: skip
