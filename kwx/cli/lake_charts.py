"""Charts of the lake: how much each table holds, and what its checks found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.plots.bars import bars_chart
from kwx.plots.theme import ALARM, LINE, WIDTH, Chart

if TYPE_CHECKING:
    from warehouse.lake.checks import CheckResult
    from warehouse.lake.manifest import Manifest

_HALF = WIDTH // 2 - 30
_BYTES_PER_MB = 1_000_000
_PASSED, _FAILED = "passed", "FAILED"


def status_chart(manifest: Manifest) -> Chart:
    """Draw the rows and the size of each table that holds any."""
    names = list(manifest.tables)
    entries = manifest.tables.values()
    rows = pl.DataFrame({"name": names, "value": [entry.rows for entry in entries]}, schema_overrides=_VALUE)
    sizes = pl.DataFrame(
        {"name": names, "value": [entry.bytes / _BYTES_PER_MB for entry in entries]}, schema_overrides=_VALUE
    )
    panels = (
        bars_chart(rows, value_title="rows", title="rows", width=_HALF, tall_values=True),
        bars_chart(sizes, value_title="MB", title="size", width=_HALF),
    )
    return alt.hconcat(*panels).properties(title=f"snapshot {manifest.number} of {manifest.created_utc[:16]}Z")


_VALUE = {"name": pl.String(), "value": pl.Float64()}


def checks_chart(results: Sequence[CheckResult]) -> Chart:
    """Draw how many rows each check found, which should be none, and how long it looked."""
    rows = pl.DataFrame(
        {
            "name": [one.name for one in results],
            "found": [float(one.found) for one in results],
            "seconds": [one.seconds for one in results],
            "verdict": [_PASSED if one.passed else _FAILED for one in results],
        }
    )
    colours = {_PASSED: LINE, _FAILED: ALARM}
    panels = [
        bars_chart(
            rows.select("name", "verdict", value=column), value_title=title, by="verdict", colours=colours, width=_HALF,
            tall_values=column == "found",
        )
        for column, title in (("found", "rows found"), ("seconds", "seconds"))
    ]  # fmt: skip
    return alt.hconcat(*panels)
