"""One ingest from beginning to end: plan, fetch, fold. A replay has its answers already and only folds."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from pipelines.archive import RawArchive
from pipelines.asking.budget import FILE_NAME, Budget
from pipelines.calls import Call
from pipelines.http import Client
from pipelines.ingest import hot
from pipelines.ingest.access import Entry, require_one_world
from pipelines.ingest.fetch import Fetched, fetch, waiting
from pipelines.ingest.fold import Folded, fold
from pipelines.ingest.loopback import clock_of
from pipelines.ingest.plan import Plan, expected_tape, priced
from pipelines.ingest.questions import Question, Wish, listing_calls, tape_calls, weather_calls
from pipelines.ingest.replay import ArchivedAnswer, Recognised, recognise
from pipelines.ingest.shards import Load
from pipelines.kalshi import calls as kalshi
from pipelines.kalshi.answers import Cutoff, read_cutoff
from pipelines.kalshi.markets import parse_market_payloads
from pipelines.publishing import OnProgress
from warehouse.clock import Clock, utc_now
from warehouse.errors import VendorError
from warehouse.lake.fetched import Answer, FetchLedger
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES

OPTIONAL_VENDORS = {"twc"}
"""Pages of nobody's promise: what they fail to say, other sources do."""

TABLES_OF = {
    "markets": ("markets", "settlements"),  # the exchange's own number comes with its markets
    "candles": ("candles_1m",),
    "trades": ("trades",),
    "obs": ("obs",),
    "forecasts": ("forecasts",),
    "settlements": ("settlements",),
}

