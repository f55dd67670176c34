"""What the commands that score say: sums that must be one, and mornings beside their references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
import polars as pl

from kwx.cli.show import ROWS_SHOWN, console, show_frame, table_of
from kwx.hazard.scored.diagnostics import TOLERANCE, Sums
from kwx.hazard.scored.evaluation import REFERENCES, Evaluation
from kwx.scoring.climatology import LEAST_HIGHS

_DAY_COLUMNS = ("city", "event_date", "window", "label_f", "winner", "p_winner", "expected_f", "crps", "log_loss")
_TOLD = (("crps", "CRPS"), ("log_loss", "log loss"))


def tell_sums(sums: Sums) -> None:
    """Print how many sums there are, how far the worst is from one, and the worst events."""
    verdict = "every sum is 1" if sums.passed else f"NOT every sum is 1 within {TOLERANCE:g}"
    click.echo(f"{sums.instants:,} sums; the worst is {sums.deviation:.3g} from 1: {verdict}")
    worst = sums.rows.head(10).with_columns(pl.col("deviation").map_elements("{:.3g}".format, return_dtype=pl.String))
    show_frame(worst)


def evaluation_summary(evaluation: Evaluation) -> dict[str, Any]:
    """Return what all days come to."""
    found = evaluation.reliability
    return {
        "mc_version": evaluation.mc_version,
        "summary": evaluation.summary.to_dicts(),
        "reliability": {
            "inside_band": found.inside,
            "level": found.level,
            "p_value": found.p_value,
            "ece": found.ece,
            "rows": found.rows,
            "dates": found.dates,
        },
    }


def tell_evaluation(evaluation: Evaluation) -> None:
    """Print the days, then the means beside those of each reference, then how reliable the brackets were."""
    out = console()
    days = evaluation.rows.head(ROWS_SHOWN)
    rows = [[_rounded(value) for value in row] for row in days.select(_DAY_COLUMNS).iter_rows()]
    out.print(table_of([name.replace("_", " ").replace("label f", "high") for name in _DAY_COLUMNS], rows))
    if evaluation.rows.height > days.height:
        click.echo("… and more days: --csv, --json and --parquet give all of them", err=True)
    out.print(f"\nmeans of {evaluation.mc_version}, and of each reference on the same days", soft_wrap=True)
    lines = {(line["window"], line["against"]): line for line in evaluation.summary.iter_rows(named=True)}
    there = [name for name in REFERENCES if any(against == name for _, against in lines)]
    for score, title in _TOLD:
        out.print(_means(lines, there, score, title))
    out.print("CRPS: of the high, in °F; log loss: of the brackets; both the lower the better", soft_wrap=True)
    _tell_skill(lines)
    if "climatology" not in there:
        out.print(
            f"no climatology: before these days fewer than {LEAST_HIGHS} highs of their season were known",
            soft_wrap=True,
        )
    found = evaluation.reliability
    where = "inside" if found.inside else "outside"
    out.print(
        f"reliability of the brackets: {where} its {found.level:.0%} band; miscalibration p {found.p_value:.3f}",
        soft_wrap=True,
    )


_Lines = Mapping[tuple[str, str], Mapping[str, Any]]


def _means(lines: _Lines, there: Sequence[str], score: str, title: str) -> Any:
    """Return one score as a table: a line for each window, a column for us and for each reference that has it."""
    shown = [name for name in there if any(line.get(f"{score}_reference") is not None for line in _of(lines, name))]
    rows = []
    for window in dict.fromkeys(window for window, _ in lines):
        ours = lines[window, ""]
        beside = [_beside(lines.get((window, name)), ours, score) for name in shown]
        rows.append([window, ours["days"], _rounded(ours[score]), *beside])
    return table_of([f"{title}: window", "days", "ours", *shown], rows)


def _of(lines: _Lines, name: str) -> list[Mapping[str, Any]]:
    return [line for (_, against), line in lines.items() if against == name]


def _beside(line: Mapping[str, Any] | None, ours: Mapping[str, Any], score: str) -> Any:
    """Return a reference's mean; on fewer days than ours, with our own mean of those days."""
    theirs = None if line is None else line.get(f"{score}_reference")
    if line is None or theirs is None or line["days"] == ours["days"]:
        return _rounded(theirs)
    return f"{theirs:.3f} (ours {line[score]:.3f}, {line['days']} days)"


def _tell_skill(lines: _Lines) -> None:
    """Print how much of each reference's score is saved, where there are days enough to say."""
    told = [line for line in lines.values() if line.get("skill") is not None]
    for line in told:
        score = "CRPS" if line.get("crps_reference") is not None else "log loss"
        console().print(
            f"skill in {score} against {line['against']}, {line['window']}: {line['skill']:.1%}"
            f" ({line['skill_low']:.1%} … {line['skill_high']:.1%}), p {line['p_value']:.3f}",
            soft_wrap=True,
        )
    for line in lines.values():
        if line.get("pit_p") is not None:
            console().print(f"PIT uniform, {line['window']}: p {line['pit_p']:.3f}", soft_wrap=True)


def _rounded(value: Any) -> Any:
    return round(value, 3) + 0.0 if isinstance(value, float) else value
