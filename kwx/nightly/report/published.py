"""Publishing a report: its files lie in a numbered folder, and the rename of one link shows all of them at once.

What was told before stays whole until then, whenever the night is cut off.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from kwx.nightly.places import MONITOR_HTML, REPORT_FILES, REPORT_HTML, REPORT_JSON, REPORT_MD, TOLD, NightPaths
from kwx.nightly.report.told import markdown_of, page_of
from warehouse.lake.files import remove_tree, switch_link, sync_folder, write_new
from warehouse.lake.layout import DRAFT

_FOLDER = "reports"


def draft_of(paths: NightPaths, event_date: date) -> Path:
    """Return where the files of a night's next report are written before anybody sees them."""
    return paths.night(event_date) / _FOLDER / f"next{DRAFT}"


def write_draft(folder: Path, report: Mapping[str, Any], scores: Sequence[Mapping[str, Any]]) -> None:
    """Write the files of a report, in the place of a draft that was left."""
    remove_tree(folder)
    write_new(folder / REPORT_JSON, (json.dumps(report, indent=1) + "\n").encode())
    write_new(folder / REPORT_HTML, page_of(report, scores).encode())
    write_new(folder / REPORT_MD, markdown_of(report).encode())


def show(paths: NightPaths, event_date: date) -> Path:
    """Make a written draft the report of its night, and the night the latest if none is later; return its folder."""
    night, draft = paths.night(event_date), draft_of(paths, event_date)
    if not (draft / MONITOR_HTML).exists() and (held := night / MONITOR_HTML).exists():
        shutil.copyfile(held, draft / MONITOR_HTML)  # the page of before, until the new one is drawn
    folder = draft.with_name(f"{_number(draft.parent) + 1:06d}")
    sync_folder(draft)
    draft.replace(folder)
    sync_folder(folder.parent)
    for name in REPORT_FILES:
        if not (night / name).is_symlink():
            (night / name).symlink_to(f"{TOLD}/{name}")
    switch_link(night / TOLD, f"{_FOLDER}/{folder.name}")
    if not paths.latest.exists() or paths.latest.resolve().name <= night.name:  # an old night that is done again
        switch_link(paths.latest, night.name)  # is told in its own folder
    for old in sorted(folder.parent.glob("[0-9]*"))[:-1]:
        remove_tree(old)
    return folder


def _number(folder: Path) -> int:
    return max((int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()), default=0)