WAIT_FOR_THE_LOCK_SECONDS = 600
USUAL_TIER = timedelta(days=60)
"""How long after its settlement a market was seen to stay among the live ones; a run asks the exchange itself."""


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What a run brought: what was fetched, what was folded in (nothing, when all was there already), what was left."""

    fetched: Fetched
    folded: Folded | None
    recognised: Recognised | None = None
    notes: tuple[str, ...] = ()

    @property
    def stopped(self) -> dict[str, VendorError]:
        """The vendors that were given up and whose silence matters."""
        return {name: error for name, error in self.fetched.stopped.items() if name not in OPTIONAL_VENDORS}


def plan_of(wish: Wish, lake_root: Path | str | None = None, *, entry: Entry, clock: Clock = utc_now) -> Plan:
    """Return what a run would ask, sending nothing: what only a listing can say is estimated, and said to be."""
    lake, now_utc = Lake(lake_root), clock()
    guessed = Cutoff(market_settled_utc=now_utc - USUAL_TIER, trades_created_utc=now_utc - USUAL_TIER)
    questions = list(_weather(wish, entry, now_utc))
    expected: dict[tuple[str, str], int] = {}
    notes = _notes(wish, entry)
    if wish.of_exchange:
        listed = _held_markets(lake, wish)
        questions += listing_calls(wish, now_utc=now_utc, oldest_live_utc=guessed.market_settled_utc)
        questions += tape_calls(wish, listed, cutoff=guessed, now_utc=now_utc)
        known = {city: set(rows["event_date"]) for (city,), rows in listed.group_by("city")}
        expected = {
            (kind, city): expected_tape(wish, CITIES[city], kind, known.get(city, set()), now_utc=now_utc)
            for kind in ("candles", "trades")
            if kind in wish.kinds
            for city in wish.cities
        }
        notes += ("the cutoff of the historical tier is asked first; this plan takes it 60 days back",)
    return priced(
        questions, ledger=FetchLedger(lake.paths.ledger), vendors=entry.vendors, expected=expected, notes=notes
    )


def fetch_and_fold(
    wish: Wish,
    lake_root: Path | str | None = None,
    *,
    entry: Entry,
    workers: int | None = None,
    clock: Clock | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Ingested:
    """Ask what is missing, archive it, and publish all that no snapshot holds yet."""
    lake = Lake(lake_root)
    require_one_world(lake, entry.origin)
    clock = clock or clock_of(entry)
    ledger = FetchLedger(lake.paths.ledger)
    fetched = _Run(wish, lake, entry=entry, ledger=ledger, clock=clock, on_progress=on_progress).fetch()
    left = waiting(fetched.answers, lineage=_lineage(lake))
    folded = _fold_answers(lake, left, entry=entry, workers=workers, clock=clock, on_progress=on_progress)
    if folded is not None:
        ledger.mark_folded(left, snapshot=folded.built.snapshot.number)
    return Ingested(fetched=fetched, folded=folded, notes=_notes(wish, entry))


def replay_folder(
    folder: Path,
    lake_root: Path | str | None = None,
    *,
    kinds: Sequence[str] = tuple(TABLES_OF),
    workers: int | None = None,
    clock: Clock = utc_now,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Ingested:
    """Publish what saved answers say, through the same parsers."""
    lake = Lake(lake_root)
    require_one_world(lake, "replay")
    found = recognise(folder, clock=clock)
    with write(lake, purpose="replay", clock=clock, wait_seconds=WAIT_FOR_THE_LOCK_SECONDS) as writer:
        sources = {"replay": f"{len(found.loads)} saved answers of {folder.name}"}
        only = {table for kind in kinds for table in TABLES_OF[kind]}
        folded = fold(writer, found.loads, sources=sources, only=only, workers=workers, on_progress=on_progress)
    return Ingested(fetched=Fetched(), folded=folded, recognised=found)


class _Run:
    """The fetching half of an ingest: weather beside the exchange, whose tape is planned once its listing is read."""

    def __init__(
        self, wish: Wish, lake: Lake, *, entry: Entry, ledger: FetchLedger, clock: Clock, on_progress: OnProgress
    ) -> None:
        self._wish = wish
        self._lake = lake
        self._entry = entry
        self._ledger = ledger
        self._clock = clock
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._done = 0
        self._total = 0

    def fetch(self) -> Fetched:
        run_id = f"{self._clock():%Y%m%dT%H%M%S}-{os.getpid()}-ingest"
        archive = RawArchive(folder=self._lake.paths.raw, run_id=run_id, clock=self._clock)
        with archive, self._client(archive) as client, ThreadPoolExecutor(1) as beside:
            weather = list(_weather(self._wish, self._entry, self._clock()))
            brought_beside = beside.submit(self._ask, client, weather)
            brought = self._of_exchange(client) if self._wish.of_exchange else Fetched()
            brought.add(brought_beside.result())
        return brought

    def _client(self, archive: RawArchive) -> Client:
        allowed = self._entry.vc_records_per_day
        budget = Budget(
            archive.folder / FILE_NAME,
            records_per_day={} if allowed is None else {"vc": allowed},
            clock=self._clock,
        )
        return Client(
            vendors=self._entry.vendors,
            secrets=self._entry.secrets,
            archive=archive,
            budget=budget,
            patience=self._entry.patience,
            clock=self._clock,
        )

    def _of_exchange(self, client: Client) -> Fetched:
        try:
            cutoff = read_cutoff(client.fetch(kalshi.cutoff()))
        except VendorError as error:
            return Fetched(stopped={"kalshi": error}, failed=[(kalshi.cutoff(), error)])
        now_utc = self._clock()
        listing = listing_calls(self._wish, now_utc=now_utc, oldest_live_utc=cutoff.market_settled_utc)
        brought = self._ask(client, list(listing))
        markets = _listed(self._lake, self._wish, brought.answers)
        brought.add(self._ask(client, list(tape_calls(self._wish, markets, cutoff=cutoff, now_utc=now_utc))))
        return brought

    def _ask(self, client: Client, questions: Sequence[Question]) -> Fetched:
        calls = [call for *_, call in questions]
        with self._lock:
            self._total += len(calls)
        return fetch(
            calls,
            asker=client,
            vendors=self._entry.vendors,
            ledger=self._ledger,
            clock=self._clock,
            on_call=self._tell,
        )

    def _tell(self, call: Call) -> None:
        with self._lock:
            self._done += 1
            self._on_progress(self._done, self._total, f"asking {call.vendor}")


def _weather(wish: Wish, entry: Entry, now_utc: datetime) -> list[Question]:
    return list(weather_calls(wish, now_utc=now_utc, with_vc=entry.with_vc))


def _listed(lake: Lake, wish: Wish, answers: Sequence[Answer]) -> pl.DataFrame:
    """Return the markets of the wished days: as listed now, else as the lake has them."""
    loads = [_load(lake, answer) for answer in sorted(answers, key=lambda answer: answer.received_utc)]
    payloads = [payload for load in loads for payload in load.payloads()]
    told = [parsed.frame for parsed in parse_market_payloads(payloads) if parsed.table is MARKETS]
    held = _held_markets(lake, wish)
    rows = pl.concat([*(frame.select(held.columns) for frame in told), held])
    return _within(rows.unique("market_ticker", keep="first", maintain_order=True), wish)


def _held_markets(lake: Lake, wish: Wish) -> pl.DataFrame:
    if lake.current_number() is None:
        return pl.DataFrame(schema={**MARKETS.path_columns, **MARKETS.schema})
    return lake.snapshot().scan(MARKETS, cities=wish.cities, since=wish.since, until=wish.until).collect()


def _within(markets: pl.DataFrame, wish: Wish) -> pl.DataFrame:
    return markets.filter(pl.col("city").is_in(wish.cities) & pl.col("event_date").is_between(wish.since, wish.until))


def _load(lake: Lake, answer: Answer) -> ArchivedAnswer:
    return ArchivedAnswer(kind=answer.kind, folder=lake.paths.raw, pages=answer.pages)


def _fold_answers(
    lake: Lake,
    answers: Sequence[Answer],
    *,
    entry: Entry,
    workers: int | None,
    clock: Clock,
    on_progress: OnProgress,
) -> Folded | None:
    loads: list[Load] = [_load(lake, answer) for answer in answers]
    if not loads and hot.is_empty(lake.paths):
        return None
    with write(lake, purpose="ingest", clock=clock, wait_seconds=WAIT_FOR_THE_LOCK_SECONDS) as writer:
        asked = sorted({answer.vendor for answer in answers})
        sources = {name: str(urlsplit(entry.vendors[name].base_url).hostname) for name in asked}
        if entry.origin == "loopback":
            sources = {"loopback": f"a demo server in the place of {', '.join(asked)}"}
        return fold(writer, loads, sources=sources, workers=workers, on_progress=on_progress)


def _lineage(lake: Lake) -> set[int]:
    """Return the current snapshot and those it was built upon; one removed long ago counts as built upon."""
    number, line = lake.current_number(), set()
    kept = set(lake.snapshot_numbers())
    while number is not None and number in kept:
        line.add(number)
        number = lake.snapshot(number).manifest.parent
    return line | (set(range(1, number + 1)) if number is not None else set())


def _notes(wish: Wish, entry: Entry) -> tuple[str, ...]:
    wants_vc = wish.wants("obs", "vc") or wish.wants("forecasts", "vc")
    if wants_vc and not entry.with_vc:
        return ("vc is left out: VISUAL_CROSSING_API_KEY is not set",)
    return ()
