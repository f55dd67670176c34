"""Where the nights of a lake lie: lake/nightly/<date>/, and `latest`, which names the one that was told last.

A night's report is four files that change together: each is a link through `told` into a numbered folder, so that
they become visible, and are replaced, by the one rename of that link.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from warehouse.lake.layout import LakePaths

JOURNAL = "journal.jsonl"
TOLD = "told"
REPORT_JSON, REPORT_HTML, REPORT_MD, MONITOR_HTML = "report.json", "report.html", "report.md", "monitor.html"
REPORT_FILES = (REPORT_JSON, REPORT_HTML, REPORT_MD, MONITOR_HTML)


@dataclass(frozen=True)
class NightPaths:
    """The files of one lake's nights."""

    lake: LakePaths

    @property
    def root(self) -> Path:
        """The folder of all nights."""
        return self.lake.root / "nightly"

    @property
    def lock(self) -> Path:
        """The lock of the night that runs."""
        return self.root / "lock"

    @property
    def ballast(self) -> Path:
        """Room that is given back when the disk is full, so that the report of it can be written."""
        return self.root / "ballast"

    @property
    def ends(self) -> Path:
        """How far each step has come, and what it owes."""
        return self.root / "ends.json"

    @property
    def scores(self) -> Path:
        """The daily scores: a file for each event date."""
        return self.root / "scores"

    @property
    def latest(self) -> Path:
        """The link to the night that was told last."""
        return self.root / "latest"

    def night(self, event_date: date) -> Path:
        """Return the folder of a night."""
        return self.root / event_date.isoformat()

    def journal(self, event_date: date) -> Path:
        """Return the journal of a night."""
        return self.night(event_date) / JOURNAL

    def nights(self) -> list[date]:
        """Return the nights that have a folder, oldest first."""
        return sorted(date.fromisoformat(path.name) for path in self.root.glob("????-??-??") if path.is_dir())
