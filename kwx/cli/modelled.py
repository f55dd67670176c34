"""What the commands on models say: shelves, cards, states and verdicts, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kwx.cli.show import console, table_of
from kwx.models.registry.judged import losses_of
from kwx.models.registry.replaced import difference
from kwx.models.registry.store import COEFFICIENTS

if TYPE_CHECKING:
    from kwx.config.file import Resolved
    from kwx.models.accept.run import Accepted
    from kwx.models.registry.card import Card
    from kwx.models.registry.judged import Verdict
    from kwx.models.registry.shelf import Held
    from kwx.models.registry.states import Promotion

_COEFFICIENTS_SHOWN = 30
_ENTRIES_SHOWN = 8


def card_as_json(one: Held, before: Sequence[Card]) -> dict[str, Any]:
    """Return a window with its coefficients, and the cards of what it replaced, as plain values."""
    card = one.card.model_dump(mode="json") if one.card is not None else None
    return {
        "model": one.name, "folder": str(one.folder), "state": one.state, "problem": one.problem or None, "card": card,
        "coefficients": coefficients_of(one), "replaced": [card.model_dump(mode="json") for card in before],
    }  # fmt: skip


def coefficients_of(one: Held) -> dict[str, float] | None:
    """Return what a model weighs, None of a family that has no coefficients."""
    if one.card is None or COEFFICIENTS not in one.card.files:
        return None
    found: dict[str, float] = json.loads((one.folder / COEFFICIENTS).read_bytes())
    return found


def tell_card(one: Held, before: Sequence[Card]) -> None:
    """Print what a card says, then the coefficients that weigh most, then what the window was before."""
    from warehouse.errors import FileBroken

    if one.card is None:
        raise FileBroken(one.problem, hint="train the window again")
    out, card = console(), one.card
    said = card.model_dump(
        mode="json", exclude={"features", "files", "metrics", "params", "config", "versions", "notes"}
    )
    out.print(table_of(("", ""), [("folder", str(one.folder)), *_flat(said)]), soft_wrap=True)
    for title in ("metrics", "params", "config", "versions"):
        out.print(f"\n[bold]{title}[/bold]")
        out.print(table_of(("", ""), list(_flat(getattr(card, title)))), soft_wrap=True)
    out.print(f"\n[bold]features[/bold]\n  {' '.join(card.features)}")
    for note in card.notes:
        out.print(f"note: {note}", soft_wrap=True)
    if (weights := coefficients_of(one)) is not None:
        heaviest = sorted(weights.items(), key=lambda item: -abs(item[1]))[:_COEFFICIENTS_SHOWN]
        out.print(f"\n[bold]coefficients[/bold], {len(weights)} that are not zero")
        out.print(table_of(("feature", "weight"), heaviest))
    _tell_doubts(card, before)


def _tell_doubts(card: Card, before: Sequence[Card]) -> None:
    """Print what the window was before, and why it is not loaded any more where that is so."""
    if before:
        rows = [
            (f"{one.created_utc:%Y-%m-%d %H:%M}", losses_of(one.metrics).model, difference(one, card)) for one in before
        ]
        console().print("\n[bold]fitted before[/bold]")
        console().print(table_of(("at", "log loss", "then of"), rows), soft_wrap=True)
    if (why := card.outdated) is not None:
        click.echo(f"note: {why}: it is not loaded; train the window again", err=True)


def _flat(said: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted keys and values as text."""
    for key, value in said.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"  {above}{key}", _short(value)


def _short(value: Any) -> str:
    """Return a value as a person reads it: numbers to six digits, lists by their first entries."""
    if isinstance(value, list | tuple):
        listed = " ".join(map(_short, value[:_ENTRIES_SHOWN]))
        return f"{listed} … ({len(value)})" if len(value) > _ENTRIES_SHOWN else listed or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_short(inner)}" for key, inner in value.items())
    if isinstance(value, float):
        return f"{value:.6g}"
    return "·" if value is None else str(value)


def promotion_as_json(done: Promotion) -> dict[str, Any]:
    """Return a state as plain values."""
    return asdict(done)


def tell_promotion(done: Promotion, *, again: bool = False) -> None:
    """Print what is used now, what was overruled, and how to go back."""
    did = "is current again" if again else f"made by {done.action} of {len(done.changed)} windows"
    click.echo(f"state {done.number} {did}: {done.windows} windows are in use")
    for one in done.judged if not again else ():
        click.echo(f"judged {_verdict(one)}", err=True)
    for window in done.mended:
        click.echo(f"mended: {window}", err=True)
    for objection in done.objections:
        click.echo(f"note: in spite of {objection}", err=True)
    if done.before is not None and not again:
        click.echo(f"state {done.before} is kept; back to it with: kwx models rollback")


def _verdict(one: Verdict) -> str:
    """Return what was compared of a kind, and how it did."""
    losses = " on ".join("·" if loss is None else f"{loss:.4f}" for loss in (one.model, one.market))
    told = f"{one.kind} by {one.compared}: {losses}, {one.rows:,} rows"
    if one.crossed_tenth is None:
        return told
    return f"{told}; across the spread its surest tenth earned {one.crossed_tenth:+.4f} a contract"


def tell_accepted(done: Accepted) -> None:
    """Print the verdict of every report, the checks that failed, and where it is written."""
    rows = [
        (
            "[green]passed[/green]" if report.passed else "[red]FAILED[/red]",
            f"{report.number:02d} {report.title}",
            len(report.checks),
        )
        for report in done.reports
    ]
    out = console()
    out.print(table_of(("", "report", "checks"), rows))
    for check in done.failures:
        out.print(f"FAILED {check.name}: {check.told}", soft_wrap=True, markup=False)
    out.print(f"{len(done.files)} files in {done.files[0].parent}", soft_wrap=True)


def accepted_as_json(done: Accepted) -> dict[str, Any]:
    """Return the verdicts as plain values."""
    return {
        "passed": done.passed,
        "files": [str(path) for path in done.files],
        "reports": [
            {"report": one.file_name, "passed": one.passed, "checks": [asdict(check) for check in one.checks]}
            for one in done.reports
        ],
    }


def resolved_yaml(found: Resolved[Any], *, origins: bool) -> str:
    """Return the settings of a pair as YAML, in the order of the fields, with where each was said."""
    import yaml

    if not origins:
        text: str = yaml.safe_dump(found.config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        return text
    lines = []
    for key, value in _leaves(found.config.model_dump(mode="json")):
        origin = found.origins.get(key, "" if key in {"city", "bracket"} else "the default of the program")
        told = (
            yaml.safe_dump(value, default_flow_style=True, allow_unicode=True).removesuffix("\n").removesuffix("\n...")
        )
        lines.append(f"{key}: {told}" + (f"  # {origin}" if origin else ""))
    return "\n".join(lines) + "\n"


def _leaves(said: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in said.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
