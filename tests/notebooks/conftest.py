"""A demo lake that holds whatever a notebook may need, and notebooks run in this process, once for each lake."""

from __future__ import annotations

import functools
import html
import importlib.util
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import pytest

from tests.kwx.conftest import fused_lake, hazard_lake, long_lake, publish
from warehouse.lake.store import Lake
from warehouse.lake.tables import ALL_CITIES, MODEL_RUNS, PMF_MINUTE, PREDICTIONS, RUNS, Partition

__all__ = ["fused_lake", "hazard_lake", "long_lake"]

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = tuple(sorted(path.stem for path in FOLDER.glob("*.py")))
RAN = (date(2026, 11, 1), date(2026, 11, 2))
MODEL = {
    "run_id": "run-weather", "family": "weather", "model_id": "weather_chicago_all_win_20261101_20261102",
    "horizon": "day", "fitted_utc": datetime(2026, 10, 30, tzinfo=UTC), "since_date": date(2026, 10, 1),
    "until_date": date(2026, 10, 29), "snapshot": 1, "config_sha256": "0" * 64, "seed": 42, "parameters_json": "{}",
    "metrics_json": "{}",
}  # fmt: skip
CASES = [
    {"fill": fill, "maker_fee": "published", "net_dollars": net, "low_dollars": None, "high_dollars": None}
    for fill, net in (("A", -3.0), ("B", -2.0), ("queue", -1.0), ("taker", -4.0))
]
"""What other fills would have given; that takes a minute to find out, so here it is said."""


@pytest.fixture(scope="session")
def rich_lake(fused_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo lake with two days of Chicago whose weather is run and fused, spoken of by a model, and traded."""
    from kwx.backtest.run import Wish, backtest
    from kwx.compiled import keep_compiled

    root = tmp_path_factory.mktemp("rich") / "lake"
    shutil.copytree(fused_lake, root, symlinks=True)
    publish(root, MODEL_RUNS, pl.DataFrame([MODEL], schema=MODEL_RUNS.schema), Partition("chicago"))
    for day in RAN:
        publish(root, PREDICTIONS, spoken(root, day), Partition("chicago", day))
    keep_compiled()
    backtest(Wish(strategy="fused", cities=("chicago",), since=RAN[0], with_sensitivity=False), root)
    publish(root, RUNS, told_of_other_fills(root), Partition(ALL_CITIES))
    return root


def spoken(root: Path, day: date) -> pl.DataFrame:
    """Return a day's words of a model that says what the weather says."""
    minutes = Lake(root).snapshot().read(PMF_MINUTE, Partition("chicago", day)).filter(pl.col("p_wx").is_not_null())
    said = {name: pl.lit(MODEL[name]) for name in ("model_id", "run_id", "horizon")}
    return minutes.select(
        "market_ticker", "ts_utc", **said, p_model="p_wx", p_calibrated=pl.lit(None, pl.Float64),
        wf_window=pl.lit("win_20261101_20261102"),
    ).select(PREDICTIONS.schema.names())  # fmt: skip


def told_of_other_fills(root: Path) -> pl.DataFrame:
    """Return the rows of runs, each with a sensitivity."""
    rows = Lake(root).snapshot().read(RUNS, Partition(ALL_CITIES)).select(RUNS.schema.names()).to_dicts()
    for row in rows:
        row["summary_json"] = json.dumps(json.loads(row["summary_json"]) | {"sensitivity": CASES})
    return pl.DataFrame(rows, schema=RUNS.schema)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ran:
    """What a notebook came to: what each cell shows, and what it defines."""

    outputs: tuple[Any, ...]
    defined: Mapping[str, Any]

    @property
    def said(self) -> str:
        """The finding in words."""
        return str(self.defined["said"])

    @property
    def words(self) -> str:
        """All that is shown, without the tags of its markup, which stand in the attributes of others."""
        texts = [html.unescape(getattr(one, "text", "")) for one in self.outputs if one is not None]
        return re.sub(r"(<|\\u003c)[^<>\\]*(>|\\u003e)", "", re.sub(r'\\*"', "", "\n".join(texts)))

    @property
    def charts(self) -> list[dict[str, Any]]:
        """The charts as Vega-Lite."""
        return [one.to_dict() for one in self.outputs if isinstance(one, alt.TopLevelMixin)]


@pytest.fixture(scope="session")
def run_notebook() -> Callable[[str, Path], Ran]:
    """Run a notebook on a lake, once."""

    @functools.cache
    def run(name: str, lake: Path) -> Ran:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KWX_LAKE", str(lake))
            outputs, defined = module.app.run()
        return Ran(outputs=tuple(outputs), defined=defined)

    return run
