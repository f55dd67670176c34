"""The audit of leakage itself: the checks, then for each sample a poisoned lake in memory beside the one that is.

A sample is an event date of a city and an instant of its trading. All that is said of the event up to that instant must
be the same in both lakes; that something after it is not tells that what was garbled is read at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import zip_longest
from pathlib import Path

import numpy as np
import polars as pl

from kwx.audits.finding import Finding, findings_frame, in_order
from kwx.audits.leakage.checks import PART as CHECKS
from kwx.audits.leakage.checks import Checked, run_leakage_checks
from kwx.audits.leakage.compare import differences, moved
from kwx.audits.leakage.look import DERIVED_PART, PARTS, PREDICTIONS, STRATEGIES, Lens, Look, looks, of_degrees
from kwx.audits.leakage.poison import DERIVED, Poison, Sample, poisoned
from kwx.audits.leakage.predicted import Promoted
from kwx.audits.repair import OF_CODE, Repairs
from kwx.audits.scope import Scope
from kwx.hazard.plan import Wish as HazardWish
from kwx.hazard.plan import is_held
from kwx.signals.registry import every_strategy, strategy
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, PMF_DEGREES, Partition
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

STORED = "as stored"
_EVE_EVERY = 3
"""Every third sample is looked at as of its eve, when tomorrow's weather is known by forecasts alone."""
EVERY_PART = (CHECKS, STORED, *PARTS)

LOOKED = {
    "city": pl.String(),
    "event_date": pl.Date(),
    "at_utc": pl.Datetime("us", "UTC"),
    "part": pl.String(),
    "name": pl.String(),
    "rows_before": pl.Int64(),
    "columns": pl.Int64(),
    "columns_changed": pl.Int64(),
    "moved_after": pl.Boolean(),
}
"""What was looked at of each sample. moved_after: whether anything after the instant says something else."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How much is looked at: samples in all, the seed that draws them, strategies by name or file, the models."""

    samples: int = 3
    seed: int = 7
    strategies: Sequence[str] = ()
    models_root: Path | str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class LeakageAudit:
    """What was found in one snapshot."""

    snapshot: int
    checks: Sequence[Checked]
    samples: Sequence[Sample]
    garbled: dict[str, int]
    looked: pl.DataFrame
    findings: tuple[Finding, ...]
    notes: Sequence[str]

    @property
    def rows(self) -> pl.DataFrame:
        """The findings as a table."""
        return findings_frame(self.findings)

    @property
    def passed(self) -> bool:
        """Whether nothing looks ahead."""
        return not self.findings


