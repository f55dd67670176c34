"""Heavy work as a pure function of one task, mapped over processes. `spawn`, because Polars deadlocks under `fork`.

The processes are ours, or those of a Dask cluster that sees the lake under the same path. One worker is a thread of
this process: nothing has to be started for it, and a debugger sees into it.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

from warehouse.errors import KwxError, Usage

Task = TypeVar("Task")
Result = TypeVar("Result")

# One process per core, one thread per process: nested thread pools on two cores only wait for each other.
_ONE_THREAD = {
    "POLARS_MAX_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
}


WORKERS = "KWX_WORKERS"
"""The variable of the environment that says how many processes to use where nobody says it otherwise."""
_LOOK_EVERY_SECONDS = 1.0
_DASK_ANSWERS_WITHIN = "10s"


def workers_wanted(said: int | None = None) -> int:
    """Return how many processes to use: what was said, else what the environment says, else one for each core."""
    if said is not None:
        return said
    if wanted := os.environ.get(WORKERS):
        if not wanted.isdecimal() or int(wanted) < 1:
            raise Usage(f"{WORKERS}={wanted} is no number of processes", hint="say 1 or more, or leave it out")
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def process_pool(workers: int) -> Iterator[Executor]:
    """Return a pool of fresh single-threaded processes; pending work is dropped when the block is left by an error."""
    with _environment(_ONE_THREAD):
        pool = _pool(workers)
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        pool.shutdown()


def _pool(workers: int) -> Executor:
    if workers == 1:
        return ThreadPoolExecutor(1)
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with, initargs=(os.getpid(),))


@contextmanager
def executor_of(workers: int, *, scheduler: str | None = None) -> Iterator[Executor]:
    """Yield where tasks are done: a pool of processes here, or the cluster behind the address of a Dask scheduler."""
    with process_pool(workers) if scheduler is None else _dask_executor(scheduler) as executor:
        yield executor


@contextmanager
def _dask_executor(scheduler: str) -> Iterator[Executor]:
    """Yield the executor of a cluster; pending work is dropped when the block is left by an error."""
    try:
        distributed = importlib.import_module("distributed")
    except ImportError:
        raise Usage("--scheduler needs Dask", hint="pip install 'kalshi-wx[dask]', here and on the cluster") from None
    try:
        client = distributed.Client(scheduler, timeout=_DASK_ANSWERS_WITHIN)
    except (OSError, ValueError, TypeError) as error:
        raise KwxError(
            f"no Dask scheduler answers at {scheduler}: {str(error).splitlines()[0]}",
            hint="start one with: dask scheduler, and dask worker ADDRESS; or leave --scheduler out",
        ) from error
    with client:
        executor: Executor = client.get_executor(pure=False)  # a task that stages must be done each time it is asked
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False)
            raise
        executor.shutdown()


def map_tasks(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    executor: Executor,
    on_done: Callable[[Task], None] = lambda task: None,
) -> list[Result]:
    """Do every task and return the results in the order of the tasks; the first failure ends the rest."""
    futures = {executor.submit(work, task): place for place, task in enumerate(tasks)}
    results: dict[int, Result] = {}
    for future in as_completed(futures):
        place = futures[future]
        results[place] = future.result()
        on_done(tasks[place])
    return [results[place] for place in range(len(tasks))]


def _end_with(parent: int) -> None:
    """End this worker when its parent is gone, and leave Ctrl-C to the parent, which tells it once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
