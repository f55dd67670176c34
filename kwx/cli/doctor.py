"""`kwx doctor`: what this machine and this lake are fit for."""

from __future__ import annotations

from pathlib import Path

import click

from kwx.cli.options import json_option, lake_option


@click.command(epilog="Example:  kwx doctor --json")
@json_option
@lake_option
def doctor(as_json: bool, lake_root: Path | None) -> None:
    """Say which versions run, whether the lake is whole, which keys are set, and what room and GPU there is.

    Exit 1 when something that every command needs is not right.
    """
    from kwx.cli.show import console, print_json, table_of, text_of
    from kwx.health import examine

    findings = examine(lake_root)
    if as_json:
        print_json([finding.__dict__ for finding in findings])
    else:
        signs = {"ok": "[green]ok[/green]", "note": "[yellow]note[/yellow]", "bad": "[red]bad[/red]"}
        rows = [(signs[found.state], found.what, text_of(found.value), found.hint) for found in findings]
        console().print(table_of(("", "what", "found", "next step"), rows))
    if any(found.state == "bad" for found in findings):
        raise SystemExit(1)
