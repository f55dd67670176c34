"""Records as the bytes of frames, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl

from kwx.exec.minute import Array, Minute, Prints
from kwx.exec.params import Params
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.state import Actions, Orders, State
from kwx.live.journal.packed import (
    Parts,
    packed_arrays,
    packed_frame,
    squeezed,
    unpacked_arrays,
    unpacked_frame,
    unsqueezed,
)
from kwx.live.journal.record import Causes, MinuteRecord, Origin
from kwx.models.registry.plain import plain
from warehouse.errors import FileBroken
from warehouse.market.fees import FeeRule

FORMAT = 2
"""Raised when a journal of today could be misread by yesterday's code."""
FORMATS = (1, FORMAT)
"""Those that this code reads; the first has nothing between minutes."""
ORIGIN, RECORD, BETWEEN = b"O", b"M", b"B"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SINCE: dict[str, str] = {"clock_off": "release"}
"""Fields that older journals have not, false everywhere, each with one of its shape and type."""
_NESTED: dict[str, type] = {"sells": Prints, "buys": Prints, "orders": Orders}

Tuple = TypeVar("Tuple", Minute, Actions, State, Params)


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """A record as it was read: its numbers, and its frames as bytes until they are asked for."""

    minute_utc: datetime
    minute: Minute
    actions: Actions
    before: State | None
    causes: Causes
    stages: Mapping[str, float]
    parts: Parts

    @cached_property
    def signals(self) -> pl.DataFrame:
        """What was said of each market."""
        return unpacked_frame(self.parts["signals"])

    @cached_property
    def features(self) -> pl.DataFrame:
        """What was seen of each market."""
        return unpacked_frame(self.parts["features"])

    @property
    def reported(self) -> pl.DataFrame:
        """What an exchange had filled since the record before."""
        return unpacked_frame(self.parts["reported"]) if self.parts["reported"] else pl.DataFrame()

    @property
    def is_settlement(self) -> bool:
        """Whether it pays a bracket."""
        return bool((self.minute.winner >= 0).any())

    def record(self) -> MinuteRecord:
        """Return the record as it was written."""
        return MinuteRecord(
            minute_utc=self.minute_utc, minute=self.minute, actions=self.actions, causes=self.causes,
            signals=self.signals, features=self.features, stages=self.stages, before=self.before,
            reported=self.reported,
        )  # fmt: skip


def origin_bytes(origin: Origin) -> bytes:
    """Return what a frame holds of an origin."""
    said = {
        "format": FORMAT, "event_date": origin.event_date.isoformat(), "kind": origin.kind,
        "strategy": origin.strategy, "fill": origin.rules.fill.value, "sizing": origin.rules.sizing.value,
        "config": plain(origin.config), "snapshot": origin.snapshot, "began_utc": origin.began_utc.isoformat(),
        "cities": list(origin.cities), "fees": [(fee.fee_type, fee.multiplier_milli) for fee in origin.fees],
        "listed_maker_fee_num": list(origin.listed_maker_fee_num), "code_sha256": origin.code_sha256,
        "versions": dict(origin.versions),
    }  # fmt: skip
    parts = {
        "params": packed_arrays(origin.params._asdict()), "axes": packed_arrays({"tickers": origin.tickers}),
    }  # fmt: skip
    return ORIGIN + squeezed(parts, {}, said)


def origin_of(content: bytes) -> Origin:
    """Return the origin that a frame holds."""
    said, parts = unsqueezed(content[1:], {})
    if said["format"] not in FORMATS:
        raise FileBroken(
            f"a journal is of format {said['format']}, this code reads {' and '.join(map(str, FORMATS))}",
            hint="publish it with the code that wrote it: kwx shadow publish",
        )
    return Origin(
        event_date=date.fromisoformat(said["event_date"]), kind=said["kind"], strategy=said["strategy"],
        rules=Rules(fill=Fill(said["fill"]), sizing=Sizing(said["sizing"])),
        params=Params(**unpacked_arrays(parts["params"])), config=said["config"], snapshot=said["snapshot"],
        began_utc=datetime.fromisoformat(said["began_utc"]), cities=tuple(said["cities"]),
        fees=tuple(FeeRule(fee_type=kind, multiplier_milli=milli) for kind, milli in said["fees"]),
        listed_maker_fee_num=tuple(said["listed_maker_fee_num"]), code_sha256=said["code_sha256"],
        versions=said["versions"], **unpacked_arrays(parts["axes"]),
    )  # fmt: skip


