"""What breaks a law is refused with its words; only what is refused is read again."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kalshi import candles, trades
from pipelines.kalshi.exact import BAD, MISSING
from pipelines.kalshi.judged import RULE, Law, parted, refusals_of
from pipelines.kalshi.places import UNPLACED, with_places


def test_of_an_archive_only_the_refused_rows_are_looked_up():
    """One bad row of a million costs one record, and each refusal has its own."""
    refused = pl.DataFrame(
        {"part": [1, 0, 1], "place": [7, 1_000_000, 3], "market_ticker": ["b", "a", "c"], RULE: ["x", "y", "z"]}
    )
    asked = []

    def records_of(part, places):
        asked.append((part, list(places)))
        return [{"part": part, "place": place} for place in places]

    told = refusals_of(refused, records_of)

    assert [(0, [1_000_000]), (1, [3, 7])] == asked
    assert ["a", "c", "b"] == told["subject"].to_list()
    assert [1_000_000, 3, 7] == [json.loads(text)["place"] for text in told["record_json"]]


@pytest.mark.parametrize("laws", [candles._LAWS, trades._LAWS], ids=["candles", "trades"])
@given(data=st.data())
@settings(max_examples=40)
def test_a_law_that_surely_holds_is_broken_by_no_row(laws, data):
    """Whatever words are missing or unreadable: rows are parted as they are when every law is asked of every row."""
    exact = sorted({name for law in laws for name in law.broken.meta.root_names()})
    values = {"trade_id": ["t", None], "is_coarse": [True, False], "received_utc": [None]}
    row = st.fixed_dictionaries({name: st.sampled_from(values.get(name, [7, 0, MISSING, BAD])) for name in exact})
    rows = pl.DataFrame(data.draw(st.lists(row, min_size=1, max_size=4)), infer_schema_length=None).with_columns(
        pl.lit(None, pl.String).alias(UNPLACED), market_ticker=pl.lit("one")
    )
    if "received_utc" in exact:
        rows = rows.with_columns(received_utc=pl.lit(0).cast(pl.Datetime("us", "UTC")))

    every_law = [Law(law.sentence, law.broken) for law in laws]
    for quick, slow in zip(
        parted(rows, laws, subject_to=UNPLACED), parted(rows, every_law, subject_to=UNPLACED), strict=True
    ):
        assert quick.equals(slow)


def test_many_rows_are_placed_as_a_few_are():
    """By a join or one by one, and what has no place is told why."""
    few = pl.DataFrame({"market_ticker": ["KXHIGHCHI-26NOV02-T60", None, "KXOTHER-26NOV02-T60", "KXHIGHNY-26NOV03-T9"]})
    many = pl.concat([few] * 300)

    placed = with_places(few)

    assert placed["city"].to_list() == ["chicago", None, None, "nyc"]
    assert placed[UNPLACED].is_null().to_list() == [True, False, False, True]
    assert with_places(many).equals(pl.concat([placed] * 300))
    assert with_places(few.clear()).schema == placed.schema
