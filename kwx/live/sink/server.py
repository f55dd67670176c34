"""A PostgreSQL that can be connected to, once more each time it was away; no wait for it is without an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg

from kwx.live.sink.dsn import Dsn, read_dsn
from warehouse.errors import DatabaseDown

Connection = psycopg.Connection[Any]

# What bounds every wait: for an answer to a call, for a peer that vanished, for a statement. What a DSN says wins.
_PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "kwx",
}

# A commit is an acknowledgement: a server or role that lets commits be lost with a crash does not for us.
_SESSION = b"""
select
    set_config('TimeZone', 'UTC', false),
    set_config('statement_timeout', '10s', false),
    set_config('lock_timeout', '10s', false),
    set_config(
        'synchronous_commit',
        case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end,
        false
    )
"""


class Server(Protocol):
    """One PostgreSQL, ours or another's."""

    dsn: Dsn

    def connect(self) -> Connection:
        """Return a new connection in autocommit, in UTC; DatabaseDown when there is none to be had."""

    def close(self) -> None:
        """Let go of the server; one of our own stops when nobody else uses it."""


class RemoteServer:
    """A PostgreSQL that others run: nothing of it is started or stopped."""

    def __init__(self, dsn: Dsn) -> None:
        self.dsn = dsn

    def connect(self) -> Connection:
        """Return a new connection, or say why there is none."""
        return connected(self.dsn, self.dsn.parameters())

    def close(self) -> None:
        """Do nothing: connections are closed by those who have them."""


def server_of(said: str) -> Server:
    """Return the PostgreSQL that a DSN names; nothing is asked or started yet."""
    from kwx.live.sink.embedded import EmbeddedServer

    dsn = read_dsn(said)
    return RemoteServer(dsn) if dsn.folder is None else EmbeddedServer(dsn, dsn.folder)


def connected(dsn: Dsn, parameters: dict[str, str]) -> Connection:
    """Open a connection with bounded waits; its errors are told without a password."""
    try:
        connection: Connection = psycopg.connect(
            autocommit=True,
            prepare_threshold=None,  # poolers between us and the server do not keep prepared statements
            **_PATIENCE | parameters,  # type: ignore[arg-type]
        )
        connection.execute(_SESSION)
    except psycopg.Error as error:
        raise DatabaseDown(
            f"{dsn.shown} does not answer: {told(dsn, error)}",
            hint="is it running, and may this user enter? signals wait on the disk until it is back",
        ) from None  # the cause may repeat the DSN
    return connection


@contextmanager
def telling(dsn: Dsn) -> Iterator[None]:
    """Tell what the driver raises as an error of ours, without a password."""
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseDown(f"{dsn.shown}: {told(dsn, error)}", hint="nothing was changed") from None


def told(dsn: Dsn, error: Exception) -> str:
    """Return what an error says, on one line and without a password."""
    return dsn.redact(" ".join(str(error).split())) or type(error).__name__
