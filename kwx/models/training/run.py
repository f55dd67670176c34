"""Fitting every window that is not held yet: in processes, each kept as it is done, all told to the lake in the end.

A window is held when the pilots have it, made from what the lake holds of its dates now, by this recipe and this code;
then it is left alone, so that a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kwx.features.sharing import shared_reads
from kwx.models.registry.card import Card
from kwx.models.registry.code import code_sha256, library_versions
from kwx.models.registry.folder import read_folder
from kwx.models.registry.places import PILOTS, Group, models_root, stage_folder
from kwx.models.registry.plain import json_bytes, plain, sha256
from kwx.models.registry.replaced import card_there, difference
from kwx.models.registry.store import store
from kwx.models.training.data import says_the_same
from kwx.models.training.series import Series
from kwx.models.training.told import publish_models
from kwx.models.windows import Window
from pipelines.publishing import Built, OnProgress, in_pool
from pipelines.runner import executor_of, workers_wanted
from warehouse.clock import Clock, utc_now
from warehouse.errors import KwxError, Refused
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Lake, Snapshot, opened

FITTED, HELD, REFUSED = "fitted", "held", "refused"
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class FitTask:
    """One window to be fitted."""

    paths: LakePaths
    snapshot: int
    root: Path
    series: Series
    window: Window
    clock: Clock

    @property
    def label(self) -> str:
        """What progress says of it."""
        return f"{self.series.city} {self.series.bracket} {self.window.name}"

    @property
    def folder(self) -> Path:
        """Where the pilots have it."""
        one = self.series
        group = Group(city=one.city, bracket=one.bracket, family=one.family, horizon=one.horizon)
        return stage_folder(self.root, PILOTS) / group.folder / self.window.name


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of one window: fitted, held as it is, or refused and why.

    replaced: how the fit that it took the place of differed; empty where there was none.
    """

    city: str
    bracket: str
    window: str
    folder: Path
    state: str
    card: Card | None = None
    why: str = ""
    replaced: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainRun:
    """What a run did, window by window; `built` is None where the lake was told nothing new."""

    built: Built | None
    windows: list[Told]
    root: Path
    seconds: float


def train(
    series: Sequence[Series],
    lake_root: Path | str | None = None,
    root: Path | str | None = None,
    *,
    again: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
    clock: Clock = utc_now,
    wait_seconds: float = _WAIT_SECONDS,
) -> TrainRun:
    """Fit every window of some series that is not held; keep each, and publish what was predicted of its test dates."""
    started = time.perf_counter()
    lake, home = Lake(lake_root), models_root(root)
    told = fit_all(
        series, lake, home, again=again, workers=workers, scheduler=scheduler, on_progress=on_progress, clock=clock
    )  # fmt: skip
    kept = [(one.card, one.folder) for one in told if one.card is not None]
    built = publish_models(lake, kept, clock=clock, wait_seconds=wait_seconds, started=started)
    return TrainRun(built=built, windows=told, root=home, seconds=time.perf_counter() - started)


def fit_all(
    series: Sequence[Series],
    lake: Lake,
    root: Path,
    *,
    again: bool = False,
    together: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
    clock: Clock = utc_now,
) -> list[Told]:
    """Fit every window of some series that is not held and keep each; refuse where none could be fitted.

    together: fits of the same window share what they read, so that a process does one after another.
    """
    wanted, told = _planned(lake, lake.snapshot(), root, series, clock=clock, again=again)
    told += _fitted(wanted, together=together, workers=workers, scheduler=scheduler, on_progress=on_progress)
    _require_any(told)
    return sorted(told, key=lambda one: (one.city, one.bracket, one.window))


