"""`kwx models predict`: promoted models speak of the dates that came after they were fitted."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kwx.cli.model_options import models_option
from kwx.cli.options import city_option, json_option, lake_option, range_options, workers_option

if TYPE_CHECKING:
    from kwx.models.predicting.run import PredictRun


@click.command(epilog="Example:  kwx models predict --since 2026-11-01")
@click.option("--family", "families", multiple=True, help="Family of models; repeatable.")
@city_option
@range_options
@workers_option
@json_option
@models_option
@lake_option
def predict(
    families: tuple[str, ...],
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    workers: int | None,
    as_json: bool,
    root: Path | None,
    lake_root: Path | None,
) -> None:
    """Let promoted models speak of event dates, and keep what the lake lacks of that.

    What a model said already stays as it was said. Exit 1 when a promoted model cannot be read; the others speak.
    """
    from kwx.cli.progress import progress_of
    from kwx.cli.show import print_json
    from kwx.models.predicting.run import PredictWish
    from kwx.models.predicting.run import predict as predicting

    wish = PredictWish(cities=cities, families=families, since=since, until=until)
    with progress_of("predicting") as on_progress:
        run = predicting(wish, lake_root, root, workers=workers, on_progress=on_progress)
    print_json(_as_json(run)) if as_json else _tell(run)
    if run.broken:
        raise SystemExit(1)


def _as_json(run: PredictRun) -> dict[str, Any]:
    from kwx.cli.tell import built_as_json

    return {
        "models": list(run.spoke),
        "added": run.added,
        "old": list(run.old),
        "broken": [{"folder": str(one.folder), "why": one.why, "hint": one.hint} for one in run.broken],
        "built": built_as_json(run.built) if run.built else None,
    }


def _tell(run: PredictRun) -> None:
    for words in run.old:
        click.echo(f"note: {words}", err=True)
    for one in run.broken:
        click.echo(f"error: {one.why}", err=True)
        click.echo(f"hint:  {one.hint}", err=True)
    if not run.spoke:
        click.echo("no promoted model speaks of these dates: kwx models list --stage trained shows what is promoted")
        return
    snapshot = f"snapshot {run.built.snapshot.number}" if run.built and run.built.changed else "nothing differed"
    click.echo(f"{len(run.spoke)} models spoke in {run.seconds:.1f} s, {run.added:,} predictions added; {snapshot}")
