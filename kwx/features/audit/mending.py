"""The command that makes what a feature lacks, with the city that lacks it and the lake of whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from warehouse.lake.store import Snapshot
from warehouse.lake.tables import ALL_CITIES, FUSION_PARAMS, Partition
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

TUNED_FROM_DATES = 13
"""So many settled dates the fit of every pool needs."""
_EVE = timedelta(days=1)


def weights_serve(snapshot: Snapshot, city: str, dates: Sequence[date]) -> bool:
    """Tell whether a lake holds accepted weights, of a city or of all, that end before the eve of one of the dates."""
    for place in (ALL_CITIES, city):
        held = snapshot.read(FUSION_PARAMS, Partition(place), columns=("horizon", "accepted", "until_date"))
        ours = held.filter((pl.col("horizon") == SETTLEMENT_HORIZON) & pl.col("accepted"))
        if ours.filter(pl.col("until_date") < max(dates) - _EVE).height:
            return True
    return False


def fusing(*, weighed: bool, city: str = "", said: str = "") -> str:
    """Return the commands that fuse a city, or every one: weights that may serve need no tuning.

    A tuning is of every city, for what it fits to all of them serves all, and a walk, for a set serves later dates
    alone.
    said: ` --lake DIR` where it is not the usual one.
    """
    where = f" --city {city}" if city else ""
    run = f"kwx fuse run{where}"
    if weighed:
        return f"{run}{said}"
    return (
        f"kwx fuse tune --every 7{said}, then {run}{said};"
        f" or, before {TUNED_FROM_DATES} dates are settled, {run} --weight 0.7{said}"
    )
