"""`kwx hazard …`: what a person and a machine get, in every form, and the documented exit codes."""

from __future__ import annotations

import json
from datetime import date

import polars as pl
import pytest

from warehouse.lake.store import Lake
from warehouse.lake.tables import PMF_MINUTE, Partition

COMMANDS = ("fit-params", "run-day", "backfill", "check-pmf-sum", "evaluate-morning", "hazard-trace")
DAY = ("--city", "chi", "--date", "2026-11-02")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_hazard_command_has_help_with_an_example_and_the_same_forms(command, name):
    """`--help` ends in something to copy; each command answers in a table, JSON, CSV, Parquet and a chart."""
    code, out, _ = command("hazard", name, "--help")

    assert 0 == code
    assert f"Example:  kwx hazard {name}" in out
    assert all(form in out for form in ("--json", "--csv", "--parquet", "--plot", "--lake"))


def test_a_day_is_shown_hour_by_hour_with_its_high(command, hazard_lake):
    """The table names the brackets, the hazards, the quality, and ends in what came."""
    code, out, _ = command("hazard", "hazard-trace", *DAY, lake=hazard_lake)

    assert 0 == code
    assert all(word in out for word in ("eve 23:00", "24:00", "57 to 58", "60 min", "timeline vc", "settled on 64 °F"))


def test_a_trace_has_every_form(command, hazard_lake, tmp_path):
    """JSON, CSV and Parquet hold the same rows; the chart is a drawing."""
    files = {form: tmp_path / f"trace.{form}" for form in ("csv", "parquet")}
    words = [word for form, path in files.items() for word in (f"--{form}", path)]

    _, out, err = command("hazard", "hazard-trace", *DAY, "--json", *words, "--plot", "t.svg", lake=hazard_lake)

    said = json.loads(out)
    assert 305 * 6 == len(said["rows"]) == pl.read_csv(files["csv"]).height == pl.read_parquet(files["parquet"]).height
    assert ("chicago", 64) == (said["city"], said["label_f"])
    assert (tmp_path / "t.svg").read_text().startswith("<svg")
    assert 3 == err.count("written to")


