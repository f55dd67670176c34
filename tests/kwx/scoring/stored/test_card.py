"""The score card: means that can be worked out, honest skill, slices that lose no row, intervals with their counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from kwx.scoring.implied import implied_degrees
from kwx.scoring.stored.card import score_card
from kwx.scoring.stored.ladders import read_ladders
from kwx.scoring.stored.moments import every
from kwx.scoring.stored.scored import contracts_of, implied_rows, row_scores
from kwx.scoring.stored.slices import SLICES
from warehouse.errors import Refused
from warehouse.lake.store import Lake


@pytest.fixture(scope="module")
def ladders(long_lake):
    return read_ladders(Lake(long_lake).snapshot(), every(180))


@pytest.fixture(scope="module")
def card(ladders):
    return score_card(ladders, by=SLICES, against="p_mkt")


def one(card, score, *, source="p_wx", by="source", name="all"):
    """Return one line."""
    here = (pl.col("by") == by) & (pl.col("slice") == name) & (pl.col("source") == source) & (pl.col("score") == score)
    return card.lines.filter(here).row(0, named=True)


def test_the_log_loss_is_the_mean_over_the_rows(ladders, card):
    """Minus the logarithm of the winner's probability, one row as good as another."""
    won = ladders.p["p_wx"][np.arange(ladders.rows.height), ladders.winner]

    line = one(card, "log_loss")

    assert pytest.approx(-np.log(np.maximum(won, 1e-4)).mean()) == line["value"]
    assert (ladders.rows.height, 24, 24) == (line["n"], line["events"], line["dates"])


def test_every_number_has_its_count_its_interval_and_its_snapshot(ladders, card):
    """Only what is compared with itself has none; every interval holds its number."""
    assert 0 == card.lines.select("snapshot", "value", "n", "events", "dates", "level").null_count().row(0)[0]
    enough = card.lines.filter(pl.col("dates") >= 6)
    assert 0 == enough["low"].null_count() == enough["high"].null_count()
    assert enough.filter(
        (pl.col("low") > pl.col("value") + 1e-9) | (pl.col("high") < pl.col("value") - 1e-9)
    ).is_empty()
    assert {ladders.snapshot} == set(card.lines["snapshot"])


def test_skill_is_one_minus_the_ratio_of_the_means_told_beside_it(card):
    """Of the same rows, for the log loss and the Brier score, in every slice."""
    wide = card.lines.pivot("score", index=["by", "slice", "source"], values="value")
    both = wide.join(wide.filter(pl.col("source") == "p_mkt"), on=["by", "slice"], suffix="_mkt")
    ours = both.filter(pl.col("source") != "p_mkt")

    for score in ("log_loss", "brier"):
        assert np.allclose(1 - ours[score] / ours[f"{score}_mkt"], ours[f"skill_{score}"])


def test_the_better_forecast_has_skill_and_the_reference_none(card):
    """The weather of this world is surer than its market and right: below 0 is better to Diebold and Mariano."""
    line = one(card, "skill_log_loss")

    assert 0 < line["low"] < line["high"]
    assert line["statistic"] < 0
    assert line["p_value"] < 0.05
    assert card.lines.filter(pl.col("source") == "p_mkt", pl.col("score").str.starts_with("skill")).is_empty()


def test_the_parts_add_up_to_the_brier_score(card):
    """MCB − DSC + UNC, in every slice, because all events of this world have six brackets."""
    wide = card.lines.pivot("score", index=["by", "slice", "source"], values="value")

    parts = wide["miscalibration"] - wide["discrimination"] + wide["uncertainty"]

    assert np.allclose(wide["brier"], parts)
    assert pytest.approx(5 / 36) == wide["uncertainty"][0]


@pytest.mark.parametrize("by", SLICES)
def test_slices_lose_no_row(card, by):
    """Their counts and their sums of losses are those of all rows."""
    lines = card.lines.filter(pl.col("by") == by, pl.col("source") == "p_wx", pl.col("score") == "log_loss")

    assert card.rows == lines["n"].sum()
    assert pytest.approx(one(card, "log_loss")["value"] * card.rows) == (lines["value"] * lines["n"]).sum()


