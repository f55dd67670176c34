"""Which PostgreSQL: a DSN from the environment or the command line, and the law that its password is never shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from pipelines.asking.secrets import MASK, Secret
from warehouse.errors import Usage
from warehouse.lake.layout import lake_root

ENVIRONMENT = "KWX_POSTGRES_DSN"
EMBEDDED = "embedded"
"""Said instead of a DSN: a PostgreSQL of our own in the lake, `embedded:FOLDER` for another folder."""

_SHOWN = ("host", "hostaddr", "port", "dbname", "user", "service")
_HIDDEN = ("password", "sslpassword", "oauth_client_secret")
_HINT = "postgresql://user@host:5432/database, or embedded"


@dataclass(frozen=True, kw_only=True)
class Dsn:
    """One PostgreSQL: the folder of an embedded one, else the parameters of a connection, which stay hidden."""

    shown: str
    folder: Path | None
    _parameters: Mapping[str, Secret]

    def parameters(self) -> dict[str, str]:
        """Return the parameters in the clear, for the one line that connects."""
        return {name: value.reveal() for name, value in self._parameters.items()}

    def redact(self, text: str) -> str:
        """Return a text, a message of the server say, without the passwords, however they are spelled."""
        for secret in (self._parameters[name].reveal() for name in _HIDDEN if name in self._parameters):
            for spelling in filter(None, dict.fromkeys((secret, quote(secret, safe=""), quote_plus(secret)))):
                text = text.replace(spelling, MASK)
        return text


def read_dsn(said: str) -> Dsn:
    """Read a DSN; one that cannot be read is refused without being repeated."""
    word, _, place = said.strip().partition(":")
    if word == EMBEDDED:
        folder = Path(place).expanduser().resolve() if place else postgres_folder(lake_root())
        return Dsn(shown=f"{EMBEDDED}:{folder}", folder=folder, _parameters={})
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(said).items() if value is not None}
    except ProgrammingError:
        parameters = {}
    if not parameters:
        # What libpq says of it repeats parts of it.
        raise Usage("the DSN of PostgreSQL cannot be read", hint=f"{ENVIRONMENT} or --dsn: {_HINT}") from None
    shown = " ".join(f"{name}={parameters[name]}" for name in _SHOWN if name in parameters)
    hidden = {name: Secret(value) for name, value in parameters.items()}
    return Dsn(shown=shown or "the default PostgreSQL", folder=None, _parameters=hidden)


def said_dsn(said: str | None, lake: Path, *, environ: Mapping[str, str] | None = None) -> str:
    """Return the DSN that was said, else the environment's; `embedded` names the folder in this lake."""
    found = (said or (os.environ if environ is None else environ).get(ENVIRONMENT, "")).strip()
    if not found:
        raise Usage("no PostgreSQL is named, so signals have no table", hint=f"set {ENVIRONMENT} or say --dsn: {_HINT}")
    return f"{EMBEDDED}:{postgres_folder(lake)}" if found == EMBEDDED else found


def postgres_folder(lake: Path) -> Path:
    """Return where the embedded PostgreSQL of a lake lies."""
    return lake / "postgres"


def spool_folder(lake: Path) -> Path:
    """Return where the signals of a lake wait for the database."""
    return lake / "signals"
