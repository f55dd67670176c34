"""The table itself: one statement for each batch, the later write of a row wins, a refused row blocks no other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from kwx.live.sink.migrate import migrate
from kwx.live.sink.server import Connection, Server, told
from kwx.live.sink.signal import Signal
from warehouse.errors import DatabaseDown

KEY = ("ts_utc", "market_ticker")
TYPES = {
    "ts_utc": "timestamptz",
    "market_ticker": "text",
    "city": "text",
    "bracket": "text",
    "p_model": "double precision",
    "p_market": "double precision",
    "p_blend": "double precision",
    "edge_cents": "double precision",
    "kelly_fraction": "double precision",
    "size_fraction": "double precision",
    "spread_cents": "integer",
    "minutes_to_close": "integer",
    "model_id": "text",
    "wf_window": "text",
    "created_at": "timestamptz",
}
"""The columns of `rt_signals` in order: the fields of a signal, as PostgreSQL reads them."""

_COLUMNS = ", ".join(TYPES)
_ARRAYS = ", ".join(f"%s::{kind}[]" for kind in TYPES.values())
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in TYPES if name not in KEY)
_UPSERT = f"""
insert into rt_signals as held ({_COLUMNS})
select * from unnest({_ARRAYS})
on conflict ({", ".join(KEY)}) do update set {_CHANGES}
where held.created_at <= excluded.created_at
""".encode()
_LATEST = f"""
select {_COLUMNS} from rt_signals
where cardinality(%(cities)s::text[]) = 0 or city = any(%(cities)s)
order by ts_utc desc, city, market_ticker
limit %(most)s
""".encode()

# What is wrong with a row; everything else is wrong with the database, and waits until it is mended.
_OF_A_ROW = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.RaiseException)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refusal:
    """A row that the database does not take, by its place in the batch, and what it said."""

    place: int
    reason: str


class SignalTable:
    """`rt_signals` on one server. The connection is made when it is needed, and made anew after it broke."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: Connection | None = None

    def reach(self) -> None:
        """Connect where there is no connection; DatabaseDown where that fails."""
        try:
            self._connected()
        except psycopg.Error as error:
            raise self._down(error) from None

    def upsert(self, signals: Sequence[Signal]) -> list[Refusal]:
        """Store signals, all of them committed on return but those refused; DatabaseDown when that is not certain.

        What it raises for may have been stored in part: to store the same again changes nothing.
        """
        was_connected = self._connection is not None
        try:
            return self._upsert(signals)
        except DatabaseDown:
            if not was_connected:
                raise
        return self._upsert(signals)  # a connection of long ago says nothing about the server of today

    def latest(self, most: int, *, cities: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the newest rows, those of the last tick first."""
        try:
            rows = self._connected().execute(_LATEST, {"cities": list(cities), "most": most}).fetchall()
        except psycopg.Error as error:
            raise self._down(error) from None
        return [dict(zip(TYPES, row, strict=True)) for row in rows]

    def close(self) -> None:
        """Let go of the connection and of the server."""
        self._drop()
        self._server.close()

    def _upsert(self, signals: Sequence[Signal]) -> list[Refusal]:
        places = list(range(len(signals)))
        refused: list[Refusal] = []
        try:
            for part in _without_repeats(signals, places):
                refused += self._store(signals, part)
        except psycopg.Error as error:
            raise self._down(error) from None
        return refused

    def _store(self, signals: Sequence[Signal], places: Sequence[int]) -> list[Refusal]:
        """Store some rows by one statement; where one of them is refused, halves find which."""
        columns = [[getattr(signals[place], name) for place in places] for name in TYPES]
        try:
            self._connected().execute(_UPSERT, columns)
        except _OF_A_ROW as error:
            if len(places) == 1:
                return [Refusal(place=places[0], reason=told(self._server.dsn, error))]
            middle = len(places) // 2
            return [*self._store(signals, places[:middle]), *self._store(signals, places[middle:])]
        return []

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._server.connect()
            if self._server.dsn.folder is not None:  # the table of an embedded PostgreSQL is nobody's but ours
                migrate(self._connection)
        return self._connection

    def _down(self, error: psycopg.Error) -> DatabaseDown:
        self._drop()
        said = f"{self._server.dsn.shown}: {told(self._server.dsn, error)}"
        if isinstance(error, psycopg.errors.UndefinedTable):
            return DatabaseDown(said, hint="kwx signals migrate makes the table")
        return DatabaseDown(said, hint="signals wait on the disk, and are stored in order when it is back")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _without_repeats(signals: Sequence[Signal], places: Sequence[int]) -> Iterator[list[int]]:
    """Part the rows so that no part has a key twice, which one statement cannot store; repeats come in later parts."""
    while places:
        seen: set[tuple[Any, ...]] = set()
        part: list[int] = []
        later: list[int] = []
        for place in places:
            key = tuple(getattr(signals[place], name) for name in KEY)
            (later if key in seen else part).append(place)
            seen.add(key)
        yield part
        places = later
