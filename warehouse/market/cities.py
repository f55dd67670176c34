"""The city registry: everything that is particular to one city, as data. A new city is one record."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import time, timedelta
from zoneinfo import ZoneInfo

from warehouse.errors import UnknownCity


@dataclass(frozen=True, kw_only=True)
class City:
    """One city whose daily high is traded, the station that settles it, and who reports on that station.

    `office` writes the climate report, `ghcn_id` is the station's name in the national archive. `final_report_utc` is
    when the office usually issues the day's final report, on the next morning: half an hour either way is nothing odd.
    `metar_minute` is the minute of the hour at which the station reports.
    """

    key: str
    name: str
    aliases: tuple[str, ...]
    station: str
    cli_code: str
    office: str
    ghcn_id: str
    zone: str
    standard_offset_hours: int
    series: str
    legacy_series: tuple[str, ...]
    final_report_utc: time
    metar_minute: int = 53
    vc_excluded: bool = False

    @property
    def standard_offset(self) -> timedelta:
        """Local standard time minus UTC; the same in summer and winter."""
        return timedelta(hours=self.standard_offset_hours)

    @property
    def tzinfo(self) -> ZoneInfo:
        """The civil zone, for people and features; never for settlement."""
        return ZoneInfo(self.zone)

    @property
    def all_series(self) -> tuple[str, ...]:
        """Every series prefix under which this city's markets were ever listed, newest first."""
        return (self.series, *self.legacy_series)


_RECORDS = (
    City(
        key="austin",
        name="Austin Bergstrom",
        aliases=("aus",),
        station="KAUS",
        cli_code="CLIAUS",
        office="KEWX",
        ghcn_id="USW00013904",
        zone="America/Chicago",
        standard_offset_hours=-6,
        series="KXHIGHAUS",
        legacy_series=("HIGHAUS",),
        final_report_utc=time(8, 1),
    ),
    City(
        key="chicago",
        name="Chicago Midway",
        aliases=("chi", "mdw"),
        station="KMDW",
        cli_code="CLIMDW",
        office="KLOT",
        ghcn_id="USW00014819",
        zone="America/Chicago",
        standard_offset_hours=-6,
        series="KXHIGHCHI",
        legacy_series=("HIGHCHI",),
        final_report_utc=time(6, 46),
    ),
    City(
        key="denver",
        name="Denver International",
        aliases=("den",),
        station="KDEN",
        cli_code="CLIDEN",
        office="KBOU",
        ghcn_id="USW00003017",
        zone="America/Denver",
        standard_offset_hours=-7,
        series="KXHIGHDEN",
        legacy_series=("HIGHDEN",),
        final_report_utc=time(7, 31),
    ),
    City(
        key="los_angeles",
        name="Los Angeles International",
        aliases=("la", "lax"),
        station="KLAX",
        cli_code="CLILAX",
        office="KLOX",
        ghcn_id="USW00023174",
        zone="America/Los_Angeles",
        standard_offset_hours=-8,
        series="KXHIGHLAX",
        legacy_series=("HIGHLAX",),
        final_report_utc=time(9, 28),
    ),
    City(
        key="miami",
        name="Miami International",
        aliases=("mia",),
        station="KMIA",
        cli_code="CLIMIA",
        office="KMFL",
        ghcn_id="USW00012839",
        zone="America/New_York",
        standard_offset_hours=-5,
        series="KXHIGHMIA",
        legacy_series=("HIGHMIA",),
        final_report_utc=time(9, 22),
    ),
    City(
        key="nyc",
        name="New York Central Park",
        aliases=("ny",),
        station="KNYC",
        cli_code="CLINYC",
        office="KOKX",
        ghcn_id="USW00094728",
        zone="America/New_York",
        standard_offset_hours=-5,
        series="KXHIGHNY",
        legacy_series=("HIGHNY",),
        final_report_utc=time(6, 18),
        metar_minute=51,
        vc_excluded=True,  # Visual Crossing forward-fills 82 % of the Central Park rows
    ),
    City(
        key="philadelphia",
        name="Philadelphia International",
        aliases=("phil", "philly"),
        station="KPHL",
        cli_code="CLIPHL",
        office="KPHI",
        ghcn_id="USW00013739",
        zone="America/New_York",
        standard_offset_hours=-5,
        series="KXHIGHPHIL",
        legacy_series=("HIGHPHIL",),
        final_report_utc=time(5, 55),
        metar_minute=54,
    ),
)

CITIES: dict[str, City] = {record.key: record for record in _RECORDS}
_BY_SERIES = {series: record for record in _RECORDS for series in record.all_series}
_BY_WORD = {word: record for record in _RECORDS for word in (record.key, *record.aliases)}


def city(word: str) -> City:
    """Return the city of a key or an alias; aliases are for people and are never stored."""
    found = _BY_WORD.get(word.strip().lower().replace(" ", "_").replace("-", "_"))
    if found is None:
        raise UnknownCity(f"city {word!r} is not in the registry", hint=_suggestion(word))
    return found


def city_of_series(series: str) -> City | None:
    """Return the city whose markets carry this series prefix, old or new; None for another product."""
    return _BY_SERIES.get(series)


def _suggestion(word: str) -> str:
    near = difflib.get_close_matches(word.lower(), _BY_WORD, n=1)
    known = "known cities: " + " ".join(CITIES)
    return f"did you mean {_BY_WORD[near[0]].key!r}? {known}" if near else known
