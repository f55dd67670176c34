"""The chart of `kwx sql`: the first column across, every column of numbers up."""

from __future__ import annotations

import polars as pl

from kwx.plots.bars import bars_chart
from kwx.plots.lines import lines_chart
from kwx.plots.theme import CATEGORIES, Chart
from warehouse.errors import Usage

MOST_ROWS = 5_000
_MOST_SERIES = 12
_MOST_BARS = 60
_HINT = (
    "drawable is a first column of instants, dates, numbers or names, and columns of numbers after it; one column of"
    " names beside one of numbers tells series apart"
)


def answer_chart(answer: pl.DataFrame) -> Chart:
    """Draw an answer: lines over instants, dates and numbers, bars for names that come once; refuse any other."""
    if answer.is_empty():
        raise Usage("there is nothing to draw: the answer has no rows", hint=_HINT)
    if answer.height > MOST_ROWS:
        raise Usage(f"the answer has more than {MOST_ROWS:,} rows, too many to draw", hint="group them, or say a limit")
    x, numbers = answer.columns[0], _numbers(answer)
    if not numbers:
        raise Usage(f"no column of numbers stands beside {x!r}", hint=_HINT)
    if answer[x].null_count() == answer.height or isinstance(answer[x].dtype, pl.List | pl.Struct | pl.Array):
        raise Usage(f"the first column, {x!r}, is none to draw over", hint=_HINT)
    long = _stacked(answer, x, numbers)
    series = long["series"].unique(maintain_order=True).to_list()
    if len(series) > _MOST_SERIES:
        raise Usage(f"{len(series)} lines are too many to tell apart", hint=f"choose at most {_MOST_SERIES}")
    title = numbers[0] if len(numbers) == 1 else "value"
    if not _is_named(answer[x]):
        shown = long if len(series) > 1 else long.drop("series")
        return lines_chart(shown.sort("x", maintain_order=True), x_title=x, y_title=title)
    return _bars(long, x=x, title=title, series=series)


def _numbers(answer: pl.DataFrame) -> list[str]:
    """Return the columns of numbers after the first."""
    return [name for name in answer.columns[1:] if answer.schema[name].is_numeric()]


def _is_named(values: pl.Series) -> bool:
    return not (values.dtype.is_numeric() or values.dtype.is_temporal())


def _stacked(answer: pl.DataFrame, x: str, numbers: list[str]) -> pl.DataFrame:
    """Return x, y and series: the names beside one column of numbers, else the names of the columns."""
    names = [name for name in answer.columns[1:] if _is_named(answer[name])]
    told = answer.with_columns(pl.col(numbers).cast(pl.Float64))
    if len(numbers) == 1 and len(names) == 1:
        return told.select(x=x, y=numbers[0], series=pl.col(names[0]).cast(pl.String)).drop_nulls("x")
    long = told.rename({x: "x"}).unpivot(numbers, index="x", variable_name="series", value_name="y")
    return long.drop_nulls("x")


def _bars(long: pl.DataFrame, *, x: str, title: str, series: list[str]) -> Chart:
    """Draw a bar for each name, beside each other where there are several series."""
    rows = long.select("series", name=pl.col("x").cast(pl.String), value="y")
    if rows.select("name", "series").is_duplicated().any():
        raise Usage(f"names in {x!r} come more than once", hint="group by them, or select an instant or a date first")
    if rows.height > _MOST_BARS * len(series):
        raise Usage(f"{rows['name'].n_unique()} names are too many bars", hint=f"choose at most {_MOST_BARS}")
    if len(series) == 1:
        return bars_chart(rows, value_title=title)
    colours = {one: CATEGORIES[place % len(CATEGORIES)] for place, one in enumerate(series)}
    return bars_chart(rows, value_title=title, by="series", colours=colours, beside=True)
