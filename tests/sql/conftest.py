"""A lake in memory: every table as an empty typed one, with every view over them, filled row by row."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest

from warehouse.lake.catalog import cities_relation, relation_without_rows, sql_type
from warehouse.lake.statements import create_views, statements
from warehouse.lake.tables import BRACKET_COLUMNS, TABLES, Table

EVENT_DATE = date(2026, 2, 4)
OPENING_MIDNIGHT = datetime(2026, 2, 4, 6, tzinfo=UTC)  # of the climate day of Chicago
BRACKETS = {"COLD": (1, None, 39), "MILD": (2, 40, 41), "WARM": (3, 42, None)}
_BLANKS: dict[Any, Any] = {
    "VARCHAR": "",
    "INTEGER": 0,
    "BIGINT": 0,
    "DOUBLE": 0.0,
    "BOOLEAN": False,
    "DATE": EVENT_DATE,
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "markets": {"open_utc": OPENING_MIDNIGHT - timedelta(hours=16), "close_utc": OPENING_MIDNIGHT + timedelta(days=1)},
    "candles_dense": {"complete": True, "minutes_since_open": 1, "utc_offset_minutes": -360},
    "obs_1m": {"source": "metar", "stale_minutes": 0},
    "obs_5m": {"source": "metar", "stale_minutes": 0},
    "obs": {"source": "metar"},
    "forecasts": {"source": "nbm"},
    "settlements": {"source": "cli", "is_final": True},
    "pmf_minute": {"mc_version": "v1"},
    "predictions": {"model_id": "a_model", "horizon": "day", "wf_window": "win_20260201_20260207"},
}


def at(minute: float) -> datetime:
    """Return an instant, in minutes since the event day began; the eve is below zero."""
    return OPENING_MIDNIGHT + timedelta(minutes=minute)


def blank_row(table: Table) -> dict[str, Any]:
    """Return a row that says nothing: null where that is allowed, else the type's zero."""
    types = {column.name: sql_type(column.dtype) for column in table.columns}
    blank = {column.name: None if column.null else _BLANKS.get(types[column.name]) for column in table.columns}
    instants = {
        name: OPENING_MIDNIGHT for name, kind in types.items() if kind == "TIMESTAMPTZ" and name.endswith("utc")
    }
    nullable = {column.name for column in table.columns if column.null}
    blank |= {name: instant for name, instant in instants.items() if name not in nullable}
    return blank | {"city": "chicago", "event_date": EVENT_DATE} | _DEFAULTS.get(table.name, {})


def _carried(table: str, row: dict[str, Any], listed: Callable[..., dict[str, Any] | None]) -> dict[str, Any]:
    """Return what a dense minute carries of its market, where that is listed."""
    found = listed(row["city"], row["event_date"], row["market_ticker"]) if table == "candles_dense" else None
    if found is None:
        return {}
    minute = timedelta(minutes=1)
    return {name: found[name] for name in BRACKET_COLUMNS} | {
        "minutes_since_open": (row["ts_utc"] - found["open_utc"]) // minute,
        "minutes_to_close": (found["close_utc"] - row["ts_utc"]) // minute,
    }