def test_a_certain_forecast_that_comes_true_scores_nothing(ladders):
    """Every loss is 0, the sharpness 1, and nothing can be gained on it."""
    perfect = np.eye(6)[ladders.winner]
    sure = replace(ladders, p={"p_wx": perfect, "p_mkt": perfect})

    card = score_card(sure, against="p_mkt")

    for score in ("log_loss", "brier", "brier_multi", "rps", "ece_width", "ece_mass", "miscalibration", "entropy_nats"):
        assert pytest.approx(0, abs=1e-12) == one(card, score)["value"]
    assert 1 == one(card, "p_largest")["value"] == one(card, "p_squares")["value"]
    assert one(card, "skill_log_loss")["value"] is None


def test_a_forecast_of_nothing_is_as_bad_as_it_says(ladders):
    """One sixth for every bracket: log 6, and no discrimination."""
    card = score_card(replace(ladders, p={"p_wx": np.full((ladders.rows.height, 6), 1 / 6)}))

    assert pytest.approx(np.log(6)) == one(card, "log_loss")["value"] == one(card, "entropy_nats")["value"]
    assert pytest.approx(0, abs=1e-12) == one(card, "discrimination")["value"]
    assert card.reliability["p_wx"].inside


def test_the_degrees_are_those_that_each_ladder_implies(ladders):
    """Rows of one event together are as rows alone."""
    first_f, pmf = implied_rows(ladders, "p_mkt")

    for row in (0, 40, ladders.rows.height - 1):
        brackets = ladders.shapes[ladders.ladder[row]].brackets
        first, expected = implied_degrees(ladders.p["p_mkt"][[row]], [(one.low_f, one.high_f) for one in brackets])
        assert first == first_f[row]
        assert np.allclose(expected[0], pmf[row, : expected.shape[1]])


def test_every_bracket_is_a_contract_of_its_row(ladders):
    """Six a row, one of which comes true; what is colder and the bracket itself never exceed one."""
    contracts = contracts_of(ladders, "p_wx")

    assert 6 * ladders.rows.height == len(contracts.p)
    assert {1} == set(np.bincount(contracts.row[contracts.hit]))
    assert (contracts.below + contracts.p <= 1 + 1e-9).all()


def test_all_sources_draw_the_same_luck_in_their_transforms(ladders):
    """Equal probabilities have equal transforms: sources differ by what they say alone."""
    twice = replace(ladders, p={"p_wx": ladders.p["p_wx"], "p_mkt": ladders.p["p_wx"]})

    ours, theirs = (row_scores(twice, source)["pit_mean"] for source in twice.sources)

    assert np.array_equal(ours, theirs)


def test_few_dates_have_values_and_no_intervals(priced_lake):
    """Two days: nothing is pretended; the skill is told without a test."""
    card = score_card(read_ladders(Lake(priced_lake).snapshot(), every(60)), against="p_mkt")

    assert 2 == card.dates
    assert card.lines["low"].is_null().all()
    assert card.lines.filter(pl.col("score") == "skill_log_loss")["value"].is_not_null().all()
    assert card.lines["p_value"].is_null().all()


def test_the_same_seed_gives_the_same_card(ladders, card):
    """A card can be made again; another seed moves its intervals, not its values."""
    again, other = (score_card(ladders, against="p_mkt", seed=seed) for seed in (0, 1))
    first = card.lines.filter(pl.col("by") == "source")

    assert first.equals(again.lines)
    assert not first["low"].equals(other.lines["low"])
    assert first.filter(pl.col("score") == "rps")["value"].equals(other.lines.filter(pl.col("score") == "rps")["value"])


def test_a_wider_level_is_a_wider_interval(ladders, card):
    """99 % reach further than 95 %, and say so."""
    wide = score_card(ladders, level=0.99)

    assert one(wide, "log_loss")["low"] < one(card, "log_loss")["low"]
    assert (0.99, 0.99) == (one(wide, "log_loss")["level"], wide.reliability["p_wx"].level)


def test_nothing_is_held_against_a_source_that_was_not_read(ladders):
    """The hint says how to read it."""
    with pytest.raises(Refused) as caught:
        score_card(replace(ladders, p={"p_wx": ladders.p["p_wx"]}), against="p_mkt")

    assert "--source p_mkt" in caught.value.hint
