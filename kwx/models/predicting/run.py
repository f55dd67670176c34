"""Predicting: promoted models speak of the event dates of which the lake lacks their words; all in one publish.

Which window speaks of a date is chosen as where models are used. What a model said already stays as it was said; only
what is lacking is added. A model that cannot be read, or that fails while it speaks, is told and stops no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter

import polars as pl

from kwx.features.sharing import shared_reads
from kwx.models.predicting.said import cities_spoken_of, said_of
from kwx.models.registry.card import Card
from kwx.models.registry.places import TRAINED, Group, group_of_folder, models_root, stage_folder, window_folders
from kwx.models.registry.published import known_runs, rows_said, run_id, stage_runs
from kwx.models.registry.serving import age_days, window_for, windows_of
from kwx.models.registry.store import load
from pipelines.publishing import Built, OnProgress, in_pool, publish_built
from pipelines.runner import executor_of, workers_wanted
from warehouse.clock import Clock, utc_now
from warehouse.errors import KwxError
from warehouse.lake.layout import LakePaths
from warehouse.lake.staging import Staged
from warehouse.lake.store import Lake, Snapshot, opened
from warehouse.lake.tables import CANDLES_DENSE, PREDICTIONS, Partition
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.writer import Writer, write
from warehouse.market.cities import CITIES

_WAIT_SECONDS = 60.0
_WORD = ("market_ticker", "ts_utc", "model_id", "run_id")


@dataclass(frozen=True, kw_only=True)
class PredictWish:
    """Of which event dates promoted models speak, of all families and cities where none is said.

    changed: days of which more is known now than when they were spoken of. Where it is said, other days of which a
    model has said anything are left alone.
    """

    cities: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    changed: frozenset[Partition] | None = None


@dataclass(frozen=True, kw_only=True)
class Speech:
    """A promoted window and the dates of one city that it is to speak of."""

    folder: Path
    city: str
    dates: tuple[date, ...]


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A promoted model that cannot speak, and why."""

    folder: Path
    why: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class SpeakTask:
    """All that is to be said of one city."""

    paths: LakePaths
    snapshot: int
    city: str
    speeches: tuple[Speech, ...]

    @property
    def label(self) -> str:
        """What progress says of it."""
        return self.city


@dataclass(frozen=True, kw_only=True)
class PredictRun:
    """What was said: rows that were added, models that spoke, those that could not, and those out of their dates."""

    built: Built | None
    added: int
    spoke: tuple[str, ...]
    held: int
    broken: tuple[Broken, ...]
    old: tuple[str, ...]
    seconds: float


