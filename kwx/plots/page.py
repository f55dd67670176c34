"""A page as text: sections of sentences, figures, tables, drawings and folded parts, with no address and no script.

What is said is escaped everywhere; the one thing that is taken as it is, is the SVG of a drawing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Literal

State = Literal["", "ok", "warn", "alarm"]
"""How something stands; nothing is said of what is only told."""

_SIGNS = {"": "", "ok": "✓ ", "warn": "! ", "alarm": "✗ "}
"""Beside the colour, for those who do not see it."""

_NUMERIC = re.compile(r"[-+]?\$?[\d,]+(\.\d+)?( ?[%¢])?|·")
_WHEN = re.compile(r"(\d{4}-\d\d-\d\d|[A-Z][a-z]{2} \d\d)( \d\d:\d\dZ)?")
_LONG = 40
"""Characters from which a cell is a sentence or a command: a column as narrow as its words would make it tall."""
_FEW_COLUMNS = 2
"""So many have room beside each other in the narrowest window, whatever they say."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph."""

    words: str

    def html(self) -> str:
        """Return it as HTML."""
        return f"<p>{escape(self.words)}</p>"


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of what is told already; numbers stand to the right, and words that tell a state have its colour.

    In a narrow window a row of a table that tells something long is a card: each cell with the name of its column, and
    below the short ones each long one on lines of its own.
    """

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    states: Mapping[str, State] = field(default_factory=dict)

    def html(self) -> str:
        """Return it as HTML, in a box that scrolls by itself where the window is narrow."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.headers)
        body = "".join(f"<tr>{self._row(row)}</tr>" for row in self.rows)
        title = f"<h3>{escape(self.title)}</h3>" if self.title else ""
        box = "wide cards" if self._is_cards else "wide"
        return f'<div class="part">{title}<div class="{box}"><table><tr>{head}</tr>{body}</table></div></div>'

    @cached_property
    def _is_cards(self) -> bool:
        return len(self.headers) > _FEW_COLUMNS and any(len(told) > _LONG for row in self.rows for told in row)

    def _row(self, row: Sequence[str]) -> str:
        names = self.headers if self._is_cards else [""] * len(row)
        return "".join(self._cell(name, told) for name, told in zip(names, row, strict=True))

    def _cell(self, name: str, told: str) -> str:
        kinds = (self.states.get(told, ""), _shape(told))
        said = {"class": " ".join(filter(None, kinds)), "data-of": name if told else ""}
        return f"<td{_attributes(said)}>{escape(told)}</td>"


def _attributes(said: Mapping[str, str]) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in said.items() if value)


def _shape(told: str) -> str:
    """Return the class of what is told by how much room it wants."""
    if len(told) > _LONG:
        return "long"
    return "n" if _NUMERIC.fullmatch(told) else "w" if _WHEN.fullmatch(told) else ""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One figure: what it is, how much, what is to be known about it, and how it stands."""

    label: str
    value: str
    note: str = ""
    state: State = ""

    def html(self) -> str:
        """Return it as HTML."""
        note = f"<small>{escape(self.note)}</small>" if self.note else ""
        kind = f"tile {self.state}".rstrip()
        value = f"<b>{_SIGNS[self.state]}{escape(self.value)}</b>"
        return f'<div class="{kind}"><span>{escape(self.label)}</span>{value}{note}</div>'


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """A row of figures."""

    tiles: Sequence[Tile]

    def html(self) -> str:
        """Return it as HTML."""
        return f'<div class="tiles">{"".join(tile.html() for tile in self.tiles)}</div>'


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing, with the words that stand for it."""

    words: str
    svg: str

    def html(self) -> str:
        """Return it as HTML."""
        words = escape(self.words)
        below = f"<figcaption>{words}</figcaption>" if words else ""
        return f'<figure role="img" aria-label="{words}">{self.svg}{below}</figure>'


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Parts that stand beside each other where the window is wide enough."""

    parts: Sequence[Part]

    def html(self) -> str:
        """Return it as HTML."""
        return f'<div class="beside">{"".join(part.html() for part in self.parts)}</div>'


@dataclass(frozen=True, kw_only=True)
class Folded:
    """Parts that are shown when they are asked for."""

    title: str
    parts: Sequence[Part]

    def html(self) -> str:
        """Return it as HTML."""
        inner = "".join(part.html() for part in self.parts)
        return f"<details><summary>{escape(self.title)}</summary>{inner}</details>"


Part = Text | Tiles | Grid | Picture | Beside | Folded


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with what stands below it; without a title the parts alone."""

    title: str
    parts: Sequence[Part]

    def html(self) -> str:
        """Return it as HTML."""
        title = f"<h2>{escape(self.title)}</h2>" if self.title else ""
        return f"<section>{title}{''.join(part.html() for part in self.parts)}</section>"


def document(title: str, sections: Sequence[Section]) -> str:
    """Return a whole page."""
    body = "\n".join(section.html() for section in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


_STYLE = """
:root{color-scheme:light dark;--ink:#1d2329;--paper:#fff;--line:#d5dbe1;--head:#eef3f7;
--ok:#0072b2;--warn:#e69f00;--alarm:#d55e00}
@media(prefers-color-scheme:dark){:root{--ink:#dde3e9;--paper:#15191d;--line:#343c44;--head:#20262c;--ok:#56b4e9}}
body{font:15px/1.5 system-ui,sans-serif;max-width:78rem;margin:1.5rem auto;padding:0 1rem;color:var(--ink);
background:var(--paper)}
h1{font-size:1.25rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}
h3{font-size:.95rem;margin:.6rem 0 .2rem}p{max-width:48rem;overflow-wrap:anywhere}
.beside{display:flex;flex-wrap:wrap;gap:.5rem 2rem;align-items:flex-start}.beside>*{min-width:0;max-width:100%}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px;margin:.3rem 0}
th,td{border-bottom:1px solid var(--line);padding:.15rem .5rem;text-align:left;vertical-align:top}
th{background:var(--head);font-weight:600}td.n,td.w{
font-variant-numeric:tabular-nums;white-space:nowrap}td.n{text-align:right}
td.ok{color:var(--ok)}td.warn,td.alarm{font-weight:600;color:#000;background:var(--warn)}td.alarm{background:var(--alarm)}
.tiles{display:grid;gap:.6rem;margin:.6rem 0;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr))}
.tile{border:1px solid var(--line);border-left-width:5px;border-radius:4px;padding:.3rem .7rem;min-width:0;
overflow-wrap:anywhere;display:flex;flex-direction:column}.tile b{font-size:1.25rem}
.tile span,.tile small{font-size:12px}.tile.ok{border-left-color:var(--ok)}.tile.warn{border-left-color:var(--warn)}
.tile.alarm{border-left-color:var(--alarm)}
figure{margin:.5rem 0}figcaption{font-size:13px;max-width:26rem}svg{max-width:100%;height:auto}
details{margin:.4rem 0}summary{cursor:pointer}
.cards td.long{min-width:18rem;overflow-wrap:anywhere}
@media(max-width:60rem){.cards :is(table,tbody){display:block}.cards tr:first-child{display:none}
.cards tr{display:flex;flex-wrap:wrap;gap:0 .9rem;padding:.3rem 0;line-height:1.4;border-bottom:1px solid var(--line)}
.cards td{border:0;padding:0;min-width:0;overflow-wrap:anywhere}.cards td:is(.warn,.alarm){padding:0 .4rem}
.cards td.long{flex:1 0 100%;order:1;min-width:0}.cards td:empty{display:none}
.cards td[data-of]::before{content:attr(data-of) " ";font-size:11px;opacity:.75}}
"""
