"""README and docs name everything that can be asked for, link to what exists, and begin with the product."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.repo.pages import DOCS, README, ROOT, anchors, blocks, everything, links, pages, steps

FIRST_OUTPUT_BY_LINE = 30
LONGEST_FRONT_PAGE = 250
TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
SAID = everything()


def test_the_first_real_output_comes_early():
    """A reader sees the product before scrolling, on a page that is not a book."""
    lines = README.read_text().splitlines()
    first = next(number for number, line in enumerate(lines, start=1) if line.startswith(("$ kwx", "$ make")))

    assert first < FIRST_OUTPUT_BY_LINE
    assert lines[first].strip()
    assert len(lines) <= LONGEST_FRONT_PAGE


def test_the_short_form_is_the_tutorials():
    """What the README says to type in an hour is run, with the tutorial, in the same order."""
    short = [line for line in blocks(README, "sh")[0].splitlines() if line.startswith("kwx ")]
    run = [step.command for step in steps() if step.page == "docs/tutorial.md"]

    assert short == [command for command in run if command in short]


def commands():
    """Return every command and subcommand of the command line."""
    from kwx.cli import kwx

    names = []
    for name in kwx.list_commands(None):
        command = kwx.get_command(None, name)
        names += [f"kwx {name} {sub}" for sub in command.commands] if hasattr(command, "commands") else [f"kwx {name}"]
    return names


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_docs(command):
    """A command that no page names does not exist for a new user."""
    assert command in SAID


def test_every_make_target_is_in_the_readme():
    """The Makefile and the README list the same targets."""
    assert [] == [target for target in TARGETS if f"make {target}" not in README.read_text()]


def test_every_table_view_and_query_is_in_the_docs():
    """Whatever can be asked for by name is named by a person; the generated page of tables does not count."""
    from warehouse.lake.statements import statements
    from warehouse.lake.tables import TABLES

    written = "\n".join(page.read_text() for page in pages() if page != DOCS / "tables.md")
    names = [*TABLES, *statements("views"), *statements("queries")]
    assert [] == [name for name in names if f"`{name}`" not in written]


def test_every_setting_of_trading_is_in_the_docs():
    """Whatever a backtest may be told of orders, sizes and fills is told there."""
    from kwx.config.trading import TradeFields

    assert [] == [name for name in TradeFields.model_fields if f"`{name}`" not in SAID]


def test_the_page_of_tables_is_what_the_command_prints():
    """The page follows the contracts and the headers of the views."""
    from kwx.cli.tables_told import page
    from warehouse.lake.reference import entries

    is_new = (DOCS / "tables.md").read_text() == page(entries())
    assert is_new, "make it again: kwx lake tables --markdown > docs/tables.md"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    """A link to a file of ours names one that exists, and an anchor one of its headings."""
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not link.startswith("https://") and not (target.exists() and (not anchor or anchor in anchors(target))):
            broken.append(link)

    assert [] == broken


def test_every_page_can_be_reached():
    """From the README and the list of pages every page is one click away."""
    fronts = (README, DOCS / "README.md")
    reached = {(front.parent / link.partition("#")[0]).resolve() for front in fronts for link in links(front)}

    assert set() == set(pages()) - {README} - reached


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_knows_what_to_do(target):
    """Make -n resolves each target; what the long ones run is tested by itself."""
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == planned.returncode, planned.stderr
    assert planned.stdout.strip()
