"""What breaks a law is refused with its words; only what is refused is read again."""

from __future__ import annotations

import json

import polars as pl

from pipelines.kalshi.judged import RULE, refusals_of


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
