"""All that is said of a sample's event: derived minutes, the panel, features, evaluations, fusion, models, strategies.

Each look is a frame with its keys; it is taken of two lakes in the same way, and compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from kwx.audits.leakage.poison import DERIVED, Sample
from kwx.audits.leakage.predicted import Promoted, predicted
from kwx.features.book.aggression import Laws, fit_laws
from kwx.features.book.microstructure import MICROSTRUCTURE, microstructure_of, recorded_dates
from kwx.features.panel import read_panel
from kwx.features.sets import FEATURE_SETS
from kwx.features.tmax.instants import market_clock, time_of_day
from kwx.features.tmax.sets import MARKET_CLOCK, TOD
from kwx.features.tmax.snapshots import read_snapshots
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.run import FuseDay, fused_day
from kwx.fuse.weights import set_before, sets_of
from kwx.hazard.backfill import computed_day
from kwx.hazard.fits import fit_before, fits_of
from kwx.hazard.recipe import Recipe
from kwx.signals.panel import read_signal_panel
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import Strategy
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import PMF_DEGREES, PMF_MINUTE

DERIVED_PART, PANEL, FEATURES = "minutes and grids", "panel", "features"
EVALUATIONS, FUSION, PREDICTIONS, STRATEGIES = "evaluations", "fusion", "predictions", "strategies"
PARTS = (DERIVED_PART, PANEL, FEATURES, EVALUATIONS, FUSION, PREDICTIONS, STRATEGIES)

_LATTICE = 1e-4
"""A chance is right to this much. The lattice is solved in single precision, all evaluations of some days at once: what
stands beside one moves it by about 1e-5, as measured, and what looks ahead by more."""
FAR_F = 4.0
_LOOSE_F = 5e-3
_SOLVED = ("p_wx", "p", "hazard_next_5m", "hazard_next_60m")
_MINUTE = ("market_ticker", "ts_utc")
# Hashes say of what a day was made, which is another thing in the other lake.
_HASHES = ("inputs_sha256", "fusion_sha256")


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """One frame of what is said: which part it is of, its name, and by which columns its rows are found.

    tolerance: by column how far numbers may lie apart, nothing where none is said. mended_by: the file of a strategy or
    the name of a model that said it.
    """

    part: str
    name: str
    keys: Sequence[str]
    rows: pl.DataFrame
    tolerance: dict[str, float] = field(default_factory=dict)
    mended_by: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lens:
    """What is the same in both lakes while they are looked at: laws that were fitted before, strategies, models."""

    laws: Laws | None
    strategies: Sequence[Strategy]
    promoted: Promoted

    @classmethod
    def of(cls, snapshot: Snapshot, sample: Sample, strategies: Sequence[Strategy], promoted: Promoted) -> Lens:
        """Fit what has to be fitted to a lake as it is."""
        recorded = recorded_dates(snapshot, sample.city, [sample.event_date])
        laws = fit_laws(snapshot, sample.city, recorded).in_hindsight() if recorded else None
        return cls(laws=laws, strategies=strategies, promoted=promoted)


def looks(snapshot: Snapshot, sample: Sample, lens: Lens) -> Iterator[Look]:
    """Yield all that a lake says of a sample's event, of every minute of it."""
    yield from _derived(snapshot, sample)
    panel = _panel(snapshot, sample)
    yield Look(part=PANEL, name="minute_panel_full", keys=_MINUTE, rows=panel)
    yield from _features(snapshot, sample, lens)
    yield from _evaluations(snapshot, sample)
    yield from _fused(snapshot, sample)
    for name, rows in predicted(snapshot, sample, lens.promoted):
        yield Look(part=PREDICTIONS, name=name, keys=_keys_of(rows), rows=rows, mended_by=name)
    yield from _strategies(snapshot, sample, lens)


def _derived(snapshot: Snapshot, sample: Sample) -> Iterator[Look]:
    for contract in DERIVED:
        rows = snapshot.read(contract, sample.partition).select(contract.schema.names())
        yield Look(part=DERIVED_PART, name=contract.name, keys=contract.key, rows=rows)


def _panel(snapshot: Snapshot, sample: Sample) -> pl.DataFrame:
    question = "from minute_panel_full where city = $city and event_date = $day order by market_ticker, ts_utc"
    with snapshot.connect() as con:
        return pl.DataFrame(con.sql(question, params={"city": sample.city, "day": sample.event_date}).pl())


