"""What is looked up of a table or a view is whole: every column has a meaning, and its unit is what its name says."""

from __future__ import annotations

import pytest

from warehouse.errors import Usage
from warehouse.lake.reference import entries, entry, unit_of
from warehouse.lake.statements import statements
from warehouse.lake.tables import TABLES
from warehouse.lake.tables.derived import DERIVED, DERIVED_IN

# Numbers whose name ends like a unit and is none, or whose unit is said more closely than by the ending.
_CLOSER = {"whole °F": "°F"}


def columns():
    """Return every column of every table and view with the name of its relation."""
    return [(told.name, column) for told in entries().values() for column in told.columns]


def test_every_table_and_view_is_there():
    """Tables come in the order data flow, then views."""
    assert [*TABLES, *statements("views")] == list(entries())


def test_every_relation_says_what_a_row_is_and_when_it_is_known():
    """Meaning, grain and known are never left out, and the grain is made of columns."""
    silent = [told.name for told in entries().values() if not (told.meaning and told.known and told.grain)]
    foreign = [told.name for told in entries().values() if not set(told.grain) <= {c.name for c in told.columns}]

    assert [] == silent
    assert [] == foreign


def test_every_column_has_a_meaning_in_words():
    """No column is left to be guessed."""
    assert [] == [f"{relation}.{column.name}" for relation, column in columns() if len(column.meaning.split()) < 2]


def test_a_unit_is_the_one_that_the_name_says():
    """A column that ends in a unit is in that unit, in tables and views alike."""
    wrong = [
        f"{relation}.{column.name}: {column.unit}"
        for relation, column in columns()
        if (said := unit_of(column.name)) and _CLOSER.get(column.unit, column.unit) != said
    ]

    assert [] == wrong


def test_words_for_columns_of_views_are_of_columns_that_views_have():
    """What is said of a column that is gone is gone too."""
    of_views = {
        (told.name, column.name) for told in entries().values() if told.kind == "view" for column in told.columns
    }

    assert set() == DERIVED.keys() - {name for _, name in of_views}
    assert set() == DERIVED_IN.keys() - of_views


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("yes_bid_ticks", "ticks of $0.0001"),
        ("mid_half_ticks", "ticks of $0.00005"),
        ("p_wx", "probability"),
        ("city", ""),
    ],
)
def test_a_name_says_its_unit(name, unit):
    """The longest ending counts, and a name without one says nothing."""
    assert unit == unit_of(name)


def test_an_unknown_name_is_told_what_there_is():
    """The hint lists every table and view."""
    with pytest.raises(Usage, match="no table or view 'panel'") as refused:
        entry("panel")

    assert "minute_panel_full" in refused.value.hint
