"""The command line: how long a person waits for help, against a bare interpreter that imports click."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from measure import Measure, best_of, report

ROOT = Path(__file__).parents[2]


def run() -> list[Measure]:
    """Time whole processes, the way a person waits for them."""
    ours_s, helped = best_of(5, lambda: process("-m", "kwx", "--help"))
    baseline_s, bare = best_of(5, lambda: process("-c", "import click"))
    assert 0 == helped.returncode == bare.returncode
    assert "Commands:" in helped.stdout
    return [
        Measure(
            name="kwx --help",
            ours_s=ours_s,
            baseline_s=baseline_s,
            ratio=baseline_s / ours_s,
            target="< 0.3 s",
            note="baseline: python -c 'import click'",
            holds=ours_s < 0.3,
        )
    ]


def process(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter to its end."""
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(report(run()))
