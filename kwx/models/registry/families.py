"""The kinds of model by name; what fits and reads one is imported only when a model of that kind is met."""

from __future__ import annotations

import importlib

from kwx.models.contract import Family
from warehouse.errors import Refused

FAMILIES: dict[str, str] = {
    "elasticnet": "kwx.models.elasticnet:ELASTICNET",
    "direction": "kwx.models.direction:DIRECTION",
    "market_clock": "kwx.models.tmax.market_clock:FAMILY",
    "tod": "kwx.models.tmax.tod:FAMILY",
    "hybrid": "kwx.models.tmax.hybrid:FAMILY",
}
"""Where the object of each family is: module and name."""

OF_SNAPSHOTS = frozenset({"market_clock", "tod", "hybrid"})
"""Those that read the snapshots of a day; the others read features of the panel."""


def family_of(name: str) -> Family:
    """Return the family of a name."""
    if name not in FAMILIES:
        raise Refused(f"there is no family of models {name!r}", hint=f"families: {' '.join(FAMILIES)}")
    module, _, attribute = FAMILIES[name].partition(":")
    family: Family = getattr(importlib.import_module(module), attribute)
    return family
