"""`kwx models …`: what was fitted, what is promoted, and whether it should be."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kwx.cli.forms import Forms, drawn, forms_options, give_plot, plot_option
from kwx.cli.model_options import (
    BRACKETS,
    HORIZONS,
    STAGES,
    choice_options,
    models_option,
    promotion_options,
    stage_option,
)
from kwx.cli.model_predict import predict
from kwx.cli.model_studies import blend, study
from kwx.cli.options import EventDate, json_option, lake_option

if TYPE_CHECKING:
    from kwx.models.registry.promotion import Choice


_CHARTS = "model_list_charts"


@click.group(epilog="Example:  kwx models list && kwx models accept && kwx models promote --city chicago")
def models() -> None:
    """Keep models: list, look, accept, promote, take back."""


@models.command("list", epilog="Example:  kwx models list --stage trained --city chicago --csv trained.csv")
@stage_option(default="pilots", stages=STAGES)
@choice_options
@forms_options
@models_option
def list_(stage: str, choice: Choice, forms: Forms, root: Path | None) -> None:
    """List the windows of a stage; of the archive, every state that was ever promoted."""
    from kwx.cli.model_lists import held_rows, state_rows, tell_held, tell_states
    from kwx.models.registry.shelf import shelf
    from kwx.models.registry.states import history

    if stage == "archive":
        states = history(root)
        rows = state_rows(states)
        chart = drawn("states_chart", rows, module=_CHARTS)
        forms.give(rows, {"stage": stage}, tell=lambda: tell_states(states), chart=chart)
        return
    held = shelf(root, stage, choice)
    rows = held_rows(held)
    chart = drawn("held_chart", rows, module=_CHARTS)
    forms.give(rows, {"stage": stage}, tell=lambda: tell_held(held, stage), chart=chart)


@models.command(epilog="Example:  kwx models show elasticnet_chicago_between_win_20261030_20261105")
@click.argument("model_id")
@stage_option(default="pilots")
@plot_option
@json_option
@models_option
def show(model_id: str, stage: str, plot: Path | None, as_json: bool, root: Path | None) -> None:
    """Show the card of one model: what it was made of, how good it was, and its coefficients."""
    from kwx.cli.modelled import card_as_json, tell_card
    from kwx.cli.show import print_json
    from kwx.models.registry.places import models_root
    from kwx.models.registry.replaced import earlier_cards
    from kwx.models.registry.shelf import the_one

    held = the_one(root, stage, model_id)
    before = earlier_cards(models_root(root), held.folder) if stage == STAGES[0] else []
    print_json(card_as_json(held, before)) if as_json else tell_card(held, before)
    give_plot(plot, drawn("card_chart", held, module="card_charts"))


@models.command(epilog="Example:  kwx models serve --family elasticnet --city chicago --bracket between")
@click.option("--family", required=True, help="Family of models.")
@click.option("--city", "word", required=True, help="City key or alias.")
@click.option("--bracket", type=click.Choice(BRACKETS), default="all", show_default=True, help="Type of bracket.")
@click.option("--horizon", type=click.Choice(HORIZONS), default="day", show_default=True)
@click.option("--date", "event_date", type=EventDate(), help="Event date (default: the climate day that runs there).")
@click.option(
    "--at", "at", type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="Instant, UTC, of the table (default: the last it has)."
)
@click.option("--config", type=click.Path(path_type=Path), help="Configuration of the weights (default: the shipped).")
@plot_option
@json_option
@lake_option
@models_option
def serve(
    family: str,
    word: str,
    bracket: str,
    horizon: str,
    event_date: date | None,
    at: datetime | None,
    config: Path | None,
    plot: Path | None,
    as_json: bool,
    lake_root: Path | None,
    root: Path | None,
) -> None:
    """Say which promoted model speaks of an event date, how old it is, and what mends its probabilities.

    Then each bracket as the lake holds it of the family: what its model in force said, calibrated by what may serve the
    date, the market, and their pool by the configuration's blend_weight.
    """
    from kwx.cli.served import last_rows, served_as_json, tell_served
    from kwx.cli.show import print_json
    from kwx.config.file import load_config
    from kwx.models.calibration.stored import calibrator_before, calibrators_of
    from kwx.models.registry.serving import load_model_for_now, model_for, today_of
    from kwx.models.served import blend_weights, blended_predictions
    from warehouse.clock import utc_now
    from warehouse.lake.store import Lake
    from warehouse.market.cities import city

    key = city(word).key
    now_utc = utc_now()
    asked = {"family": family, "city": key, "bracket": bracket, "horizon": horizon}
    if event_date is None:
        when, served = today_of(key, now_utc), load_model_for_now(root, **asked, clock=lambda: now_utc)
    else:
        when, served = event_date, model_for(root, **asked, event_date=event_date)
    snapshot, weights = Lake(lake_root).snapshot(), blend_weights(load_config(config), key)
    stored = calibrators_of(snapshot, key, model_type=family, horizon=horizon)
    rows = last_rows(
        blended_predictions(snapshot, key, when, when, weights=weights, family=family, horizon=horizon),
        bracket=bracket, every_bracket=BRACKETS[-1], at_utc=at.replace(tzinfo=UTC) if at else None,
    )  # fmt: skip
    said = served_as_json(served, when, calibrator_before(stored, when), rows, weights)
    print_json(said) if as_json else tell_served(said)
    give_plot(plot, drawn("served_chart", said, module="ladder_charts"))


@models.command(epilog='Example:  kwx models promote --city chicago --bracket between --reason "first week of shadow"')
@promotion_options(reason="Why, in spite of what speaks against it; kept with the state.")
@lake_option
def promote(choice: Choice, reason: str, as_json: bool, root: Path | None, lake_root: Path | None) -> None:
    """Make pilots the models that are used: all of the choice, in one step, or none.

    Refused where one is altered, degenerate or of features that are defined otherwise now, and, without --reason, where
    a kind lost to the market; each horizon is a kind, and of the next move of a mid a market says one half. What stays
    promoted is checked, and mended from a whole copy where it was altered. The lake is told what is in use from now on,
    so that panels show it; of earlier minutes nothing changes.
    """
    from kwx.cli.promoted import tell_done
    from kwx.models.registry.promotion import promote as promoting

    tell_done(promoting(choice, root, reason=reason), root=root, lake_root=lake_root, as_json=as_json)


@models.command(epilog="Example:  kwx models demote --city nyc")
@promotion_options(reason="Why; kept with the state.")
@lake_option
def demote(choice: Choice, reason: str, as_json: bool, root: Path | None, lake_root: Path | None) -> None:
    """Take promoted models out of use; the pilots stay, and `kwx models rollback` undoes it."""
    from kwx.cli.promoted import tell_done
    from kwx.models.registry.promotion import demote as demoting

    if choice.is_all:
        raise click.UsageError("say which: --family, --city, --bracket, --horizon or --window")
    tell_done(demoting(choice, root, reason=reason), root=root, lake_root=lake_root, as_json=as_json)


@models.command(epilog="Example:  kwx models rollback --to 3")
@click.option("--to", type=click.IntRange(min=1), help="Number of the state (default: the one before the current).")
@json_option
@models_option
@lake_option
def rollback(to: int | None, as_json: bool, root: Path | None, lake_root: Path | None) -> None:
    """Make an earlier state the promoted one; it can be undone with --to.

    A window of it that was altered or lost is mended from the pilots or another state, if one holds the very same; so
    --to with the number of the current state mends what is in use.
    """
    from kwx.cli.promoted import tell_done
    from kwx.models.registry.promotion import rollback as rolling_back

    tell_done(rolling_back(root, to=to), root=root, lake_root=lake_root, as_json=as_json, again=True)


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
    choice: Choice,
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
    done = accepting(out, choice=choice, root=root, stage=stage, config=config, snapshot=snapshot)
    print_json(accepted_as_json(done)) if as_json else tell_accepted(done)
    if not done.passed:
        raise ChecksFailed(
            f"{len(done.failures)} checks failed: {done.failures[0].name}",
            hint=f"read {done.files[0].parent}/06_summary.md",
        )


@models.command("config", epilog="Example:  kwx models config --city nyc --bracket between --profile production")
@click.option("--city", "word", required=True, help="City key or alias.")
@click.option("--bracket", required=True, type=click.Choice(BRACKETS[:3]), help="Type of bracket.")
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


models.add_command(predict)
models.add_command(study)
models.add_command(blend)
