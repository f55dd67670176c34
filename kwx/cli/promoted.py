"""What the commands that change what is promoted tell the lake, and what they say of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kwx.models.registry.states import Promotion


def tell_done(
    done: Promotion, *, root: Path | None, lake_root: Path | None, as_json: bool, again: bool = False
) -> None:
    """Tell the lake what is in use now, then people or machines of both; a lake that cannot be told undoes nothing."""
    from kwx.cli.modelled import promotion_as_json, tell_promotion
    from kwx.cli.show import print_json

    told = _told(root, lake_root, number=done.number)
    if as_json:
        print_json({**promotion_as_json(done), "lake": told})
        return
    tell_promotion(done, again=again)
    if told["note"]:
        click.echo(f"note: {told['note']}", err=True)
    elif told["lines"]:
        click.echo(f"snapshot {told['snapshot']}: promotions of {told['lines']} lines of models, from now on")


def _told(root: Path | None, lake_root: Path | None, *, number: int) -> dict[str, Any]:
    """Return of how many lines of models the lake was told, in which snapshot, or why it was not."""
    from kwx.models.registry.told import tell_promotions
    from warehouse.errors import KwxError, NoSnapshot
    from warehouse.lake.store import Lake

    silent = {"lines": 0, "snapshot": None, "note": None}
    try:
        built, lines = tell_promotions(Lake(lake_root), root)
    except NoSnapshot as error:
        return silent | {"note": f"no lake was told: {error}"}
    except KwxError as error:
        again = f"tell it with: kwx models rollback --to {number}"
        return silent | {"note": f"the lake was not told: {error}; {again}"}
    return silent if built is None else {"lines": lines, "snapshot": built.snapshot.number, "note": None}
