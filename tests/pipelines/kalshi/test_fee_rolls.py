"""Changes of fees that are taken back: missing where all are listed, while they were still to come."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from pipelines.ingest.merge import Arrived, merged
from pipelines.kalshi.fee_changes import LISTED, says_nothing
from pipelines.kalshi.markets import parse_market_payloads
from pipelines.payload import Payload
from tests.pipelines.kalshi.test_listing import EVENT, brackets, change
from warehouse.lake.tables import FEE_CHANGES, Partition

TO_COME, PAST = "2026-11-01T00:00:00Z", "2026-10-06T00:30:00Z"
CHICAGO = Partition("chicago")
NOTHING = {"series_fee_change_arr": []}
OVERRIDE = {
    "id": "e", "event_ticker": EVENT, "series_ticker": "KXHIGHCHI", "scheduled_ts": TO_COME,
    "fee_multiplier_override": 0,
}  # fmt: skip
OTHER = {**OVERRIDE, "id": "f"}


def at(hour: int) -> datetime:
    """Return an hour of the day on which answers are received."""
    return datetime(2026, 10, 6, hour, tzinfo=UTC)


def of_series(answer: dict, hour: int, *, asked: str = "KXHIGHCHI") -> Payload:
    """Return what was answered when all changes of a series were asked for; of no series where none is named."""
    return Payload(
        kind="kalshi_fee_changes", asked={"series_ticker": asked} if asked else {}, body=json.dumps(answer).encode(),
        received_utc=at(hour),
    )  # fmt: skip


def of_events(*changes: dict, hour: int, page: int = 1, cursor: str = "") -> Payload:
    """Return one page of the changes of all events."""
    body = json.dumps({"event_fee_changes": list(changes), "cursor": cursor}).encode()
    return Payload(kind="kalshi_fee_changes", body=body, received_utc=at(hour), page=page)


def rows_of(*payloads: Payload) -> pl.DataFrame:
    """Return the rows of Chicago as one fold parses them, rolls among them."""
    *_, parsed = parse_market_payloads(payloads)
    return parsed.frame.filter(pl.col("city") == "chicago").drop("city")


def folds(*several: tuple[Payload, ...]) -> list[tuple[str, str, datetime]]:
    """Return the changes after folds one after the other: whose, which, and known when."""
    held = pl.DataFrame(schema=FEE_CHANGES.schema)
    for payloads in several:
        arrived = Arrived(rows_of(*payloads), max(payload.received_utc for payload in payloads))
        held = FEE_CHANGES.admit(merged(FEE_CHANGES, held, [arrived]), CHICAGO)
    return held.select("scope", "change_id", "known_utc").rows()


TOLD = of_series({"series_fee_change_arr": [change(TO_COME, 2, id="c")]}, 1)


@pytest.mark.parametrize("cut", [0, 1], ids=["in one fold", "in two"])
def test_a_change_to_come_that_is_not_listed_any_more_is_withdrawn(cut):
    """It is known to be since that answer; a third one changes nothing."""
    payloads = (TOLD, of_series(NOTHING, 5), of_series(NOTHING, 7))
    several = [payloads] if not cut else [payloads[:1], payloads[1:2], payloads[2:]]

    assert [("withdrawn", "c", at(5))] == folds(*several)


@pytest.mark.parametrize("cut", [0, 1], ids=["in one fold", "in two"])
def test_one_that_is_told_again_counts_again(cut):
    """Since it was told again, and in the words of then."""
    again = of_series({"series_fee_change_arr": [change(TO_COME, 3, id="c")]}, 9)
    payloads = (TOLD, of_series(NOTHING, 5), again)

    assert [("series", "c", at(9))] == folds(*([payloads] if not cut else [payloads[:2], payloads[2:]]))


def test_what_counts_already_is_never_withdrawn():
    """It was charged, whoever stops telling of it."""
    counted = of_series({"series_fee_change_arr": [change(PAST, 2, id="c")]}, 0)

    assert [("series", "c", at(0))] == folds((counted,), (of_series(NOTHING, 5),))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(of_series(NOTHING, 5, asked="KXHIGHNY"), id="of another series"),
        pytest.param(of_series(NOTHING, 5, asked=""), id="nobody knows what was asked"),
        pytest.param(
            of_series({"series_fee_change_arr": [change(TO_COME, "x", id="c")]}, 5), id="one that cannot be read"
        ),
        pytest.param(of_events(hour=5), id="of events"),
        pytest.param(of_series({"series_fee_change_arr": change(TO_COME, 2, id="c")}, 5), id="it is no list"),
        pytest.param(of_series(NOTHING, 0), id="asked before it was told"),
    ],
)
def test_an_answer_that_does_not_list_all_changes_withdraws_none(answer):
    """What another question, or a torn answer, does not tell of says nothing."""
    for several in ([(TOLD, answer)], [(TOLD,), (answer,)]):
        assert [("series", "c", at(1))] == folds(*several)


@pytest.mark.parametrize("cut", [0, 1], ids=["in one fold", "in two"])
@pytest.mark.parametrize(
    ("pages", "scope"),
    [
        pytest.param([of_events(hour=5)], "withdrawn", id="one page"),
        pytest.param(
            [of_events(OTHER, hour=5, cursor="more"), of_events(hour=6, page=2)], "withdrawn", id="two"
        ),
        pytest.param([of_events(hour=5, cursor="more")], "event", id="the second is missing"),
        pytest.param([of_events(hour=5, page=2)], "event", id="the first is missing"),
        pytest.param([of_events(hour=5, page=0)], "event", id="nobody knows which page"),
        pytest.param(
            [of_events(hour=5, cursor="more"), of_events(OVERRIDE, hour=6, page=2)], "event", id="on page two"
        ),
    ],
)  # fmt: skip
def test_the_list_of_all_events_is_whole_with_its_last_page(cut, pages, scope):
    """Read from the first one without a gap."""
    told = of_events(OVERRIDE, hour=1)
    several = [(told, *pages)] if not cut else [(told,), tuple(pages)]

    found = {name: whose for whose, name, _ in folds(*several)}

    assert scope == found["e"]


def test_a_change_that_takes_the_place_of_another_at_its_instant_counts():
    """Under a new name: the old one is withdrawn, and what an event pays when it opens is the new one's."""
    later = "2026-10-03T13:00:00Z"  # before the event opens, after the answers
    first = {"series_fee_change_arr": [change(later, 2, id="c")]}
    second = {"series_fee_change_arr": [change(later, 3, id="d")]}
    payloads = [
        replace(of_series(answer, 0), received_utc=datetime(2026, 10, 3, hour, tzinfo=UTC))
        for hour, answer in ((1, first), (2, second))
    ]
    listed = replace(of_series({"markets": brackets()}, 3), kind="kalshi_markets")

    markets, _, changes = parse_market_payloads([*payloads, listed])

    assert {3_000} == set(markets.frame["fee_multiplier_milli"])
    told = changes.frame.filter(pl.col("scope") != LISTED)
    assert {("c", "withdrawn"), ("d", "series")} == set(told.select("change_id", "scope").rows())


