"""The night after a day lived in the demo world: the lake takes in what its vendors told, and replays the day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from kwx.exec.venue.book_of_orders import Book
from kwx.exec.venue.journal import entries_of
from kwx.fuse.run import FuseWish, fuse_days
from kwx.hazard.backfill import backfill
from kwx.hazard.plan import Wish as HazardWish
from kwx.live.demo_history import KINDS
from kwx.live.exchange import orders_journal
from kwx.live.journal.journal import Journal, journal_folder
from kwx.live.shadow.publish import publish_shadow
from kwx.parity.parity import Parity, parity_of
from pipelines.ingest.access import Entry
from pipelines.ingest.questions import Wish
from pipelines.ingest.run import fetch_and_fold
from warehouse.clock import Clock
from warehouse.lake.store import Lake


def keep_and_replay(
    lake_root: Path | str | None, event_date: date, *, cities: Sequence[str], entry: Entry, clock: Clock
) -> Parity:  # fmt: skip
    """Ingest the day, evaluate and fuse it as any other, keep what was lived as a run, and replay it from the lake."""
    eve = event_date - timedelta(days=1)
    asked = Wish.of(kinds=KINDS, cities=tuple(cities), since=eve, until=event_date)
    fetch_and_fold(asked, lake_root, entry=entry, clock=clock)
    backfill(HazardWish(cities=tuple(cities), since=event_date, until=event_date), lake_root, clock=clock)
    fuse_days(FuseWish(cities=tuple(cities), since=event_date, until=event_date), lake_root, clock=clock)
    lake = Lake(lake_root)
    journal = Journal(journal_folder(lake))
    orders = list(Book(entries_of(orders_journal(lake))).orders.values()) if orders_journal(lake).exists() else []
    parity = parity_of(journal.read(event_date), lake.snapshot())
    publish_shadow(lake, journal, [event_date], orders=orders, beside={event_date: {"parity": parity.plain()}})
    return parity
