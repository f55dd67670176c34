"""Acceptance from end to end: gather, judge, sum up, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kwx.models.accept.curves import calibration_analysis
from kwx.models.accept.evidence import Evidence, gather
from kwx.models.accept.exclusion import exclusion_audit
from kwx.models.accept.infrastructure import infrastructure_verification
from kwx.models.accept.parts import Check, Grid, Report, Text
from kwx.models.accept.settings import configuration_validation
from kwx.models.accept.validation import validation_summary
from kwx.models.accept.written import write_reports
from kwx.models.registry.places import PILOTS, models_root
from kwx.models.registry.promotion import Choice
from warehouse.clock import Clock, utc_now
from warehouse.lake.store import Snapshot


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What was found, and the files that say it."""

    reports: tuple[Report, ...]
    files: tuple[Path, ...]

    @property
    def passed(self) -> bool:
        """Whether no check of any report failed."""
        return all(report.passed for report in self.reports)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed, each once: those of the reports, not of the summary of them."""
        return tuple(check for report in self.reports for check in report.checks if check.passed is False)


def accept(
    folder: Path,
    *,
    choice: Choice | None = None,
    root: Path | str | None = None,
    stage: str = PILOTS,
    config: Path | None = None,
    snapshot: Snapshot | None = None,
    clock: Clock = utc_now,
) -> Accepted:
    """Write the six reports and the page of the chosen models of a stage into a folder."""
    evidence = gather(models_root(root), stage, choice or Choice())
    reports = [
        validation_summary(evidence),
        exclusion_audit(evidence, snapshot),
        calibration_analysis(evidence),
        configuration_validation(config),
        infrastructure_verification(evidence),
    ]
    reports.append(summary(reports, evidence, made=clock()))
    return Accepted(reports=tuple(reports), files=tuple(write_reports(reports, folder)))


def summary(reports: Sequence[Report], evidence: Evidence, *, made: datetime) -> Report:
    """Return report 06: the verdict of each report, and every check that did not pass."""
    failed = [(report, check) for report in reports for check in report.checks if check.passed is False]
    verdict = f"NOT accepted: {len(failed)} checks failed" if failed else "Accepted: no check failed"
    kinds = ", ".join(str(one.group) for one in evidence.groups)
    rows = [
        (
            f"{report.number:02d} {report.title}", "passed" if report.passed else "FAILED",
            sum(check.passed is True for check in report.checks),
            sum(check.passed is False for check in report.checks),
            sum(check.passed is None for check in report.checks),
        )
        for report in reports
    ]  # fmt: skip
    told = [
        (check.verdict, f"{report.number:02d}", check.name, check.told)
        for report in reports
        for check in report.checks
        if check.passed is not True
    ]
    return Report(
        number=6,
        title="Summary",
        parts=(
            Text(
                words=f"{verdict}. {len(evidence.held)} windows in {evidence.stage}: {kinds or 'none of them whole'}."
            ),
            Text(words=f"Made {made.astimezone(UTC):%Y-%m-%d %H:%M} UTC."),
            Grid(headers=("report", "verdict", "passed", "failed", "notes"), rows=tuple(rows)),
            Grid(headers=("verdict", "report", "check", "found"), rows=tuple(told)),
        ),
    )
