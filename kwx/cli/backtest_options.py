"""Options of `kwx backtest`: what is run and under which settings, and the other questions that it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from kwx.cli.forms import writable
from kwx.cli.options import city_option, range_options

if TYPE_CHECKING:
    from kwx.backtest.run import Wish

Command = TypeVar("Command", bound=Callable[..., Any])

FILLS = ("A", "B", "queue", "taker")


@dataclass(frozen=True, kw_only=True)
class Said:
    """What was said of the run itself."""

    strategy: str
    fill: str
    cities: tuple[str, ...]
    since: date | None
    until: date | None
    file: Path | None
    profile: str | None
    settings: tuple[str, ...]
    seed: int
    level: float
    block_days: int
    keep: bool
    with_sensitivity: bool

    @property
    def wish(self) -> Wish:
        """The run; settings that are not known are refused."""
        from kwx.backtest.run import Wish
        from kwx.config.file import load_config
        from kwx.config.said import said_of
        from kwx.config.trading import TradeConfig
        from kwx.exec.rules import Fill

        return Wish(
            strategy=self.strategy, fill=Fill(self.fill), cities=self.cities, since=self.since, until=self.until,
            configuration=load_config(self.file), profile=self.profile, said=said_of(self.settings, TradeConfig),
            seed=self.seed, level=self.level, block_days=self.block_days, keep=self.keep,
            with_sensitivity=self.with_sensitivity,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Question:
    """What else may be asked, one at a time; run_id names the kept run that it is asked of.

    explain: the ticker of a market, `ts` the minute of it.
    """

    sweep: Path | None
    held_out: float | None
    compare: tuple[str, str] | None
    explain: str | None
    ts: str | None
    why: bool
    runs: bool
    run_id: str | None

    def __post_init__(self) -> None:
        if len(self._asked) > 1:
            raise click.UsageError(f"{' and '.join(f'--{name}' for name in self._asked)}: one question at a time")
        if self.ts is not None and self.explain is None:
            raise click.UsageError(f"{self.ts!r} stands alone: a minute is of --explain TICKER")
        if self.run_id is not None and self.name not in {"explain", "why"}:
            raise click.UsageError("--run names the kept run of --explain or --why")
        if self.run_id is not None:
            _require_nothing_beside_run(self.name or "")
        if self.held_out is not None and self.sweep is None:
            raise click.UsageError("--held-out is of --sweep: it keeps dates from ranking its sets")

    @property
    def _asked(self) -> tuple[str, ...]:
        return tuple(name for name in ("sweep", "compare", "explain", "why", "runs") if getattr(self, name))

    @property
    def name(self) -> str | None:
        """Which of them is asked; None is a plain run."""
        return next(iter(self._asked), None)


_OF_THE_WISH = {
    "why": {"cities", "since", "until"},  # of a kept run they choose what is told
    "explain": {"strategy"},  # a run by a file of one's own needs to know where that is
}
"""What may be said of a run beside the name of a kept one; the rest it was made with."""


def _require_nothing_beside_run(question: str) -> None:
    """Refuse settings beside a kept run, which has its own: they would change nothing."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        is_said = context.get_parameter_source(name) not in {None, click.core.ParameterSource.DEFAULT}
        if name in Said.__dataclass_fields__ and is_said and name not in _OF_THE_WISH[question]:
            raise click.UsageError(
                f"{parameter.opts[0]} says nothing of --{question} --run: a kept run has settings of its own"
            )


def run_options(command: Command) -> Command:
    """Add what is run and under which settings; the command is handed it as `said`."""
    return _handed(
        command, Said, "said",
        click.option(
            "--strategy", default="fused", show_default=True, metavar="NAME|PATH.py",
            help="A strategy of kwx/signals/strategies, or a file of your own.",
        ),
        click.option(
            "--fill", type=click.Choice(FILLS), default="queue", show_default=True,
            help="How orders that rest are filled.",
        ),
        city_option,
        range_options,
        click.option("--config", "file", type=click.Path(path_type=Path), help="Configuration file (else ours)."),
        click.option("--profile", help="A profile of the configuration."),
        click.option(
            "--set", "settings", multiple=True, metavar="KEY=VALUE",
            help="A setting beside the file, as trade.taker_thresh_cents=3; repeatable.",
        ),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of intervals."),
        click.option(
            "--level", type=click.FloatRange(0.5, 0.99), default=0.95, show_default=True, help="Of intervals."
        ),
        click.option(
            "--block-days", type=click.IntRange(min=1), default=1, show_default=True,
            help="So many neighbouring dates are drawn together.",
        ),
        click.option("--no-keep", "keep", flag_value=False, type=bool, default=True, help="Write nothing to the lake."),
        click.option(
            "--no-sensitivity", "with_sensitivity", flag_value=False, type=bool, default=True,
            help="Leave out the other models of fills and maker fees.",
        ),
    )  # fmt: skip


def question_options(command: Command) -> Command:
    """Add the other questions; the command is handed them as `question`."""
    return _handed(
        command, Question, "question",
        click.option(
            "--sweep", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
            help="Run many settings at once, and tell which were best and by how much luck.",
        ),
        click.option(
            "--held-out", type=click.FloatRange(0, 1, max_open=True), show_default="a third",
            help="Share of the dates, the last ones, that do not rank the sets of --sweep.",
        ),
        click.option(
            "--compare", nargs=2, metavar="SIDE SIDE",
            help="What differs, and the paired difference. A side is a kept run, or STRATEGY or FAMILY, each with"
            " :KEY=VALUE,… if need be, that is run now.",
        ),
        click.option("--explain", metavar="TICKER TS", help="Why this was done at a minute, or nothing."),
        click.argument("ts", required=False),
        click.option("--why", is_flag=True, help="Which gates stopped a run, and how often."),
        click.option(
            "--runs", is_flag=True, help="The kept runs, the newest first; --city, --since and --until choose."
        ),
        click.option("--run", "run_id", metavar="ID", help="The kept run of --explain and --why."),
    )  # fmt: skip


def report_option(command: Command) -> Command:
    """Add --report."""
    return click.option(
        "--report", type=click.Path(dir_okay=False, path_type=Path), callback=_page, metavar="FILE.html",
        help="Write all of it to one page that opens without a network.",
    )(command)  # fmt: skip


def _page(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix != ".html":
        raise click.UsageError(f"--report {path}: the page ends in .html")
    return writable(ctx, param, path)


def _handed(command: Command, bundle: type[Any], name: str, *options: Callable[[Any], Any]) -> Command:
    """Add options whose values the command is handed together."""

    @wraps(command)
    def with_bundle(**values: Any) -> Any:
        own = {field: values.pop(field) for field in bundle.__dataclass_fields__}
        return command(**{name: bundle(**own)}, **values)

    wrapped: Any = with_bundle
    for option in reversed(options):
        wrapped = option(wrapped)
    return cast("Command", wrapped)
