"""What official words say of a day written by hand, and that each counts from when it was known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl

from kwx.features.tmax.day_so_far import day_so_far
from kwx.features.tmax.inputs import SIX_HOURS, TmaxInputs
from kwx.features.tmax.official import Official, official
from warehouse.market.climate_day import ClimateDay


def with_words(inputs: TmaxInputs, *words: tuple[float | None, float, float, int]) -> tuple[Official, ClimateDay]:
    """Return what is told of the first day, of words with the hours of start, end and knowledge, and degrees."""
    day = ClimateDay(inputs.city, inputs.dates[0])
    at = [None if hour is None else day.start_utc + timedelta(hours=hour) for word in words for hour in word[:3]]
    since, until, known = at[::3], at[1::3], at[2::3]
    frame = pl.DataFrame(
        {
            "event_date": [day.event_date] * len(words), "since_utc": since, "until_utc": until, "known_utc": known,
            "max_f": [word[3] for word in words],
        },
        schema=inputs.words.schema,
    )  # fmt: skip
    changed = replace(inputs, words=frame)
    return official(changed, day_so_far(changed)), day


def test_a_word_counts_from_the_first_step_that_knows_it(chicago: TmaxInputs):
    """It tells of the stretch to its own end, which grows old from there."""
    told, _ = with_words(chicago, (0, 12, 12.1, 71), (None, 16, 16.5, 74))

    step = {hour: round(12 * hour) for hour in (12, 12.25, 16.25, 16.5, 24)}
    assert np.isnan(told.max_f[0, : step[12] + 2]).all()
    assert told.max_f[0, step[12.25]] == told.max_f[0, step[16.25]] == 71
    assert told.max_f[0, step[16.5]] == told.max_f[0, step[24]] == 74
    assert told.age_minutes[0, step[12.25]] == 15
    assert told.age_minutes[0, step[16.5]] == 30


def test_a_stretch_that_reaches_into_the_day_before_says_nothing_of_this_one(chicago: TmaxInputs):
    """Six hours that began before midnight may have been warmest there."""
    told, _ = with_words(chicago, (-0.1, 5.9, 6, 99))

    assert np.isnan(told.max_f[0]).all()


def test_a_colder_word_takes_nothing_back(chicago: TmaxInputs):
    """The high of the day is the highest of its stretches, and the latest end is what is known the farthest."""
    told, _ = with_words(chicago, (0, 12, 12.1, 71), (12, 18, 18.1, 64))

    assert told.max_f[0, -1] == 71
    assert told.age_minutes[0, -1] == 360


def test_what_came_after_is_the_highest_report_stamped_later(chicago: TmaxInputs):
    """A report of before the end that became known after it is not of what came after."""
    told, day = with_words(chicago, (None, 16, 16.5, 74))

    grid = chicago.grid.filter(pl.col("event_date") == day.event_date)
    stamp = pl.col("ts_utc") - pl.duration(minutes="stale_minutes")
    later = grid.filter(stamp > day.start_utc + timedelta(hours=16))
    assert told.since_f[0, -1] == later["temp_f"].max()
    assert np.isnan(told.since_f[0, : 12 * 16]).all()


def test_the_lake_tells_bulletins_and_the_reports_of_the_afternoon(chicago: TmaxInputs):
    """No word speaks of what came after it, and none was known before its end."""
    words = chicago.words
    assert words["since_utc"].null_count() == len(chicago.dates)
    assert words.drop_nulls("since_utc").height >= 3 * len(chicago.dates)
    stretches = words.drop_nulls("since_utc").select(pl.col("until_utc") - pl.col("since_utc")).to_series()
    assert set(stretches) == {SIX_HOURS}
    assert (words["known_utc"] >= words["until_utc"]).all()


def test_no_word_of_a_high_is_above_what_the_day_settled_on(chicago: TmaxInputs):
    """They are maxima of parts of the day."""
    told = official(chicago, day_so_far(chicago)).max_f
    labels = np.array([dict(chicago.labels.select("event_date", "label_f").iter_rows())[day] for day in chicago.dates])
    assert (np.nan_to_num(told, nan=-99) <= labels[:, None]).all()
    assert np.nanmax(told, axis=1).tolist() == labels.tolist()


def test_the_floor_and_the_ceiling_are_what_words_and_reports_leave(chicago: TmaxInputs):
    """Without a word they are those of the reports; a word lifts the floor, or tells which degree a report meant."""
    so_far = day_so_far(chicago)
    plain, _ = with_words(chicago)
    top, low = (int(np.nanmax(values[0])) for values in (so_far.run_max_hi_f, so_far.run_max_lo_f))
    lifted, _ = with_words(chicago, (None, 23, 23.5, top + 5))
    lowered, _ = with_words(chicago, (None, 23, 23.5, low))

    np.testing.assert_array_equal(plain.floor_f, so_far.run_max_lo_f)
    np.testing.assert_array_equal(plain.ceiling_f, so_far.run_max_hi_f)
    assert lifted.floor_f[0, -1] == lifted.ceiling_f[0, -1] == top + 5
    assert lowered.floor_f[0, -1] == lowered.ceiling_f[0, -1] == low


def test_a_stretch_that_reaches_into_the_day_before_bounds_from_above_alone(chicago: TmaxInputs):
    """A front may have passed at midnight: the day was warmest as it began, and no later word may say otherwise."""
    so_far = day_so_far(chicago)
    top = int(np.nanmax(so_far.run_max_hi_f[0]))
    told, _ = with_words(chicago, (-0.1, 6, 6.1, top + 3), (6, 12, 12.1, 20), (12, 18, 18.1, 20))

    assert told.max_f[0, -1] == 20
    assert told.ceiling_f[0, -1] == top + 3
    assert told.floor_f[0, -1] == so_far.run_max_lo_f[0, -1]


def test_what_is_told_ends_where_a_word_is_missing(chicago: TmaxInputs):
    """Of the hours between nobody knows but the reports."""
    told, _ = with_words(chicago, (0, 6, 6.1, 50), (12, 18, 18.1, 20))

    assert told.age_minutes[0, -1] == 18 * 60
    assert told.ceiling_f[0, -1] >= told.floor_f[0, -1]
    alone, _ = with_words(chicago, (12, 18, 18.1, 20))
    assert np.isnan(alone.age_minutes[0]).all()
    np.testing.assert_array_equal(alone.ceiling_f[0], day_so_far(chicago).run_max_hi_f[0])


def test_on_whole_days_the_high_lies_between_floor_and_ceiling(chicago: TmaxInputs):
    """At their end hardly a degree is left open."""
    told = official(chicago, day_so_far(chicago))
    labels = np.array([dict(chicago.labels.select("event_date", "label_f").iter_rows())[day] for day in chicago.dates])

    assert (told.floor_f[:, -1] <= labels).all()
    assert (labels <= told.ceiling_f[:, -1] + 1).all()
    assert (told.ceiling_f[:, -1] - told.floor_f[:, -1] <= 1).all()
