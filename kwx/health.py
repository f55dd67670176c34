"""The health of an installation: versions, the lake, keys, disk, GPU. Looking changes nothing and needs no network."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import duckdb

from warehouse.errors import KwxError
from warehouse.lake.store import Lake

LIBRARIES = (
    *("kalshi-wx", "polars", "duckdb", "numpy", "pyarrow", "click", "rich"),
    *("httpx2", "websockets", "cryptography", "msgspec", "stamina"),
)
KEYS = ("KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_FILE", "VISUAL_CROSSING_API_KEY", "KWX_POSTGRES_DSN")
DISK_WANTED_GB = 5

State = Literal["ok", "note", "bad"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    value: str
    state: State = "ok"
    hint: str = ""


def examine(lake_root: Path | None = None) -> list[Finding]:
    """Look at everything that a command may need."""
    lake = Lake(lake_root)
    return [_python(), *_libraries(), *_lake(lake), *_keys(), _disk(lake.paths.root), _gpu()]


def _python() -> Finding:
    enough = sys.version_info >= (3, 11)
    return Finding(
        what="python",
        value=f"{platform.python_version()} on {os.cpu_count()} cores",
        state="ok" if enough else "bad",
        hint="" if enough else "Python 3.11 or newer is needed",
    )


def _libraries() -> Iterator[Finding]:
    for name in LIBRARIES:
        try:
            yield Finding(what=name, value=version(name))
        except PackageNotFoundError:
            yield Finding(what=name, value="not installed", state="bad", hint="make lake-build installs everything")


def _lake(lake: Lake) -> Iterator[Finding]:
    if not lake.snapshot_numbers():
        yield Finding(what="lake", value=f"{lake.paths.root} is empty", state="note", hint="kwx lake build")
        return
    try:
        snapshot = lake.snapshot()
        manifest = snapshot.manifest
        with snapshot.connect() as con:
            con.sql("select 1 from minute_panel_full limit 1").fetchall()
    except (KwxError, OSError, duckdb.Error) as error:
        yield Finding(what="lake", value=str(error), state="bad", hint="kwx lake check, then kwx lake rollback")
        return
    rows = sum(entry.rows for entry in manifest.tables.values())
    yield Finding(what="lake", value=f"{lake.paths.root}, snapshot {snapshot.number}, {rows:,} rows")
    if manifest.root != str(lake.paths.root):
        yield Finding(
            what="catalog",
            value=f"written for {manifest.root}",
            state="note",
            hint="the lake was moved: other tools cannot open its kwx.duckdb until the next publish; kwx itself can",
        )


def _keys() -> Iterator[Finding]:
    for name in KEYS:
        present = bool(os.environ.get(name))
        yield Finding(
            what=name,
            value="set" if present else "not set",
            state="ok" if present else "note",
            hint="" if present else "only real data and live trading need it",
        )


def _disk(root: Path) -> Finding:
    standing = next(folder for folder in (root, *root.parents) if folder.exists())
    free_gb = shutil.disk_usage(standing).free / 1e9
    enough = free_gb >= DISK_WANTED_GB
    return Finding(
        what="disk",
        value=f"{free_gb:.1f} GB free",
        state="ok" if enough else "note",
        hint="" if enough else f"less than {DISK_WANTED_GB} GB: kwx lake gc frees old snapshots",
    )


def _gpu() -> Finding:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Finding(what="gpu", value="none", hint="not needed: everything runs on the CPU")
    command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except subprocess.TimeoutExpired:
        return Finding(
            what="gpu", value="the driver does not answer", state="note", hint="not needed: the CPU does all"
        )
    seen = asked.stdout.strip().splitlines()
    return Finding(what="gpu", value=seen[0] if asked.returncode == 0 and seen else "driver without a device")