class Written(NamedTuple):
    """A record as the bytes of its frame, and as the parts that the next one is held against."""

    content: bytes
    parts: Parts


def record_bytes(record: MinuteRecord, before: Mapping[str, bytes]) -> Written:
    """Return what a frame holds of a record, given the parts of the record before: none for a whole one."""
    causes = record.causes
    said = {
        "minute_utc": _micros(record.minute_utc), "decided_utc": _micros(causes.decided_utc),
        "missed": causes.missed, "stale": dict(causes.stale), "late": dict(causes.late), "told": list(causes.told),
        "unsized": list(causes.unsized), "books_utc": None if causes.books_utc is None else _micros(causes.books_utc),
        "stages": dict(record.stages),
    }  # fmt: skip
    parts = {
        "minute": packed_arrays(_flat(record.minute)),
        "actions": packed_arrays(_flat(record.actions)),
        "before": b"" if record.before is None else packed_arrays(_flat(record.before)),
        "signals": packed_frame(record.signals),
        "features": packed_frame(record.features),
        "reported": packed_frame(record.reported) if len(record.reported) else b"",
    }
    return Written(RECORD + squeezed(parts, before, said), parts)


def between_bytes(record: MinuteRecord) -> bytes:
    """Return what a frame holds of a decision between minutes; it is whole, and no other is held against it."""
    return BETWEEN + record_bytes(record, {}).content.removeprefix(RECORD)


def kept_of(content: bytes, before: Mapping[str, bytes]) -> Kept:
    """Return the record that a frame holds, given the parts of the record before."""
    said, parts = unsqueezed(content[1:], before)
    causes = Causes(
        decided_utc=_instant(said["decided_utc"]), missed=said["missed"], stale=_words(said["stale"]),
        late=_words(said["late"]), told=tuple(said["told"]),
        unsized=tuple(said.get("unsized", ())),
        books_utc=None if said.get("books_utc") is None else _instant(said["books_utc"]),
    )  # fmt: skip
    return Kept(
        minute_utc=_instant(said["minute_utc"]), minute=_nested(Minute, parts["minute"]),
        actions=_nested(Actions, parts["actions"]),
        before=_nested(State, parts["before"]) if parts["before"] else None, causes=causes, stages=said["stages"],
        parts=parts,
    )  # fmt: skip


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _words(said: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {city: tuple(words) for city, words in said.items()}


def _flat(values: Tuple) -> dict[str, Array]:
    """Return the arrays of a tuple by name, those of a tuple inside it as name.inner."""
    flat: dict[str, Array] = {}
    for name, value in values._asdict().items():
        inner = value._asdict() if name in _NESTED else {"": value}
        flat |= {f"{name}.{within}" if within else name: array for within, array in inner.items()}
    return flat


def _nested(kind: type[Tuple], content: bytes) -> Tuple:
    flat = unpacked_arrays(content)
    for name, like in _SINCE.items():
        if name in kind._fields and name not in flat:
            flat[name] = np.zeros_like(flat[like])
    fields: dict[str, Any] = {}
    for name in kind._fields:
        inner = _NESTED.get(name)
        fields[name] = flat[name] if inner is None else inner(**_within(flat, name))
    return kind(**fields)


def _within(flat: Mapping[str, Array], name: str) -> dict[str, Array]:
    """Return the arrays of the tuple that is a field of another."""
    return {key.removeprefix(f"{name}."): values for key, values in flat.items() if key.startswith(f"{name}.")}
