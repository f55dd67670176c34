"""Runs made by hand, as the frames that are measured: fills, equity and outcomes of many event dates of two cities."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from warehouse.lake.tables import EQUITY, FILLS

FIRST = date(2026, 3, 1)
CITIES = ("chicago", "nyc")
_TYPES = ("less", "between", "greater")


def a_fill(**said: object) -> dict[str, object]:
    """Return a bought contract at 40 ¢ without a fee, of Chicago's first date, with what is said set."""
    usual = {
        "city": "chicago", "event_date": FIRST, "run_id": "r", "order_id": "o", "market_ticker": "M", "side": "buy",
        "style": "maker", "price_ticks": 4_000, "count_centi": 100, "fee_micros": 0, "fee_type": "quadratic",
        "fee_multiplier_milli": 1_000, "fee_rounding": "tick",
        "ts_utc": datetime(2026, 3, 1, 18, tzinfo=UTC), "seen_utc": datetime(2026, 3, 1, 18, tzinfo=UTC),
    }  # fmt: skip
    return usual | said


def fills_frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    """Return fills as a ledger has them."""
    schema = {"city": pl.String(), "event_date": pl.Date(), **FILLS.schema}
    named = [{"fill_id": str(number), **row} for number, row in enumerate(rows)]
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in named], schema=schema)


def equity_frame(rows: list[tuple[str, date, datetime, int, int, int]]) -> pl.DataFrame:
    """Return rows of (city, event date, instant, cash, position, at risk) as a ledger has them."""
    told = [
        {
            "city": city, "event_date": day, "run_id": "r", "ts_utc": ts, "cash_micros": cash,
            "position_micros": position, "at_risk_micros": risk, "fees_micros": 0, "mode": "active",
        }
        for city, day, ts, cash, position, risk in rows
    ]  # fmt: skip
    return pl.DataFrame(told, schema={"city": pl.String(), "event_date": pl.Date(), **EQUITY.schema})


def outcomes_frame(rows: list[tuple[str, date, str, str, bool | None]]) -> pl.DataFrame:
    """Return rows of (city, event date, market, type, paid) as the lake tells them."""
    schema = {
        "city": pl.String(), "event_date": pl.Date(), "market_ticker": pl.String(), "strike_type": pl.String(),
        "settled_yes": pl.Boolean(),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def random_run(*, dates: int = 20, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return fills, equity and outcomes: three brackets an event, up to four fills of it, the last date unsettled."""
    rng = np.random.default_rng(seed)
    fills: list[dict[str, object]] = []
    equity, outcomes = [], []
    for number in range(dates):
        day = FIRST + timedelta(days=number)
        noon = datetime(day.year, day.month, day.day, 18, tzinfo=UTC)
        for city in CITIES:
            winner = int(rng.integers(3))
            paid = [None if number == dates - 1 else place == winner for place in range(3)]
            names = [f"{city}-{day}-{place}" for place in range(3)]
            outcomes += [(city, day, *row) for row in zip(names, _TYPES, paid, strict=True)]
            own = [_random_fill(rng, city, day, names, noon) for _ in range(int(rng.integers(5)))]
            spent = sum(_sign(fill) * int(str(fill["count_centi"])) * int(str(fill["price_ticks"])) for fill in own)
            equity.append((city, day, noon + timedelta(hours=6), -spent, 0, abs(spent)))
            fills += own
    return fills_frame(fills), equity_frame(equity), outcomes_frame(outcomes)


def _sign(fill: dict[str, object]) -> int:
    return 1 if fill["side"] == "buy" else -1


def _random_fill(
    rng: np.random.Generator, city: str, day: date, names: list[str], noon: datetime
) -> dict[str, object]:  # fmt: skip
    ticks = 100 * int(rng.integers(1, 99))
    mid = 2 * ticks + int(rng.integers(-300, 300))
    return a_fill(
        city=city, event_date=day, market_ticker=names[int(rng.integers(3))],
        ts_utc=noon + timedelta(hours=int(rng.integers(6))), seen_utc=noon, side=str(rng.choice(["buy", "sell"])),
        style=str(rng.choice(["maker", "taker"])), price_ticks=ticks, count_centi=int(rng.integers(1, 900)),
        fee_micros=int(rng.integers(0, 90_000)), p_fair=float(rng.random()),
        hazard_next_60m=None if rng.random() < 0.2 else float(rng.random()),
        spread_ticks=None if rng.random() < 0.2 else int(rng.integers(1, 700)),
        volume_20m_centi=int(rng.integers(0, 50_000)), mid_5m_half_ticks=max(mid, 0),
    )  # fmt: skip
