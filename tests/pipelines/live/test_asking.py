"""An answer that says nothing new is not read again; one that cannot be read never counts as nothing new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.calls import Call
from pipelines.kalshi.calls import trades
from pipelines.live.asking import Asking
from pipelines.live.catalogue import Catalogue
from pipelines.live.tape import Tape
from pipelines.live.trades import TradeFeed
from pipelines.payload import Payload
from tests.pipelines.live.lived import HOUR, MINUTE, OPENING
from warehouse.errors import Unparsable
from warehouse.lake.fetched import FetchLedger

TICKER = "KXHIGHCHI-26NOV01-B50.5"
BROKEN = b'{"trades": [{"trade_id": "one"}], "cursor": ""}'
EMPTY = b'{"trades": [], "cursor": ""}'


@dataclass
class Vendor:
    """Answers whatever is asked with one body."""

    body: bytes = BROKEN

    def pages(self, call: Call) -> Iterator[Payload]:
        """Yield it."""
        yield Payload(kind=call.kind, asked=call.asked, body=self.body, received_utc=OPENING)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def asking(tmp_path: Path, vendor: Vendor) -> Asking:
    return Asking(
        asker=vendor, ledger=FetchLedger(tmp_path / "fetched"), raw=tmp_path / "raw", clock=lambda: OPENING
    )  # fmt: skip


def test_an_answer_that_cannot_be_read_is_an_error_each_time_that_it_comes(asking, vendor):
    """Until another one comes; that one is nothing new once it was read."""
    call = trades(TICKER, min_utc=OPENING)
    for _ in range(3):
        with pytest.raises(Unparsable, match="nothing that can be read"):
            asking.arrivals(call)

    vendor.body = EMPTY
    assert len(asking.new_payloads(call)) == 1
    asking.arrivals(call)
    assert asking.new_payloads(call) == []


def test_trades_that_cannot_be_read_stay_wanted(asking, vendor):
    """Though the exchange answers with the same bytes again."""
    markets = pl.DataFrame(
        {
            "city": "chicago", "event_date": date(2026, 11, 1), "event_ticker": "KXHIGHCHI-26NOV01",
            "market_ticker": TICKER, "bracket_order": 1, "open_utc": OPENING, "close_utc": OPENING + 16 * HOUR,
        }
    )  # fmt: skip
    tape, catalogue = Tape(), Catalogue(markets)
    feed = TradeFeed(asking=asking, catalogue=catalogue, tape=tape, lookback_s=60, retry_s=5)
    tape.mark("chicago", TICKER, OPENING)
    for number in range(3):
        assert feed.poll(OPENING + number * MINUTE) == []
        feed.delivered()
        assert [one.market_ticker for one in tape.wanted()] == [TICKER]
        assert feed.heard.why_not is not None