def _features(snapshot: Snapshot, sample: Sample, lens: Lens) -> Iterator[Look]:
    """Yield each set of features over every minute, and over the snapshots of the models of the high."""
    columns = tuple(dict.fromkeys(name for one in FEATURE_SETS.values() for name in one.sources))
    day = sample.event_date
    panel = read_panel(snapshot, sample.city, since=day, until=day, columns=columns)
    for one in FEATURE_SETS.values():
        made = pl.concat([panel.select(_MINUTE), one.build(panel)], how="horizontal")
        yield Look(part=FEATURES, name=one.name, keys=_MINUTE, rows=made)
    for one, clock in ((MARKET_CLOCK, market_clock), (TOD, time_of_day)):
        rows = read_snapshots(snapshot, sample.city, since=day, until=day, clock=clock)
        made = pl.concat([rows.select("ts_utc"), one.build(rows)], how="horizontal")
        yield Look(part=FEATURES, name=one.name, keys=("ts_utc",), rows=made)
    if lens.laws is not None:
        told = microstructure_of(snapshot, sample.partition, lens.laws)
        made = pl.concat([told.select(_MINUTE), MICROSTRUCTURE.build(told)], how="horizontal")
        yield Look(part=FEATURES, name=MICROSTRUCTURE.name, keys=_MINUTE, rows=made)


def _evaluations(snapshot: Snapshot, sample: Sample) -> Iterator[Look]:
    """Yield what the weather says, run anew by the fit that may serve the date; nothing where there is none."""
    if fit_before(fits_of(snapshot, sample.city), sample.event_date) is None:
        return
    _, day = computed_day(snapshot, sample.city, sample.event_date, Recipe())
    yield of_degrees(day.degrees)
    loose = dict.fromkeys(_SOLVED, _LATTICE)
    yield Look(part=EVALUATIONS, name=PMF_MINUTE.name, keys=_MINUTE, rows=day.minutes, tolerance=loose)


def of_degrees(rows: pl.DataFrame) -> Look:
    """Return rows of pmf_degrees as a look: one evaluation a row, with its mean, its spread and its highest chance.

    In the spread what lies far from the mean counts as if it were FAR_F away: a chance of one in a hundred thousand,
    which a lattice rounds as it likes, would else weigh as much there as all that is near.
    """
    p, degree = pl.col("p"), pl.col("degree_f")
    long = rows.select("ts_utc", "params_fitted_utc", "quality", "first_f", "p").explode("p")
    number = pl.int_range(pl.len()).over("ts_utc").cast(pl.Int32)
    chances = long.with_columns(degree_f=pl.col("first_f") + number).with_columns(
        mean_f=((p * degree).sum() / p.sum()).over("ts_utc")
    )
    away_f = (degree - pl.col("mean_f")).clip(-FAR_F, FAR_F)
    rows = chances.group_by("ts_utc", "params_fitted_utc", "quality").agg(
        pl.col("mean_f").first(), sd_f=((p * away_f.pow(2)).sum() / p.sum()).sqrt(), highest_p=p.max()
    ).sort("ts_utc")  # fmt: skip
    loose = {"mean_f": _LOOSE_F, "sd_f": _LOOSE_F, "highest_p": _LATTICE}
    return Look(part=EVALUATIONS, name=PMF_DEGREES.name, keys=("ts_utc",), rows=rows, tolerance=loose)


def _fused(snapshot: Snapshot, sample: Sample) -> Iterator[Look]:
    """Yield market and weather pooled anew, of the evaluations that the lake holds."""
    weights = set_before(sets_of(snapshot, sample.city), sample.event_date)
    wanted = FuseDay(event_date=sample.event_date, weights=weights, sha256="")
    rows, _ = fused_day(snapshot, sample.partition, wanted, MarketRecipe())
    yield Look(part=FUSION, name=PMF_MINUTE.name, keys=_MINUTE, rows=rows.drop(_HASHES, strict=False))


def _strategies(snapshot: Snapshot, sample: Sample, lens: Lens) -> Iterator[Look]:
    """Yield what each strategy says of each minute."""
    settings, day = SignalSettings(), sample.event_date
    for one in lens.strategies:
        columns, family = one.columns(settings).sources, one.family(settings)
        panel = read_signal_panel(snapshot, sample.city, since=day, until=day, columns=columns, family=family)
        said = one.evaluate(panel, settings, terms=True).drop("city", "event_date")
        yield Look(part=STRATEGIES, name=one.name, keys=_MINUTE, rows=said, mended_by=one.word)


def _keys_of(rows: pl.DataFrame) -> Sequence[str]:
    return _MINUTE if "market_ticker" in rows.columns else ("ts_utc",)
