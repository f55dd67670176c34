"""Every command helps: it says what it does, shows a line that can be typed, and names its page."""

from __future__ import annotations

import re

import click
import pytest

from tests.repo.pages import ROOT, blocks, pages
from tests.repo.typed import all_commands, parse

COMMANDS = dict(all_commands())
# Words of a page that stand for what the reader has.
_STANDS_FOR = {r"\$\(date [^)]*\)": "2026-11-04", r"\bSIDE\b": "fused", r"\bSTATE\b": "3"}


def help_of(name):
    """Return what --help prints."""
    return COMMANDS[name].get_help(click.Context(COMMANDS[name], info_name=name, terminal_width=120))


def examples_of(name):
    """Return the lines that a command's help says to type."""
    lines = re.sub(r"Examples?:", "\n", COMMANDS[name].epilog or "").splitlines()
    return [
        part.strip() for line in lines if line.strip().startswith("kwx ") for part in re.split(r"\s+(?:or|&&)\s+", line)
    ]


def shown_to_be_typed():
    """Return every kwx line of the blocks that are not run, which want a network, a person or much time."""
    return [
        pytest.param(part.strip(), id=f"{page.relative_to(ROOT)} {number}.{place}")
        for page in pages()
        for number, line in enumerate(whole_lines("".join(blocks(page, "(?:sh|bash)"))), start=1)
        for place, part in enumerate(line.split(" && "), start=1)
        if part.strip().startswith("kwx ")
    ]


def whole_lines(text):
    """Return the lines of a shell; one that ends inside a quotation goes on in the next."""
    lines = [""]
    for line in text.splitlines():
        lines[-1] += line
        if lines[-1].count('"') % 2 == 0:
            lines.append("")
        else:
            lines[-1] += " "
    return lines


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_where_its_page_is(name):
    """A sentence at least, an example, and a page that exists."""
    said = help_of(name)
    page = re.search(r"Documentation:\s+(\S+)", said)

    assert COMMANDS[name].help
    assert "Example" in said
    assert page, said
    assert (ROOT / page[1]).exists(), page[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_can_be_typed(name, tmp_path, monkeypatch):
    """It is an example of that very command, and every option of it exists."""
    monkeypatch.chdir(tmp_path)
    examples = examples_of(name)

    assert examples
    assert any(example.startswith(name) for example in examples), examples
    for example in examples:
        if example.startswith("kwx "):
            parse(example)


@pytest.mark.parametrize("line", shown_to_be_typed())
def test_what_a_page_says_to_type_is_understood(line, tmp_path, monkeypatch):
    """Where a page cannot be run, its lines are parsed: no option that is not there."""
    monkeypatch.chdir(tmp_path)
    for words, meant in _STANDS_FOR.items():
        line = re.sub(words, meant, line)

    parse(line)


def test_the_help_of_live_tells_how_to_stop_it():
    """Whoever trades finds the consents and the ways to stop without leaving the terminal."""
    said = " ".join(help_of("kwx live").split())

    assert all(
        word in said for word in ("three consents", "--confirm", "trade_mode", "kwx live kill", "SIGUSR1", "KILL")
    )


def test_an_unknown_option_is_not_understood():
    """The parser of these tests refuses what the command line refuses."""
    with pytest.raises(click.NoSuchOption):
        parse("kwx lake gc --keeep 3")
