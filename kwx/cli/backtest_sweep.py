"""`kwx backtest --sweep`: many sets of settings over the same minutes, and how much of the best is luck."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kwx.backtest.run import Wish
from kwx.backtest.sweep.asked import read_question
from kwx.backtest.sweep.run import HELD_OUT, Swept
from kwx.backtest.sweep.run import sweep as sweeping
from kwx.cli.forms import Forms, drawn
from kwx.cli.progress import progress_of
from kwx.cli.show import console, table_of
from kwx.cli.tell import tell_next
from kwx.models.registry.plain import plain
from kwx.scoring.resampling import LEAST_BLOCKS
from warehouse.market.cities import CITIES

_SHOWN = 15
_MICROS_PER_DOLLAR = 1_000_000


def sweep(file: Path, wish: Wish, lake_root: Path | None, forms: Forms, held_out: float | None = None) -> None:
    """Try every set of a file, rank them on the first dates, and hold the best to the last ones."""
    question = read_question(file)
    with progress_of("sweeping") as on_progress:
        share = HELD_OUT if held_out is None else held_out
        done = sweeping(question, wish, lake_root, held_out=share, on_progress=on_progress)
    chart = drawn("sweep_chart", done, module="backtest_question_charts")
    forms.give(done.board.rows, _summary(done), tell=lambda: tell_sweep(done), chart=chart)


def _summary(done: Swept) -> dict[str, Any]:
    return {
        "file": done.question.file,
        "snapshot": done.snapshot,
        "strategy": done.strategy,
        "cities": list(done.cities),
        "dates": [str(day) for day in done.dates],
        "sets": len(done.question.trials),
        "skipped": [asdict(one) for one in done.skipped],
        "passes": done.passes,
        "level": done.board.level,
        "ranked_dates": done.board.ranked_dates,
        "expected_best_sharpe": plain(done.board.expected_best_sharpe),
        "held_out": None if done.board.held is None else plain(asdict(done.board.held)),
        "notes": list(done.notes),
        "seconds": round(done.seconds, 2),
    }


def tell_sweep(done: Swept) -> None:
    """Print the best sets, the best one on dates that did not choose it, and what luck alone would have found."""
    out, rows, varied = console(), done.board.rows, done.question.varied
    passes = "once" if done.passes == 1 else f"{done.passes} times"
    out.print(
        f"snapshot {done.snapshot}: {rows.height:,} sets of {done.question.file}, {done.strategy} in"
        f" {len(done.cities)} cities on {len(done.dates)} settled dates, {done.dates[0]} … {done.dates[-1]}; the lake"
        f" was read {passes}, {done.seconds:.1f} s\n",
        soft_wrap=True,
    )
    headers = (
        "set", *(key.rpartition(".")[2] for key in varied), "net $", "interval", "on risk", "Sharpe", "s.e.",
        "deflated", "p", "drawdown $", "fees $", "fills",
    )  # fmt: skip
    out.print(table_of(headers, [_line(line, varied) for line in rows.head(_SHOWN).iter_rows(named=True)]))
    if rows.height > _SHOWN:
        out.print(f"… and {rows.height - _SHOWN:,} more sets: --csv, --json and --parquet give all of them")
    _tell_held(done)
    _tell_words(done)
    best = done.question.trials[rows.item(0, "set")]
    settings = " ".join(
        f"--fill {value}" if key == "fill" else f"--set {key}={best.told([key]).partition('=')[2]}"
        for key, value in best.settings.items()
    )
    run = f"kwx backtest --strategy {done.strategy} {_scope(done)} {settings}"
    tell_next([(run, "the best set as a run of its own, on all of the dates")])


def _scope(done: Swept) -> str:
    """Return the options that name what was swept."""
    cities = "" if set(done.cities) == set(CITIES) else " ".join(f"--city {city}" for city in done.cities)
    return f"{cities} --since {done.dates[0]} --until {done.dates[-1]}".strip()


def _line(line: dict[str, Any], varied: tuple[str, ...]) -> tuple[Any, ...]:
    low, high = line["net_low_micros"], line["net_high_micros"]
    return (
        line["set"], *(line[key] for key in varied), _dollars(line["net_micros"]),
        "·" if low is None else f"{_dollars(low)} … {_dollars(high)}", _told(line["return_on_risk"], ".1%"),
        _told(line["sharpe"], ".2f"), _told(line["sharpe_se"], ".2f"), _told(line["deflated"], ".2f"),
        _told(line["p_better"], ".3f"), _dollars(line["drawdown_micros"]), _dollars(line["fees_micros"]),
        line["maker_fills"] + line["taker_fills"],
    )  # fmt: skip


def _tell_held(done: Swept) -> None:
    out, held = console(), done.board.held
    if held is None:
        out.print(
            "\nall dates rank, none is held out: what the best set gained is not what it will gain", soft_wrap=True
        )
        return
    net = held.net
    interval = "no interval" if net.low != net.low else f"{_dollars(net.low)} … {_dollars(net.high)}"
    p_value = "" if held.p_value != held.p_value else f", p {held.p_value:.3f} of gaining more than nothing"
    out.print(
        f"\nheld out: set {held.place_in_question} is the best up to {held.ranked_until}; on the {held.dates} dates"
        f" from {held.since} on, which did not choose it, it gained {_money(net.value)} ({interval}{p_value}), place"
        f" {held.place} of {done.board.rows.height:,} there; the median set gained {_money(held.median_net_micros)}",
        soft_wrap=True,
    )


def _tell_words(done: Swept) -> None:
    board, best = done.board, f"{done.board.expected_best_sharpe:.2f}"
    console().print(
        f"\nall figures of the table are of the {board.ranked_dates} dates that rank; intervals of {board.level:.0%} by"
        " event date; Sharpe per date, not per year\n"
        f"deflated: the chance that it lies above {best}, the best that luck finds among as many sets\n"
        "p: of gaining more than nothing, adjusted for all sets by Romano and Wolf's stepdown"
        " (the smallest is White's reality check)",
        soft_wrap=True,
    )
    if done.skipped:
        told = f"{len(done.skipped):,} sets contradict themselves and were skipped"
        click.echo(f"note: {told}, the first for: {done.skipped[0].why}", err=True)
    if board.ranked_dates < LEAST_BLOCKS:
        told = f"no intervals on the {board.ranked_dates} dates that rank; {LEAST_BLOCKS} are needed"
        click.echo(f"note: {told}", err=True)
    for note in done.notes:
        click.echo(f"note: {note}", err=True)


def _dollars(micros: float) -> str:
    return f"{micros / _MICROS_PER_DOLLAR:,.2f}"


def _money(micros: float) -> str:
    return f"{'-' if micros < 0 else ''}${_dollars(abs(micros))}"


def _told(value: float | None, form: str) -> str:
    return "·" if value is None else format(value, form)