@dataclass
class Lake:
    """The lake under test: rows go in partly said, questions come back as tuples."""

    con: duckdb.DuckDBPyConnection

    def put(self, table: str, *rows: dict[str, Any]) -> None:
        """Insert rows; what a row leaves out is blank."""
        contract = TABLES[table]
        schema = dict(contract.schema) | dict(contract.path_columns)
        blank = blank_row(contract)
        listed = functools.cache(self._listed)
        full = [{**blank, **_carried(table, {**blank, **row}, listed), **row} for row in rows]
        frame = pl.DataFrame([{name: row[name] for name in schema} for row in full], schema=schema, orient="row")
        self.con.register("rows_to_put", frame.to_arrow())
        self.con.execute(f"insert into {table} by name select * from rows_to_put")
        self.con.unregister("rows_to_put")

    def put_frame(self, table: str, frame: pl.DataFrame, *, event_date: date = EVENT_DATE) -> None:
        """Insert the whole rows of one day of Chicago, as a transform returns them."""
        self.con.register("rows_to_put", frame.to_arrow())
        said = f"'chicago' as city, date '{event_date}' as event_date"
        self.con.execute(f"insert into {table} by name select *, {said} from rows_to_put")
        self.con.unregister("rows_to_put")

    def _listed(self, city: str, event_date: date, market_ticker: str) -> dict[str, Any] | None:
        place = f"city = '{city}' and event_date = '{event_date}' and market_ticker = '{market_ticker}'"
        found = self.con.sql(
            f"select {', '.join(BRACKET_COLUMNS)}, open_utc, close_utc from markets where {place}"
        ).pl()
        return None if found.is_empty() else found.row(0, named=True)

    def list_markets(
        self, *, city: str = "chicago", event_date: date = EVENT_DATE, prefix: str = "", **said: Any
    ) -> None:
        """List the three brackets of an event: up to 39, 40 to 41, from 42."""
        places = {"city": city, "event_date": event_date, "event_ticker": f"{prefix}EVENT"} | said
        self.put(
            "markets",
            *(
                {"market_ticker": prefix + word, "bracket_order": order, "low_f": low, "high_f": high} | places
                for word, (order, low, high) in BRACKETS.items()
            ),
        )

    def quote(self, ticker: str, minute: float, mid_cents: float | None = None, **said: Any) -> None:
        """Put one dense minute; with a mid it has a two-cent quote around it."""
        row: dict[str, Any] = {"market_ticker": ticker, "ts_utc": at(minute)}
        if mid_cents is not None:
            half_ticks = round(mid_cents * 200)
            row |= {"mid_half_ticks": half_ticks, "price_source": "mid", "quote_age_minutes": 0}
            row |= {"yes_bid_ticks": half_ticks // 2 - 100, "yes_ask_ticks": half_ticks // 2 + 100}
        self.put("candles_dense", row | said)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.con.sql(sql).pl().rows()

    def check(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a check: none when all is well."""
        return self.con.sql(statements("checks")[name].select).pl().to_dicts()


@pytest.fixture(scope="session")
def empty_lake() -> Iterator[Lake]:
    """The lake with no rows; tests must leave it so."""
    with duckdb.connect() as con:
        con.execute("set global TimeZone = 'UTC'")
        for table in TABLES.values():
            con.execute(f"create table {table.name} as {relation_without_rows(table)}")
        con.execute(f"create table cities as {cities_relation()}")
        create_views(con)
        yield Lake(con)


@pytest.fixture
def lake(empty_lake: Lake) -> Iterator[Lake]:
    """A lake to fill; what was put is gone after the test."""
    empty_lake.con.execute("begin")
    yield empty_lake
    empty_lake.con.execute("rollback")


@pytest.fixture
def busy_lake(lake: Lake) -> Lake:
    """Two cities and two days of seeded rows in every table that a view reads, two hours around each midnight."""
    rng = random.Random(5)
    for city in ("chicago", "nyc"):
        for days in (0, 1):
            _fill_event(lake, city, EVENT_DATE + timedelta(days=days), first=days * 1440 - 60, rng=rng)
    return lake


def _fill_event(lake: Lake, city: str, event_date: date, *, first: int, rng: random.Random) -> None:
    where = {"city": city, "event_date": event_date}
    prefix = f"{city}{event_date}"
    lake.list_markets(city=city, event_date=event_date, prefix=prefix, open_utc=at(first), close_utc=at(first + 120))
    minutes = range(first + 1, first + 121)
    tickers = [prefix + word for word in BRACKETS]
    lake.put(
        "candles_dense",
        *(
            where
            | {
                "market_ticker": ticker,
                "ts_utc": at(m),
                "mid_half_ticks": rng.randrange(200, 19800),
                "price_source": "mid",
                "yes_bid_ticks": rng.randrange(100, 4000),
                "yes_ask_ticks": rng.randrange(4000, 9900),
                "velocity_half_ticks": rng.randrange(-200, 200),
                "acceleration_half_ticks": rng.randrange(-200, 200),
                "minutes_since_open": m - first,
                "volume_centi": rng.randrange(900),
            }
            for ticker in tickers
            for m in minutes
        ),
    )
    lake.put(
        "pmf_minute",
        *(
            where | {"market_ticker": ticker, "ts_utc": at(m), "p_wx": rng.random()}
            for ticker in tickers
            for m in minutes[::5]
        ),
    )
    lake.put(
        "predictions",
        *(
            where
            | {"market_ticker": ticker, "ts_utc": at(m), "model_id": model, "p_model": rng.random()}
            | {"run_id": f"{prefix}{model}"}
            for ticker in tickers
            for m in minutes[::7]
            for model in ("a", "b")
        ),
    )
    fitted = {"city": city, "until_date": event_date - timedelta(days=2)}
    lake.put("model_runs", *(fitted | {"run_id": f"{prefix}{family}", "family": family} for family in ("a", "b")))
    numbers = '{"method": "platt", "slope": 0.7, "intercept": -0.2}'
    calibrator = {"model_type": "b", "method": "platt", "horizon": "day", "parameters_json": numbers}
    lake.put("calibrators", fitted | calibrator | {"fitted_utc": at(first)})
    lake.put("promotions", {"city": city, "line": "b", "since_utc": at(first + 60), "run_ids": [f"{prefix}b"]})
    gates = {"city": [city], "event_date": [f"{event_date}"], "gate": ["spread"], "minutes": [120]}
    run = {"city": "all", "run_id": f"run-{prefix}", "summary_json": json.dumps({"gates": gates})}
    lake.put("runs", run)
    lake.put(
        "fills",
        *(
            where
            | {
                "run_id": run["run_id"], "fill_id": f"{ticker}-{m}", "market_ticker": ticker, "ts_utc": at(m),
                "side": rng.choice(("buy", "sell")), "style": "maker", "price_ticks": rng.randrange(100, 9_900),
                "count_centi": rng.randrange(1, 900),
            }
            for ticker in tickers
            for m in minutes[::40]
        ),
    )  # fmt: skip
    decided = [
        where | {"run_id": run["run_id"], "market_ticker": ticker, "ts_utc": at(m)}
        for ticker in tickers
        for m in minutes[::30]
    ]  # fmt: skip
    lake.put("decisions", *(one | {"strategy": "s", "action": "place", "want_centi": 100} for one in decided))
    seen = {"p_model": 0.4, "features": ["ras"], "feature_values": [1.5]}
    lake.put("signals", *(one | seen for one in decided))
    for table, step in (("obs_1m", 1), ("obs_5m", 5)):
        lake.put(
            table,
            *(
                where | {"ts_utc": at(m), "temp_f": rng.uniform(30, 50), "run_max_f": 30 + (m - first) / 100}
                for m in range(first + 60 + step, first + 1501, step)
            ),
        )
    lake.put(
        "obs",
        *(
            where | {"ts_utc": at(m), "temp_f": 30.0, "known_utc": at(m + 4)}
            for m in range(first + 60, first + 1500, 20)
        ),
    )
    lake.put(
        "forecasts",
        *(
            where
            | {
                "issued_utc": at(m),
                "known_utc": at(m + rng.randrange(90)),
                "source": source,
                "high_f": rng.uniform(35, 45),
                "valid_utc": at(first + 1500),
            }
            for m in range(first - 60, first + 120, 30)
            for source in ("nbm", "vc")
        ),
    )
    lake.put(
        "settlements",
        *(
            where
            | {
                "source": source,
                "issued_utc": at(first + 1900 + n),
                "known_utc": at(first + 1910 + n),
                "high_f": 40 + n % 2,
            }
            for n, source in enumerate(("cli", "cli", "kalshi", "dsm"))
        ),
    )
