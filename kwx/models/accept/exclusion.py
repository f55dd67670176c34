"""Report 02: that no model of an excluded city reads what the excluded vendor tells, and what the lake holds of it."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from kwx.features.audit.run import Asked, Audit, audit_features
from kwx.features.audit.verdict import Status
from kwx.features.book.microstructure import MICROSTRUCTURE
from kwx.features.gate import EXCLUDED_VC_CITIES as EXCLUDED
from kwx.features.gate import GATED_COLUMNS, is_gated
from kwx.features.sets import FEATURE_SETS
from kwx.features.tmax.sets import MARKET_CLOCK, TOD
from kwx.models.accept.evidence import Evidence
from kwx.models.accept.parts import Check, Grid, Part, Report, Text
from kwx.models.registry.card import Card
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE
from warehouse.lake.tables.contract import ALL_CITIES

_RICHEST = "elasticnet_rich"
_OF_HIGHS = {"market_clock": (MARKET_CLOCK.name,), "tod": (TOD.name,), "hybrid": (MARKET_CLOCK.name, TOD.name)}


def gated_features() -> tuple[str, ...]:
    """Return the features of any set that read what is nulled for excluded cities, and those columns themselves."""
    named = [feature.name for one in FEATURE_SETS.values() for feature in one.features if is_gated(feature)]
    return tuple(dict.fromkeys((*named, *GATED_COLUMNS)))


def exclusion_audit(evidence: Evidence, snapshot: Snapshot | None) -> Report:
    """Return the report: the features of every model of an excluded city, and the audit of the lake."""
    parts: list[Part] = [
        Text(
            words=f"Excluded: {', '.join(EXCLUDED)}. Its models may not read {', '.join(gated_features())}: there most"
            " of the vendor's minutes are filled forward. The temperature stays."
        ),
        Grid(headers=("models", "features", "of these excluded"), rows=tuple(_readers(evidence))),
    ]
    checks = [_of_models(evidence)]
    if snapshot is None:
        told = "no lake was looked at: name one with --lake"
        checks.append(Check(name="the lake holds nothing behind the gate", passed=None, told=told))
    else:
        more, found = _of_lake(evidence, snapshot)
        parts += more
        checks += found
    return Report(number=2, title="NYC exclusion audit", parts=tuple(parts), checks=tuple(checks))


def _readers(evidence: Evidence) -> Iterator[tuple[object, ...]]:
    gated = set(gated_features())
    for one in evidence.groups:
        features = list(dict.fromkeys(name for window in one.windows for name in window.card.features))
        inside = [name for name in features if name in gated]
        yield str(one.group), len(features), ", ".join(inside) or "none"


def _of_models(evidence: Evidence) -> Check:
    gated = set(gated_features())
    cards = [card for card in evidence.cards if card.city in (*EXCLUDED, ALL_CITIES)]
    leaks = [f"{card.model_id} reads {name}" for card in cards for name in card.features if name in gated]
    told = "; ".join(leaks) or f"{len(cards)} models of {', '.join(EXCLUDED)} looked at"
    return Check(name="no model of an excluded city reads it", passed=not leaks, told=told)


def _of_lake(evidence: Evidence, snapshot: Snapshot) -> tuple[list[Part], list[Check]]:
    """Audit the lake over the dates that the models were fitted to and tested on."""
    cities = sorted({*EXCLUDED, *(card.city for card in evidence.cards if card.city != ALL_CITIES)})
    sets = {name for card in evidence.cards for name in _sets_of(card)}
    since = min((card.train_since for card in evidence.cards), default=None)
    until = max((card.test_until for card in evidence.cards), default=None)
    parts: list[Part] = []
    checks = []
    for name in sorted(sets | {_RICHEST}):
        try:
            asked = Asked(feature_set=name, cities=_traded(snapshot, cities), since=since, until=until)
            audit = audit_features(snapshot, asked)
        except Refused as refusal:
            checks.append(Check(name=f"{name}: the lake could be audited", passed=False, told=str(refusal)))
            continue
        parts += [Text(words=f"The set {name} in snapshot {audit.snapshot}, city by city:"), _lines(audit)]
        checks += _verdicts(name, audit)
    return parts, checks


def _sets_of(card: Card) -> Iterator[str]:
    """Yield the sets that a model reads: those of the day's high, or one over the panel, and books beside it."""
    yield from _OF_HIGHS.get(card.family, ())
    if card.config.get("feature_set") in FEATURE_SETS:
        yield str(card.config["feature_set"])
    if card.config.get("microstructure"):
        yield MICROSTRUCTURE.name


def _traded(snapshot: Snapshot, cities: list[str]) -> tuple[str, ...]:
    """Return the cities that are looked at and trade in the lake; none means all that do."""
    there = {place.city for place in snapshot.partitions(CANDLES_DENSE.name)}
    return tuple(key for key in cities if key in there)


def _lines(audit: Audit) -> Grid:
    headers = ("city", "feature", "status", "reason", "rows", "known_share", "min", "max")
    rows = audit.rows.select(headers).rows()
    return Grid(headers=("city", "feature", "status", "why", "rows", "share known", "least", "most"), rows=tuple(rows))


def _verdicts(name: str, audit: Audit) -> Iterator[Check]:
    """Yield whether the gate holds, which is judged, and which features say nothing, which is told."""
    of_gate = pl.col("status") == str(Status.LEAKS)
    leaks, rest = audit.failures.filter(of_gate), audit.failures.filter(~of_gate)
    seen = sorted(set(audit.rows["city"]) & set(EXCLUDED))
    told = _told(leaks, "reason") or f"nothing leaks in {', '.join(seen) or 'it, which has no excluded city'}"
    passed = leaks.is_empty() if seen else None
    yield Check(name=f"{name}: the gate holds in the lake", passed=passed, told=told)
    if not rest.is_empty():
        yield Check(name=f"{name}: features that say nothing", passed=None, told=_told(rest, "status"))


def _told(rows: pl.DataFrame, what: str) -> str:
    return "; ".join(f"{city} {name}: {said}" for city, name, said in rows.select("city", "feature", what).rows())