def test_what_an_event_says_of_itself_stands_in_no_list():
    """It is not missing there, also before the event opens."""
    late = [{**record, "open_time": TO_COME} for record in brackets()]
    event = {"events": [{"event_ticker": EVENT, "fee_multiplier_override": 0.5, "markets": late}]}
    told = Payload(kind="kalshi_events", body=json.dumps(event).encode(), received_utc=at(1))

    assert ["event"] == [scope for scope, *_ in folds((told,), (of_events(hour=5),))]


def test_an_answer_of_before_the_lake_was_written_takes_nothing_back():
    """It is replayed beside what is known by now."""
    held = FEE_CHANGES.admit(rows_of(TOLD).filter(pl.col("scope") != LISTED), CHICAGO)
    arrived = Arrived(rows_of(of_series(NOTHING, 0)), at(0))

    assert merged(FEE_CHANGES, held, [arrived], held_since_utc=at(2)).equals(held)


def test_a_list_says_nothing_only_where_nothing_is_in_it_and_nothing_stood():
    """A merge may then be left out: it would come to what is held."""
    nothing, some = rows_of(of_series(NOTHING, 1)), rows_of(TOLD)
    held = pl.DataFrame(schema=FEE_CHANGES.schema)
    standing = merged(FEE_CHANGES, held, [Arrived(some, at(1))])

    assert says_nothing(nothing, held)
    assert merged(FEE_CHANGES, held, [Arrived(nothing, at(1))]).is_empty()
    assert not says_nothing(some, held)
    assert not says_nothing(nothing, standing)
