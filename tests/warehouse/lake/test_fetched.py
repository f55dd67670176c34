"""The ledger of questions: which answers are at hand, which are final, which a snapshot already holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from warehouse.lake.fetched import Answer, FetchLedger

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path):
    """An empty ledger."""
    return FetchLedger(tmp_path / "ledger.sqlite")


def answer(question="q1", **said):
    """One archived answer."""
    usual = {"vendor": "iem", "kind": "iem_asos", "said": "iem GET /x", "pages": (("iem/a.warc.gz", 0),)}
    return Answer(question=question, **{**usual, "received_utc": NOON, "final": True, **said})


def test_an_answer_comes_back_as_it_was_noted(ledger):
    """A line holds all of an answer."""
    noted = answer(pages=(("a.warc.gz", 0), ("a.warc.gz", 917)))

    ledger.record(noted)

    assert {"q1": noted} == ledger.find(["q1", "q2"])


def test_nothing_is_found_where_nothing_was_fetched(ledger):
    """A lake without a ledger knows no answer, and asking makes none."""
    assert {} == ledger.find(["q1"])


def test_a_question_asked_again_waits_to_be_folded_again(ledger):
    """The newer answer replaces the older one and its snapshot."""
    ledger.record(answer())
    ledger.mark_folded([answer()], snapshot=4)
    ledger.record(answer(received_utc=NOON + timedelta(hours=1)))

    assert ledger.find(["q1"])["q1"].snapshot is None


def test_folding_marks_only_the_answer_that_was_folded(ledger):
    """An answer that came while an older one was being folded keeps waiting."""
    newer = answer(received_utc=NOON + timedelta(hours=1))
    ledger.record(newer)

    ledger.mark_folded([answer()], snapshot=4)

    assert newer == ledger.find(["q1"])["q1"]


def test_many_questions_are_found_at_once(ledger):
    """A plan of a year is looked up whole."""
    ledger.record(answer("q999"))

    assert ["q999"] == list(ledger.find(f"q{number}" for number in range(2_000)))


def test_answers_are_counted_by_vendor(ledger):
    """Status tells how much of each vendor is kept."""
    for noted in (answer(), replace(answer("q2"), vendor="vc"), replace(answer("q3"), vendor="vc")):
        ledger.record(noted)

    assert {"iem": 1, "vc": 2} == ledger.counts()
