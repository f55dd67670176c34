"""Reports as files: Markdown with its drawings beside it, and one page that carries all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kwx.models.accept.parts import Part, Picture, Report, Text, cell, checks_grid
from kwx.plots import page as shown
from kwx.plots.page import State, document
from kwx.plots.save import save_chart, svg_of

PAGE = "acceptance.html"
_STATES: dict[str, State] = {"FAILED": "alarm", "OUTSIDE": "alarm", "passed": "ok"}


def write_reports(reports: Sequence[Report], folder: Path) -> list[Path]:
    """Write every report and the page; return the files. Drawings lie beside the reports that show them."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [(report, part) for report in reports for part in report.parts if isinstance(part, Picture)]
    pictures = {picture_file(report, picture): picture.chart for report, picture in drawn}
    for name, chart in pictures.items():
        save_chart(chart, folder / name)
    texts = {f"{report.file_name}.md": markdown(report) for report in reports} | {PAGE: page(reports)}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in sorted({**pictures, **texts})]


def picture_file(report: Report, picture: Picture) -> str:
    """Return the name of a drawing's file."""
    return f"{report.number:02d}_{picture.name}.svg"


def markdown(report: Report) -> str:
    """Return a report as Markdown."""
    blocks = [f"# {report.number:02d} {report.title}"]
    if report.checks:
        blocks.append(_markdown_of(checks_grid(report.checks), report))
    blocks += [_markdown_of(part, report) for part in report.parts]
    return "\n\n".join(blocks) + "\n"


def _markdown_of(part: Part, report: Report) -> str:
    if isinstance(part, Text):
        return part.words
    if isinstance(part, Picture):
        return f"![{part.words}]({picture_file(report, part)})"
    rows = [part.headers, ["---"] * len(part.headers), *([_piped(value) for value in row] for row in part.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _piped(value: object) -> str:
    return cell(value).replace("|", "\\|").replace("\n", " ")


def page(reports: Sequence[Report]) -> str:
    """Return all reports as one page without a script or an address, the summary first."""
    ordered = sorted(reports, key=lambda report: -report.number)[:1] + sorted(reports, key=lambda one: one.number)[:-1]
    return document("Acceptance of models", [_section(report) for report in ordered])


def _section(report: Report) -> shown.Section:
    checks = [_shown(checks_grid(report.checks))] if report.checks else []
    parts = [*checks, *(_shown(part) for part in report.parts)]
    return shown.Section(title=f"{report.number:02d} {report.title}", parts=parts)


def _shown(part: Part) -> shown.Part:
    """Return a part of a report as a part of a page."""
    if isinstance(part, Text):
        return shown.Text(words=part.words)
    if isinstance(part, Picture):
        return shown.Picture(words=part.words, svg=svg_of(part.chart))
    return shown.Grid(headers=part.headers, rows=[[cell(value) for value in row] for row in part.rows], states=_STATES)
