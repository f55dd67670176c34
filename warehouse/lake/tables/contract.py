"""The contract of a table: what one row is, which rows it may hold, and when each is known.

A frame is admitted (every rule kept), sifted (good rows on one side, refused rows with the broken rule on the other)
or refused as a whole (a column is missing, foreign or of another type). Nothing else enters the lake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import cast

import polars as pl

from warehouse.errors import ContractBroken
from warehouse.lake.tables.day_laws import DayLaw, distinct
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

UTC_TYPE = pl.Datetime("us", "UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALL_CITIES = "all"
"""The city of a row that speaks of every city at once; allowed in tables without a day."""


def utc_expr(instant: datetime) -> pl.Expr:
    """Return an instant as an expression; of a datetime with a zone Polars makes one by a slow query of its own."""
    return pl.lit((instant - _EPOCH) // timedelta(microseconds=1), dtype=pl.Int64).cast(UTC_TYPE)


class Layout(StrEnum):
    """How a table is cut into partitions."""

    CITY_DAY = "city=…/date=…"
    CITY = "city=…"


@dataclass(frozen=True, order=True)
class Partition:
    """One city and one event date (None in tables that have no day): the unit of writing and of work."""

    city: str
    event_date: date | None = None

    @property
    def path(self) -> str:
        """The hive folder of the partition, below the version of its table."""
        return f"city={self.city}" if self.event_date is None else f"city={self.city}/date={self.event_date}"

    def __str__(self) -> str:
        return self.path

    @classmethod
    def from_path(cls, path: str) -> Partition:
        """Read a hive folder back."""
        parts = dict(piece.split("=", 1) for piece in path.split("/"))
        day = parts.get("date")
        return cls(parts["city"], date.fromisoformat(day) if day else None)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its type, what it means, and which values it may hold."""

    name: str
    dtype: pl.DataType
    meaning: str
    unit: str = ""
    null: bool = False
    low: float | None = None
    high: float | None = None
    one_of: tuple[str, ...] = ()

    def broken(self) -> Iterator[tuple[str, pl.Expr]]:
        """Yield each rule of the column as a sentence and the expression that is true where it is broken."""
        value = pl.col(self.name)
        if not self.null:
            yield f"{self.name} is missing", value.is_null()
        if isinstance(self.dtype, pl.Float32 | pl.Float64):
            yield f"{self.name} is not finite", ~value.is_finite()
        if self.low is not None:
            yield f"{self.name} is below {self.low:g}", value < self.low
        if self.high is not None:
            yield f"{self.name} is above {self.high:g}", value > self.high
        if self.one_of:
            yield f"{self.name} is none of {' '.join(self.one_of)}", ~value.is_in(self.one_of)

    def is_kept(self, values: pl.Series) -> bool:
        """Tell whether no value breaks a rule of the column; asked of all at once, it takes a fraction of the time."""
        if not self.null and values.has_nulls():
            return False
        if isinstance(self.dtype, pl.Float32 | pl.Float64) and not values.is_finite().all():
            return False
        least = None if self.low is None else cast("float | None", values.min())
        most = None if self.high is None else cast("float | None", values.max())
        if least is not None and self.low is not None and least < self.low:
            return False
        if most is not None and self.high is not None and most > self.high:
            return False
        return not self.one_of or distinct(values) <= {*self.one_of, None}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A law between the columns of one row; `holds` may be null where it does not apply."""

    law: str
    holds: pl.Expr


@dataclass(frozen=True)
class Sifted:
    """What became of a frame: the rows to store, and the rows refused with the rule that each broke."""

    kept: pl.DataFrame
    refused: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of the lake: what a row is, when it may be used (`known`), and the laws that it keeps.

    `rules` hold within a row, `day_laws` between a row and the climate day of its partition; `original` is the name of
    the table in the first design, in PostgreSQL.
    """

    name: str
    meaning: str
    known: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    layout: Layout = Layout.CITY_DAY
    sort: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    day_laws: tuple[DayLaw, ...] = ()
    original: str = ""

    def __reduce__(self) -> tuple[Callable[[str], Table], tuple[str]]:
        """Travel to other processes by name: laws are functions, and the contract is the same there."""
        from warehouse.lake.tables import table

        return table, (self.name,)

    @cached_property
    def schema(self) -> pl.Schema:
        """The stored columns; city and event date live in the path."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @property
    def path_columns(self) -> dict[str, pl.DataType]:
        """The columns that the path carries, as readers see them."""
        if self.layout is Layout.CITY:
            return {"city": pl.String()}
        return {"city": pl.String(), "event_date": pl.Date()}

    @property
    def key(self) -> tuple[str, ...]:
        """What must be unique inside one partition: the grain without the columns of the path."""
        return tuple(name for name in self.grain if name not in self.path_columns)

    @property
    def order(self) -> tuple[str, ...]:
        """The order of rows in a file."""
        return self.sort or self.key

    def empty(self) -> pl.DataFrame:
        """Return a frame of the table with no rows."""
        return self._without_rows.clone()

    @cached_property
    def _without_rows(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.schema)

    @cached_property
    def _none_refused(self) -> pl.DataFrame:
        return pl.DataFrame(schema={**self.schema, "rule": pl.String()})

    def admit(self, frame: pl.DataFrame, partition: Partition) -> pl.DataFrame:
        """Return the frame as it will be stored, or refuse it, naming the rule and the first bad rows."""
        sifted = self.sift(frame, partition)
        if sifted.refused.height:
            raise self._refusal(sifted.refused, partition)
        return sifted.kept

    def sift(self, frame: pl.DataFrame, partition: Partition) -> Sifted:
        """Part the rows that keep every rule from those that break one; refuse a frame of another shape."""
        self._require_partition(partition)
        frame = self._require_shape(self._without_path(frame, partition), partition)
        kept, refused = self._judged(frame, partition)
        kept, repeated = (kept, self._none_refused) if self._ascends(kept) else self._ordered(kept)
        return Sifted(kept, pl.concat([refused, repeated]))

    def breaks_a_law(self, frame: pl.DataFrame, parts: Mapping[Partition, pl.DataFrame]) -> bool:
        """Tell whether any row of a frame breaks a law; whether keys repeat is not asked. `parts`: it by partition."""
        return not (self._keeps_row_laws(frame) and all(self.keeps_day(rows, place) for place, rows in parts.items()))

    def keeps_day(self, rows: pl.DataFrame, partition: Partition) -> bool:
        """Tell whether no row of a partition breaks a law of its day."""
        day = _day_of(partition)
        return day is None or all(law.is_kept(day, rows) for law in self.day_laws)

    def _keeps_row_laws(self, frame: pl.DataFrame) -> bool:
        if not all(column.is_kept(frame[column.name]) for column in self.columns):
            return False
        return not (self.rules and frame.select(self._breaks_a_rule).item())

    @cached_property
    def _breaks_a_rule(self) -> pl.Expr:
        return pl.any_horizontal((~rule.holds).any() for rule in self.rules)

    def _judged(self, frame: pl.DataFrame, partition: Partition) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Part the rows that keep every law from those that break one, which are told by the first that they break."""
        if not self.breaks_a_law(frame, {partition: frame}):
            return frame, self._none_refused
        laws = (*self._row_laws, *self._partition_laws(partition))
        reasons = [pl.when(broken).then(pl.lit(law)) for law, broken in laws]
        judged = frame.with_columns(pl.coalesce(*reasons, pl.lit(None, pl.String)).alias("rule"))
        kept = judged.filter(pl.col("rule").is_null()).drop("rule")
        return kept, judged.filter(pl.col("rule").is_not_null())

    def split(self, frame: pl.DataFrame) -> Iterator[tuple[Partition, pl.DataFrame]]:
        """Yield each partition that the frame speaks of, in order, with its rows and without the path columns."""
        self._require_path(frame)
        groups = frame.partition_by(list(self.path_columns), as_dict=True, include_key=False, maintain_order=True)
        yield from sorted(((Partition(*key), rows) for key, rows in groups.items()), key=lambda part: part[0])

    def places(self, frame: pl.DataFrame) -> list[Partition]:
        """Return the partitions that the frame speaks of, in order."""
        self._require_path(frame)
        said = zip(*(frame[name].to_list() for name in self.path_columns), strict=True)
        return sorted(Partition(*key) for key in set(said))

    def _require_path(self, frame: pl.DataFrame) -> None:
        said = [name for name, dtype in self.path_columns.items() if frame.schema.get(name) == dtype]
        if len(said) < len(self.path_columns) or any(frame[name].has_nulls() for name in said):
            raise ContractBroken(
                f"{self.name}: a row without its {' and '.join(self.path_columns)} has no partition",
                hint="say city as text and event_date as a date in every row of the frame",
            )

    @cached_property
    def _row_laws(self) -> list[tuple[str, pl.Expr]]:
        of_columns = [law for column in self.columns for law in column.broken()]
        return of_columns + [(f"not so: {rule.law}", ~rule.holds) for rule in self.rules]

    def _partition_laws(self, partition: Partition) -> Iterable[tuple[str, pl.Expr]]:
        day = _day_of(partition)
        return () if day is None else (law.broken(day) for law in self.day_laws)

    def _ascends(self, frame: pl.DataFrame) -> bool:
        """Tell whether a frame lies in the order of its key and has none twice: then nothing is left to do."""
        if not self.key or self.order != self.key:
            return False
        later = pl.lit(value=False)
        for name in reversed(self.key):
            value, before = pl.col(name), pl.col(name).shift()
            later = (value > before) | ((value == before) & later)
        return bool(frame.select(later.fill_null(value=False).slice(1).all()).item())

    def _ordered(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Sort a frame and part from it the rows that are there twice."""
        # Stable, so that of rows with one key the first that was said stays the first.
        return self._without_repeats(frame.sort(self.order, maintain_order=True) if self.order else frame)

    def _without_repeats(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Fold rows said twice in the same words; of rows that contradict each other keep the first."""
        # A grain that the path says alone (one row per city and day) leaves room for one row.
        first = pl.struct(self.key).is_first_distinct() if self.key else pl.int_range(pl.len()) == 0
        if self._is_without_repeats(frame) or frame.select(first.all()).item():
            return frame, self._none_refused
        frame = frame.unique(maintain_order=True)
        law = f"{', '.join(self.key) or 'the row of the partition'} is there twice with different values"
        return frame.filter(first), frame.filter(~first).with_columns(pl.lit(law).alias("rule"))

    def _is_without_repeats(self, frame: pl.DataFrame) -> bool:
        """Tell whether a frame in the order of its key has none twice: equals would stand beside each other."""
        if not self.key or self.order[: len(self.key)] != self.key:
            return False
        as_before = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift()) for name in self.key)
        return not frame.select(as_before.slice(1).any()).item()

    def _without_path(self, frame: pl.DataFrame, partition: Partition) -> pl.DataFrame:
        said = {"city": partition.city, "event_date": partition.event_date}
        for name, dtype in self.path_columns.items():
            if name not in frame.columns:
                continue
            if not (frame.schema[name] == dtype and frame[name].eq_missing(said[name]).all()):
                raise ContractBroken(
                    f"{self.name}: column {name} does not equal its partition {partition}",
                    hint="split the frame by city and event date before it is put",
                )
            frame = frame.drop(name)
        return frame

    def _require_partition(self, partition: Partition) -> None:
        has_day = self.layout is Layout.CITY_DAY
        whole = not has_day and partition.city == ALL_CITIES
        if has_day != (partition.event_date is not None) or not (whole or partition.city in CITIES):
            raise ContractBroken(
                f"{self.name}: {partition} is no partition of this table",
                hint=f"its partitions look like {self.layout}; cities: {' '.join(CITIES)}",
            )

    def _require_shape(self, frame: pl.DataFrame, partition: Partition) -> pl.DataFrame:
        where = f"{self.name} {partition}"
        if missing := [name for name in self.schema if name not in frame.columns]:
            raise ContractBroken(f"{where}: column {missing[0]!r} is missing", hint=self._columns_hint())
        if foreign := [name for name in frame.columns if name not in self.schema]:
            raise ContractBroken(f"{where}: column {foreign[0]!r} is not of this table", hint=self._columns_hint())
        frame = frame.select(self.schema.names())
        if pl.Null in frame.dtypes:
            frame = frame.cast({name: self.schema[name] for name, is_ in frame.schema.items() if is_ == pl.Null})
        for (name, dtype), is_dtype in zip(self.schema.items(), frame.dtypes, strict=True):
            if is_dtype != dtype:
                raise ContractBroken(
                    f"{where}: column {name!r} is {is_dtype}, expected {dtype}",
                    hint=f"cast it where the frame is made; it means: {self.column(name).meaning}",
                )
        return frame

    def column(self, name: str) -> Column:
        """Return one column by its name."""
        return next(column for column in self.columns if column.name == name)

    def _columns_hint(self) -> str:
        return f"the columns of {self.name} are {', '.join(self.schema)}"

    def _refusal(self, refused: pl.DataFrame, partition: Partition) -> ContractBroken:
        first = refused.row(0, named=True)
        rule = first.pop("rule")
        shown = {name: first[name] for name in dict.fromkeys([*self.key, *_names_in(rule, first)])}
        return ContractBroken(
            f"{self.name} {partition}: {refused.height} row(s) refused; the first: {rule}, at {_plain(shown)}",
            hint="mend the source of these rows, or sift them: refused rows go to quarantine with their rule",
        )


@lru_cache(maxsize=512)
def _day_of(partition: Partition) -> ClimateDay | None:
    """Return the climate day of a partition, None where it has none."""
    return None if partition.event_date is None else ClimateDay(CITIES[partition.city], partition.event_date)


def _names_in(rule: str, row: dict[str, object]) -> list[str]:
    words = set(rule.replace(",", " ").split())
    return [name for name in row if name in words]


def _plain(row: dict[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())
