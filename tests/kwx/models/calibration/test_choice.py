"""Choosing a calibrator: by later days, beyond chance, the simplest of equals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from kwx.models.calibration.choice import BY_CHANCE, NONE, choose, forward_parts
from kwx.models.calibration.isotonic import LEAST_ROWS
from kwx.models.calibration.rows import first_served, last_fitted, usable_rows
from warehouse.errors import Refused
from warehouse.market.climate_day import opens_utc

PARAMETRIC = ("temperature", "platt", "beta")
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def test_what_is_too_sure_is_mended_by_the_fewest_numbers_that_do(rows_where):
    """The log-odds were multiplied by one number, so one number is enough; the others are no better beyond chance."""
    choice = choose(rows_where(60, 2, sharpness=3.0))

    assert choice.method == "temperature"
    assert abs(choice.calibrator.sharpness - 1 / 3) < 0.12
    assert choice.of("temperature").log_gain.high < 0
    assert choice.of("temperature").ece.value < choice.of(NONE).ece.value
    assert choice.of("temperature").brier.low < choice.of("temperature").brier.value
    assert choice.before.brier.miscalibration > choice.after.brier.miscalibration


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_done_to_honest_probabilities(rows_where, seed):
    """Whatever chance offers: no method beats them beyond it."""
    choice = choose(rows_where(40, 4, sharpness=1.0, seed=seed))

    assert choice.method == NONE
    assert choice.calibrator.apply(np.array([0.0, 0.3, 1.0])).tolist() == [0.0, 0.3, 1.0]
    assert all(one.against for one in choice.judged[1:])


def test_a_shift_needs_more_than_one_number(rows_where):
    """Where what is said is too high throughout, a temperature does not do."""
    rows = rows_where(80, 2, sharpness=1.0)
    high = replace(rows, p=rows.p**0.35)

    choice = choose(high)

    assert choice.method in ("platt", "beta")
    assert choice.of(choice.method).brier.value < choice.of("temperature").brier.value


def test_every_judged_row_is_later_than_what_it_is_judged_by(rows_where):
    """A date lies between, and every label used was known when the first market of the part opened."""
    rows = rows_where(20, 1, sharpness=1.0)

    for earlier, part in forward_parts(rows):
        assert earlier.days[-1] <= part.days[0] - timedelta(days=2)
        assert earlier.known_utc.max() <= np.datetime64(opens_utc(part.days[0]).replace(tzinfo=None))


def test_later_days_do_not_move_what_is_said_of_earlier_ones(rows_where):
    """Poison the outcomes and the predictions of the last part: what is judged of the parts before stays to the bit."""
    rows = rows_where(40, 6, sharpness=2.0)
    last = list(forward_parts(rows))[-1][1]
    poisoned = replace(
        rows, p=np.where(rows.day >= last.day[0], 0.01, rows.p), hit=np.where(rows.day >= last.day[0], True, rows.hit)
    )

    before, after = choose(rows), choose(poisoned)

    kept = before.judged_rows - len(last)
    for one, other in zip(before.judged[1:], after.judged[1:], strict=True):
        assert one.p[:kept].tobytes() == other.p[:kept].tobytes()
        assert one.p[kept:].tobytes() != other.p[kept:].tobytes()


def test_the_order_of_rows_and_the_run_change_nothing(rows_where):
    """The same rows in another order give the same bytes."""
    rows = rows_where(30, 2, sharpness=2.0)
    turned = rows.where(np.random.default_rng(1).permutation(len(rows)))

    one, other = choose(rows, seed=5), choose(turned, seed=5)

    assert one.calibrator == other.calibrator
    assert [judged.brier for judged in one.judged] == [judged.brier for judged in other.judged]


def test_isotonic_is_judged_from_a_thousand_rows_on(rows_where):
    """Each of its fits needs them; forced on fewer it is refused."""
    few, many = rows_where(16, 2, sharpness=2.0), rows_where(16, 80, sharpness=2.0)

    assert min(len(earlier) for earlier, _ in forward_parts(many)) >= LEAST_ROWS
    assert "isotonic" not in [one.method for one in choose(few).judged]
    assert "isotonic" in [one.method for one in choose(many).judged]
    with pytest.raises(Refused, match="isotonic needs 1,000 rows"):
        choose(few, forced="isotonic")


def test_a_forced_method_is_taken_and_what_speaks_against_it_is_told(rows_where):
    """Also where it does no good."""
    choice = choose(rows_where(40, 4, sharpness=1.0), forced="platt")

    assert (choice.method, choice.calibrator.method) == ("platt", "platt")
    assert choice.of("platt").against


def test_too_few_dates_choose_nothing(rows_where):
    """Twelve are needed."""
    with pytest.raises(Refused, match="11 settled dates are too few"):
        choose(rows_where(11, 10, sharpness=2.0))


def test_labels_count_only_as_far_as_they_were_known(rows_where):
    """A label that came after the first market served had opened is left out, and so its day."""
    rows = rows_where(20, 1, sharpness=1.0)
    until = rows.days[-1]
    late = np.where(rows.day == rows.day[-1], rows.known_utc + np.timedelta64(3, "h"), rows.known_utc)

    whole, ends = usable_rows(rows, since=rows.days[0], until=until, fitted_utc=LATER)
    less, ends_less = usable_rows(replace(rows, known_utc=late), since=rows.days[0], until=until, fitted_utc=LATER)

    assert (whole.days[-1], ends) == (until, until)
    assert (less.days[-1], ends_less) == (until - timedelta(days=1), until - timedelta(days=1))


def test_where_every_label_is_late_the_fit_serves_a_day_later_instead_of_never(rows_where):
    """Known at 15:00 UTC of the next day, an hour after the markets of the second day after have opened."""
    rows = rows_where(20, 1, sharpness=1.0)
    late = replace(rows, known_utc=rows.known_utc + np.timedelta64(3, "h"))

    usable, ends = usable_rows(late, since=rows.days[0], until=rows.days[-1], fitted_utc=LATER)

    assert (usable.days[-1], ends) == (rows.days[-2], rows.days[-1])
    assert usable.known_utc.max() <= np.datetime64(opens_utc(first_served(ends)).replace(tzinfo=None))


def test_a_fit_knows_nothing_after_it_was_made(rows_where):
    """Labels known later than the fit is said to be made are left out."""
    rows = rows_where(20, 1, sharpness=1.0)

    usable, _ = usable_rows(rows, since=rows.days[0], until=rows.days[-1], fitted_utc=datetime(2026, 3, 10, tzinfo=UTC))

    assert usable.days[-1] == date(2026, 3, 8)
    assert last_fitted(first_served(date(2026, 3, 8))) == date(2026, 3, 8)


def test_what_is_refused_by_chance_alone_says_how_many_dates_its_gain_needs(rows_where):
    """More than were judged; what made a score larger has no such number, nor has what is chosen."""
    few = choose(rows_where(14, 4, sharpness=1.6, seed=3), methods=PARAMETRIC)
    many = choose(rows_where(60, 2, sharpness=3.0), methods=PARAMETRIC)

    refused = [one for one in few.judged if one.against == BY_CHANCE]
    assert len(refused) == 2
    assert all(one.needs_dates > len(few.judged_days) for one in refused)
    assert all(one.needs_dates is None for one in few.judged if one.against != BY_CHANCE)
    assert many.method != NONE
    assert many.of(many.method).needs_dates is None


def test_a_method_without_rows_enough_is_named_with_what_it_needs(rows_where):
    """Isotonic is not judged on a few hundred rows, and where it has enough it is."""
    few, many = choose(rows_where(14, 4, sharpness=2.0)), choose(rows_where(40, 40, sharpness=2.0))

    assert {"isotonic"} == set(few.unjudged)
    assert "needs 1,000 rows; the first dates have" in few.unjudged["isotonic"]
    assert {} == many.unjudged
    assert "isotonic" in {one.method for one in many.judged}
