"""Brackets: whole degrees, both ends included, from strikes, words and siblings."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import ContractBroken, Unparsable
from warehouse.market.brackets import Bracket, missing_bracket, require_tiling

REAL_EVENT = [Bracket(None, 69), Bracket(70, 71), Bracket(72, 73), Bracket(74, 75), Bracket(76, 77), Bracket(78, None)]


@st.composite
def tilings(draw) -> list[Bracket]:
    """Draw an event: two tails and brackets of any width between them."""
    edges = sorted(draw(st.sets(st.integers(-60, 130), min_size=1, max_size=8)))
    middles = [Bracket(low, high - 1) for low, high in pairwise(edges)]
    return draw(st.permutations([Bracket(None, edges[0] - 1), *middles, Bracket(edges[-1], None)]))


@pytest.mark.parametrize(
    ("strike_type", "floor", "cap", "expected"),
    [
        ("less", None, 70, Bracket(None, 69)),
        ("less", None, 70.5, Bracket(None, 70)),
        ("less", None, -3, Bracket(None, -4)),
        ("less", None, 0, Bracket(None, -1)),
        ("between", 70, 71, Bracket(70, 71)),
        ("between", -3, -2, Bracket(-3, -2)),
        ("between", 69.5, 71.5, Bracket(70, 71)),
        ("greater", 77, None, Bracket(78, None)),
        ("greater", 70.5, None, Bracket(71, None)),
        ("greater", -5, None, Bracket(-4, None)),
        ("greater", 70.0, None, Bracket(71, None)),
    ],
)
def test_strikes_become_inclusive_whole_degrees(strike_type, floor, cap, expected):
    """The tails are strict and the middle includes both ends, for fractional and negative strikes too."""
    assert expected == Bracket.from_strikes(strike_type, floor_strike=floor, cap_strike=cap)


@pytest.mark.parametrize(
    ("strike_type", "floor", "cap"),
    [
        ("less", 70, None),
        ("greater", None, 70),
        ("between", 70, None),
        ("between", 71, 70),
        ("between", 70.2, 70.8),
        ("custom", 70, 71),
        ("", None, None),
        ("less", None, math.nan),
        ("greater", math.inf, None),
    ],
)
def test_strikes_that_name_no_degree_are_refused(strike_type, floor, cap):
    """A missing, reversed, empty or infinite strike is no bracket."""
    with pytest.raises(Unparsable):
        Bracket.from_strikes(strike_type, floor_strike=floor, cap_strike=cap)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("69° or below", Bracket(None, 69)),
        ("-8° or below", Bracket(None, -8)),
        ("\N{MINUS SIGN}8° or below", Bracket(None, -8)),
        ("69 or lower", Bracket(None, 69)),
        ("70° to 71°", Bracket(70, 71)),
        ("70° to 71°F", Bracket(70, 71)),
        ("70 to 71", Bracket(70, 71)),
        ("70-71°", Bracket(70, 71)),
        ("70\N{EN DASH}71°", Bracket(70, 71)),
        ("-3° to -2°", Bracket(-3, -2)),
        ("-3--2", Bracket(-3, -2)),
        ("-1° to 0°", Bracket(-1, 0)),
        ("78° or above", Bracket(78, None)),
        ("78 °F or higher", Bracket(78, None)),
        ("78 degrees or more", Bracket(78, None)),
        ("70.5° or above", Bracket(71, None)),
    ],
)
def test_words_become_inclusive_whole_degrees(text, expected):
    """Every degree that a subtitle names is included, with and without its sign."""
    assert expected == Bracket.from_subtitle(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "70°",
        "above 70°",
        "70° to",
        "71° to 70°",
        "70° or so",
        "\u0667\u0660° or below",
        "70° and 71°",
        "99999999999° or below",
    ],
)
def test_words_that_do_not_say_the_degrees_are_refused(text):
    """A subtitle is read whole or not at all."""
    with pytest.raises(Unparsable):
        Bracket.from_subtitle(text)


@given(tilings())
def test_strikes_of_a_bracket_give_the_bracket_back(event):
    """Strikes and bounds are two spellings of one bracket."""
    for bracket in event:
        floor, cap = bracket.strikes
        assert bracket == Bracket.from_strikes(bracket.strike_type, floor_strike=floor, cap_strike=cap)


def test_a_bracket_needs_a_bound():
    """A market that always pays is no market."""
    with pytest.raises(Unparsable, match="without any bound"):
        Bracket(None, None)


@given(tilings(), st.integers(-80, 150))
def test_a_tiling_pays_exactly_once(event, settled_f):
    """Whatever the day's high is, one bracket of the event pays."""
    require_tiling(event, event="KXHIGHNY-26OCT04")

    assert 1 == sum(settled_f in bracket for bracket in event)


@given(tilings(), st.data())
def test_the_siblings_name_the_one_missing_bracket(event, data):
    """Of a tiling without one bracket, the gap is that bracket."""
    lost = data.draw(st.sampled_from(event if len(event) > 2 else event[:1]))

    found = missing_bracket([bracket for bracket in event if bracket != lost], event="KXHIGHNY-26OCT04")

    assert lost == found


@pytest.mark.parametrize(
    ("brackets", "said"),
    [
        ([], "unpaid"),
        (REAL_EVENT[1:], "unpaid"),
        (REAL_EVENT[:-1], "unpaid"),
        ([*REAL_EVENT[:2], *REAL_EVENT[3:]], "70 to 71, 74 to 75 overlap or leave a gap"),
        ([*REAL_EVENT, Bracket(71, 72)], "overlap or leave a gap"),
        ([*REAL_EVENT, Bracket(None, 65)], "overlap or leave a gap"),
        ([*REAL_EVENT, REAL_EVENT[2]], "overlap or leave a gap"),
    ],
)
def test_an_event_that_does_not_tile_is_refused(brackets, said):
    """A gap, an overlap or a missing tail is named with its event."""
    with pytest.raises(ContractBroken, match=f"KXHIGHCHI-26OCT04.*{said}"):
        require_tiling(brackets, event="KXHIGHCHI-26OCT04")


@pytest.mark.parametrize(
    "brackets", [[], REAL_EVENT, [REAL_EVENT[0], REAL_EVENT[2], REAL_EVENT[4], REAL_EVENT[5]], REAL_EVENT[1:-1]]
)
def test_more_or_less_than_one_gap_names_no_bracket(brackets):
    """Nothing is guessed when the siblings leave a choice."""
    with pytest.raises(ContractBroken, match="gaps, not one"):
        missing_bracket(brackets, event="KXHIGHCHI-26OCT04")


def test_a_gap_among_overlapping_siblings_names_no_bracket():
    """A gap is trusted only where it completes the tiling."""
    with pytest.raises(ContractBroken, match="overlap"):
        missing_bracket([Bracket(None, 69), Bracket(68, 71), Bracket(74, None)], event="KXHIGHCHI-26OCT04")
