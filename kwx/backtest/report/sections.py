"""The sections of the page, each made of a finished run and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from kwx.backtest.gate_words import WORDS
from kwx.backtest.report.assumptions import assumptions, of_all_models
from kwx.backtest.report.charts import (
    calibration_chart,
    days_chart,
    decay_chart,
    gates_chart,
    sensitivity_chart,
)  # fmt: skip
from kwx.backtest.report.equity_chart import earned_chart
from kwx.backtest.report.figures import CASES, STYLES, cases_of, figures_of, gate_shares, styles_of
from kwx.backtest.report.stories import Story
from kwx.backtest.report.story_section import story_section
from kwx.backtest.report.words import UNKNOWN, contracts, dollars, share
from kwx.backtest.run import Outcome
from kwx.backtest.slices import slices_of
from kwx.exec.codes import Gate
from kwx.exec.rules import Fill
from kwx.plots.page import Beside, Folded, Grid, Part, Picture, Section, Text
from kwx.plots.save import svg_of
from kwx.plots.theme import NARROW, Chart
from kwx.scoring.resampling import LEAST_BLOCKS

_MICROS_PER_DOLLAR = 1_000_000


def sections_of(done: Outcome, stories: Sequence[Story]) -> Iterator[Section]:
    """Yield the sections from what is asked first to what is asked last."""
    yield _figures(done)
    yield _equity(done)
    yield _sensitivity(done)
    yield _quality(done)
    yield _gates(done)
    yield _slices(done)
    yield from (story_section(one, which=which) for one, which in zip(stories, ("best", "worst"), strict=False))
    yield _fill_models(done)
    yield _made_of(done)


def _figures(done: Outcome) -> Section:
    asked, metrics = done.asked, done.measured.metrics
    words = (
        f"{asked.strategy} in {' '.join(asked.cities)}, {asked.since} … {asked.until}, fills by {asked.fill_model}:"
        f" {metrics.events} settled events of {metrics.dates} dates, {done.bars:,} minutes of brackets. Intervals of"
        f" {metrics.net.level:.0%} draw whole event dates anew, all cities of a date together."
    )
    tables = Beside(
        parts=[
            Grid(headers=("", "value", "interval, or beside it"), rows=list(figures_of(metrics))),
            Grid(headers=STYLES, rows=styles_of(metrics)),
        ]
    )
    return Section(title="What it earned", parts=[Text(words=words), tables, *_notes(done)])


def _notes(done: Outcome) -> list[Part]:
    unsettled = [f"{city} {day}: not settled, in none of the figures" for city, day in done.measured.metrics.unsettled]
    told = [*done.notes, *(line for line in unsettled if line not in done.notes)]
    return [Grid(title="To be known", headers=("note",), rows=[(line,) for line in told])] if told else []


def _picture(chart: Chart, words: str) -> Picture:
    return Picture(words=words, svg=svg_of(chart))


def _equity(done: Outcome) -> Section:
    equity = earned_chart(done.ledger.equity, done.measured.days, width=NARROW)
    pictures = Beside(
        parts=[
            _picture(equity, "All settled events together, open positions at the mid; each date begins anew."),
            _picture(days_chart(done.measured.days), "What each event date gained, held to settlement."),
        ]
    )
    return Section(title="Equity and drawdown", parts=[pictures])


def _sensitivity(done: Outcome) -> Section:
    title = "If fills or fees were others"
    if not done.sensitivity:
        return Section(title=title, parts=[Text(words="Not asked for: the run was made with --no-sensitivity.")])
    words = (
        "The same minutes and settings with other models of fills, and as if makers paid a quarter of the taker's fee."
        " What holds under one model alone is a property of that model."
    )
    picture = _picture(sensitivity_chart(done.sensitivity), "Net after fees with its interval.")
    rows = cases_of(done.sensitivity, fill=done.asked.fill_model)
    return Section(
        title=title,
        parts=[Text(words=words), Beside(parts=[picture, Grid(headers=CASES, rows=rows)])],
    )


def _quality(done: Outcome) -> Section:
    metrics, pictures = done.measured.metrics, list[Part]()
    if (found := metrics.calibration) is not None:
        words = (
            f"Of brackets traded at a probability, how many paid: {found.rows:,} fills of {found.dates} dates,"
            f" ECE {found.ece:.4f}, p {found.p_value:.3f}. The band holds a calibrated one with {found.level:.0%}."
        )
        pictures.append(_picture(calibration_chart(found), words))
    else:
        pictures.append(Text(words=f"Probabilities are not judged: fills on fewer than {LEAST_BLOCKS} dates."))
    if any(one.fills for one in metrics.decay):
        words = "Edge decay: where the mid stood after a fill against its price, before fees; below 0 it was chosen."
        pictures.append(_picture(decay_chart(metrics.decay), words))
    return Section(title="Were its probabilities and its prices right?", parts=[Beside(parts=pictures)])


def _gates(done: Outcome) -> Section:
    shares = gate_shares(done.ledger.gates)
    rows = [
        (gate, f"{minutes:,}", share(part), "yes" if stopped else "", *_gate_words(gate))
        for gate, minutes, part, stopped in shares.select("gate", "minutes", "share", "stopped").iter_rows()
    ]
    words = (
        "Every minute of every bracket has one gate, the first that held. In a minute of `none` something was done, or"
        " what was wanted was held or waited in the book already."
    )
    parts: list[Part] = [
        _picture(gates_chart(shares), "Minutes of brackets by gate."),
        Grid(headers=("gate", "minutes", "share", "stopped a wish", "meaning", "moved by"), rows=rows),
    ]
    return Section(title="Why it did nothing", parts=[Text(words=words), Beside(parts=parts)])


def _gate_words(word: str) -> tuple[str, str]:
    told = WORDS[Gate[word.upper()]]
    return told.meaning, told.remedy


def _slices(done: Outcome) -> Section:
    found = slices_of(done.measured)
    if found.is_empty():
        return Section(title="Slices", parts=[Text(words="There was no fill.")])
    tables = [_slice(name, rows) for (name,), rows in found.group_by("cut", maintain_order=True)]
    words = (
        "Fills of settled events cut by one thing at a time; each cut adds up to the whole, to the micro."
        f"{by_chance(found, level=done.measured.metrics.net.level)}"
    )
    return Section(title="Slices", parts=[Text(words=words), Beside(parts=tables)])


def by_chance(slices: pl.DataFrame, *, level: float) -> str:
    """Return what so many intervals do by chance, nothing where dates are too few for any."""
    told = int(slices["net_low_dollars"].is_not_nan().sum())
    if not told:
        return ""
    return (
        f" Of these {told} intervals of {level:.0%} about {(1 - level) * told:.1f} would miss zero if nothing had been"
        " gained anywhere: one slice that does proves nothing."
    )


def _slice(name: object, rows: pl.DataFrame) -> Grid:
    told = [
        (
            row["value"], f"{row['fills']:,}", contracts(row["contracts_centi"]), dollars(row["fees_micros"]),
            dollars(row["net_micros"]), _span(row["net_low_dollars"], row["net_high_dollars"]),
        )
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip
    return Grid(title=f"By {name}", headers=(str(name), "fills", "contracts", "fees", "net", "interval"), rows=told)


def _span(low: float, high: float) -> str:
    if math.isnan(low):
        return UNKNOWN
    return f"{dollars(low * _MICROS_PER_DOLLAR)} … {dollars(high * _MICROS_PER_DOLLAR)}"


def _fill_models(done: Outcome) -> Section:
    rows = [
        (f"{fill.value} ←" if fill.value == done.asked.fill_model else fill.value, text)
        for fill, text in assumptions().items()
        if fill in Fill
    ]
    return Section(
        title="What the models of fills assume, and how they are wrong",
        parts=[Grid(headers=("model", "assumption and known bias"), rows=rows), Text(words=of_all_models())],
    )


def _made_of(done: Outcome) -> Section:
    asked = done.asked.row()
    names = ("run_id", "snapshot", "inputs_sha256", "code_sha256", "config_sha256", "seed", "since_date", "until_date")
    hashes = Grid(headers=("", "of this run"), rows=[(name, str(asked[name])) for name in names])
    every = Grid(headers=("setting", "value"), rows=_settings(done.asked.config))
    words = "The same question to the same data by the same code has the same name, and gives the same figures."
    return Section(
        title="What it is made of",
        parts=[
            Text(words=words), hashes,
            Folded(title="Every setting", parts=[every]),
        ],
    )  # fmt: skip


def _settings(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every setting once where all cities agree, and city by city where they do not."""
    flat = {city: dict(_flat(values)) for city, values in config.items()}
    rows = []
    for key in next(iter(flat.values())):
        by_city = {city: values[key] for city, values in flat.items() if key != "city"}
        same = len(set(by_city.values())) == 1
        rows += [(key, next(iter(by_city.values())))] if same else [(f"{city} {key}", v) for city, v in by_city.items()]
    return rows


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", "null" if value is None else str(value)
