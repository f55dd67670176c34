"""What every change of the lake shares: tasks stage partitions in processes, all is published behind the checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from pipelines.runner import map_tasks, process_pool, workers_wanted
from warehouse.lake.checks import CheckResult, require_all, run_checks
from warehouse.lake.manifest import Change
from warehouse.lake.staging import Staged
from warehouse.lake.store import Snapshot
from warehouse.lake.writer import Writer

DAYS_PER_TASK = 7

OnProgress = Callable[[int, int, str], None]

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a run made: the snapshot, the rows it wrote by table, the checks it passed, and how long it took."""

    snapshot: Snapshot
    written: dict[str, int]
    checks: list[CheckResult]
    seconds: float
    before: int | None

    @property
    def changed(self) -> bool:
        """Tell whether there is a new snapshot, or the lake held all of it already."""
        return self.snapshot.number != self.before


def in_chunks(dates: Sequence[date]) -> list[tuple[date, ...]]:
    """Cut dates into what one task takes."""
    return [tuple(dates[place : place + DAYS_PER_TASK]) for place in range(0, len(dates), DAYS_PER_TASK)]


def in_pool(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    pool: Executor,
    what: str,
    on_progress: OnProgress,
    *,
    weigh: Callable[[Task], int] = lambda task: 1,
) -> list[Result]:
    """Do the tasks in a pool, and tell how much is done: how many of them, or how much they weigh."""
    done, total = 0, sum(map(weigh, tasks))

    def tell(task: Task) -> None:
        nonlocal done
        done += weigh(task)
        on_progress(done, total, f"{what} {getattr(task, 'label', '')}")

    if tasks:
        on_progress(0, total, what)
    return map_tasks(work, tasks, executor=pool, on_done=tell)


def stage_all(
    work: Callable[[Task], list[Staged]], tasks: Sequence[Task], *, workers: int | None, on_progress: OnProgress
) -> list[Staged]:
    """Do the tasks in processes of their own and return what they staged."""
    with process_pool(max(1, min(workers_wanted(workers), len(tasks)))) as pool:
        staged = [one for result in in_pool(work, tasks, pool, "building", on_progress) for one in result]
    on_progress(len(tasks), len(tasks), "publishing and checking")
    return staged


def take(writer: Writer, staged: Sequence[Staged]) -> None:
    """Hand over to the writer what other processes staged for it."""
    for one in staged:
        writer.add(one)


def publish_behind_checks(
    writer: Writer,
    staged: Sequence[Staged],
    *,
    sources: dict[str, str],
    config: dict[str, Any],
    only_told: Container[str] = (),
) -> tuple[Snapshot, list[CheckResult]]:
    """Publish behind the gate of every check: a snapshot that breaks a promise never becomes the current one.

    What `only_told` names does not close the gate: its result is there to be shown.
    """
    results: list[CheckResult] = []

    def gate(snapshot: Snapshot) -> None:
        results.extend(run_checks(snapshot, changes=snapshot.changes()))
        require_all([result for result in results if result.name not in only_told])

    snapshot = writer.publish(sources=sources, config=config, gate=gate)
    if not results:  # nothing differed, so no gate was passed: what is there must hold all the same
        results.extend(run_checks(snapshot, changes=[_as_change(one) for one in staged]))
        require_all([result for result in results if result.name not in only_told])
    return snapshot, results


def publish_built(
    writer: Writer,
    staged: Sequence[Staged],
    *,
    before: int | None,
    started: float,
    sources: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
    only_told: Container[str] = (),
) -> Built:
    """Take over what was staged, publish it behind the checks, and say what was made since `started` (perf_counter)."""
    take(writer, staged)
    snapshot, checks = publish_behind_checks(
        writer, staged, sources=sources or {}, config=config or {}, only_told=only_told
    )
    return Built(
        snapshot=snapshot,
        written=rows_written(staged),
        checks=checks,
        seconds=time.perf_counter() - started,
        before=before,
    )


def rows_written(staged: Sequence[Staged]) -> dict[str, int]:
    """Return the number of rows staged, by table."""
    totals = dict.fromkeys(sorted({one.table for one in staged}), 0)
    for one in staged:
        totals[one.table] += one.entry.rows
    return totals


def _as_change(staged: Staged) -> Change:
    return Change(
        table=staged.table, partition=str(staged.partition), rows=staged.entry.rows, sha256=staged.entry.sha256
    )
