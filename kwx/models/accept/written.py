"""Reports as files: Markdown with its drawings beside it, and one page that carries all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from kwx.models.accept.parts import Grid, Part, Picture, Report, Text, cell, checks_grid

PAGE = "acceptance.html"

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0;font-size:13px;display:block;overflow-x:auto}"
    "th,td{border:1px solid #ccc;padding:.2rem .5rem;text-align:left;vertical-align:top}"
    "th{background:#eef3f7}td.n{text-align:right;font-variant-numeric:tabular-nums}"
    "td.FAILED,td.OUTSIDE{color:#fff;background:#c0392b}td.passed{background:#d5efdc}svg{max-width:100%;height:auto}"
)


def write_reports(reports: Sequence[Report], folder: Path) -> list[Path]:
    """Write every report and the page; return the files. Drawings lie beside the reports that show them."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{report.file_name}.md": markdown(report) for report in reports}
    files |= {
        picture_file(report, part): part.svg for report in reports for part in report.parts if isinstance(part, Picture)
    }
    files[PAGE] = page(reports)
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in sorted(files)]


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
    body = "\n".join(line for report in ordered for line in _section(report))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Acceptance of models</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>Acceptance of models</h1>\n{body}\n</body></html>\n"
    )


def _section(report: Report) -> Iterator[str]:
    yield f'<h2 id="r{report.number:02d}">{report.number:02d} {escape(report.title)}</h2>'
    if report.checks:
        yield _html_of(checks_grid(report.checks))
    for part in report.parts:
        yield _html_of(part)


def _html_of(part: Part) -> str:
    if isinstance(part, Text):
        return f"<p>{escape(part.words)}</p>"
    if isinstance(part, Picture):
        return f"<figure>{part.svg}<figcaption>{escape(part.words)}</figcaption></figure>"
    return _table_of(part)


def _table_of(grid: Grid) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in grid.headers)
    rows = "".join(f"<tr>{''.join(_td(value) for value in row)}</tr>" for row in grid.rows)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _td(value: object) -> str:
    told = escape(cell(value))
    if value in {"FAILED", "OUTSIDE", "passed"}:
        return f'<td class="{value}">{told}</td>'
    return f'<td class="n">{told}</td>' if isinstance(value, int | float) else f"<td>{told}</td>"
