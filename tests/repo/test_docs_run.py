"""Everything that README and docs show is run, page by page on one lake, and prints what the page says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.repo.pages import ROOT, blocks, pages, steps

# What differs from machine to machine and from run to run.
VARYING = (
    (r"\d+\.\d+ s\b", "# s"),
    (r"^(ok .*) \d+\.\d\d$", r"\1 #"),
    (r"\S*/lake\b", "lake"),
    (r"\d\d\d\d-\d\d-\d\dT\d\d:\d\dZ", "#"),
    (r"^run (\S+)-[0-9a-f]{12}: snapshot .*$", r"run \1"),
    (r"-[0-9a-f]{12}\b", "-#"),
)
STEPS = steps()
IDS = [f"{number} {step.page}: {step.command[:60]}" for number, step in enumerate(STEPS, start=1)]
SNIPPETS = [(str(page.relative_to(ROOT)), snippet) for page in pages() for snippet in blocks(page, "python")]

pytestmark = pytest.mark.slow


def plain(text):
    """Return an output without what varies."""
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


def runnable(command):
    """Return the words to run for a command: make targets stand for the commands that they call."""
    words = shlex.split(command)
    if words[:2] == ["make", "lake-build"]:
        words = ["kwx", "lake", "build", "--demo", *words[2:]]
    return words


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder in which the pages are followed."""
    return tmp_path_factory.mktemp("reader")


def followed(words, place):
    """Run a program of this Python as a reader would, in the reader's folder and on its lake."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KWX_LAKE": str(place / "lake")}
    environment.pop("COLUMNS", None)
    return subprocess.run(
        [sys.executable, *words],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,  # of a machine that is busy; alone none takes a minute
        check=False,
    )


@pytest.mark.parametrize("step", STEPS, ids=IDS)
def test_a_page_is_true(step, place):
    """Each command works in the order shown, and its output is the one shown."""
    words = runnable(step.command)
    if words[0] != "kwx":
        pytest.skip(f"set-up, tried on a fresh clone: {step.command}")

    done = followed(["-m", *words], place)

    assert 0 == done.returncode, done.stderr
    if step.output:
        assert plain(step.output) == plain(done.stdout)


@pytest.mark.parametrize("snippet", [text for _, text in SNIPPETS], ids=[page for page, _ in SNIPPETS])
def test_the_python_of_a_page_runs(snippet, place):
    """A snippet is run on the lake that the commands built."""
    done = followed(["-c", snippet], place)

    assert 0 == done.returncode, done.stderr
