"""A process that looks every few seconds is set up for it before Polars comes in; what the user said stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kwx.live.quick import SETTINGS

ASKS = """
import os, sys
from kwx.cli import kwx
assert "polars" not in sys.modules
kwx.get_command(None, sys.argv[1])
import polars
print(polars.thread_pool_size(), *(os.environ.get(name, "-") for name in sys.argv[2:]))
"""


def said(command: str, **environment: str) -> list[str]:
    """Return how many threads Polars has in the process of a command, and what the environment says by then."""
    own = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    ran = subprocess.run(
        [sys.executable, "-c", ASKS, command, *SETTINGS], env=own | environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return ran.stdout.split()


def test_the_loop_has_one_thread_and_keeps_its_pages():
    threads, *told = said("live")
    assert threads == "1"
    # Polars puts what it has by default before what it is told.
    assert all(value.endswith(ours) for value, ours in zip(told, SETTINGS.values(), strict=True))


def test_what_the_user_says_stays():
    assert said("live", POLARS_MAX_THREADS="2")[:2] == ["2", "2"]


@pytest.mark.parametrize("command", ["backtest", "nightly"])
def test_heavy_commands_are_left_alone(command):
    threads, pages = said(command)[1:]
    assert threads == "-"
    assert not pages.endswith(SETTINGS["_RJEM_MALLOC_CONF"])
