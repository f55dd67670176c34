"""The forms in which a command that answers with rows can give them: a table, JSON, CSV, Parquet, a chart."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import polars as pl

Command = TypeVar("Command", bound=Callable[..., Any])

CHART_ENDINGS = (".svg", ".png", ".html")


@dataclass(frozen=True, kw_only=True)
class Forms:
    """The forms that were asked for; files are written beside what is printed."""

    as_json: bool
    csv: Path | None
    parquet: Path | None
    plot: Path | None

    def give(
        self,
        rows: pl.DataFrame,
        summary: dict[str, Any],
        *,
        tell: Callable[[], None],
        chart: Callable[[], Any],
    ) -> None:
        """Write the files, and print the table or the JSON."""
        from kwx.cli.show import print_json

        self._write(rows, chart)
        if self.as_json:
            print_json({**summary, "rows": rows.to_dicts()})
        else:
            tell()
        for path in (self.csv, self.parquet, self.plot):
            if path is not None:
                click.echo(f"written to {path}", err=True)

    def _write(self, rows: pl.DataFrame, chart: Callable[[], Any]) -> None:
        """Write the files that were asked for; one that cannot be written is told by its option."""
        if self.csv is not None:
            with _named("--csv", self.csv):
                rows.write_csv(self.csv, datetime_format="%Y-%m-%dT%H:%M:%SZ")
        if self.parquet is not None:
            with _named("--parquet", self.parquet):
                rows.write_parquet(self.parquet)
        _save(self.plot, chart)


def give_plot(plot: Path | None, chart: Callable[[], Any]) -> None:
    """Write the drawing of a command that has its own forms else, where one was asked for."""
    _save(plot, chart)
    if plot is not None:
        click.echo(f"written to {plot}", err=True)


def _save(plot: Path | None, chart: Callable[[], Any]) -> None:
    if plot is None:
        return
    from kwx.plots.save import save_chart

    with _named("--plot", plot):
        save_chart(chart(), plot)


@contextmanager
def _named(option: str, path: Path) -> Iterator[None]:
    from warehouse.errors import KwxError

    try:
        yield
    except OSError as error:
        raise KwxError(
            f"{path} cannot be written: {error.strerror or error}", hint=f"another place: {option} FILE"
        ) from error


def forms_options(command: Command) -> Command:
    """Add --json, --csv, --parquet and --plot; the command is handed them as `forms`."""

    def with_forms(
        *args: Any, as_json: bool, csv: Path | None, parquet: Path | None, plot: Path | None, **said: Any
    ) -> Any:
        return command(*args, forms=Forms(as_json=as_json, csv=csv, parquet=parquet, plot=plot), **said)

    with_forms.__name__ = command.__name__
    with_forms.__doc__ = command.__doc__
    with_forms.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    file = click.Path(dir_okay=False, path_type=Path)
    options = [
        click.option("--json", "as_json", is_flag=True, help="Print JSON for machines."),
        click.option("--csv", type=file, callback=writable, help="Write the rows to a CSV file."),
        click.option("--parquet", type=file, callback=writable, help="Write the rows to a Parquet file."),
        plot_option,
    ]
    decorated: Any = with_forms
    for option in reversed(options):
        decorated = option(decorated)
    wrapped: Command = decorated
    return wrapped


def plot_option(command: Command) -> Command:
    """Add --plot; the command is handed it as `plot`, and gives it to `give_plot`."""
    return click.option(
        "--plot", type=click.Path(dir_okay=False, path_type=Path), callback=_drawable,
        help="Draw it: .svg, .png or .html (stands alone).",
    )(command)  # fmt: skip


def writable(_ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file in a folder that is not there, or not ours to write into, before anything is computed."""
    if path is None:
        return None
    folder, option = path.absolute().parent, f"--{param.name}"
    if not folder.is_dir():
        raise click.UsageError(f"{option} {path}: there is no folder {folder} to write into")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise click.UsageError(f"{option} {path}: {folder} may not be written into")
    return path


def _drawable(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in CHART_ENDINGS:
        raise click.UsageError(f"--plot {path}: a chart ends in {', '.join(CHART_ENDINGS)}")
    return writable(ctx, param, path)


def drawn(chart: str, what: Any, *, module: str) -> Callable[[], Any]:
    """Return how to draw something; what draws is imported only where a drawing was asked for."""

    def draw() -> Any:
        return getattr(importlib.import_module(f"kwx.cli.{module}"), chart)(what)

    return draw
