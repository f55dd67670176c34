"""What an event's own words say of its settlement: on which station, and by whose number.

Words that name another station or an unknown source refuse the market: what settles otherwise is another product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from warehouse.errors import Refused
from warehouse.market.cities import City
from warehouse.market.settlement import settlement_source

RULES = "rules_primary"
SOURCES = "settlement_sources"

# Both eras of the rules: "according to The Weather Company", "as reported by the National Weather Service's
# Climatological Report (Daily)", and in short "according to the NWS's Daily Climate Report".
_KNOWN = re.compile(r"(?P<twc>\bweather company\b)|(?P<nws_cli>\bnational weather service\b|\bNWS\b)", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:according to|reported by)\s+([^,;]{1,120})", re.IGNORECASE)
_STATION = re.compile(r"\((CLI[A-Z0-9]+)\)")


def source_of(record: Mapping[str, object], *, city: City, event_date: date) -> str:
    """Return who settles: by the market's rules, else by the sources of its event, else by its date."""
    rules = record.get(RULES)
    if not isinstance(rules, str | None):
        raise Refused(f"{RULES} {rules!r} is not text")
    _require_station(rules or "", city)
    return _source_in_rules(rules or "") or _source_of_event(record.get(SOURCES)) or settlement_source(event_date)


def _require_station(rules: str, city: City) -> None:
    for code in _STATION.findall(rules):
        if code != city.cli_code:
            raise Refused(f"the rules settle on station {code}, {city.name} is {city.cli_code}")


def _source_in_rules(rules: str) -> str | None:
    named = _NAMED.findall(rules)
    for words in named:
        if not _KNOWN.search(words):
            raise Refused(f"the rules name a source that is not known: {words.strip()!r}")
    return _one_source(named or [rules], where="the rules")


def _source_of_event(told: object) -> str | None:
    """Read the list of an event; that of a series says what settles today, not what settled then."""
    if told is None:
        return None
    if not isinstance(told, list) or not all(isinstance(one, Mapping) for one in told):
        raise Refused(f"{SOURCES} {told!r} is no list of sources")
    names = [str(one.get("name")) for one in told]
    for name in names:
        if not _KNOWN.search(name):
            raise Refused(f"{SOURCES} name a source that is not known: {name!r}")
    return _one_source(names, where=SOURCES)


def _one_source(texts: list[str], *, where: str) -> str | None:
    """Return the source that each text names first; refuse texts that name several."""
    found = {match.lastgroup for text in texts if (match := _KNOWN.search(text))}
    if len(found) > 1:
        raise Refused(f"{where} name several sources: {' and '.join(sorted(map(str, found)))}")
    return next(iter(found), None)
