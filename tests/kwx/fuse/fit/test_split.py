"""Dates to fit and dates to judge by, and refusals of too few of them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from kwx.fuse.fit.split import require_dates, split_dates
from kwx.fuse.pools import POOLS
from warehouse.errors import Refused

SPAN = (date(2026, 9, 1), date(2026, 9, 30))


def test_no_event_is_on_both_sides_nor_its_neighbour(sample_of):
    """The later third is held out, and the date before it belongs to neither."""
    sample = sample_of(days=30)
    split = split_dates(sample, held_out=1 / 3, span=SPAN)

    earlier, later = split.parts(sample)

    assert (19, 10) == (len(earlier.days), len(later.days))
    assert (later.days[0] - earlier.days[-1]).astype(int) == 2
    assert np.datetime64(split.until) == later.days[-1]


def test_fewer_dates_than_numbers_are_refused(sample_of):
    """The error says how many there are, how many are needed, and what to do until then."""
    with pytest.raises(Refused, match=r"9 settled dates .* 13 are needed: 6 to fit 6 numbers") as refusal:
        require_dates(sample_of(days=9), POOLS, held_out=1 / 3, span=SPAN)

    assert "--weight" in refusal.value.hint


def test_as_many_dates_as_it_says_are_enough(sample_of):
    """What the refusal asks for is accepted."""
    require_dates(sample_of(days=13), POOLS, held_out=1 / 3, span=SPAN)
    require_dates(sample_of(days=11), ("linear",), held_out=1 / 3, span=SPAN)
