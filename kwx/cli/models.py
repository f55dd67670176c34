"""`kwx models …`: what was fitted, what is promoted, and whether it should be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kwx.cli.model_studies import blend, study
from kwx.cli.options import EventDate, json_option, lake_option

if TYPE_CHECKING:
    from kwx.models.registry.promotion import Choice

Command = TypeVar("Command", bound=Callable[..., Any])

_STAGES = ("pilots", "trained", "archive")
_BRACKETS = ("between", "greater", "less", "all")
_EVERY_CITY = "all"


@click.group(epilog="Example:  kwx models list && kwx models accept && kwx models promote --city chicago")
def models() -> None:
    """Keep models: list, look, accept, promote, take back."""


def models_option(command: Command) -> Command:
    """Add --models."""
    return click.option(
        "--models",
        "root",
        type=click.Path(path_type=Path),
        help="Folder of the models (else KWX_MODELS, else ./models).",
    )(command)


def city_words(_ctx: click.Context, _param: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return city keys for what was typed; `all` stands for itself."""
    from warehouse.market.cities import city

    return tuple(dict.fromkeys(word if word == _EVERY_CITY else city(word).key for word in words))


def choice_options(command: Command) -> Command:
    """Add --family, --city, --bracket and --window, each repeatable."""
    of_city = "City key or alias; `all` for models of every city; repeatable."
    options = [
        click.option("--family", "families", multiple=True, help="Family of models; repeatable."),
        click.option("--city", "cities", multiple=True, callback=city_words, help=of_city),
        click.option("--bracket", "brackets", multiple=True, type=click.Choice(_BRACKETS), help="Type; repeatable."),
        click.option("--window", "windows", multiple=True, metavar="WIN", help="win_YYYYMMDD_YYYYMMDD; repeatable."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _choice(
    families: tuple[str, ...], cities: tuple[str, ...], brackets: tuple[str, ...], windows: tuple[str, ...]
) -> Choice:
    from kwx.models.registry.promotion import Choice
    from kwx.models.windows import window_dates

    for name in windows:
        window_dates(name)
    return Choice(families=families, cities=cities, brackets=brackets, windows=windows)


def stage_option(*, default: str, stages: tuple[str, ...] = _STAGES[:2]) -> Callable[[Command], Command]:
    """Add --stage."""
    return click.option("--stage", type=click.Choice(stages), default=default, show_default=True, help="Where to look.")


@models.command("list", epilog="Example:  kwx models list --stage trained --city chicago")
@stage_option(default="pilots", stages=_STAGES)
@choice_options
@json_option
@models_option
def list_(
    stage: str,
    families: tuple[str, ...],
    cities: tuple[str, ...],
    brackets: tuple[str, ...],
    windows: tuple[str, ...],
    as_json: bool,
    root: Path | None,
) -> None:
    """List the windows of a stage; of the archive, every state that was ever promoted."""
    from kwx.cli.modelled import held_as_json, states_as_json, tell_held, tell_states
    from kwx.cli.show import print_json
    from kwx.models.registry.promotion import history
    from kwx.models.registry.shelf import shelf

    if stage == "archive":
        states = history(root)
        print_json(states_as_json(states)) if as_json else tell_states(states)
        return
    held = shelf(root, stage, _choice(families, cities, brackets, windows))
    print_json([held_as_json(one) for one in held]) if as_json else tell_held(held, stage)


@models.command(epilog="Example:  kwx models show elasticnet_chicago_between_win_20261030_20261105")
@click.argument("model_id")
@stage_option(default="pilots")
@json_option
@models_option
def show(model_id: str, stage: str, as_json: bool, root: Path | None) -> None:
    """Show the card of one model: what it was made of, how good it was, and its coefficients."""
    from kwx.cli.modelled import card_as_json, tell_card
    from kwx.cli.show import print_json
    from kwx.models.registry.shelf import the_one

    held = the_one(root, stage, model_id)
    print_json(card_as_json(held)) if as_json else tell_card(held)


@models.command(epilog="Example:  kwx models serve --family elasticnet --city chicago --bracket between")
@click.option("--family", required=True, help="Family of models.")
@click.option("--city", "word", required=True, help="City key or alias.")
@click.option("--bracket", type=click.Choice(_BRACKETS), default="all", show_default=True, help="Type of bracket.")
@click.option("--horizon", type=click.Choice(("day", "1m", "5m")), default="day", show_default=True)
@click.option("--date", "event_date", type=EventDate(), help="Event date (default: the climate day that runs there).")
@json_option
@lake_option
@models_option
def serve(
    family: str,
    word: str,
    bracket: str,
    horizon: str,
    event_date: date | None,
    as_json: bool,
    lake_root: Path | None,
    root: Path | None,
) -> None:
    """Say which promoted model speaks of an event date, how old it is, and what mends its probabilities."""
    from kwx.cli.modelled import served_as_json, tell_served
    from kwx.cli.show import print_json
    from kwx.models.calibration.stored import calibrator_before, calibrators_of
    from kwx.models.registry.serving import model_for, today_of
    from warehouse.clock import utc_now
    from warehouse.lake.store import Lake
    from warehouse.market.cities import city

    key = city(word).key
    when = event_date or today_of(key, utc_now())
    served = model_for(root, family=family, city=key, bracket=bracket, event_date=when, horizon=horizon)
    stored = calibrators_of(Lake(lake_root).snapshot(), key, model_type=family, horizon=horizon)
    said = served_as_json(served, when, calibrator_before(stored, when))
    print_json(said) if as_json else tell_served(said)


@models.command(epilog='Example:  kwx models promote --city chicago --bracket between --reason "first week of shadow"')
@choice_options
@click.option("--reason", default="", help="Why, in spite of what speaks against it; kept with the state.")
@json_option
@models_option
def promote(
    families: tuple[str, ...],
    cities: tuple[str, ...],
    brackets: tuple[str, ...],
    windows: tuple[str, ...],
    reason: str,
    as_json: bool,
    root: Path | None,
) -> None:
    """Make pilots the models that are used: all of the choice, in one step, or none.

    Refused where one is altered or degenerate, and, without --reason, where a kind lost to the market.
    """
    from kwx.models.registry.promotion import promote as promoting

    _tell_promotion(promoting(_choice(families, cities, brackets, windows), root, reason=reason), as_json=as_json)


@models.command(epilog="Example:  kwx models demote --city nyc")
@choice_options
@click.option("--reason", default="", help="Why; kept with the state.")
@json_option
@models_option
def demote(
    families: tuple[str, ...],
    cities: tuple[str, ...],
    brackets: tuple[str, ...],
    windows: tuple[str, ...],
    reason: str,
    as_json: bool,
    root: Path | None,
) -> None:
    """Take promoted models out of use; the pilots stay, and `kwx models rollback` undoes it."""
    from kwx.models.registry.promotion import demote as demoting

    choice = _choice(families, cities, brackets, windows)
    if not (families or cities or brackets or windows):
        raise click.UsageError("say which: --family, --city, --bracket or --window")
    _tell_promotion(demoting(choice, root, reason=reason), as_json=as_json)


@models.command(epilog="Example:  kwx models rollback --to 3")
@click.option("--to", type=click.IntRange(min=1), help="Number of the state (default: the one before the current).")
@json_option
@models_option
def rollback(to: int | None, as_json: bool, root: Path | None) -> None:
    """Make an earlier state the promoted one; it can be undone with --to."""
    from kwx.models.registry.promotion import rollback as rolling_back

    _tell_promotion(rolling_back(root, to=to), as_json=as_json, again=True)


def _tell_promotion(done: Any, *, as_json: bool, again: bool = False) -> None:
    from kwx.cli.modelled import states_as_json, tell_promotion
    from kwx.cli.show import print_json

    print_json(states_as_json([done])[0]) if as_json else tell_promotion(done, again=again)


@models.command(epilog="Example:  kwx models accept --out acceptance && open acceptance/acceptance.html")
@stage_option(default="pilots")
@choice_options
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("acceptance"), show_default=True,
    help="Folder of the reports.",
)  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path), help="Configuration to validate (default: the shipped one).")
@click.option("--no-lake", is_flag=True, help="Do not look at the lake: the audit of its gate is left out.")
@json_option
@models_option
@lake_option
def accept(
    stage: str,
    families: tuple[str, ...],
    cities: tuple[str, ...],
    brackets: tuple[str, ...],
    windows: tuple[str, ...],
    out: Path,
    config: Path | None,
    no_lake: bool,
    as_json: bool,
    root: Path | None,
    lake_root: Path | None,
) -> None:
    """Write the acceptance reports: six in Markdown, and one page with all of them and their plots.

    Exit 3 when a check fails; the reports are written all the same.
    """
    from kwx.cli.modelled import accepted_as_json, tell_accepted
    from kwx.cli.show import print_json
    from kwx.models.accept.run import accept as accepting
    from warehouse.errors import ChecksFailed
    from warehouse.lake.store import Lake

    snapshot = None if no_lake else Lake(lake_root).snapshot()
    done = accepting(
        out, choice=_choice(families, cities, brackets, windows), root=root, stage=stage, config=config,
        snapshot=snapshot,
    )  # fmt: skip
    print_json(accepted_as_json(done)) if as_json else tell_accepted(done)
    if not done.passed:
        raise ChecksFailed(
            f"{len(done.failures)} checks failed: {done.failures[0].name}",
            hint=f"read {done.files[0].parent}/06_summary.md",
        )


@models.command("config", epilog="Example:  kwx models config --city nyc --bracket between --profile production")
@click.option("--city", "word", required=True, help="City key or alias.")
@click.option("--bracket", required=True, type=click.Choice(_BRACKETS[:3]), help="Type of bracket.")
@click.option("--profile", help="A profile of the file: pilot, production.")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file (default: the shipped one).")
@click.option("--origins", is_flag=True, help="Say behind each setting which key of the file says it.")
@json_option
def config_(word: str, bracket: str, profile: str | None, config: Path | None, origins: bool, as_json: bool) -> None:
    """Print what the configuration comes to for one city and type of bracket, as YAML or JSON."""
    from kwx.cli.modelled import resolved_yaml
    from kwx.cli.show import print_json
    from kwx.config.file import load_config

    found = load_config(config).resolve(word, bracket, profile=profile)
    if as_json:
        said = found.config.model_dump(mode="json")
        print_json({"config": said, "origins": dict(found.origins)} if origins else said)
    else:
        click.echo(resolved_yaml(found, origins=origins), nl=False)


models.add_command(study)
models.add_command(blend)
