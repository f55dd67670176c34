"""Fetching: each question once, each vendor for itself, and a stop that loses nothing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.calls import Call
from pipelines.ingest.fetch import fetch, waiting
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


def ask(calls, ledger, vendor):
    """Fetch with the usual vendors."""
    return fetch(calls, asker=vendor, vendors=VENDORS, ledger=ledger)


def test_what_is_final_is_never_asked_twice(ledger):
    """The second run finds the first one's answers."""
    ask([call("/a"), call("/b")], ledger, Vendor())
    vendor = Vendor()

    again = ask([call("/a"), call("/b"), call("/c")], ledger, vendor)

    assert ["/c"] == vendor.asked
    assert 3 == len(again.answers)


def test_what_can_change_is_asked_again(ledger):
    """An answer received before its question is final is only the state of that hour."""
    early = call("/a", final_after_utc=NOW + timedelta(days=1))
    ask([early], ledger, Vendor())
    vendor = Vendor()

    ask([early], ledger, vendor)

    assert ["/a"] == vendor.asked


def test_a_question_said_twice_is_asked_once(ledger):
    """A plan may name a question twice; the vendor hears it once."""
    vendor = Vendor()

    ask([call("/a"), call("/a")], ledger, vendor)

    assert ["/a"] == vendor.asked


def test_an_old_market_is_asked_for_on_the_other_shelf(ledger):
    """Where the exchange does not know the market, the archive is asked, and the answer is the question's."""
    vendor = Vendor({"/live": VendorRefused("not found", status=404)})
    moved = call("/live", instead=(call("/historical"),))

    fetched = ask([moved], ledger, vendor)

    assert ["/live", "/historical"] == vendor.asked
    assert [moved.key] == [answer.question for answer in fetched.answers]


def test_not_to_know_can_be_an_answer(ledger):
    """Asked on both shelves, a market is missing on one of them: that is no failure, and it is not asked again."""
    missing = call("/live", instead=())
    fetched = ask([missing], ledger, Vendor({"/live": VendorRefused("not found", status=404)}))

    assert [()] == [answer.pages for answer in fetched.answers]
    assert [] == fetched.failed


def test_one_bad_question_does_not_stop_the_others(ledger):
    """A refusal of one question is noted; the rest is asked."""
    vendor = Vendor({"/bad": VendorRefused("bad request", status=400)})

    fetched = ask([call("/bad"), call("/good")], ledger, vendor)

    assert ["/bad"] == [failed.path for failed, _ in fetched.failed]
    assert {} == fetched.stopped
    assert 1 == len(fetched.answers)


@pytest.mark.parametrize(
    "error", [QuotaSpent("spent"), VendorDown("down"), VendorRefused("no such key", status=401)], ids=str
)
def test_a_vendor_that_is_given_up_stops_only_itself(ledger, error):
    """Its other questions wait for the next run; every other vendor goes on."""
    vendor = Vendor({"/v0": error})
    calls = [call(f"/v{number}", vendor="vc") for number in range(3)] + [call("/k"), call("/l")]

    fetched = ask(calls, ledger, vendor)

    assert {"/v0", "/k", "/l"} == set(vendor.asked)
    assert ["vc"] == list(fetched.stopped)


def test_a_stopped_run_goes_on_where_it_stopped(ledger):
    """What was answered before the stop is at hand in the next run."""
    calls = [call(f"/v{number}", vendor="vc") for number in range(4)]
    ask(calls, ledger, Vendor({"/v2": QuotaSpent("spent")}))
    vendor = Vendor()

    ask(calls, ledger, vendor)

    assert ["/v2", "/v3"] == vendor.asked


def test_an_unforeseen_error_is_not_swallowed(ledger):
    """Only what a vendor does wrong is forgiven."""
    with pytest.raises(ZeroDivisionError):
        ask([call("/a")], ledger, Vendor({"/a": ZeroDivisionError()}))


def test_answers_wait_until_a_snapshot_of_this_line_holds_them(ledger):
    """After a rollback, what only the abandoned snapshot held is folded again."""
    fetched = ask([call("/a"), call("/b"), call("/c")], ledger, Vendor())
    ledger.mark_folded(fetched.answers[:1], snapshot=3)
    ledger.mark_folded(fetched.answers[1:2], snapshot=4)

    left = waiting(list(ledger.find(a.question for a in fetched.answers).values()), lineage={2, 3})

    assert {answer.question for answer in fetched.answers[1:]} == {answer.question for answer in left}
