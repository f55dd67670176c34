"""One ingest from beginning to end: plan, fetch, fold. A replay has its answers already and only folds."""

from __future__ import annotations

import logging
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
from pipelines.ingest.access import REAL_WORLD, Entry, require_one_world, world_of
from pipelines.ingest.fetch import Fetched, fetch, still_to_ask, waiting
from pipelines.ingest.fold import Folded, fold
from pipelines.ingest.lived import lived, note_folded
from pipelines.ingest.loopback import hello_of
from pipelines.ingest.plan import Plan, expected_tape, priced
from pipelines.ingest.questions import Question, Wish, listing_calls, tape_calls, weather_calls
from pipelines.ingest.replay import ArchivedAnswer, Recognised, recognise
from pipelines.ingest.shards import Days, Load
from pipelines.kalshi import calls as kalshi
from pipelines.kalshi.answers import Cutoff, read_cutoff, read_schedule, read_status
from pipelines.kalshi.markets import parse_market_payloads
from pipelines.publishing import OnProgress
from warehouse.clock import Clock, utc_now
from warehouse.errors import Unparsable, VendorDown, VendorError
from warehouse.lake.fetched import Answer, FetchLedger
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES

logger = logging.getLogger(__name__)

OPTIONAL_VENDORS = {"twc"}
"""Pages of nobody's promise: what they fail to say, other sources do."""

