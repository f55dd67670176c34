"""An answer in CSV, compressed or not, as a frame of text, and its damaged lines among the refused."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence

import polars as pl

from pipelines.payload import Payload, refusal
from pipelines.weather.reports import Refusal, subject_of

_GZIP_MAGIC = b"\x1f\x8b"


def csv_table(
    payload: Payload, *, required: Sequence[str], optional: Sequence[str] = (), quote: str | None = None
) -> tuple[pl.DataFrame | None, list[Refusal]]:
    """Return the named columns as text (an absent optional one is null), or None where the answer is no such table.

    A last line without its end was cut off: it is refused, however complete it looks.
    """
    subject = subject_of(payload)
    try:
        body = gzip.decompress(payload.body) if payload.body.startswith(_GZIP_MAGIC) else payload.body
    except (OSError, EOFError, zlib.error) as error:
        return None, [refusal(subject, f"the compressed answer is damaged: {error}", "")]
    text = body.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    header = text.partition("\n")[0]
    quote = '"' if '"' in header else quote  # who quotes the header quotes the rest
    names = [name.strip().strip('"').strip() for name in next(_reader(header, quote), [])]
    if not set(required) <= set(names):
        return None, [refusal(subject, f"not the CSV asked for: it begins {header[:120]!r}", text[:1_000])]
    if twice := sorted({name for name in (*required, *optional) if names.count(name) > 1}):
        return None, [refusal(subject, f"its header names {' '.join(twice)} more than once", header)]
    whole, _, cut = text.rpartition("\n")
    refused = [refusal(subject, "the last line was cut off", cut)] if cut else []
    try:
        frame, ragged = _frame(whole or header, quote)
    except csv.Error as error:
        return None, [refusal(subject, f"no table of lines: {error}", text[:1_000])]
    refused += [refusal(subject, "the line has another number of fields than its header", line) for line in ragged]
    places = {name: frame.columns[place] for place, name in enumerate(names)}
    said = frame.select(
        pl.col(places[name]).alias(name) if name in places else pl.lit(None, pl.String).alias(name)
        for name in (*required, *optional)
    )
    return said.with_columns(pl.all().replace("", None)), refused


def _frame(text: str, quote: str | None) -> tuple[pl.DataFrame, list[str]]:
    try:
        return pl.read_csv(text.encode(), infer_schema=False, quote_char=quote), []
    except (pl.exceptions.PolarsError, ValueError):
        return _line_by_line(text, quote)


def _line_by_line(text: str, quote: str | None) -> tuple[pl.DataFrame, list[str]]:
    """Read a table of which some lines are damaged: the slow way, which sees each line; columns are named by place."""
    header, *lines = _reader(text, quote)
    good = [line for line in lines if len(line) == len(header)]
    ragged = [",".join(line) for line in lines if line and len(line) != len(header)]
    columns = {str(place): [line[place] or None for line in good] for place in range(len(header))}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)), ragged


def _reader(text: str, quote: str | None) -> Iterator[list[str]]:
    stream = io.StringIO(text)
    return csv.reader(stream, quoting=csv.QUOTE_NONE) if quote is None else csv.reader(stream, quotechar=quote)
