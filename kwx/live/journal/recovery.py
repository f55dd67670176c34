"""The state of a date after a restart: what stepping its minutes again comes to, which must be what was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kwx.compiled import keep_compiled
from kwx.exec.engine import one_step
from kwx.exec.minute import Array
from kwx.exec.runs.asked import code_sha256
from kwx.exec.state import Actions, State
from kwx.exec.step import empty_state
from kwx.live.journal.record import Origin
from kwx.live.journal.recorded import Recorded
from kwx.live.journal.wire import Kept
from kwx.models.registry.code import library_versions
from warehouse.errors import Refused


class Stepped(NamedTuple):
    """One record stepped again: of what it is made, the state before it, and what the step did now."""

    origin: Origin
    kept: Kept
    before: State
    actions: Actions
    after: State


class Difference(NamedTuple):
    """The first entry of what was done that is not what was written: bracket and city by their names."""

    field: str
    where: str
    written: int
    stepped: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Recovered:
    """A state from which the next minute can be stepped; None where nothing was stepped yet."""

    state: State | None
    minutes: int


def recovered(recorded: Recorded) -> Recovered:
    """Return the state that a journal leaves; refuse one whose minutes do not step to what was written of them.

    Each minute is stepped with the parameters that it was made with, so that the configuration may change within a
    date; code that decides otherwise may not.
    """
    state, minutes = None, 0
    for one in stepped_again(recorded):
        if (found := difference(one)) is not None:
            raise _refusal(one, found)
        state, minutes = one.after, minutes + 1
    for one in _between_again(recorded):
        if (found := difference(one)) is not None:
            raise _refusal(one, found)
    return Recovered(state=state, minutes=minutes)


def stepped_again(recorded: Recorded) -> Iterator[Stepped]:
    """Yield every record of a journal, stepped from where the one before left."""
    keep_compiled()
    state = empty_state(*recorded.last.tickers.shape)
    for segment in recorded.segments:
        origin = segment.origin
        for kept in segment.kept:
            before = state if kept.before is None else kept.before
            state, actions = one_step(origin.rules, origin.params, before, kept.minute)
            yield Stepped(origin, kept, before, actions, state)


def _between_again(recorded: Recorded) -> Iterator[Stepped]:
    """Yield what was decided between minutes, each from the state that it was asked of; nothing is carried on."""
    for segment in recorded.segments:
        origin = segment.origin
        for kept in segment.between:
            assert kept.before is not None  # it says so of itself
            state, actions = one_step(origin.rules, origin.params, kept.before, kept.minute)
            yield Stepped(origin, kept, kept.before, actions, state)


def difference(one: Stepped) -> Difference | None:
    """Return the first entry in which a record and its step differ, None where they are the same."""
    for name in Actions._fields:
        written, stepped = np.asarray(getattr(one.kept.actions, name)), np.asarray(getattr(one.actions, name))
        if not np.array_equal(written, stepped):
            place = tuple(int(axis[0]) for axis in np.nonzero(written != stepped))
            return Difference(name, _named(one.origin, place, written), int(written[place]), int(stepped[place]))
    return None


def _named(origin: Origin, place: tuple[int, ...], values: Array) -> str:
    return str(origin.tickers[place]) if values.ndim == origin.tickers.ndim else origin.cities[place[0]]


def _refusal(one: Stepped, found: Difference) -> Refused:
    changed = what_changed(one.origin)
    where = f"{one.origin.event_date}, minute {one.kept.minute_utc:%Y-%m-%dT%H:%M}Z, {found.where}"
    return Refused(
        f"the journal does not step to what it says: {where}: {found.field} was {found.written:,}, now it is"
        f" {found.stepped:,}; {changed or 'neither code nor libraries changed, so the file did'}",
        hint="go on with what wrote it"
        if changed
        else "bring the file back from a copy, or move it away: the date is begun anew without its minutes",
    )


def what_changed(origin: Origin) -> str:
    """Say what of the code that runs is not what an origin was made with, nothing where all is."""
    versions = library_versions()
    drifted = [
        f"{name} was {then}, is {versions.get(name, 'missing')}"
        for name, then in origin.versions.items()
        if versions.get(name) != then
    ]
    code = ["the code changed"] if origin.code_sha256 != code_sha256() else []
    return "; ".join(code + drifted)
