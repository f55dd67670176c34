"""What asks for somebody: alerts of a live loop, lines of the nightly report, and what this page itself shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from kwx.live.health.file import HALTED, RUNNING, STARTING, health_path, read_health
from kwx.live.health.watch import WELL_S
from kwx.monitor.nightly_report import FAILED_KIND, Report, read_report, report_path
from kwx.monitor.told import Told, at, failed, texts
from kwx.plots.page import Grid, Part, Section, State, Tile
from pipelines.ingest.access import SIMULATED_SOURCES
from warehouse.errors import KwxError
from warehouse.lake.store import Lake
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import event_date_at

_TITLE = "Alerts"
_ALIVE = (RUNNING, HALTED, STARTING)
_ORDER = ("alarm", "warn", "")
_STANDS_OUT = ("alarm", "warn")
_NIGHT_IS_TOLD_WITHIN = timedelta(days=2)
"""Of yesterday once the night is over, until then of the day before."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One thing that asks for somebody: where it comes from, how bad it is, and what to do."""

    source: str
    state: State
    words: str
    hint: str = ""


def alerts(lake: Lake, moment: datetime, others: Sequence[Told] = ()) -> Told:
    """Tell what asks for somebody, the worst first. A file that is broken is told as what could not be told.

    others: the other parts of the page. What stands out in them asks for somebody too.
    """
    try:
        health, report = read_health(health_path(lake)), read_report(report_path(lake.paths.root))
        is_real = _is_real(lake)
    except KwxError as error:
        return failed("alerts", _TITLE, str(error), error.hint)
    missed = _of_missed_nights(report, moment) if is_real else ()
    found = sorted(
        [*_of_loop(health, moment), *_of_nightly(report), *missed, *_of_page(others)],
        key=lambda one: _ORDER.index(one.state),
    )
    parts: list[Part] = texts(_loop_words(health, moment), _nightly_words(report))
    if found:
        rows = [(one.state or "told", one.source, one.words, one.hint) for one in found]
        parts.append(Grid(headers=("", "from", "what", "next"), rows=rows, states={"alarm": "alarm", "warn": "warn"}))
    else:
        parts += texts("Nothing asks for anybody.")
    return Told(
        name="alerts", section=Section(title=_TITLE, parts=parts), tiles=[_tile(found)],
        figures={"alerts": [asdict(one) for one in found], "loop": None if health is None else health["state"],
                 "nightly": None if report is None else {"date": report.date, "exit_code": report.exit_code}},
    )  # fmt: skip


def _of_loop(health: Mapping[str, Any] | None, moment: datetime) -> Iterator[Alert]:
    if health is None:
        return
    for words in health.get("alerts", ()):
        yield Alert(source="live loop", state="alarm" if "(critical)" in words else "warn", words=words)
    if health["state"] == HALTED or health.get("is_killed"):
        why = health.get("why") or "the kill switch"
        yield Alert(source="live loop", state="alarm", words=f"trading is halted: {why}", hint="kwx live status")
    silent = _silent_s(health, moment)
    if health["state"] in _ALIVE and silent is not None and silent > WELL_S:
        yield Alert(
            source="live loop", state="alarm", words=f"it says that it runs, and has not looked for {silent:,.0f} s",
            hint="kwx live status",
        )  # fmt: skip


def _silent_s(health: Mapping[str, Any], moment: datetime) -> float | None:
    looked = health.get("tick_utc") or health.get("started_utc")
    return None if looked is None else (moment - datetime.fromisoformat(looked)).total_seconds()


def _of_nightly(report: Report | None) -> Iterator[Alert]:
    if report is None:
        return
    for line in report.lines:
        state: State = "alarm" if line.kind == FAILED_KIND else "warn"
        yield Alert(source="nightly", state=state, words=f"{line.kind.replace('_', ' ')}: {line.words}", hint=line.hint)
    for step in report.untold:
        yield Alert(source="nightly", state="alarm", words=f"{step.name} {step.state}: {step.error}", hint=step.hint)


def _of_page(others: Sequence[Told]) -> Iterator[Alert]:
    """Yield each tile that stands out; its part says what to do."""
    for told in others:
        for tile in told.tiles:
            if tile.state in _STANDS_OUT:
                words = f"{tile.label}: {tile.value}, {tile.note}" if tile.note else f"{tile.label}: {tile.value}"
                yield Alert(source="page", state=tile.state, words=words, hint=f"see {told.section.title}")


def _is_real(lake: Lake) -> bool:
    """Tell whether a lake is of the real world, whose nights fall by the clock; an empty one is of none yet."""
    return lake.current_number() is not None and not SIMULATED_SOURCES & set(lake.snapshot().manifest.sources)


def _of_missed_nights(report: Report | None, moment: datetime) -> Iterator[Alert]:
    """Yield an alarm where the night before last did not run: a report of nothing wrong says nothing of it."""
    today = max(event_date_at(moment, city=city) for city in CITIES.values())
    if report is not None and today - report.event_date <= _NIGHT_IS_TOLD_WITHIN:
        return
    words = "no night has left a report"
    if report is not None:
        words = f"no night was told since that of {report.date}, {(today - report.event_date).days} days before {today}"
    hint = "systemctl list-timers kwx-nightly.timer says when it runs; kwx nightly runs one now"
    yield Alert(source="nightly", state="alarm", words=words, hint=hint)


def _loop_words(health: Mapping[str, Any] | None, moment: datetime) -> str:
    if health is None:
        return "No live loop has run on this lake: kwx shadow begins one."
    silent = _silent_s(health, moment)
    looked = "" if silent is None else f", {silent:,.0f} s after its last look"
    dates = ", ".join(map(str, health.get("event_dates", ()))) or "no event date"
    return f"The live loop ({health.get('mode') or 'paper'}) is {health['state']}, with {dates}{looked}."


def _nightly_words(report: Report | None) -> str:
    if report is None:
        return "No nightly run has left a report: kwx nightly makes one."
    done = sum(step.state == "done" for step in report.steps)
    ended = f"ended {at(report.finished_utc)}" if report.finished_utc else "has not ended"
    return (
        f"The nightly run of {report.date} {ended} with exit code {report.exit_code}:"
        f" {done} of {len(report.steps)} steps done, snapshot {report.snapshot_after}."
    )


def _tile(found: list[Alert]) -> Tile:
    alarms, warnings = (sum(one.state == state for one in found) for state in ("alarm", "warn"))
    if alarms or warnings:
        first = next(one for one in found if one.state)
        return Tile(
            label="alerts", value=f"{alarms + warnings} open", note=f"{first.source}: {first.words}"[:90],
            state="alarm" if alarms else "warn",
        )  # fmt: skip
    return Tile(label="alerts", value="none", note="of the loop, the night and this page", state="ok")