def audit_leakage(
    scope: Scope,
    repairs: Repairs,
    wish: Wish,
    *,
    on_step: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> LeakageAudit:
    """Run the checks, then poison the lake in memory at each sample, and see whether anything before it moves."""
    samples = draw_samples(scope, wish) if wish.samples else []
    total = len(samples) + 1
    checks, findings = run_leakage_checks(scope, repairs, on_check=lambda what: on_step(0, total, what))
    promoted = Promoted.of(wish.models_root)
    strategies = [*every_strategy(), *(strategy(word) for word in wish.strategies)]
    garbled: dict[str, int] = {}
    looked: list[dict[str, object]] = []
    rng = np.random.default_rng(wish.seed)
    for number, sample in enumerate(samples, start=1):
        on_step(number, total, f"poisoning {sample}")
        lens = Lens.of(scope.snapshot, sample, strategies, promoted)
        poison = poisoned(scope.snapshot, sample, rng)
        try:
            findings += _as_stored(scope.snapshot, poison, repairs)
            for clean, dirty in _pairs(poison, lens):
                looked.append(_told(sample, clean, dirty))
                findings += [*_findings(sample, clean, dirty), *_as_evaluated(scope.snapshot, sample, clean, repairs)]
        finally:
            poison.close()
        garbled |= {name: garbled.get(name, 0) + rows for name, rows in poison.later.items()}
    on_step(total, total, "")
    return LeakageAudit(
        snapshot=scope.snapshot.number, checks=checks, samples=samples, garbled=garbled,
        looked=pl.DataFrame(looked, schema=LOOKED, orient="row"), findings=in_order(findings, EVERY_PART),
        notes=promoted.notes,
    )  # fmt: skip


def draw_samples(scope: Scope, wish: Wish) -> list[Sample]:
    """Return instants of trading, drawn by the seed, of one city after the other."""
    rng = np.random.default_rng(wish.seed)
    traded: dict[str, list[date]] = {}
    for city, day in scope.dates_of(CANDLES_DENSE.name):
        traded.setdefault(city, []).append(day)
    if not traded:
        raise Refused(
            f"snapshot {scope.snapshot.number} has no minute of trading of these cities and dates",
            hint="kwx lake status shows what there is; kwx lake dense makes the minutes",
        )
    shuffled = [[(city, days[place]) for place in rng.permutation(len(days))] for city, days in sorted(traded.items())]
    order = [shuffled[place] for place in rng.permutation(len(shuffled))]
    turns = [one for turn in zip_longest(*order) for one in turn if one is not None]
    return [
        _sample(scope.snapshot, city, day, rng, on_eve=number % _EVE_EVERY == 0)
        for number, (city, day) in enumerate(turns[: wish.samples], start=1)
    ]


def _sample(snapshot: Snapshot, city: str, day: date, rng: np.random.Generator, *, on_eve: bool) -> Sample:
    """Return an instant of the middle nine tenths of an event's trading on its eve, or on its day."""
    markets = snapshot.read(MARKETS, Partition(city, day))
    opens, closes = markets.select(pl.col("open_utc").max(), pl.col("close_utc").min()).row(0)
    midnight = min(max(ClimateDay(CITIES[city], day).start_utc, opens), closes)
    first, last = (opens, midnight) if on_eve and midnight > opens else (midnight, closes)
    minutes = (last - first) // timedelta(minutes=1)
    at_utc: datetime = first + timedelta(minutes=int(minutes * rng.uniform(0.05, 0.95)))
    return Sample(city=city, event_date=day, at_utc=at_utc.replace(second=0, microsecond=0))


def _pairs(poison: Poison, lens: Lens) -> Iterator[tuple[Look, Look]]:
    yield from zip(looks(poison.clean, poison.sample, lens), looks(poison.dirty, poison.sample, lens), strict=True)


def _told(sample: Sample, clean: Look, dirty: Look) -> dict[str, object]:
    return {
        "city": sample.city, "event_date": sample.event_date, "at_utc": sample.at_utc, "part": clean.part,
        "name": clean.name, "rows_before": clean.rows.filter(pl.col("ts_utc") <= sample.at_utc).height,
        "columns": clean.rows.width - len(clean.keys),
        "columns_changed": len(differences(clean, dirty, until=sample.at_utc)),
        "moved_after": moved(clean, dirty, since=sample.at_utc),
    }  # fmt: skip


def _findings(sample: Sample, clean: Look, dirty: Look) -> Iterator[Finding]:
    """Yield the columns that say something else at or before the instant once all that came later is garbled."""
    for one in differences(clean, dirty, until=sample.at_utc):
        yield Finding(
            part=clean.part, city=sample.city, since=sample.event_date, until=sample.event_date,
            what=f"{clean.name}.{one.column} of a minute depends on what became known after it", found=one.rows,
            example=f"{one.example} once all known after {sample.at_utc:%Y-%m-%dT%H:%MZ} is garbled",
            repair=_repair(clean),
        )  # fmt: skip


def _repair(look: Look) -> str:
    if look.part == STRATEGIES and look.mended_by:
        return f"$EDITOR {look.mended_by}; kwx audit leakage --strategy {look.mended_by}"
    if look.part == PREDICTIONS:
        family, _, rest = look.mended_by.partition("_win_")
        return f"kwx models demote --window win_{rest} --family {family.split('_')[0]}; {OF_CODE}"
    return OF_CODE


def _as_stored(snapshot: Snapshot, poison: Poison, repairs: Repairs) -> Iterator[Finding]:
    """Yield what the lake stores of the sample's event otherwise than its own raw rows make it."""
    sample = poison.sample
    for contract in DERIVED:
        stored, made = (
            Look(
                part=DERIVED_PART, name=contract.name, keys=contract.key,
                rows=one.read(contract, sample.partition).select(contract.schema.names()),
            )
            for one in (snapshot, poison.clean)
        )  # fmt: skip
        for one in differences(stored, made):
            yield Finding(
                part=STORED, city=sample.city, since=sample.event_date, until=sample.event_date,
                what=f"{contract.name}.{one.column} is not what the lake's own reports and candles make it",
                found=one.rows, example=one.example,
                repair=repairs.of_table(contract.name, sample.city, sample.event_date, sample.event_date),
            )  # fmt: skip


def _as_evaluated(snapshot: Snapshot, sample: Sample, clean: Look, repairs: Repairs) -> Iterator[Finding]:
    """Yield where the lake's evaluations, made of what it holds now by their own word, are not what that makes."""
    if clean.name != PMF_DEGREES.name or not is_held(snapshot, sample.city, sample.event_date, HazardWish()):
        return
    held = snapshot.read(PMF_DEGREES, sample.partition).filter(pl.col("mc_version") == HazardWish().recipe.mc_version)
    for one in differences(of_degrees(held), clean):
        yield Finding(
            part=STORED, city=sample.city, since=sample.event_date, until=sample.event_date,
            what=f"{PMF_DEGREES.name}: {one.column} is not what the reports, forecasts and fit that it names make it",
            found=one.rows, example=one.example,
            repair=repairs.evaluated(sample.city, sample.event_date, sample.event_date),
        )  # fmt: skip
