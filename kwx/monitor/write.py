"""The page as a file, in one step: whoever opens it finds the page of before or the new one, never a half."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

from kwx.monitor.look import Wish
from kwx.monitor.page import Page, page_of
from warehouse.errors import KwxError
from warehouse.lake.store import Lake


def write_page(lake_root: Path | str | None, path: Path, *, moment: datetime, event_date: date | None = None) -> Path:
    """Write the page of a lake; return where it lies."""
    put_page(page_of(Lake(lake_root), Wish(event_date=event_date), moment=moment), path)
    return path


def put_page(page: Page, path: Path) -> None:
    """Put a page in the place of what was there before."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(page.html, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise KwxError(f"{path} cannot be written: {error.strerror}", hint="another place: --out FILE.html") from error
