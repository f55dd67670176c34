"""How soon a browser has drawn a page, for the benchmarks of pages; nothing is said where there is no browser."""

from __future__ import annotations

import sys
from pathlib import Path

from measure import Measure

sys.path.insert(0, str(Path(__file__).parents[2]))

DRAWN_S = 2.0


def drawn(name: str, path: Path, profile: Path) -> list[Measure]:
    """Return how soon a browser has drawn a page, the best of three looks."""
    from tests.browser import found_browser, opened_browser

    program = found_browser()
    if program is None:
        return []
    with opened_browser(program, profile) as browser:
        drawn_s = min(browser.look(path.resolve().as_uri(), width=width).drawn_s for width in (1200, 400, 1200))
    return [
        Measure(
            name=f"{name} drawn in chromium", ours_s=drawn_s, target=f"<= {DRAWN_S:.0f} s",
            note="from the beginning of the load to the second frame after it", holds=drawn_s <= DRAWN_S,
        )
    ]  # fmt: skip
