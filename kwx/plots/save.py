"""A drawing as a file or as a part of a page; neither asks a network for anything."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from kwx.plots.page import Picture, Section, document
from kwx.plots.theme import INK, Chart, themed

_MARK = re.compile(r'<path (?P<said>aria-label="(?P<words>[^"]*)" role="graphics-symbol"(?P<rest>[^>]*))/>')
_NAME = re.compile(r'(?P<before> id="|url\(#|href="#)(?P<name>\w+)')
_WIDTH = re.compile(r'<svg [^>]*?width="(?P<pixels>[^"]*)"')
_WIDEST = 1e6
_LINES = ("line mark", "area mark", "trail mark")
"""Marks of many rows: what they say is of their first row alone."""


def save_chart(chart: Chart, path: Path) -> None:
    """Write a drawing in the form that the file's ending says; the page carries all it needs and no script."""
    if path.suffix == ".png":
        import vl_convert

        path.write_bytes(vl_convert.svg_to_png(_svg(themed(chart)), scale=2))
    elif path.suffix == ".html":
        picture = Picture(words="", svg=svg_of(chart))
        path.write_text(document(path.stem, [Section(title="", parts=[picture])]), encoding="utf-8")
    else:
        path.write_text(_svg(themed(chart)), encoding="utf-8")


def svg_of(chart: Chart) -> str:
    """Return a drawing for a page, light or dark: its words and lines in the colour of the text around it.

    A mark tells its row where the mouse rests upon it.
    """
    drawn = _svg(themed(chart, background="transparent"))
    return _MARK.sub(_told, drawn.replace(INK, "currentColor"))


def _svg(chart: Chart) -> str:
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(_spec(chart))
    if _is_endless(drawn):
        drawn = vl_convert.vegalite_to_svg(_spec(chart.configure_legend(disable=True)))
    return _named(drawn)


def _spec(chart: Chart) -> str:
    """Return what is drawn, not held against the schema: its parts were when they were made."""
    spec: str = chart.to_json(indent=None, validate=False)
    return spec


def _is_endless(svg: str) -> bool:
    """Tell whether a drawing has no end, as it is where a legend without a title has no entry."""
    width = _WIDTH.search(svg)
    return width is not None and float(width["pixels"]) > _WIDEST


def _named(svg: str) -> str:
    """Return a drawing whose names are its own and the same each time.

    Those that it is drawn with count on from drawing to drawing of a process, so a page could have one twice.
    """
    places = {
        name: str(place) for place, name in enumerate(dict.fromkeys(found["name"] for found in _NAME.finditer(svg)))
    }
    counted = _NAME.sub(lambda found: found["before"] + places[found["name"]], svg)
    own = hashlib.sha256(counted.encode()).hexdigest()[:10]
    return _NAME.sub(lambda found: f"{found['before']}n{own}-{found['name']}", counted)


def _told(found: re.Match[str]) -> str:
    """Return a mark with what it says as a title, which browsers show."""
    if any(line in found["rest"] for line in _LINES):
        return found[0]
    return f"<path {found['said']}><title>{found['words']}</title></path>"
