"""What each model of fills assumes and where that is known to be wrong, as the module that fills says it."""

from __future__ import annotations

import re

from kwx.exec import fills
from kwx.exec.rules import Fill

_PARAGRAPH = re.compile(r"^(A|B|queue|taker) {2,}(.+?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def assumptions() -> dict[Fill, str]:
    """Return one paragraph for each model."""
    found = _PARAGRAPH.findall(fills.__doc__ or "")
    return {Fill(name): " ".join(text.split()) for name, text in found}


def of_all_models() -> str:
    """Return what holds for every model: the last paragraph of the same text."""
    return " ".join((fills.__doc__ or "").strip().split("\n\n")[-1].split())
