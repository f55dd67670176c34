"""Colours that colour-blind people tell apart, and rows as drawings carry them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import combinations, pairwise

import numpy as np
import polars as pl
import pytest

from kwx.audits.coverage.cells import State
from kwx.plots import theme
from kwx.plots.coverage import STATE_COLOURS

LEAST_APART = 15.0
"""CIE76 ΔE in Lab: about six times what is just seen (2.3) where colours lie beside each other."""
LEAST_STEP = 8.0
"""Neighbours of a ladder of up to eight brackets lie beside each other in order, and need less."""

# Machado, Oliveira and Fernandes 2009, severity 1.0, in linear RGB; rows of each sum to one.
SIGHTS = {
    "all colours": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ.sum(axis=1)

TOGETHER = {
    "sources": (*theme.SOURCE_COLOURS.values(), theme.TRUTH),
    "gains": (theme.GAIN, theme.LOSS, theme.IDLE),
    "curves": (theme.LINE, theme.BAND, theme.ALARM, theme.IDLE, theme.TRUTH),
    "categories": theme.CATEGORIES,
    "states": tuple(STATE_COLOURS.values()),
}


def linear(colour: str) -> np.ndarray:
    """Return sRGB as linear RGB."""
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(colour: str, sight: str) -> np.ndarray:
    """Return a colour as it is seen, in CIE Lab under D65."""
    xyz = TO_XYZ @ np.clip(SIGHTS[sight] @ linear(colour), 0, 1) / WHITE
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def apart(one: str, other: str, sight: str) -> float:
    """Return how far apart two colours are seen."""
    return float(np.linalg.norm(lab(one, sight) - lab(other, sight)))


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("colours", TOGETHER.values(), ids=TOGETHER)
def test_colours_that_stand_together_are_told_apart(colours, sight):
    """By everybody."""
    near = [(a, b, apart(a, b, sight)) for a, b in combinations(colours, 2) if apart(a, b, sight) < LEAST_APART]

    assert [] == near


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("n", range(2, 9))
def test_brackets_beside_each_other_are_told_apart_and_grow_lighter(n, sight):
    """The order of the ladder is that of lightness, however colours are seen."""
    colours = theme.bracket_colours(n)

    assert n == len(colours) == len(set(colours))
    assert all(apart(*pair, sight) >= LEAST_STEP for pair in pairwise(colours))
    assert all(lab(one, sight)[0] < lab(other, sight)[0] for one, other in pairwise(colours))


def test_the_measure_sees_colours_that_are_confused():
    """Red and green of one lightness are apart for most, and alike without one of two pigments."""
    assert apart("#c00000", "#4f7f00", "all colours") > 80
    assert apart("#c47f00", "#7f9a00", "deuteranopia") < LEAST_APART
    assert all(matrix.sum(axis=1) == pytest.approx(1, abs=2e-6) for matrix in SIGHTS.values())


def test_every_state_of_a_day_has_a_colour():
    """Those of the audit of coverage."""
    assert {str(state) for state in State} == set(STATE_COLOURS)


def test_rows_are_carried_as_json_can_hold_them():
    """Instants with their zone, dates as text, nothing for what is no number."""
    at = datetime(2026, 3, 1, 6, 5, tzinfo=UTC)
    rows = pl.DataFrame(
        {
            "ts_utc": [at] * 3, "event_date": [date(2026, 3, 1)] * 3, "p": [0.5, float("nan"), float("inf")],
            "n": [1, 2, None], "cost": [Decimal("1.25")] * 3, "word": ["a", "b", None],
        }
    )  # fmt: skip

    values = theme.inline(rows).to_dict()["values"]

    assert {
        "ts_utc": "2026-03-01T06:05:00Z", "event_date": "2026-03-01", "p": 0.5, "n": 1, "cost": 1.25, "word": "a",
    } == values[0]  # fmt: skip
    assert [None, None] == [value["p"] for value in values[1:]]
    assert (None, None) == (values[2]["n"], values[2]["word"])
