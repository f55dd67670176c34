"""Options that every `kwx train …` shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from kwx.cli.forms import Forms, forms_options
from kwx.cli.model_options import city_words
from kwx.cli.options import lake_option, range_options, scheduler_option, workers_option

if TYPE_CHECKING:
    from kwx.models.training.asked import WalkWish
    from kwx.models.training.run import TrainRun
    from kwx.models.training.series import Series

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Walked:
    """What was said by the options that every training shares."""

    cities: tuple[str, ...]
    since: date | None
    until: date | None
    train_days: int | None
    test_days: int | None
    step_days: int | None
    again: bool
    workers: int | None
    scheduler: str | None
    forms: Forms
    lake_root: Path | None
    root: Path | None

    @property
    def wish(self) -> WalkWish:
        """The walk; a range that runs backwards is refused."""
        from kwx.models.training.asked import WalkWish
        from warehouse.market.climate_day import event_dates

        if self.since is not None and self.until is not None:
            next(event_dates(self.since, self.until))
        return WalkWish(
            since=self.since, until=self.until, train_days=self.train_days, test_days=self.test_days,
            step_days=self.step_days,
        )  # fmt: skip

    def train(self, series: list[Series]) -> TrainRun:
        """Fit the windows of some series, and give what became of them in the form that was asked for."""
        from kwx.cli.forms import drawn
        from kwx.cli.progress import progress_of
        from kwx.cli.trained import tell_trained, train_summary, trained_rows
        from kwx.models.training.run import train

        with progress_of("training") as on_progress:
            done = train(
                series, self.lake_root, self.root, again=self.again, workers=self.workers, scheduler=self.scheduler,
                on_progress=on_progress,
            )  # fmt: skip
        rows = trained_rows(done)
        chart = drawn("trained_chart", rows, module="train_charts")
        self.forms.give(rows, train_summary(done), tell=lambda: tell_trained(done), chart=chart)
        return done


_DAYS = click.IntRange(min=1)


def walk_options(command: Command) -> Command:
    """Add the options of a walk through a range; the command is handed them as `walked`."""

    @wraps(command)
    def with_walk(**said: Any) -> Any:
        names = Walked.__dataclass_fields__
        walked = Walked(**{name: said.pop(name) for name in names})
        return command(walked=walked, **said)

    options = [
        click.option(
            "--city", "cities", multiple=True, callback=city_words,
            help="City key or alias, or `all` for one model of every city; repeatable. Each city when left out.",
        ),
        range_options,
        click.option("--train-days", type=_DAYS, help="Event dates that each window is fitted on."),
        click.option("--test-days", type=_DAYS, help="Event dates that each window is judged on."),
        click.option("--step-days", type=_DAYS, help="Event dates from one window to the next."),
        click.option("--again", is_flag=True, help="Fit also the windows that are held already."),
        workers_option,
        scheduler_option,
        click.option(
            "--models", "root", type=click.Path(path_type=Path),
            help="Folder of the models (else KWX_MODELS, else ./models).",
        ),
        forms_options,
        lake_option,
    ]  # fmt: skip
    wrapped: Any = with_walk
    for option in reversed(options):
        wrapped = option(wrapped)
    return cast("Command", wrapped)
