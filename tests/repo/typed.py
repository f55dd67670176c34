"""A command line as it is typed: taken apart and parsed by click, and not run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import click

from kwx.cli import kwx


def parse(line: str) -> None:
    """Parse a line that begins with kwx; raise what click raises of an unknown command, option or value."""
    words = shlex.split(line, comments=True)
    assert "kwx" == words[0], line
    command, path, rest = _found(words[1:])
    with command.make_context(" ".join(["kwx", *path]), rest):
        pass


def _found(words: Sequence[str]) -> tuple[click.Command, list[str], list[str]]:
    """Walk down the groups as far as their names are said; return the command, its path, and the words left."""
    command: click.Command = kwx
    path: list[str] = []
    context = click.Context(kwx)
    while isinstance(command, click.Group) and len(words) > len(path):
        below = command.get_command(context, words[len(path)])
        if below is None:
            break
        command = below
        path.append(words[len(path)])
    return command, path, list(words[len(path) :])


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every group and command below kwx with the words that call it."""
    context = click.Context(kwx)
    for name in kwx.list_commands(context):
        command = kwx.get_command(context, name)
        assert command is not None
        yield from _below(f"kwx {name}", command)


def _below(said: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield said, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _below(f"{said} {name}", child)
