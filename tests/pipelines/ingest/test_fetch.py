"""Fetching: each question once, each vendor for itself, and a stop that loses nothing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.calls import Call
from pipelines.ingest.fetch import SILENT_QUESTIONS, fetch, still_to_ask, waiting
from pipelines.payload import Payload
from pipelines.vendors import production
from warehouse.errors import QuotaSpent, VendorDown, VendorRefused
from warehouse.lake.fetched import FetchLedger

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
VENDORS = production(signed=True)


class Vendor:
    """Answers from memory; what was asked is kept. A path that names an error gets it."""

    def __init__(self, errors=None):
        self.asked = []
        self._errors = errors or {}
        self._lock = threading.Lock()

    def pages(self, call):
        """Yield the one page of an answer."""
        with self._lock:
            self.asked.append(call.path)
        if call.path in self._errors:
            raise self._errors[call.path]
        yield Payload(kind=call.kind, body=b"{}", received_utc=NOW, origin=f"{call.vendor}/a.warc.gz@{len(self.asked)}")


def call(path, *, vendor="kalshi", **said):
    """One question that is final once answered."""
    return Call(vendor=vendor, kind="kalshi_trades", path=path, **{"final_after_utc": NOW, **said})


@pytest.fixture
def ledger(tmp_path):
    """An empty ledger."""
    return FetchLedger(tmp_path / "ledger.sqlite")


@pytest.fixture
def ask(ledger, tmp_path):
    """Ask what is not at hand, of the usual vendors."""
    (tmp_path / "kalshi").mkdir()
    (tmp_path / "vc").mkdir()

    def asking(calls, vendor, *, again=False):
        for name in ("kalshi", "vc"):
            (tmp_path / name / "a.warc.gz").touch()
        wanted, final = still_to_ask(calls, ledger, raw=tmp_path, again=again)
        return fetch(wanted, final, asker=vendor, vendors=VENDORS, ledger=ledger)

    return asking


def test_what_is_final_is_never_asked_twice(ask):
    """The second run finds the first one's answers."""
    ask([call("/a"), call("/b")], Vendor())
    vendor = Vendor()

    again = ask([call("/a"), call("/b"), call("/c")], vendor)

    assert ["/c"] == vendor.asked
    assert 3 == len(again.answers)


def test_what_can_change_is_asked_again(ask):
    """An answer received before its question is final is only the state of that hour."""
    early = call("/a", final_after_utc=NOW + timedelta(days=1))
    ask([early], Vendor())
    vendor = Vendor()

    ask([early], vendor)

    assert ["/a"] == vendor.asked


def test_a_question_said_twice_is_asked_once(ask):
    """A plan may name a question twice; the vendor hears it once."""
    vendor = Vendor()

    ask([call("/a"), call("/a")], vendor)

    assert ["/a"] == vendor.asked


def test_not_to_know_can_be_an_answer(ask):
    """Asked on both shelves, a market is missing on one of them: that is no failure, and it is not asked again."""
    missing = call("/live", may_be_unknown=True)
    fetched = ask([missing], Vendor({"/live": VendorRefused("not found", status=404)}))

    assert [()] == [answer.pages for answer in fetched.answers]
    assert [] == fetched.failed


def test_one_bad_question_does_not_stop_the_others(ask):
    """A refusal of one question is noted; the rest is asked."""
    vendor = Vendor({"/bad": VendorRefused("bad request", status=400)})

    fetched = ask([call("/bad"), call("/good")], vendor)

    assert ["/bad"] == [failed.path for failed, _ in fetched.failed]
    assert {} == fetched.stopped
    assert 1 == len(fetched.answers)


@pytest.mark.parametrize("error", [QuotaSpent("spent"), VendorRefused("no such key", status=401)], ids=str)
def test_a_vendor_that_is_given_up_stops_only_itself(ask, error):
    """Its other questions wait for the next run; every other vendor goes on."""
    vendor = Vendor({"/v0": error})
    calls = [call(f"/v{number}", vendor="vc") for number in range(3)] + [call("/k"), call("/l")]

    fetched = ask(calls, vendor)

    assert {"/v0", "/k", "/l"} == set(vendor.asked)
    assert ["vc"] == list(fetched.stopped)


def test_a_stopped_run_goes_on_where_it_stopped(ask):
    """What was answered before the stop is at hand in the next run."""
    calls = [call(f"/v{number}", vendor="vc") for number in range(4)]
    ask(calls, Vendor({"/v2": QuotaSpent("spent")}))
    vendor = Vendor()

    ask(calls, vendor)

    assert ["/v2", "/v3"] == vendor.asked


def test_an_unforeseen_error_is_not_swallowed(ask):
    """Only what a vendor does wrong is forgiven."""
    with pytest.raises(ZeroDivisionError):
        ask([call("/a")], Vendor({"/a": ZeroDivisionError()}))


def test_one_poisonous_question_is_noted_and_the_rest_is_asked(ask):
    """A vendor may choke on one question for ever; that must not cost all the others."""
    vendor = Vendor({"/v0": VendorDown("choked")})

    fetched = ask([call(f"/v{number}", vendor="vc") for number in range(4)], vendor)

    assert 3 == len(fetched.answers)
    assert ({}, ["/v0"]) == (fetched.stopped, [failed.path for failed, _ in fetched.failed])


def test_a_vendor_that_keeps_silent_is_given_up(ask):
    """After so many questions in a row without an answer nobody is there."""
    vendor = Vendor({f"/v{number}": VendorDown("down") for number in range(9)})

    fetched = ask([call(f"/v{number}", vendor="vc") for number in range(9)], vendor)

    assert SILENT_QUESTIONS == len(vendor.asked)
    assert ["vc"] == list(fetched.stopped)


def test_an_answer_whose_file_is_gone_is_asked_for_again(ask, ledger, tmp_path):
    """What still has to be folded must be there."""
    ask([call("/a")], Vendor())
    (tmp_path / "kalshi" / "a.warc.gz").unlink()

    wanted, final = still_to_ask([call("/a")], ledger, raw=tmp_path)

    assert (["/a"], []) == ([one.path for one in wanted], final)


def test_again_asks_anew_what_could_not_change(ask):
    """A person may know better."""
    ask([call("/a")], Vendor())
    vendor = Vendor()

    ask([call("/a")], vendor, again=True)

    assert ["/a"] == vendor.asked


def test_answers_wait_until_a_snapshot_holds_them_and_again_after_a_rollback(ask, ledger):
    """What only an abandoned snapshot held is folded again."""
    fetched = ask([call("/a"), call("/b"), call("/c")], Vendor())
    ledger.mark_folded(fetched.answers[:1], snapshot=3)
    ledger.mark_folded(fetched.answers[1:2], snapshot=4)

    ledger.forget_folds(after=3)

    left = waiting(list(ledger.find(answer.question for answer in fetched.answers).values()))
    assert {answer.question for answer in fetched.answers[1:]} == {answer.question for answer in left}


def test_an_answer_without_a_row_is_asked_for_again(ask, ledger):
    """Nothing where something should be is no final word: a page of excuses may have come with a friendly status."""
    fetched = ask([call("/a")], Vendor())
    ledger.mark_folded(fetched.answers, snapshot=3, empty={fetched.answers[0].question})
    vendor = Vendor()

    ask([call("/a")], vendor)

    assert ["/a"] == vendor.asked