TABLES_OF = {
    "markets": ("markets", "settlements", "fee_changes"),  # the exchange's own number comes with its markets
    "candles": ("candles_1m",),
    "trades": ("trades", "books"),
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

    @property
    def is_whole(self) -> bool:
        """True when every question that matters was answered."""
        return not self.stopped and all(call.vendor in OPTIONAL_VENDORS for call, _ in self.fetched.failed)


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
        questions,
        ledger=FetchLedger(lake.paths.fetched),
        raw=lake.paths.raw,
        again=entry.again,
        vendors=entry.vendors,
        expected=expected,
        notes=notes,
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
    lake, hello = Lake(lake_root), hello_of(entry)
    require_one_world(lake, entry.origin, world=hello.world)
    clock = clock or hello.clock
    ledger = FetchLedger(lake.paths.fetched)
    fetched = _Run(wish, lake, entry=entry, ledger=ledger, clock=clock, on_progress=on_progress).fetch()
    folded = _fold_answers(
        lake, wish, fetched.answers, entry=entry, workers=workers, clock=clock, on_progress=on_progress
    )
    return Ingested(fetched=fetched, folded=folded, notes=(*_notes(wish, entry), *fetched.notes))


def replay_folder(
    folder: Path,
    lake_root: Path | str | None = None,
    *,
    kinds: Sequence[str] = tuple(TABLES_OF),
    days: Days | None = None,
    workers: int | None = None,
    clock: Clock = utc_now,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Ingested:
    """Publish what saved answers say, through the same parsers."""
    lake = Lake(lake_root)
    found = recognise(folder, clock=clock)
    world = world_of(folder) or REAL_WORLD
    simulated = world != REAL_WORLD
    require_one_world(lake, "loopback" if simulated else "replay", world=world)
    with write(lake, purpose="replay", clock=clock, wait_seconds=WAIT_FOR_THE_LOCK_SECONDS) as writer:
        told = f"{len(found.loads)} saved answers of {folder.name}"
        sources = {"loopback": f"{told}, of a demo server"} if simulated else {"replay": told}
        only = {table for kind in kinds for table in TABLES_OF[kind]}
        folded = fold(
            writer,
            found.loads,
            sources=sources,
            only=only,
            days=days,
            only_days=days is not None,
            workers=workers,
            on_progress=on_progress,
        )
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
        self._stop = threading.Event()
        self._done = 0
        self._total = 0

    def fetch(self) -> Fetched:
        run_id = f"{self._clock():%Y%m%dT%H%M%S}-{os.getpid()}-ingest"
        archive = RawArchive(folder=self._lake.paths.raw, run_id=run_id, clock=self._clock)
        with archive, self._client(archive) as client, ThreadPoolExecutor(1) as beside:
            brought_beside = beside.submit(self._ask, client, _weather(self._wish, self._entry, self._clock()))
            try:
                brought = self._of_exchange(client) if self._wish.of_exchange else Fetched()
                brought.add(brought_beside.result())
            except BaseException:
                self._stop.set()
                raise
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
            return _exchange_given_up(error)
        except Unparsable as error:
            return _exchange_given_up(VendorDown(f"{kalshi.cutoff()} cannot be read: {error}", hint=error.hint))
        now_utc = self._clock()
        listing = listing_calls(self._wish, now_utc=now_utc, oldest_live_utc=cutoff.market_settled_utc)
        brought = self._ask(client, list(listing))
        if brought.stopped:
            return brought
        brought.notes += _rests(client, now_utc)
        markets = _listed(self._lake, self._wish, brought.answers)
        brought.add(self._ask(client, list(tape_calls(self._wish, markets, cutoff=cutoff, now_utc=now_utc))))
        return brought

    def _ask(self, client: Client, questions: Sequence[Question]) -> Fetched:
        calls, final = still_to_ask(
            [call for *_, call in questions], self._ledger, raw=self._lake.paths.raw, again=self._entry.again
        )
        with self._lock:
            self._total += len(calls)
        return fetch(
            calls,
            final,
            asker=client,
            vendors=self._entry.vendors,
            ledger=self._ledger,
            stop=self._stop,
            clock=self._clock,
            on_call=self._tell,
        )

    def _tell(self, call: Call) -> None:
        with self._lock:
            self._done += 1
            self._on_progress(self._done, self._total, f"asking {call.vendor}")


def _exchange_given_up(error: VendorError) -> Fetched:
    return Fetched(stopped={"kalshi": error}, failed=[(kalshi.cutoff(), error)])


def _rests(client: Client, now_utc: datetime) -> list[str]:
    """Say that the exchange rests, where it does: quotes then stand still, and that is no gap."""
    try:
        status = read_status(client.fetch(kalshi.status()))
        schedule = read_schedule(client.fetch(kalshi.schedule()), at_utc=now_utc)
    except (VendorError, Unparsable) as error:
        logger.warning("the exchange does not say whether it is open: %s", error)
        return []
    if status.trading_active and not schedule.is_paused(now_utc):
        return []
    until = f" until {status.resumes_utc:%Y-%m-%d %H:%M}Z" if status.resumes_utc else ""
    return [f"the exchange rests{until}: its quotes stand still"]


def _weather(wish: Wish, entry: Entry, now_utc: datetime) -> list[Question]:
    asked = weather_calls(wish, now_utc=now_utc, with_vc=entry.with_vc, vc_records_per_day=entry.vc_records_per_day)
    return list(asked)


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
    return ArchivedAnswer(kind=answer.kind, folder=lake.paths.raw, pages=answer.pages, question=answer.question)


def _fold_answers(
    lake: Lake,
    wish: Wish,
    answers: Sequence[Answer],
    *,
    entry: Entry,
    workers: int | None,
    clock: Clock,
    on_progress: OnProgress,
) -> Folded | None:
    """Fold what no snapshot holds yet; what that is, is read once the lake is ours: another run may have folded it."""
    ledger = FetchLedger(lake.paths.fetched)
    heard = lived(lake.paths.raw, ledger, clock=clock)
    if not waiting(answers) and not heard.lines and hot.is_empty(lake.paths):
        return None
    with write(lake, purpose="ingest", clock=clock, wait_seconds=WAIT_FOR_THE_LOCK_SECONDS) as writer:
        left = waiting(list(ledger.find(answer.question for answer in answers).values()))
        asked = sorted({answer.vendor for answer in answers})
        sources = {name: str(urlsplit(entry.vendors[name].base_url).hostname) for name in asked}
        if entry.origin == "loopback":
            sources = {"loopback": f"a demo server in the place of {', '.join(asked)}"}
        loads: list[Load] = [*(_load(lake, answer) for answer in left if answer.pages), *heard.loads]
        days = Days(cities=wish.cities, since=wish.since, until=wish.until)
        folded = fold(writer, loads, sources=sources, days=days, workers=workers, on_progress=on_progress)
        empty = {load.question for load in folded.empty if isinstance(load, ArchivedAnswer)}
        ledger.mark_folded(left, snapshot=folded.built.snapshot.number, empty=empty)
        note_folded(heard.lines, ledger, snapshot=folded.built.snapshot.number)
    return folded


def _notes(wish: Wish, entry: Entry) -> tuple[str, ...]:
    wants_vc = wish.wants("obs", "vc") or wish.wants("forecasts", "vc")
    if wants_vc and not entry.with_vc:
        return ("vc is left out: VISUAL_CROSSING_API_KEY is not set",)
    return ()