@pytest.mark.parametrize("ending", ["html", "png"])
def test_a_chart_stands_alone(command, hazard_lake, tmp_path, ending):
    """A page has no script: nothing is fetched when it is opened."""
    command("hazard", "check-pmf-sum", "--plot", f"c.{ending}", lake=hazard_lake)

    drawn = (tmp_path / f"c.{ending}").read_bytes()
    assert len(drawn) > 5_000
    assert not any(fetched in drawn for fetched in (b"<script src", b"<link", b"cdn.jsdelivr"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--plot", "chart.pdf"), "a chart ends in .svg, .png, .html"),
        (("--csv", "nowhere/rows.csv"), "there is no folder"),
        (("--engine", "grid"), "is not one of 'lattice', 'simulate'"),
        (("--paths", "100"), "the lattice draws none"),
        (("--city", "atlantis"), "atlantis"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_run(command, hazard_lake, words, said):
    """Exit 2, with the words that would have been right."""
    code, _, err = command("hazard", "run-day", *DAY, *words, lake=hazard_lake)

    assert 2 == code
    assert said in " ".join(err.split())


def test_without_a_lake_it_is_said_how_to_get_one(command, tmp_path):
    """Exit 1 and the command to type."""
    code, _, err = command("hazard", "backfill", lake=tmp_path / "nowhere")

    assert 1 == code
    assert "kwx lake build" in err


def test_a_city_without_fitted_parameters_is_refused_with_the_command_to_type(command, hazard_lake):
    """Exit 3: nothing is run on parameters of nobody."""
    code, _, err = command("hazard", "run-day", "--city", "nyc", "--date", "2026-11-02", lake=hazard_lake)

    assert 3 == code
    assert "a fit needs 7 days of reports, and 4 are there; more of them: kwx ingest obs --city nyc" in err


def test_run_day_publishes_and_says_so(command, own_lake):
    """The day is stored, shown, and told with its snapshot."""
    words = ("hazard", "run-day", "--city", "chicago", "--date", "2026-10-31", "--baseline", "hold_last")

    code, out, _ = command(*words, "--panel", lake=own_lake)

    stored = Lake(own_lake).snapshot().read(PMF_MINUTE, Partition("chicago", date(2026, 10, 31)))
    assert (0, ["v1_grid5_lattice_hold_last"]) == (code, stored["mc_version"].unique().to_list())
    assert f"published as snapshot {Lake(own_lake).current_number()}" in out


def test_a_day_that_is_held_is_shown_as_it_is_held(command, own_lake, put):
    """Made of the same it is not run, unless asked for: no new snapshot, the stored rows are printed, exit 0."""
    words, partition = ("hazard", "run-day", *DAY, "--csv", "day.csv"), Partition("chicago", date(2026, 11, 2))
    rows = Lake(own_lake).snapshot().read(PMF_MINUTE, partition).select(PMF_MINUTE.schema.names())
    put(own_lake, PMF_MINUTE, rows.with_columns(hazard_next_5m=pl.lit(0.125)), partition)
    marked = Lake(own_lake).current_number()

    held = command(*words, lake=own_lake)
    shown, number = pl.read_csv("day.csv"), Lake(own_lake).current_number()
    again = command(*words, "--again", lake=own_lake)

    assert (0, marked, [0.125]) == (held[0], number, shown["hazard_next_5m"].unique().to_list())
    assert f"nothing differed from snapshot {marked}" in held[1]
    assert f"published as snapshot {marked + 1}" in again[1]
    assert rows.equals(Lake(own_lake).snapshot().read(PMF_MINUTE, partition).select(rows.columns))


def test_a_backfill_with_nothing_to_do_says_so(command, hazard_lake):
    """Days that are held are counted, not run."""
    code, out, _ = command("hazard", "backfill", "--city", "chicago", "--since", "2026-11-01", lake=hazard_lake)

    assert 0 == code
    assert "nothing to do" in out


def test_a_sum_that_is_not_one_ends_with_3(command, own_lake, put):
    """And the event is named."""
    partition = Partition("chicago", date(2026, 11, 2))
    rows = Lake(own_lake).snapshot().read(PMF_MINUTE, partition).select(PMF_MINUTE.schema.names())
    put(own_lake, PMF_MINUTE, rows.with_columns(pl.col("p_wx") * 0.9), partition)

    code, out, _ = command("hazard", "check-pmf-sum", lake=own_lake)

    assert 3 == code
    assert "NOT every sum is 1" in out
    assert "KXHIGHCHI-26NOV02" in out


def test_mornings_are_told_by_instant_with_their_references(command, hazard_lake):
    """Two instants of two days; a high that stays and the truth of the demo world beside them."""
    code, out, _ = command("hazard", "evaluate-morning", "--at", "10:00", "--at", "16:00", "--json", lake=hazard_lake)

    said = json.loads(out)
    assert (0, 4) == (code, len(said["rows"]))
    assert {"", "hold_last", "truth"} == {line["against"] for line in said["summary"]}
    assert said["rows"][0].keys() >= {"label_f", "p_winner", "crps", "log_loss", "crps_climatology", "log_loss_truth"}


def test_mornings_are_shown_and_drawn(command, hazard_lake, tmp_path):
    """A table of days, one of means, the verdict on reliability, and a chart."""
    code, out, _ = command("hazard", "evaluate-morning", "--plot", "e.svg", lake=hazard_lake)

    assert 0 == code
    assert all(word in out for word in ("09:00-11:00 lst", "hold_last", "reliability of the brackets"))
    assert "reliability" in (tmp_path / "e.svg").read_text()


def test_a_fit_of_too_few_days_is_refused_with_the_number_it_needs(command, hazard_lake):
    """Exit 3; nothing is stored."""
    code, _, err = command("hazard", "fit-params", "--city", "chicago", "--workers", "1", lake=hazard_lake)

    assert 3 == code
    assert "a fit needs 7 days" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", "10:02"), "the nearest is 10:00"),
        (("--at", "10:00", "--from", "09:00"), "say one of the two"),
    ],
)
def test_an_instant_that_is_never_evaluated_is_refused(command, hazard_lake, words, said):
    """Evaluations are five minutes apart; an instant and a window exclude each other."""
    code, _, err = command("hazard", "evaluate-morning", *words, lake=hazard_lake)

    assert 2 == code
    assert said in " ".join(err.split())


def test_traces_of_two_days_can_be_stacked(command, hazard_lake):
    """The columns are the same for every day, whatever its brackets."""
    days = []
    for day in ("01", "02"):
        words = ("--city", "chi", "--date", f"2026-11-{day}", "--parquet", "t.parquet")
        command("hazard", "hazard-trace", *words, lake=hazard_lake)
        days.append(pl.read_parquet("t.parquet"))

    both = pl.concat(days)
    sums = both.group_by("event_date", "ts_utc").agg(pl.col("p_wx").sum())["p_wx"]
    assert ["city", "event_date", "mc_version", "ts_utc"] == both.columns[:4]
    assert 2 * 305 == sums.len()
    assert (sums - 1).abs().max() < 1e-9
