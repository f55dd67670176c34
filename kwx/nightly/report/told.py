"""The report for people: a page that opens by itself, and the same in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from kwx.plots.page import Grid, Part, Section, State, Text, Tile, Tiles, document

_STATES: Mapping[str, State] = {"done": "ok", "held": "ok", "failed": "alarm", "refused": "alarm", "skipped": "warn"}
_SCORES = ("source", "city", "contracts", "brier", "claimed", "log_loss", "ece")
_HEADERS = ("step", "state", "why", "seconds", "rows", "what it told")

Row = Mapping[str, Any]


def page_of(report: Row, scores: Sequence[Row]) -> str:
    """Return the page of a report and the scores of its date."""
    return document(f"Night of {report['date']}", list(_sections(report, scores)))


def _sections(report: Row, scores: Sequence[Row]) -> Iterator[Section]:
    yield Section(title="", parts=[Text(words=headline(report)), _tiles(report)])
    yield Section(title="To know", parts=_lines(report))
    grid = Grid(headers=_HEADERS, rows=[_step(one) for one in report["steps"]], states=_STATES)
    yield Section(title="Steps", parts=[grid])
    if controls := _controls(report):
        yield Section(title="Drift", parts=[controls])
    if scores:
        told = Text(
            words="Every bracket at every hour is a contract; claimed is the Brier score that p itself expects."
        )
        rows = [[_told(row[name]) for name in _SCORES] for row in scores]
        yield Section(title=f"Scores of {report['date']}", parts=[told, Grid(headers=_SCORES, rows=rows)])


def headline(report: Row) -> str:
    """Say in a sentence how a night went."""
    ended = {0: "all that is needed is done", 1: "a needed step failed", 3: "a check refused a needed step"}
    took_s = (_instant(report, "finished_utc") - _instant(report, "started_utc")).total_seconds()
    snapshots = f"snapshot {report['snapshot_before'] or 'none'} to {report['snapshot_after'] or 'none'}"
    return (
        f"{report['date']}: {ended[report['exit_code']]}. {snapshots}, {took_s:,.0f} s, from {report['source']},"
        f" {len(report['cities'])} cities; told {_instant(report, 'finished_utc'):%Y-%m-%d %H:%M}Z."
    )


def _instant(report: Row, name: str) -> datetime:
    return datetime.fromisoformat(report[name])


def _tiles(report: Row) -> Tiles:
    counts = {state: sum(one["state"] == state for one in report["steps"]) for state in (*_STATES, "not_due")}
    bad = counts["failed"] + counts["refused"]
    rows = sum(sum(one["rows"].values()) for one in report["steps"])
    return Tiles(
        tiles=[
            Tile(
                label="exit code", value=str(report["exit_code"]), state="ok" if report["exit_code"] == 0 else "alarm"
            ),
            Tile(label="steps done", value=str(counts["done"] + counts["held"]), note=f"{counts['not_due']} not due"),
            Tile(label="failed or refused", value=str(bad), state="alarm" if bad else "ok"),
            Tile(label="to know", value=str(len(report["lines"])), state="warn" if report["lines"] else "ok"),
            Tile(label="rows written", value=f"{rows:,}"),
        ]
    )


def _lines(report: Row) -> Sequence[Part]:
    if not report["lines"]:
        return [Text(words="Nothing out of the ordinary.")]
    rows = [(one["kind"].replace("_", " "), one["words"], one["hint"]) for one in report["lines"]]
    return [Grid(headers=("about", "what", "what to do"), rows=rows)]


def _step(one: Row) -> tuple[str, ...]:
    name = f"{one['name']} (optional)" if one["optional"] else one["name"]
    state, seconds = one["state"].replace("_", " "), f"{one['seconds']:.1f}"
    return (name, state, one["why"], seconds, rows_told(one["rows"]), "; ".join(_said(one)))


def rows_told(rows: Mapping[str, int]) -> str:
    """Say how many rows were written, table by table."""
    return ", ".join(f"{count:,} {table}" for table, count in rows.items())


def _said(one: Row) -> Iterator[str]:
    if one["error"]:
        yield one["error"]
    plain = {name: value for name, value in one["figures"].items() if not isinstance(value, list | dict)}
    yield from (f"{name.replace('_', ' ')} {_told(value)}" for name, value in plain.items())
    yield from one["notes"]


def _controls(report: Row) -> Grid | None:
    found = [row for one in report["steps"] for row in one["figures"].get("controls", [])]
    if not found:
        return None
    rows = [
        (row["source"], row["score"], *(_told(row[name]) for name in ("value", "dates", "low", "high", "limit_dates")))
        for row in found
    ]
    return Grid(headers=("source", "score", "now", "dates", "lower limit", "upper limit", "dates before"), rows=rows)


def _told(value: Any) -> str:
    if value is None:
        return "·"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def markdown_of(report: Row) -> str:
    """Return the report as Markdown."""
    return "\n".join(_markdown(report)) + "\n"


def _markdown(report: Row) -> Iterator[str]:
    yield from (f"# Night of {report['date']}", "", headline(report), "", "## To know", "")
    for line in report["lines"]:
        hint = f" — {line['hint']}" if line["hint"] else ""
        yield f"- **{line['kind'].replace('_', ' ')}**: {line['words']}{hint}"
    if not report["lines"]:
        yield "Nothing out of the ordinary."
    yield from ("", "## Steps", "", f"| {' | '.join(_HEADERS)} |", "|" + "---|" * len(_HEADERS))
    for one in report["steps"]:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in _step(one))} |"
