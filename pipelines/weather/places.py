"""Which city a report is about, said twice: by its id, and by the place in its words. Both must agree.

Chicago's market pays for Midway, its better-known airport is O'Hare; most cities have such a neighbour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.market.cities import CITIES, City


@dataclass(frozen=True, kw_only=True)
class _Words:
    """Words of which one must be in a report's place, and words of neighbours that must not."""

    ours: tuple[str, ...]
    neighbours: tuple[str, ...] = ()


_WORDS: Mapping[str, _Words] = {
    "austin": _Words(ours=("AUSTIN", "BERGSTROM"), neighbours=("MABRY", "SAN ANTONIO")),
    "chicago": _Words(ours=("MIDWAY",), neighbours=("HARE",)),
    "denver": _Words(ours=("DENVER",), neighbours=("CENTENNIAL", "STAPLETON", "BOULDER")),
    "los_angeles": _Words(ours=("LOS ANGELES", "LAX"), neighbours=("DOWNTOWN", "USC")),
    "miami": _Words(ours=("MIAMI",), neighbours=("BEACH", "OPA", "KENDALL")),
    "nyc": _Words(ours=("CENTRAL PARK",), neighbours=("GUARDIA", "KENNEDY", "JFK")),
    "philadelphia": _Words(ours=("PHILADELPHIA",), neighbours=("NORTHEAST",)),
}

_BY_CODE = {city.cli_code[3:]: city for city in CITIES.values()}
_BY_STATION = {city.station: city for city in CITIES.values()}


def city_of_code(code: str) -> City | None:
    """Return the city of a report's three letters (MDW of CLIMDW and CF6MDW); None for any other place."""
    return _BY_CODE.get(code)


def city_of_station(station: str) -> City | None:
    """Return the city that a station settles; None for any other station."""
    return _BY_STATION.get(station)


def names_city(place: str, city: City) -> bool:
    """Tell whether the words of a place mean the city's own station and none of its neighbours."""
    words = _words(city)
    said = _plain(place)
    return any(word in said for word in words.ours) and not any(word in said for word in words.neighbours)


def may_name_city(place: str, city: City) -> bool:
    """Tell whether words that stand beside the station's own code mean it: the town alone is enough, no neighbour is.

    For tables that name a station in short: New York is Central Park there, and O'Hare is still not Midway.
    """
    town, said = city.name.upper().split()[0], _plain(place)
    return names_city(place, city) or (town in said and not any(word in said for word in _words(city).neighbours))


def _words(city: City) -> _Words:
    return _WORDS.get(city.key) or _Words(ours=(city.name.upper().split()[0],))


def _plain(place: str) -> str:
    return place.upper().replace("-", " ")
