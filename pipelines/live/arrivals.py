"""What a feed hands on: rows of a table as parsers give them, and the best quotes of a book."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import polars as pl

from pipelines.ingest.parsers import parser_of
from pipelines.ingest.shards import within_asked
from pipelines.payload import REFUSED_SCHEMA, Parsed, Payload
from warehouse.lake.tables import Table


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Rows of one table with their path columns, and when they were received; None is what was recorded live.

    `refused` is what the parser did not take, each record with its rule.
    """

    table: Table
    frame: pl.DataFrame
    received_utc: datetime | None
    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REFUSED_SCHEMA))

    @classmethod
    def of(cls, parsed: Parsed, received_utc: datetime | None) -> Arrival:
        """Return what a parser made, with the instant of its receipt."""
        return cls(table=parsed.table, frame=parsed.frame, received_utc=received_utc, refused=parsed.refused)


class Top(NamedTuple):
    """The best of both sides of one book, and since when. An empty side has size 0 and the price 0 or 10000."""

    bid_ticks: int
    bid_centi: int
    ask_ticks: int
    ask_centi: int
    known_utc: datetime


class Moved(NamedTuple):
    """Markets whose best quotes changed, and when the first of these changes was received; None where none did."""

    market_tickers: frozenset[str] = frozenset()
    received_utc: datetime | None = None


def read(kind: str, payloads: Sequence[Payload]) -> Iterator[Arrival]:
    """Yield the rows of one answer, as an ingest would read it from the archive."""
    received_utc = max(payload.received_utc for payload in payloads)
    for parsed in parser_of(kind)(payloads):
        yield Arrival.of(within_asked(parsed, payloads), received_utc)
