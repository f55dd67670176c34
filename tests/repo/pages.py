"""The pages of the documentation, in the order in which they are followed on one lake, and what they show."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
# The lake's page tells of a lake just built; the tutorial makes what the others begin with. The rest follows by name.
FIRST = (README, *(DOCS / f"{name}.md" for name in ("howto/lake", "tutorial", "howto/hazard", "howto/fusion")))


class Step(NamedTuple):
    """A command that a page shows, and the output below it ('' when none is shown)."""

    page: str
    command: str
    output: str


def pages() -> list[Path]:
    """Return every page: those that others build on, then the others by name."""
    found = sorted([*DOCS.rglob("*.md"), ROOT / "ops" / "README.md"])
    return [*(page for page in FIRST if page.exists()), *(page for page in found if page not in FIRST)]


def everything() -> str:
    """Return the text of all pages."""
    return "\n".join(page.read_text() for page in pages())


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def steps() -> list[Step]:
    """Return what is to be run; a command that an earlier page has run already is not run to show nothing."""
    shown = [
        Step(str(page.relative_to(ROOT)), command.strip(), output.strip())
        for page in pages()
        for block in blocks(page, "console")
        for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        for command, _, output in [piece.partition("\n")]
    ]
    run = [step.command for step in shown]
    return [step for number, step in enumerate(shown) if step.output or step.command not in run[:number]]


def links(page: Path) -> list[str]:
    """Return where the links of a page point to, outside its code."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", _prose(page)))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as readers of Markdown on the web make them."""
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)}


def _prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def _anchor(heading: str) -> str:
    kept = (sign for sign in heading.lower() if sign in " -_" or unicodedata.category(sign)[0] in "LN")
    return "".join(kept).strip().replace(" ", "-")
