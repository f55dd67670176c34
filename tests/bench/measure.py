"""What a benchmark says. Every bench module has `run() -> list[Measure]` and prints its table when run as a script."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One promise about speed or size, what was measured in this run, and whether it holds."""

    name: str
    ours_s: float
    baseline_s: float | None = None
    ratio: float | None = None
    target: str
    note: str = ""
    holds: bool


def best_of(times: int, work: Callable[[], T]) -> tuple[float, T]:
    """Run the work a few times; return the shortest wall time in seconds and the last result."""
    shortest = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        result = work()
        shortest = min(shortest, time.perf_counter() - began)
    return shortest, result


@contextmanager
def on_one_core() -> Iterator[None]:
    """Hold every thread of this process, and what it starts meanwhile, to one core (Linux)."""
    allowed = os.sched_getaffinity(0)
    _pin({min(allowed)})
    try:
        yield
    finally:
        _pin(allowed)


def _pin(cores: Iterable[int]) -> None:
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def peak_memory_gb() -> float:
    """Return the largest resident size that this process has had."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024**2


def table(measures: Iterable[Measure]) -> str:
    """Lay the measures out as lines of text, one each."""
    lines = [f"{'':5} {'measure':<44} {'ours':>10} {'baseline':>10} {'ratio':>8}  target; note"]
    for one in measures:
        baseline = "" if one.baseline_s is None else f"{one.baseline_s:.4f} s"
        ratio = "" if one.ratio is None else f"{one.ratio:.1f} x"
        verdict = "holds" if one.holds else "FAILS"
        lines.append(
            f"{verdict:5} {one.name:<44} {one.ours_s:>8.4f} s {baseline:>10} {ratio:>8}  {one.target}; {one.note}"
        )
    return "\n".join(lines)


def report(measures: list[Measure]) -> int:
    """Write the table to standard output; return the exit code, 1 when a promise is broken."""
    sys.stdout.write(table(measures) + "\n")
    return 0 if all(one.holds for one in measures) else 1
