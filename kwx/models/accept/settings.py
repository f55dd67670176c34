"""Report 04: that every city and type of bracket can be trained from the configuration, and what each comes to."""

from __future__ import annotations

from pathlib import Path

from kwx.config.file import BRACKETS, Configuration, load_config
from kwx.models.accept.parts import Check, Grid, Part, Report, Text
from warehouse.errors import Usage
from warehouse.market.cities import CITIES


def configuration_validation(path: Path | None) -> Report:
    """Return the report: every pair that resolves, or why the file is refused."""
    try:
        found = load_config(path)
    except Usage as refusal:
        told = f"{refusal} ({refusal.hint})"
        return _report([], [Check(name="the configuration is whole", passed=False, told=told)])
    pairs = list(found.pairs())
    name = path.name if path is not None else "the file that is shipped"
    told = f"{len(pairs)} pairs of {len(CITIES)} cities and {len(BRACKETS)} types of bracket resolve from {name}"
    checks = [Check(name="the configuration is whole", passed=True, told=told)]
    return _report([_pairs(found), _origins(found)], checks)


def _report(parts: list[Part], checks: list[Check]) -> Report:
    return Report(number=4, title="Configuration validation", parts=tuple(parts), checks=tuple(checks))


def _pairs(found: Configuration) -> Grid:
    headers = (
        "pair", "feature set", "train", "test", "step", "from", "to", "penalties", "trials", "C", "l1_ratio",
        "blend weight", "seed",
    )  # fmt: skip
    rows = []
    for city, bracket in found.pairs():
        one = found.for_(city, bracket)
        space = one.search_space
        rows.append(
            (
                f"{city}/{bracket}", one.feature_set, one.train_days, one.test_days, one.step_days, one.start_date,
                one.end_date, " ".join(one.penalties), one.trials, f"{space.C_min:g} … {space.C_max:g}",
                f"{space.l1_ratio_min:g} … {space.l1_ratio_max:g}", one.blend_weight, one.seed,
            )
        )  # fmt: skip
    return Grid(headers=headers, rows=tuple(rows))


def _origins(found: Configuration) -> Text:
    """Return which settings differ from the defaults, and where that is said."""
    told = []
    for city, bracket in found.pairs():
        own = [
            f"{key} ({origin})"
            for key, origin in found.resolve(city, bracket).origins.items()
            if not origin.startswith("defaults")
        ]
        told += [f"{city}/{bracket}: {', '.join(own)}"] if own else []
    return Text(words="Differing from the defaults: " + ("; ".join(told) or "nothing."))