def _fitted(
    tasks: Sequence[FitTask], *, together: bool, workers: int | None, scheduler: str | None, on_progress: OnProgress
) -> list[Told]:
    """Fit windows beside each other; one after another in this process where a single worker is asked for."""
    alone = workers == 1 and scheduler is None
    groups = _groups(tasks, parts=1 if alone else workers_wanted(workers)) if together else [(task,) for task in tasks]
    if alone:
        told = []
        for group in groups:
            told += fit_group(group)
            on_progress(len(told), len(tasks), f"fitting {group[-1].label}")
        return told
    if not tasks:
        return []
    with executor_of(max(1, min(workers_wanted(workers), len(groups))), scheduler=scheduler) as pool:
        done = in_pool(fit_group, groups, pool, "fitting", on_progress, weigh=len)
    return [one for group in done for one in group]


def _groups(tasks: Sequence[FitTask], *, parts: int) -> list[tuple[FitTask, ...]]:
    """Return the fits of each window together, in as many parts as keep so many processes at work."""
    of_window: dict[Window, list[FitTask]] = {}
    for task in tasks:
        of_window.setdefault(task.window, []).append(task)
    each = -(-parts // max(len(of_window), 1))
    return [tuple(some[part::each]) for some in of_window.values() for part in range(min(each, len(some)))]


def fit_group(tasks: Sequence[FitTask]) -> list[Told]:
    """Fit some windows one after another, which share what they read."""
    with shared_reads():
        return [fit_task(task) for task in tasks]


def fit_task(task: FitTask) -> Told:
    """Fit one window and keep it among the pilots; a window that is refused says why and stops no other."""
    one = task.series
    try:
        snapshot = opened(task.paths, task.snapshot)
        artifact = one.fit_window(snapshot, one.city, one.bracket, task.window, one.recipe)
        before = card_there(task.folder)
        card = store(artifact, task.root, clock=task.clock)
    except Refused as refusal:
        return _told(task, REFUSED, why=f"{refusal}" + (f" ({refusal.hint})" if refusal.hint else ""))
    return _told(task, FITTED, card=card, replaced=difference(before, card))


def _planned(
    lake: Lake, snapshot: Snapshot, root: Path, series: Sequence[Series], *, clock: Clock, again: bool
) -> tuple[list[FitTask], list[Told]]:
    """Return the windows to be fitted, and what became of the others: held, or refused as a whole series."""
    tasks, refused = [], []
    for one in series:
        try:
            windows = one.windows(snapshot)
        except Refused as refusal:
            why = f"{refusal} ({refusal.hint})"
            refused.append(
                Told(city=one.city, bracket=one.bracket, window="·", folder=root, state=REFUSED, why=why)
            )  # fmt: skip
            continue
        tasks += [
            FitTask(paths=snapshot.paths, snapshot=snapshot.number, root=root, series=one, window=window, clock=clock)
            for window in windows
        ]
    held = {task.folder: card for task in tasks if not again and (card := _held(task, lake, snapshot)) is not None}
    return (
        [task for task in tasks if task.folder not in held],
        [*refused, *(_told(task, HELD, card=held[task.folder]) for task in tasks if task.folder in held)],
    )


def _held(task: FitTask, lake: Lake, snapshot: Snapshot) -> Card | None:
    """Return the card of a window that is held made of what it would be made of now."""
    if not task.folder.is_dir():
        return None
    try:
        card, _ = read_folder(task.folder)
    except KwxError:
        return None  # what is not whole is fitted again
    asked = sha256(json_bytes(plain(task.series.recipe.config())))
    made_by = (card.config_sha256, card.code_sha256, card.versions, card.window)
    if made_by != (asked, code_sha256(), library_versions(), task.window):
        return None
    return card if says_the_same(lake, card.snapshot, snapshot, task.series.read_cities, task.window) else None


def _told(task: FitTask, state: str, *, card: Card | None = None, why: str = "", replaced: str = "") -> Told:
    one = task.series
    return Told(
        city=one.city, bracket=one.bracket, window=task.window.name, folder=task.folder, state=state, card=card,
        why=why, replaced=replaced,
    )  # fmt: skip


def _require_any(told: Sequence[Told]) -> None:
    refused = [one for one in told if one.state == REFUSED]
    if told and len(refused) == len(told):
        raise Refused(
            f"none of {len(told)} windows could be fitted; the first: {refused[0].why}",
            hint="say other dates or fewer --train-days; kwx lake status shows what there is",
        )
