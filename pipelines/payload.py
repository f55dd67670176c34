"""What goes between the room that fetches and the rooms that parse: an answer as received, and the rows it became."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from warehouse.lake.tables import Table

REFUSED_SCHEMA = pl.Schema({"subject": pl.String(), "rule": pl.String(), "record_json": pl.String()})


@dataclass(frozen=True, kw_only=True)
class Payload:
    """One answer of a vendor, byte for byte, with what was asked and when it came.

    `kind` names the parser. `asked` says what the answer does not say of itself (a city, a station, a basis date) and
    never holds a secret. `page` counts the pages of an answer from 1; 0 is not known. `origin` is where the bytes lie,
    for people.
    """

    kind: str
    asked: Mapping[str, str] = field(default_factory=dict)
    body: bytes
    received_utc: datetime
    origin: str = ""
    page: int = 0


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What became of payloads: rows of one table with their path columns, and what was refused, each with its rule."""

    table: Table
    frame: pl.DataFrame
    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REFUSED_SCHEMA))


Parser = Callable[[Sequence[Payload]], Iterator[Parsed]]
"""Pure: payloads of one kind in the order of their arrival become rows. Nothing is dropped without a refusal."""


def refusal(subject: str | None, rule: str, record: object) -> dict[str, str | None]:
    """Return one refused record as a row of REFUSED_SCHEMA."""
    text = record if isinstance(record, str) else json.dumps(record, sort_keys=True, default=str)
    return {"subject": subject, "rule": rule, "record_json": text}


def refused_frame(refusals: Iterable[Mapping[str, str | None]]) -> pl.DataFrame:
    """Return refusals as a frame."""
    return pl.DataFrame(list(refusals), schema=REFUSED_SCHEMA, orient="row")
