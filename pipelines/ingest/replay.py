"""Replay: saved answers through the same parsers, without a network. What is recognised is said, and what is left out.

A folder may be a raw archive of ours, or files that others recorded. A file is known by its name where others named it,
else by what its JSON holds.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipelines.archive import ENDING, place_of, read, scan
from pipelines.ingest.hot import STREAM
from pipelines.kalshi.portfolio.kinds import OF_ACCOUNTS
from pipelines.payload import Payload
from warehouse.clock import Clock, utc_now
from warehouse.errors import Usage


@dataclass(frozen=True, kw_only=True)
class ArchivedAnswer:
    """The pages of one answer, by file and offset below a raw folder."""

    kind: str
    folder: Path
    pages: tuple[tuple[str, int], ...]
    question: str = ""

    def payloads(self) -> Sequence[Payload]:
        """Read the pages back."""
        return [read(self.folder, path, offset) for path, offset in self.pages]


@dataclass(frozen=True, kw_only=True)
class RecordedFile:
    """A file that holds one answer as others saved it."""

    path: Path
    kind: str
    received_utc: datetime
    asked: Mapping[str, str] = field(default_factory=dict)

    def payloads(self) -> Sequence[Payload]:
        """Read the file; the wrapper that a recorder put around the answer is taken off."""
        content = self.path.read_bytes()
        body = gzip.decompress(content) if self.path.suffix == ".gz" else content
        return [
            Payload(
                kind=self.kind,
                asked=self.asked,
                body=_unwrapped(body) if ".json" in self.path.name else body,
                received_utc=self.received_utc,
                origin=self.path.name,
            )
        ]


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """What a folder holds: loads in the order in which they came, and files that are left out, each with its reason."""

    loads: tuple[ArchivedAnswer | RecordedFile, ...]
    left_out: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, kw_only=True)
class _Named:
    """A pattern of file names, the kind that such files hold, and what they do not say themselves."""

    pattern: str
    kind: str
    asked: Mapping[str, str] = field(default_factory=dict)


_BY_NAME = (
    _Named(pattern=r"trades\.parquet", kind="columns_trades"),
    _Named(pattern=r"markets\.parquet", kind="columns_markets"),
    _Named(pattern=r"vintages\.parquet", kind="columns_open_meteo", asked={"city": "nyc"}),
    _Named(pattern=r"KMIA_\d{4}\.csv(\.gz)?", kind="ncei_hourly", asked={"city": "miami"}),
    _Named(pattern=r"[a-z]{4}_\d{8}_\d{4}_\d{4}\.csv", kind="iem_asos1min"),
    _Named(pattern=r".*\.txt", kind="nws_text"),
)

_BY_KEY = {
    "trades": "kalshi_trades",
    "candlesticks": "kalshi_candles",
    "market_candlesticks": "kalshi_candles",
    "orderbook": "kalshi_orderbook",
    "orderbook_fp": "kalshi_orderbook",
    "event": "kalshi_events",
    "events": "kalshi_events",
    "market": "kalshi_markets",
    "series": "kalshi_series",
    "series_fee_change_arr": "kalshi_fee_changes",
    "event_fee_changes": "kalshi_fee_changes",
    "hourly": "open_meteo",
}

_NO_ROWS = {"kalshi_orderbook": "a resting order book has no number in a stream: kwx record keeps books"}

STEERING = OF_ACCOUNTS | {"kalshi_cutoff", "kalshi_status", "kalshi_schedule", "kalshi_orderbook", "loopback_hello"}
"""Answers that steer a run and fill no table."""

_NOT_DATA = re.compile(r"(LICENSE|NOTICE|README|WORLD|.*\.sqlite.*)", re.IGNORECASE)


def recognise(folder: Path, *, clock: Clock = utc_now) -> Recognised:
    """Say what lies in a folder, file by file; refuse one with nothing to replay."""
    if not folder.is_dir():
        raise Usage(f"{folder} is no folder", hint="name a raw archive (lake/raw) or a folder of saved payloads")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    loads: list[ArchivedAnswer | RecordedFile] = list(_archived(folder)) if _has_archive(files) else []
    left_out: list[tuple[Path, str]] = []
    for path in files:
        if path.name.endswith(ENDING):
            continue
        found = _recorded(path, received_utc=clock(), beside=files)
        if isinstance(found, RecordedFile):
            loads.append(found)
        else:
            left_out.append((path.relative_to(folder), found))
    if not loads:
        raise Usage(f"nothing in {folder} is a payload that a parser reads", hint="kwx ingest --help names the shapes")
    return Recognised(loads=tuple(loads), left_out=tuple(left_out))


def _has_archive(files: Sequence[Path]) -> bool:
    return any(path.name.endswith(ENDING) for path in files)


def _archived(folder: Path) -> Iterator[ArchivedAnswer]:
    """Yield the answers of an archive, oldest first; pages of one question that came in one go belong together."""
    pages: dict[tuple[str, str], list[tuple[str, int]]] = {}
    kinds: dict[tuple[str, str], str] = {}
    for one in scan(folder):
        path, offset = place_of(one.payload.origin)
        name = (path, one.call_key)
        pages.setdefault(name, []).append((path, offset))
        kinds[name] = one.payload.kind
    for name, some in pages.items():
        if kinds[name] in STEERING:
            continue
        yield ArchivedAnswer(kind=kinds[name], folder=folder, pages=tuple(some))


def _recorded(path: Path, *, received_utc: datetime, beside: Sequence[Path]) -> RecordedFile | str:
    """Return a file as a load, or the reason why it is none."""
    if _NOT_DATA.search(path.name):
        return "not data"
    if path.parent.parent.name == STREAM and path.suffix == ".parquet":
        asked = {"table": path.parent.name}
        return RecordedFile(path=path, kind="stream_rows", asked=asked, received_utc=received_utc)
    if ".json" in path.name:
        return _recorded_json(path, received_utc=received_utc, beside=beside)
    for named in _BY_NAME:
        if re.fullmatch(named.pattern, path.name):
            return RecordedFile(path=path, kind=named.kind, asked=named.asked, received_utc=received_utc)
    return "no parser reads such a file"


def _recorded_json(path: Path, *, received_utc: datetime, beside: Sequence[Path]) -> RecordedFile | str:
    content = path.read_bytes()
    try:
        said = json.loads(_unwrapped(gzip.decompress(content) if path.suffix == ".gz" else content))
    except (ValueError, OSError) as error:
        return f"not JSON: {error}"
    if not isinstance(said, dict):
        return "no object"
    kind = _kind_of(said)
    if kind is None:
        return "account data or another product: no table holds it"
    if kind in _NO_ROWS:
        return _NO_ROWS[kind]
    if kind == "kalshi_trades" and path.parent.parent / "trades.parquet" in beside:
        return "the same trades are in trades.parquet beside it"
    asked = {"city": "nyc"} if kind == "open_meteo" else {}
    return RecordedFile(path=path, kind=kind, asked=asked, received_utc=received_utc)


def _kind_of(said: Mapping[str, object]) -> str | None:
    if "markets" in said and "event" not in said:
        first = said["markets"][0] if isinstance(said["markets"], list) and said["markets"] else None
        return "kalshi_candles" if isinstance(first, dict) and "candlesticks" in first else "kalshi_markets"
    for key, kind in _BY_KEY.items():
        if key in said:
            return kind
    # Trades as one project saved them: a list for each ticker.
    lists = all(isinstance(value, list) for value in said.values())
    return "kalshi_trades" if said and lists and all(re.match(r"(KX)?HIGH", name) for name in said) else None


def _unwrapped(body: bytes) -> bytes:
    """Take off the wrapper that a recorder put around an answer."""
    if b'"_metadata"' not in body[:200]:
        return body
    said = json.loads(body)
    return json.dumps(said["response"]).encode() if isinstance(said, dict) and "response" in said else body
