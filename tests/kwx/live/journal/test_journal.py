"""The journal of a date: what was written is read, a kill loses nothing that was told, and the state comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from kwx.exec.engine import step_by_step
from kwx.exec.reported import Fill, with_fills
from kwx.live.journal.journal import WHOLE_EVERY, Journal
from kwx.live.journal.record import Causes
from kwx.live.journal.recovery import recovered
from tests.kwx.exec.made import made_params
from tests.kwx.live.journal.made_journal import DAY, an_origin, ends_utc, lived, wild_day
from warehouse.errors import FileBroken, Refused

ROOT = Path(__file__).parents[4]


def kept(folder, records, *, origin=None):
    journal = Journal(folder, sync=False)
    journal.begin(origin or an_origin())
    for record in records:
        journal.append(DAY, record)
    journal.close()
    return Journal(folder)


def leaves(values):
    for field in values:
        yield from leaves(field) if isinstance(field, tuple) else [np.asarray(field)]


def same(one, other):
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") and a.dtype == b.dtype for a, b in
               zip(leaves(one), leaves(other), strict=True))  # fmt: skip


@pytest.fixture(scope="module")
def records():
    """A day of seventy minutes and its settlement."""
    return list(lived(wild_day(71)))


@pytest.fixture(scope="module")
def journal(records, tmp_path_factory):
    return kept(tmp_path_factory.mktemp("journal"), records)


def test_records_come_back_as_they_were_written(journal, records):
    """Every array with its type, every frame, every cause; across the records that are kept whole."""
    assert len(records) > 2 * WHOLE_EVERY

    for record, read in zip(records, (one.record() for one in journal.read(DAY).kept), strict=True):
        assert (record.minute_utc, record.causes, record.stages) == (read.minute_utc, read.causes, read.stages)
        assert same(record.minute, read.minute)
        assert same(record.actions, read.actions)
        assert record.signals.equals(read.signals)
        assert record.features.equals(read.features)
    assert records[-1].minute_utc == journal.last(DAY).minute_utc


def test_the_bars_are_what_the_step_was_given(journal):
    """They step to what was done, minute for minute and settlement."""
    recorded = journal.read(DAY)
    bars = recorded.bars()

    trace = step_by_step(recorded.first.rules, recorded.first.params, bars)

    assert (71, 70) == (len(bars.minutes.open), len(recorded.of_minutes))
    assert same(type(trace.actions)(*(field[:-1] for field in trace.actions)), recorded.actions())
    assert (trace.actions.cash_micros[-1] == recorded.settlements[0].actions.cash_micros).all()
    assert (70 * 6, "ts_utc") == (len(recorded.features()), recorded.features().columns[-1])


def test_the_state_comes_back_by_stepping_again(tmp_path, records):
    """Cut anywhere, what is stepped from the recovered state is what was stepped at the time."""
    for minutes in (1, 33, 60):
        state = recovered(kept(tmp_path / str(minutes), records[:minutes]).read(DAY)).state

        again = _lived_on(an_origin(), state, minutes, 71)

        assert all(same(one.actions, other.actions) for one, other in zip(records[minutes:], again, strict=True))


def test_a_journal_of_nothing_has_no_state(tmp_path):
    """A date that begins has none to recover."""
    assert recovered(kept(tmp_path, []).read(DAY)).state is None


def test_what_does_not_step_to_what_was_written_is_refused_by_minute_and_market(tmp_path, records):
    """With what changed since: nothing here, so that it must be the file."""
    wrong = records[40].actions._replace(want_centi=records[40].actions.want_centi + 1)
    journal = kept(tmp_path, [*records[:40], replace(records[40], actions=wrong)])

    with pytest.raises(Refused, match=r"2026-11-01T15:41Z, KXHIGH.*want_centi.*so the file did"):
        recovered(journal.read(DAY))


def test_a_change_of_code_is_named(tmp_path, records):
    """Code of another hash is what the refusal points at."""
    wrong = records[3].actions._replace(gate=records[3].actions.gate + 1)
    origin = an_origin(code_sha256="other", versions={"numpy": "1.0"})
    journal = kept(tmp_path, [*records[:3], replace(records[3], actions=wrong)], origin=origin)

    with pytest.raises(Refused, match=r"the code changed; numpy was 1\.0"):
        recovered(journal.read(DAY))


def test_settings_may_change_within_a_date(tmp_path, records):
    """Minutes are stepped with the parameters that they were made with."""
    journal = kept(tmp_path, records[:20])
    state, origin = recovered(journal.read(DAY)).state, an_origin(params=made_params(tau_open_ticks=900))
    journal.begin(origin)
    for record in _lived_on(origin, state, 20, 40):
        journal.append(DAY, record)
    recorded = journal.read(DAY)

    assert (2, 40) == (len(recorded.segments), recovered(recorded).minutes)
    assert ("the parameters",) == recorded.last.differs_from(recorded.first)
    assert [100, 900] == [int(recorded.settings_of(minute).params.tau_open_ticks) for minute in (19, 20)]


def _lived_on(origin, state, first, end):
    whole = wild_day(71)
    part = type(whole)(*(type(f)(*(x[first:end] for x in f)) if isinstance(f, tuple) else f[first:end] for f in whole))
    return lived(part, origin, state=state, first=first)


def test_fills_of_an_exchange_are_stepped_from(tmp_path, records):
    """A state that an exchange's report changed is written with the minute, and taken up by the steps after it."""
    state = recovered(kept(tmp_path / "a", records[:20]).read(DAY)).state
    reported = with_fills(state, [Fill((0, 0, 0), 500, 4_000, 0, rested=False)])
    after = [replace(one, before=reported if n == 0 else None) for n, one in
             enumerate(_lived_on(an_origin(), reported, 20, 30))]  # fmt: skip

    recorded = kept(tmp_path / "b", [*records[:20], *after]).read(DAY)

    assert 30 == recovered(recorded).minutes


