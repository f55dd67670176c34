"""Which features a model of a city and a type of bracket may not have, and why.

- The gate: cities whose Visual Crossing minutes are excluded get no dew point, humidity or wind. The views null what
  that vendor told; a model leaves these columns out altogether, for what other sources tell is there at odd minutes.
- A bracket that is open at one end has neither an edge nor a neighbour there.
"""

from __future__ import annotations

from collections.abc import Collection

from kwx.features.feature import Feature
from warehouse.market.cities import CITIES, city

GATED_COLUMNS = ("wx_dew", "wx_humidity", "wx_wind")
EXCLUDED_VC_CITIES = tuple(key for key, record in CITIES.items() if record.vc_excluded)
EVERY_TYPE = "all"
THE_GATE = "the gate"
"""The reason why a feature of an excluded city is left out."""
THE_CONFIGURATION = "the configuration has this city behind the gate too"
"""The same of a city that the registry does not exclude."""

_OPEN_END = {
    "less": (("left_delta", "low_f"), "open below: neither a low edge nor a colder neighbour"),
    "greater": (("right_delta", "high_f"), "open above: neither a high edge nor a warmer neighbour"),
}
_TAKES_OPEN_ENDS = ("low_f", "high_f")


def is_gated(feature: Feature) -> bool:
    """Tell whether a feature reads what is nulled for excluded cities."""
    return not set(feature.sources).isdisjoint(GATED_COLUMNS)


def why_left_out(
    feature: Feature, city_key: str, *, bracket: str = EVERY_TYPE, excluded: Collection[str] = ()
) -> str | None:
    """Return why a model of a city and a type of bracket does without a feature, None where it has it.

    excluded: cities behind the gate beside those of the registry, which nobody can open it for.
    """
    if is_gated(feature) and city_key in {*EXCLUDED_VC_CITIES, *keys_of(excluded)}:
        return THE_GATE if city_key in EXCLUDED_VC_CITIES else THE_CONFIGURATION
    columns, reason = _OPEN_END.get(bracket, ((), ""))
    one_ended = not set(_TAKES_OPEN_ENDS) <= set(feature.sources)
    return reason if one_ended and not set(feature.sources).isdisjoint(columns) else None


def keys_of(words: Collection[str]) -> tuple[str, ...]:
    """Return the city keys that some words name; a word that names no city is refused."""
    return tuple(city(word).key for word in words)
