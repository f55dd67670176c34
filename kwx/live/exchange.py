"""An account at an exchange: its client, its journal of orders, and the executor between them and the loop."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kwx.config.live import VenueFields
from kwx.exec.venue.executor import Executor
from kwx.exec.venue.journal import Journal
from kwx.exec.venue.kill import Kill
from kwx.exec.venue.told import Reconciled
from kwx.exec.venue.wanted import Limits
from pipelines.archive import RawArchive
from pipelines.http import Client
from pipelines.ingest.access import Entry
from pipelines.kalshi.portfolio.client import TRADING_PATIENCE, Portfolio
from warehouse.clock import Clock
from warehouse.lake.store import Lake
from warehouse.market.money import CENTI_PER_CONTRACT

_MICROS_PER_DOLLAR = 1_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Account:
    """An account that agrees with its journal: what it is, and who sends."""

    executor: Executor
    portfolio: Portfolio
    reconciled: Reconciled


def limits_of(fields: VenueFields) -> Limits:
    """Return what no order may pass, in hundredths of contracts and in micros."""
    return Limits(
        max_position_centi=fields.max_position_contracts * CENTI_PER_CONTRACT,
        max_order_centi=fields.max_order_contracts * CENTI_PER_CONTRACT,
        max_gross_micros=round(fields.max_gross_dollars * _MICROS_PER_DOLLAR),
        max_open_orders=fields.max_open_orders,
        group_limit_centi=fields.group_contracts * CENTI_PER_CONTRACT,
        order_life=timedelta(minutes=fields.order_minutes),
        absent_after=timedelta(seconds=fields.ambiguous_seconds),
    )


def orders_journal(lake: Lake) -> Path:
    """Return where the orders of a lake's loop are written down."""
    return lake.paths.root / "live" / "orders.jsonl"


@contextmanager
def opened_account(
    lake: Lake, entry: Entry, fields: VenueFields, kill: Kill, *, clock: Clock, adopt: bool = False,
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> Iterator[Account]:  # fmt: skip
    """Open the account that an entry's keys are of; refuse where journal and exchange do not agree."""
    archive = RawArchive(folder=lake.paths.raw, run_id=f"{clock():%Y%m%dT%H%M%S}-orders", clock=clock)
    with (
        archive,
        Client(
            vendors=entry.vendors, secrets=entry.secrets, archive=archive, patience=TRADING_PATIENCE, clock=clock
        ) as client,
        Journal(orders_journal(lake), clock=clock) as journal,
    ):  # fmt: skip
        portfolio = Portfolio(client)
        portfolio.keep_to_limits()
        executor = Executor(portfolio, journal, limits_of(fields), clock, new_id, kill)
        yield Account(executor=executor, portfolio=portfolio, reconciled=executor.start(adopt=adopt))
