"""What `kwx shadow` does and says: dates kept, dates replayed, and the verdict on going live."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click

from kwx.cli.forms import drawn, give_plot
from kwx.cli.show import console, print_json, table_of
from kwx.cli.tell import built_as_json
from kwx.config.file import load_config
from kwx.exec.venue.book_of_orders import Book
from kwx.exec.venue.journal import entries_of
from kwx.exec.venue.own_order import OwnOrder
from kwx.live.exchange import orders_journal
from kwx.live.journal.journal import Journal, journal_folder
from kwx.live.shadow.publish import publish_shadow
from kwx.models.registry.plain import plain
from kwx.parity.criteria import Criterion
from kwx.parity.golive import Verdict
from kwx.parity.golive import golive as judge
from kwx.parity.parity import Parity, parity_of
from warehouse.errors import ChecksFailed, Refused
from warehouse.lake.store import Lake

_SHOWN = 30
_CHARTS = "shadow_charts"


def published(event_dates: Sequence[date], lake_root: Path | None, *, with_parity: bool, as_json: bool) -> None:
    """Keep lived dates in the lake, each with what came of its replay."""
    lake = Lake(lake_root)
    journal = Journal(journal_folder(lake))
    told = []
    for day in _dates(journal, event_dates):
        found = _parity(journal, day, lake) if with_parity else None
        beside = {} if found is None else {"parity": found.plain()}
        (built,) = publish_shadow(lake, journal, [day], orders=_orders(lake), beside={day: beside})
        run_id = journal.read(day).run_id
        told.append({"event_date": day, "run_id": run_id, **built_as_json(built), **beside})
        if not as_json:
            _tell_published(run_id, built.written, changed=built.changed, parity=found)
    if as_json:
        print_json(told)


def replayed(
    event_dates: Sequence[date], lake_root: Path | None, *, plot: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Replay lived dates; refuse where a decision differs for no known cause."""
    lake = Lake(lake_root)
    journal = Journal(journal_folder(lake))
    found = [parity_of(journal.read(day), lake.snapshot()) for day in _dates(journal, event_dates)]
    if as_json:
        print_json([_parity_json(one) for one in found])
    else:
        for one in found:
            _tell_parity(one)
    give_plot(plot, drawn("parity_chart", found, module=_CHARTS))
    if unexplained := sum(one.unexplained for one in found):
        raise ChecksFailed(
            f"{unexplained:,} decisions differ from their replay, unexplained",
            hint="kwx shadow parity --json lists every one with the fields that differ",
        )


def judged(
    strategy: str | None, fill: str | None, since: date | None, config_file: Path | None, lake_root: Path | None, *,
    plot: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Tell the verdict on a strategy; refuse where it is not ready."""
    live = load_config(config_file).live()
    verdict = judge(
        Lake(lake_root).snapshot(), live.golive, strategy=strategy or live.strategy, fill=fill or live.fill, since=since
    )
    if as_json:
        print_json(_verdict_json(verdict))
    else:
        _tell_verdict(verdict)
    give_plot(plot, drawn("golive_chart", verdict, module=_CHARTS))
    verdict.require()


def _dates(journal: Journal, asked: Sequence[date]) -> Sequence[date]:
    found = asked or journal.event_dates()
    if not found:
        raise Refused(f"no event date was lived: {journal.folder} is empty", hint="kwx shadow run lives one")
    return found


def _orders(lake: Lake) -> list[OwnOrder]:
    """Return the orders that were ever sent to an exchange, as their own journal tells."""
    return list(Book(entries_of(orders_journal(lake))).orders.values())


def _parity(journal: Journal, day: date, lake: Lake) -> Parity | None:
    """Replay a date; None where the lake cannot tell of it yet."""
    try:
        return parity_of(journal.read(day), lake.snapshot())
    except Refused as error:
        click.echo(f"note: {day} was not replayed: {error}", err=True)
        return None


def _tell_published(run_id: str, written: dict[str, int], *, changed: bool, parity: Parity | None) -> None:
    rows = ", ".join(f"{count:,} {name}" for name, count in written.items())
    state = rows if changed else "nothing differed from what the lake held"
    replay = "" if parity is None else f"; {parity.equal:,} of {parity.decisions:,} decisions as replayed"
    console().print(f"{run_id}: {state}{replay}", soft_wrap=True)


def _tell_parity(found: Parity) -> None:
    out = console()
    out.print(
        f"{found.event_date} {found.run_id}: {found.equal:,} of {found.decisions:,} decisions in {found.minutes:,}"
        f" minutes are those of snapshot {found.snapshot}",
        soft_wrap=True,
    )
    if found.between:
        out.print(f"{found.between:,} decisions between minutes")
    if found.steps_again is not None:
        click.echo(f"the journal does not step to what it says: {found.steps_again}", err=True)
    if found.causes:
        out.print(table_of(("cause", "decisions"), found.causes.items()))
        columns = ("minute_utc", "market_ticker", "cause", "detail", "lived", "replayed")
        out.print("")
        out.print(table_of(columns, found.differences.select(columns).head(_SHOWN).iter_rows()))
    for note in found.notes:
        click.echo(f"note: {note}", err=True)


def _parity_json(found: Parity) -> dict[str, Any]:
    own = {"event_date": found.event_date, "run_id": found.run_id}
    return {**own, **found.plain(), "notes": list(found.notes), "differences": found.differences.to_dicts()}


def _tell_verdict(verdict: Verdict) -> None:
    out = console()
    first, last = verdict.dates[0], verdict.dates[-1]
    out.print(f"{verdict.strategy}, fills {verdict.fill}: {len(verdict.dates)} shadow dates, {first} … {last}\n")
    rows = [
        (
            "[green]ok[/green]" if c.passed else "[red]FAILED[/red]",
            c.name,
            _number(c.value),
            _interval(c),
            _due(c),
            c.why,
        )
        for c in verdict.criteria
    ]
    out.print(table_of(("", "criterion", "value", "interval", "threshold", "why"), rows))
    for note in verdict.notes:
        click.echo(f"note: {note}", err=True)
    if verdict.ready:
        out.print("\nready: what is left is trade_mode: live in the configuration, --mode live, and the typed phrase")


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    said = {**asdict(verdict), "dates": list(verdict.dates), "ready": verdict.ready}
    said["criteria"] = [{**asdict(one), "passed": one.passed} for one in verdict.criteria]
    plain_said: dict[str, Any] = plain(said)
    return plain_said


def _number(value: float) -> str:
    return "·" if math.isnan(value) else f"{value:,.4f}".rstrip("0").rstrip(".")


def _interval(criterion: Criterion) -> str:
    return "·" if math.isnan(criterion.low) else f"{_number(criterion.low)} … {_number(criterion.high)}"


def _due(criterion: Criterion) -> str:
    low = "low end " if criterion.by_low else ""
    if criterion.least is not None:
        return f"{low}{'>' if criterion.by_low else '≥'} {_number(criterion.least)}"
    return f"{low}≤ {_number(math.nan if criterion.most is None else criterion.most)}"
