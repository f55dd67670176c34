"""Every table of the lake, as a contract. `TABLES` is the whole list, by name, in the order data flow."""

from __future__ import annotations

import difflib

from warehouse.errors import Usage
from warehouse.lake.tables.contract import (
    ALL_CITIES,
    UTC_TYPE,
    Column,
    Layout,
    Partition,
    Rule,
    Sifted,
    Table,
    utc_expr,
)
from warehouse.lake.tables.market import (
    BOOKS,
    BRACKET_COLUMNS,
    CANDLES_1M,
    CANDLES_DENSE,
    FEE_CHANGES,
    MARKETS,
    TRADES,
)
from warehouse.lake.tables.research import (
    CALIBRATORS,
    FUSION_PARAMS,
    MC_PARAMS,
    MODEL_RUNS,
    PMF_DEGREES,
    PMF_MINUTE,
    PREDICTIONS,
    PROMOTIONS,
    TRUTH_PROBABILITIES,
)
from warehouse.lake.tables.runs import DECISIONS, EQUITY, FILLS, MIDS_AFTER_MINUTES, ORDERS, RUNS, SIGNALS
from warehouse.lake.tables.weather import (
    FORECASTS,
    OBS,
    OBS_1M,
    OBS_5M,
    SETTLEMENT_SOURCES,
    SETTLEMENTS,
    TRUTH_DAYS,
    TRUTH_MINUTES,
)

_ALL = (
    *(MARKETS, FEE_CHANGES, CANDLES_1M, CANDLES_DENSE, TRADES, BOOKS),
    *(OBS, OBS_1M, OBS_5M, FORECASTS, SETTLEMENTS),
    *(MC_PARAMS, PMF_DEGREES, PMF_MINUTE, PREDICTIONS, MODEL_RUNS, PROMOTIONS, CALIBRATORS, FUSION_PARAMS),
    *(RUNS, SIGNALS, DECISIONS, ORDERS, FILLS, EQUITY),
    *(TRUTH_MINUTES, TRUTH_DAYS, TRUTH_PROBABILITIES),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}


def table(name: str) -> Table:
    """Return a table by its name; an unknown name gets the nearest one as a hint."""
    if name not in TABLES:
        near = difflib.get_close_matches(name, TABLES, n=1)
        raise Usage(
            f"there is no table {name!r}", hint=f"did you mean {near[0]!r}?" if near else f"tables: {' '.join(TABLES)}"
        )
    return TABLES[name]


__all__ = [
    "ALL_CITIES",
    "BOOKS",
    "BRACKET_COLUMNS",
    "CALIBRATORS",
    "CANDLES_1M",
    "CANDLES_DENSE",
    "DECISIONS",
    "EQUITY",
    "FEE_CHANGES",
    "FILLS",
    "FORECASTS",
    "FUSION_PARAMS",
    "MARKETS",
    "MC_PARAMS",
    "MIDS_AFTER_MINUTES",
    "MODEL_RUNS",
    "OBS",
    "OBS_1M",
    "OBS_5M",
    "ORDERS",
    "PMF_DEGREES",
    "PMF_MINUTE",
    "PREDICTIONS",
    "PROMOTIONS",
    "RUNS",
    "SETTLEMENTS",
    "SETTLEMENT_SOURCES",
    "SIGNALS",
    "TABLES",
    "TRADES",
    "TRUTH_DAYS",
    "TRUTH_MINUTES",
    "TRUTH_PROBABILITIES",
    "UTC_TYPE",
    "Column",
    "Layout",
    "Partition",
    "Rule",
    "Sifted",
    "Table",
    "table",
    "utc_expr",
]
