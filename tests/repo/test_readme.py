"""Everything that the README shows is run, in order, and prints what the README says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FIRST_OUTPUT_BY_LINE = 30
# What differs from machine to machine and from run to run.
VARYING = (
    (r"\d+\.\d+ s\b", "# s"),
    (r"^(ok .*) \d+\.\d\d$", r"\1 #"),
    (r"\S*/lake\b", "lake"),
    (r"\d\d\d\d-\d\d-\d\dT\d\d:\d\dZ", "#"),
    (r"^run (\S+)-[0-9a-f]{12}: snapshot .*$", r"run \1"),
    (r"-[0-9a-f]{12}\b", "-#"),
)


def shown():
    """Return every command of the console blocks with the output shown below it ('' when none is)."""
    steps = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = piece.partition("\n")
            steps.append((command.strip(), output.strip()))
    return steps


def plain(text):
    """Return an output without what varies."""
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


def runnable(command):
    """Return the words to run for a command of the README: make targets stand for the commands that they call."""
    words = shlex.split(command)
    if words[:2] == ["make", "lake-build"]:
        words = ["kwx", "lake", "build", "--demo", *words[2:]]
    return words


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder in which the README is followed."""
    return tmp_path_factory.mktemp("reader")


@pytest.mark.slow
@pytest.mark.parametrize(("command", "output"), shown(), ids=[command[:60] for command, _ in shown()])
def test_the_readme_is_true(command, output, place):
    """Each command works in the order shown, and its output is the one shown."""
    words = runnable(command)
    if words[0] != "kwx":
        pytest.skip(f"set-up, tried on a fresh clone: {command}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KWX_LAKE": str(place / "lake")}
    environment.pop("COLUMNS", None)

    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    if output:
        assert plain(output) == plain(done.stdout)


def test_the_first_real_output_comes_early():
    """A reader sees the product before scrolling."""
    lines = README.splitlines()
    first = next(number for number, line in enumerate(lines, start=1) if line.startswith(("$ kwx", "$ make")))

    assert first < FIRST_OUTPUT_BY_LINE
    assert lines[first].strip()


def commands():
    """Return every command and subcommand of the command line."""
    from kwx.cli import kwx

    names = []
    for name in kwx.list_commands(None):
        command = kwx.get_command(None, name)
        names += [f"kwx {name} {sub}" for sub in command.commands] if hasattr(command, "commands") else [f"kwx {name}"]
    return names


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_readme(command):
    """A command that the README does not name does not exist for a new user."""
    assert command in README


def test_every_make_target_is_in_the_readme():
    """The Makefile and the README list the same targets."""
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert [] == [target for target in targets if f"make {target}" not in README]


def test_every_table_view_and_query_is_in_the_readme():
    """Whatever can be asked for by name is named."""
    from warehouse.lake.statements import statements
    from warehouse.lake.tables import TABLES

    names = [*TABLES, *statements("views"), *statements("queries")]
    assert [] == [name for name in names if f"`{name}`" not in README]


def test_every_setting_of_trading_is_in_the_readme():
    """Whatever a backtest may be told of orders, sizes and fills is told there."""
    from kwx.config.trading import TradeFields

    assert [] == [name for name in TradeFields.model_fields if f"`{name}`" not in README]


@pytest.mark.slow
def test_the_python_of_the_readme_runs(place):
    """The snippet is run on the lake that the commands above it built."""
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KWX_LAKE": str(place / "lake")}

    done = subprocess.run(
        [sys.executable, "-c", snippet + "\nassert panel.height == dense.height > 0"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize("target", re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
def test_every_make_target_knows_what_to_do(target):
    """Make -n resolves each target; what the long ones run is tested by itself."""
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == planned.returncode, planned.stderr
    assert planned.stdout.strip()
