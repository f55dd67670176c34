"""How good the distributions are: calibrated in the demo world, whose truth is known, and skilful in two real years."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.hazard.engines.lattice import Lattice
from kwx.hazard.fit.laws import fit_laws
from kwx.hazard.known.days import DayData
from kwx.hazard.known.evidence import EVE_HOURS, evidence_of
from kwx.hazard.known.outlook import outlook_of
from kwx.hazard.law import Baseline, Law
from kwx.hazard.outcome import Distribution, distributions
from kwx.scoring import brackets, degrees
from kwx.scoring.climatology import climatology_pmf
from kwx.scoring.paired import compare
from kwx.scoring.pit import randomised_pit, uniformity
from kwx.scoring.reliability import reliability
from pipelines.demo.forecasts import forecasts_frame
from pipelines.demo.observations import obs_frame
from pipelines.demo.settlements import high_f
from pipelines.demo.weather import sky
from pipelines.demo.world import World
from pipelines.payload import Payload
from pipelines.weather.ncei_hourly import parse_ncei_hourly
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, Partition
from warehouse.market.cities import city
from warehouse.market.climate_day import ClimateDay

pytestmark = pytest.mark.slow

FITTED_UTC = datetime(2027, 1, 1, tzinfo=UTC)
HOURS = (10, 13, 16)
FALSE_ALARM = 0.01


class Forecasts:
    """Whole-degree forecasts of some days as of one hour of local standard time."""

    def __init__(self, days: Sequence[DayData], said: Sequence[Distribution], hour: int) -> None:
        place = EVE_HOURS + 12 * hour
        self.first_f = np.array([one.first_f for one in said])
        self.p = np.zeros((len(said), max(one.p.shape[1] for one in said)))
        for row, one in enumerate(said):
            self.p[row, : one.p.shape[1]] = one.p[place]
        self.settled_f = np.array([data.label_f for data in days])
        self.dates = [data.day.event_date for data in days]

    def crps(self) -> np.ndarray:
        """Return the score of each day."""
        return degrees.crps(self.p, first_f=self.first_f, outcome_f=self.settled_f)

    def in_brackets(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the chances of brackets of 2 °F, the same for every day, and which of them won."""
        low_f = 2 * (int(min(self.first_f.min(), self.settled_f.min())) // 2)
        count = (int(max(self.first_f.max() + self.p.shape[1], self.settled_f.max() + 1)) - low_f) // 2 + 1
        ladder = np.zeros((len(self.p), count))
        at = (self.first_f[:, None] + np.arange(self.p.shape[1]) - low_f) // 2
        np.add.at(ladder, (np.arange(len(self.p))[:, None], at), self.p)
        return ladder, (self.settled_f - low_f) // 2

    def log_loss(self) -> np.ndarray:
        """Return the log loss of the brackets of 2 °F of each day."""
        ladder, winner = self.in_brackets()
        return brackets.log_loss(ladder, winner=winner)


def said_of(days: Sequence[DayData], laws: dict[Baseline, Law], baseline: Baseline | None = None) -> list[Distribution]:
    """Run days under laws that were fitted to others."""
    seen = [evidence_of(data.day, data.obs) for data in days]
    outlooks = [
        outlook_of(one, data.forecasts, laws, baseline) for one, data in zip(seen, days, strict=True)
    ]  # fmt: skip
    return distributions(list(zip(seen, outlooks, strict=True)), laws, Lattice())


def past_highs(days: Sequence[DayData], all_days: Sequence[DayData]) -> Forecasts:
    """Return the climate of the season as a forecast that never changes: highs of earlier days, a month around each."""
    said = []
    for data in days:
        past = [one for one in all_days if one.day.event_date < data.day.event_date]
        day_of_year = [one.day.event_date.timetuple().tm_yday for one in past]
        asked = {"for_day_of_year": data.day.event_date.timetuple().tm_yday, "range_f": (0, 125)}
        first_f, p = climatology_pmf(np.array([one.label_f for one in past]), np.array(day_of_year), **asked)
        everywhere = np.repeat(np.atleast_2d(p), EVE_HOURS + 289, axis=0)
        said.append(Distribution(first_f=first_f, p=everywhere, hazard_5m=p[:0], hazard_60m=p[:0]))
    return Forecasts(days, said, 12)


def demo_days(key: str, count: int) -> list[DayData]:
    """Return days of the demo world without its market."""
    world = World(days=count, until=date(2026, 11, 4), cities=(key,), seed=7, books=False)
    air = sky(world, key)
    obs = {
        day: OBS.admit(obs_frame(world, air, day), Partition(key, day)) for day in (world.eve, *world.event_dates)
    }  # fmt: skip
    return [
        DayData(
            day=ClimateDay(city(key), day),
            obs=pl.concat([obs[day - timedelta(days=1)], obs[day]]),
            forecasts=FORECASTS.admit(forecasts_frame(world, air, day), Partition(key, day)),
            markets=MARKETS.empty(),
            label_f=high_f(air, day),
            label_known_utc=ClimateDay(city(key), day).end_utc + timedelta(hours=8),
        )
        for day in world.event_dates
    ]


@pytest.fixture(scope="module")
def demo():
    """A demo city's days: all of them, those not fitted, and what is said of these, with and without a curve."""
    days = demo_days("chicago", 180)
    past, later = days[:60], days[60:]
    laws = fit_laws(past, city="chicago", fitted_utc=FITTED_UTC, snapshot=1)
    return days, later, said_of(later, laws), said_of(later, laws, Baseline.HOLD_LAST)


@pytest.mark.parametrize("hour", [8, 13])
def test_the_demo_distributions_are_calibrated_on_days_that_were_not_fitted(demo, hour):
    """The PIT of the high is uniform, by a test that is wrong once in a hundred; brackets pay as often as they say."""
    _, later, said, _ = demo

    ours = Forecasts(later, said, hour)

    pit = randomised_pit(ours.p, first_f=ours.first_f, outcome_f=ours.settled_f, seed=hour)
    assert uniformity(pit, dates=ours.dates, level=FALSE_ALARM).passed
    ladder, winner = ours.in_brackets()
    asked = {
        "hit": (np.arange(ladder.shape[1]) == winner[:, None]).ravel(),
        "below": (np.cumsum(ladder, axis=1) - ladder).ravel(),
        "dates": np.repeat(ours.dates, ladder.shape[1]),
    }
    assert reliability(ladder.ravel(), **asked, level=1 - FALSE_ALARM).inside


@pytest.mark.parametrize("hour", HOURS)
def test_the_demo_distributions_beat_climatology_and_a_high_that_stays(demo, hour):
    """On the days after a fit the CRPS is lower than either reference's, beyond chance."""
    days, later, said, held = demo

    ours = Forecasts(later, said, hour)

    for reference in (past_highs(later, days), Forecasts(later, held, hour)):
        found = compare(ours.crps(), reference=reference.crps(), dates=ours.dates)
        assert found.difference < 0
        assert found.p_value < FALSE_ALARM


@pytest.fixture(scope="module")
def miami(recorded):
    """The real days of KMIA that settled: 2022 and 2023."""
    folder = recorded("metar_kmia")
    frames = {"obs": [], "settlements": []}
    for path in sorted(folder.glob("KMIA_*.csv.gz")):
        body = gzip.decompress(path.read_bytes())
        asked = Payload(kind="ncei_hourly", asked={"city": "miami"}, body=body, received_utc=FITTED_UTC)
        for parsed in parse_ncei_hourly([asked]):
            frames[parsed.table.name].append(parsed.frame)
    labels = {row["event_date"]: row for row in pl.concat(frames["settlements"]).iter_rows(named=True)}
    obs = pl.concat(frames["obs"]).partition_by("event_date", as_dict=True)
    obs = {day: part.select(list(OBS.schema)) for (day,), part in obs.items()}
    return [
        DayData(
            day=ClimateDay(city("miami"), day),
            obs=pl.concat([obs.get(day - timedelta(days=1), OBS.empty()), obs.get(day, OBS.empty())]),
            forecasts=FORECASTS.empty(),
            markets=MARKETS.empty(),
            label_f=label["high_f"],
            label_known_utc=label["known_utc"],
        )
        for day, label in sorted(labels.items())
    ]


def test_a_law_of_one_real_year_is_skilful_in_the_next(miami):
    """At 10, 13 and 16 LST the second year's CRPS and log loss beat the first year's climate and a high that stays."""
    past = [data for data in miami if data.day.event_date.year == 2022]
    later = [data for data in miami if data.day.event_date.year == 2023][::2]
    laws = fit_laws(past, city="miami", fitted_utc=FITTED_UTC, snapshot=1)

    said, held = said_of(later, laws), said_of(later, laws, Baseline.HOLD_LAST)

    for hour in HOURS:
        ours = Forecasts(later, said, hour)
        climate, stays = past_highs(later, past), Forecasts(later, held, hour)
        for name, one in (("law", ours), ("climate", climate), ("high stays", stays)):
            crps, loss = one.crps().mean(), one.log_loss().mean()
            sys.stdout.write(f"{hour:>2} LST  {name:<10}  CRPS {crps:.3f} F  log loss {loss:.3f}\n")
        for reference in (climate, stays):
            assert ours.crps().mean() < reference.crps().mean()
            assert ours.log_loss().mean() < reference.log_loss().mean()
