"""`kwx calibrate`: choose how each family's probabilities are mended, and show what that does."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.options import city_option, lake_option, range_options, scheduler_option, workers_option

_METHODS = ("auto", "temperature", "platt", "beta", "isotonic")
_HORIZONS = ("day", "1m", "5m")


@click.command(epilog="Example:  kwx calibrate --city chicago --family elasticnet --plot reliability.html")
@city_option
@range_options
@click.option("--family", "families", multiple=True, help="Family of models; repeatable. All when left out.")
@click.option(
    "--horizon", "horizons", multiple=True, type=click.Choice(_HORIZONS),
    help="What the models speak of: the settlement, or the next move of the mid; repeatable. All when left out.",
)  # fmt: skip
@click.option(
    "--method", type=click.Choice(_METHODS), default="auto", show_default=True,
    help="auto judges all of them; a method that is said is stored whatever it is worth.",
)  # fmt: skip
@click.option(
    "--minutes", type=click.IntRange(1, 1440), default=15, show_default=True, help="Minutes between rows of a market."
)
@click.option("--every", type=click.IntRange(min=1), help="A calibrator every so many days through the range.")
@click.option("--window", type=click.IntRange(min=1), help="Each calibrator sees so many days (default: all before).")
@click.option("--level", type=click.FloatRange(0.5, 0.99), default=0.95, show_default=True, help="Of the intervals.")
@click.option("--dry-run", is_flag=True, help="Choose and show, and store nothing.")
@workers_option
@scheduler_option
@forms_options
@lake_option
def calibrate(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    families: tuple[str, ...],
    horizons: tuple[str, ...],
    method: str,
    minutes: int,
    every: int | None,
    window: int | None,
    level: float,
    dry_run: bool,
    workers: int | None,
    scheduler: str | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Choose a calibrator for each city, family and horizon by what came of its predictions; store it in calibrators.

    Every method is judged on later days than it was fitted on. One is chosen only if Brier score or log loss is better
    than the model's own by more than chance, and none of Brier score, ECE and log loss is worse; of equals the one with
    the fewest numbers; else nothing is done to the model, and that is stored. At least 12 settled dates are needed:
    they are cut into four parts, the first of which is only fitted, and whole dates are drawn anew to tell what chance
    does, so that few dates seldom decide. Isotonic wants 1,000 rows in the first part. Of each method that is refused
    it is said why, and on how many judged dates a gain of its size would be beyond chance. (An elastic net's own
    calibration is another: its guard keeps it only where it loses less on dates left out of it, of which there must be
    two; `kwx models show` says why it was dropped.) What is stored is the default of its city, family and horizon, and
    serves events from the second day after its last date on: there the panel, strategies and `kwx models serve` show
    p_calibrated by it. What came of horizons 1m and 5m is whether the mid then moved up or down; predictions that no
    move of the model's least size followed are left out and counted.
    """
    from kwx.cli.calibrated import calibrate_rows, calibrate_summary, tell_calibrated
    from kwx.cli.progress import progress_of
    from kwx.models.calibration.run import CalibrateWish
    from kwx.models.calibration.run import calibrate as calibration

    wish = CalibrateWish(
        cities=cities, families=families, horizons=horizons, since=since, until=until, method=method,
        every_minutes=minutes, every_days=every, window_days=window, level=level,
    )  # fmt: skip
    with progress_of("calibrating") as on_progress:
        done = calibration(
            wish, lake_root, workers=workers, scheduler=scheduler, dry_run=dry_run, on_progress=on_progress
        )
    chart = drawn("before_and_after_chart", done, module="calibrate_charts")
    forms.give(calibrate_rows(done), calibrate_summary(done), tell=lambda: tell_calibrated(done), chart=chart)