def test_the_same_origin_is_said_once(tmp_path, records):
    """A restart that changes nothing adds nothing but its minutes."""
    journal = kept(tmp_path, records[:5])
    size = journal.path(DAY).stat().st_size

    journal.begin(an_origin(began_utc=ends_utc(9), snapshot=7))

    assert size == journal.path(DAY).stat().st_size
    assert an_origin().run_id == journal.read(DAY).run_id


@pytest.mark.parametrize(
    ("minute", "said"),
    [(4, "minute 2026-11-01T15:05Z, the record is of 2026-11-01T15:05Z"), (6, "the record is of 2026-11-01T15:07Z")],
)
def test_a_hole_and_a_repeat_are_refused(tmp_path, records, minute, said):
    """Minutes follow each other: what was missed is stepped first."""
    journal = kept(tmp_path, records[:5])

    with pytest.raises(Refused, match=said):
        journal.append(DAY, records[minute])


def test_nothing_follows_a_settlement_but_another(tmp_path, records):
    """Cities may settle one after the other; a minute after that is refused."""
    journal = kept(tmp_path, [*records, replace(records[-1], minute_utc=ends_utc(400))])

    with pytest.raises(Refused, match="is at the settlement"):
        journal.append(DAY, replace(records[0], minute_utc=ends_utc(401)))


def test_a_minute_of_other_markets_is_refused(tmp_path, records):
    """The arrays must be those of the origin."""
    small = records[5].minute._replace(open=records[5].minute.open[:2])

    with pytest.raises(Refused, match=r"\(2, 2, 1\) brackets"):
        kept(tmp_path / "a", records[:5]).append(DAY, replace(records[5], minute=small))
    with pytest.raises(Refused, match="not 3 brackets of chicago denver"):
        kept(tmp_path / "b", []).begin(an_origin(cities=("chicago", "denver")))
    with pytest.raises(Refused, match="of what its minutes are made"):
        Journal(tmp_path / "other").append(DAY, records[0])


def test_an_altered_file_names_itself_and_the_last_whole_minute(tmp_path, records):
    """And what to do."""
    journal = kept(tmp_path, records[:40])
    said = bytearray(journal.path(DAY).read_bytes())
    said[-40] ^= 4
    journal.path(DAY).write_bytes(said)

    for touch in (journal.read, journal.last, lambda day: journal.append(day, records[40])):
        with pytest.raises(FileBroken, match=r"2026-11-02\.journal was altered.*minutes to 2026-11-01T15:39Z") as told:
            touch(DAY)
        assert "move it away" in told.value.hint


def test_a_journal_of_another_format_is_refused(tmp_path, records, monkeypatch):
    """Bytes that this code could misread are not read."""
    monkeypatch.setattr("kwx.live.journal.wire.FORMAT", 99)
    journal = kept(tmp_path, records[:1])
    monkeypatch.undo()

    with pytest.raises(FileBroken, match="format 99"):
        journal.read(DAY)


def test_causes_are_kept(tmp_path, records):
    """What was missing when a minute was decided, by city and source."""
    causes = Causes(
        decided_utc=ends_utc(0) + timedelta(seconds=31), missed=True, stale={"nyc": ("prices", "weather")},
        late={"chicago": ("trades",)}, told=("the vendor was down",), books_utc=ends_utc(0) + timedelta(seconds=29),
    )  # fmt: skip

    assert causes == kept(tmp_path, [replace(records[0], causes=causes)]).last(DAY).causes


@pytest.mark.parametrize("after_minutes", [1, 7, 31])
def test_a_kill_loses_no_minute_that_was_told(tmp_path, after_minutes):
    """Killed at any moment, the journal holds all that was said to be on the disk, and at most one minute more."""
    command = [sys.executable, "-m", "tests.kwx.live.journal.write_until_killed", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(after_minutes)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout.read().splitlines()]

    journal = Journal(tmp_path)
    held = [int(one.minute_utc.timestamp()) for one in journal.read(DAY).kept]
    assert told == held[: len(told)]
    assert len(held) <= len(told) + 1
    assert len(held) == recovered(journal.read(DAY)).minutes


def test_a_day_takes_megabytes_and_an_append_milliseconds(tmp_path, records):
    """Of two cities; a tick of 84 markets is measured by the bench."""
    assert kept(tmp_path, records).path(DAY).stat().st_size < 12_000 * len(records)