def predict(
    wish: PredictWish,
    lake_root: Path | str | None = None,
    root: Path | str | None = None,
    *,
    workers: int | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
    clock: Clock = utc_now,
    wait_seconds: float = _WAIT_SECONDS,
) -> PredictRun:
    """Let promoted models speak of every day wished for, and add to the lake what it lacks of that."""
    started, lake = perf_counter(), Lake(lake_root)
    snapshot = lake.snapshot()
    plan = planned(snapshot, wish, root)
    results = _spoken(snapshot, plan.speeches, workers, on_progress)
    said = [(card, rows) for some, _ in results for card, rows in some]
    broken = {one.folder: one for one in (*plan.broken, *(one for _, some in results for one in some))}
    built, added = None, 0
    if said:
        with write(lake, purpose="predict", clock=clock, wait_seconds=wait_seconds) as writer:
            built, added = _published(writer, said, started=started)
    return PredictRun(
        built=built, added=added, spoke=tuple(sorted({card.model_id for card, _ in said})), held=plan.held,
        broken=tuple(broken.values()), old=plan.old, seconds=perf_counter() - started,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be said, how many days of models are held, which models cannot speak, and which are out of dates."""

    speeches: tuple[Speech, ...]
    held: int
    broken: tuple[Broken, ...]
    old: tuple[str, ...]


def planned(snapshot: Snapshot, wish: PredictWish, root: Path | str | None = None) -> Plan:
    """Return which promoted window is to speak of which days."""
    days, choosing, broken = _days(snapshot, wish), _Choosing(snapshot, wish), []
    for group in promoted_groups(root, wish.families):
        try:
            windows = windows_of(root, group)
        except KwxError as error:
            folder = stage_folder(models_root(root), TRAINED) / group.folder
            broken.append(Broken(folder=folder, why=str(error), hint=error.hint))
            continue
        for city in _cities_of(group, days):
            choosing.choose(windows, city, days[city])
    return Plan(
        speeches=tuple(choosing.speeches), held=choosing.held, broken=tuple(broken), old=tuple(sorted(choosing.old))
    )  # fmt: skip


class _Choosing:
    """Chooses the window of each day; gathers what is to be said, what is held, and who speaks out of its dates."""

    def __init__(self, snapshot: Snapshot, wish: PredictWish) -> None:
        self.speeches: list[Speech] = []
        self.old: set[str] = set()
        self.held = 0
        self._wish = wish
        self._spoken = _Spoken(snapshot)

    def choose(self, windows: Sequence[tuple[Path, Card]], city: str, days: Sequence[date]) -> None:
        """Let each day of a city be spoken of by its window, unless that is held."""
        chosen: dict[Path, list[date]] = defaultdict(list)
        for day in days:
            found = window_for(windows, day)
            if found is None:
                continue
            folder, card = found
            if _is_held(self._spoken, card, Partition(city, day), self._wish):
                self.held += 1
                continue
            chosen[folder].append(day)
            if age := age_days(card, day):
                self.old.add(f"{card.model_id} speaks {age} days after its last test date {card.test_until}")
        self.speeches += [Speech(folder=one, city=city, dates=tuple(dates)) for one, dates in chosen.items()]


def promoted_groups(root: Path | str | None, families: Collection[str] = ()) -> list[Group]:
    """Return the groups that have a promoted window."""
    folders = window_folders(stage_folder(models_root(root), TRAINED))
    groups = sorted({group_of_folder(folder) for folder in folders})
    return [group for group in groups if not families or group.family in families]


def _days(snapshot: Snapshot, wish: PredictWish) -> dict[str, list[date]]:
    """Return by city the days wished for that have minutes."""
    found: dict[str, list[date]] = {}
    for place in snapshot.partitions(CANDLES_DENSE.name):
        day = place.event_date
        if day is None or (wish.cities and place.city not in wish.cities):
            continue
        if (wish.since or day) <= day <= (wish.until or day):
            found.setdefault(place.city, []).append(day)
    return found


def _cities_of(group: Group, days: Mapping[str, Sequence[date]]) -> list[str]:
    return [city for city in CITIES if city in days and group.city in (city, ALL_CITIES)]


class _Spoken:
    """Which runs have said anything of a day: each day is read once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._runs: dict[Partition, frozenset[str]] = {}

    def runs(self, place: Partition) -> frozenset[str]:
        if place not in self._runs:
            rows = self._snapshot.read(PREDICTIONS, place, columns=("run_id",))
            self._runs[place] = frozenset(rows["run_id"].unique())
        return self._runs[place]


def _is_held(spoken: _Spoken, card: Card, place: Partition, wish: PredictWish) -> bool:
    if wish.changed is None or place in wish.changed:
        return False
    return run_id(card) in spoken.runs(place)


def _spoken(
    snapshot: Snapshot, speeches: Sequence[Speech], workers: int | None, on_progress: OnProgress
) -> list[tuple[list[tuple[Card, pl.DataFrame]], list[Broken]]]:
    tasks = [
        SpeakTask(
            paths=snapshot.paths, snapshot=snapshot.number, city=city,
            speeches=tuple(one for one in speeches if one.city == city),
        )
        for city in dict.fromkeys(one.city for one in speeches)
    ]  # fmt: skip
    # A city or two are done before processes of their own would have started.
    if len(tasks) <= 1 or workers == 1:
        done = []
        for place, task in enumerate(tasks, start=1):
            done.append(speak_task(task))
            on_progress(place, len(tasks), f"predicting {task.label}")
        return done
    with executor_of(min(workers_wanted(workers), len(tasks))) as pool:
        return in_pool(speak_task, tasks, pool, "predicting", on_progress)


def speak_task(task: SpeakTask) -> tuple[list[tuple[Card, pl.DataFrame]], list[Broken]]:
    """Let each window speak of its days of a city; those that cannot are returned with the reason."""
    snapshot = opened(task.paths, task.snapshot)
    said, broken = [], []
    with shared_reads():
        for speech in task.speeches:
            try:
                said += _words_of(speech, snapshot)
            except Exception as error:  # whatever one model fails at, it must not silence the others
                broken.append(_broken(speech, error))
    return said, broken


def _words_of(speech: Speech, snapshot: Snapshot) -> list[tuple[Card, pl.DataFrame]]:
    """Return what a window says of its days; nothing where its model does not speak of the city."""
    loaded = load(speech.folder)
    if speech.city not in cities_spoken_of(loaded):
        return []
    rows = said_of(loaded, snapshot, speech.city, speech.dates)
    return [(loaded.card, rows_said(loaded.card, rows))]


def _broken(speech: Speech, error: Exception) -> Broken:
    """Say why a window cannot speak; what nobody foresaw is told by its kind, beside the window and the city."""
    if isinstance(error, KwxError):
        return Broken(folder=speech.folder, why=str(error), hint=error.hint)
    why = f"{speech.folder} fails while it speaks of {speech.city}: {type(error).__name__}: {error}"
    return Broken(folder=speech.folder, why=why, hint="train the window again: kwx train")


def _published(writer: Writer, said: Sequence[tuple[Card, pl.DataFrame]], *, started: float) -> tuple[Built, int]:
    """Add the words that the lake lacks, and the runs that said them; return how many words were added too."""
    snapshot = writer.lake.snapshot()
    staged: list[Staged] = []
    added = 0
    spoke: set[str] = set()
    for place, rows in PREDICTIONS.split(pl.concat([rows for _, rows in said])):
        held = snapshot.read(PREDICTIONS, place).select(PREDICTIONS.schema.names())
        lacking = rows.join(held, on=_WORD, how="anti", maintain_order="left")
        added += lacking.height
        spoke.update(lacking["run_id"])
        staged.append(writer.staging.stage(PREDICTIONS, pl.concat([held, lacking]), place))
    staged += _unknown_runs(writer, snapshot, [card for card, _ in said if run_id(card) in spoke])
    return publish_built(writer, staged, before=snapshot.number, started=started), added


def _unknown_runs(writer: Writer, snapshot: Snapshot, cards: Sequence[Card]) -> Iterator[Staged]:
    known = {city: known_runs(snapshot, city) for city in {card.city for card in cards}}
    new = {run_id(card): card for card in cards if run_id(card) not in known[card.city]}
    yield from stage_runs(writer, snapshot, list(new.values()))
