"""What `kwx audit features` says: one city in full, several side by side, then what is left out and what is wrong."""

from __future__ import annotations

from typing import Any

import click
import polars as pl

from kwx.cli.show import console, table_of
from kwx.features.audit.run import Audit
from kwx.features.audit.verdict import Status
from kwx.features.gate import EVERY_TYPE, THE_CONFIGURATION, THE_GATE

_WORDS = {
    Status.LEAKS: "LEAKS",
    Status.NEVER_KNOWN: "NEVER",
    Status.CONSTANT: "CONSTANT",
    Status.NOT_FINITE: "INFINITE",
}


def audit_summary(audit: Audit) -> dict[str, Any]:
    """Return what was asked, and whether the audit is passed."""
    return {
        "snapshot": audit.snapshot,
        "feature_sets": list(audit.every_minutes),
        "every_minutes": audit.every_minutes,
        "excluded_vc_cities": audit.excluded,
        "laws": audit.laws.to_dicts(),
        "passed": audit.passed,
    }


def tell_audit(audit: Audit) -> None:
    """Print the features set by set, then what is left out and why, then what is wrong."""
    for (name, bracket), rows in audit.rows.group_by("feature_set", "bracket", maintain_order=True):
        _tell_set(audit, str(name), str(bracket), rows)
    _tell_laws(audit)
    _tell_left_out(audit)
    _tell_gate(audit)
    _tell_failures(audit)


def _tell_set(audit: Audit, name: str, bracket: str, rows: pl.DataFrame) -> None:
    out = console()
    cities = rows["city"].unique(maintain_order=True).to_list()
    counted = rows.group_by("city", maintain_order=True).agg(pl.col("rows").first())["rows"].sum()
    brackets = "" if bracket == EVERY_TYPE else f" of brackets of type {bracket}"
    out.print(
        f"snapshot {audit.snapshot}: {name} over {counted:,} rows{brackets},"
        f" every {audit.every_minutes[name]} minutes\n",
        soft_wrap=True,
    )
    out.print(_one_city(rows) if len(cities) == 1 else _side_by_side(rows, cities))
    out.print()


def _one_city(rows: pl.DataFrame) -> Any:
    headers = ("feature", "status", "known", "min", "max", "first date", "last date", "unit", "of")
    told = [
        (
            line["feature"], line["status"], _share(line["known_share"]), _number(line["min"]), _number(line["max"]),
            line["first_date"], line["last_date"], line["unit"], line["tables"] or "the clock",
        )
        for line in rows.iter_rows(named=True)
    ]  # fmt: skip
    return table_of(headers, told, title=str(rows["city"][0]))


def _side_by_side(rows: pl.DataFrame, cities: list[str]) -> Any:
    """Return a line for each feature and a column for each city: the share of rows in which it is known, or a word."""
    cells = {(line["city"], line["feature"]): _cell(line) for line in rows.iter_rows(named=True)}
    names = rows["feature"].unique(maintain_order=True).to_list()
    return table_of(("known", *cities), [(name, *(cells[city, name] for city in cities)) for name in names])


def _cell(line: dict[str, Any]) -> str:
    if line["status"] == Status.USED:
        return _share(line["known_share"])
    if line["status"] == Status.EXCLUDED:
        return "gate" if line["reason"] in {THE_GATE, THE_CONFIGURATION} else "without"
    return _WORDS[Status(line["status"])]


def _share(share: float | None) -> str:
    """Return a share in percent; a hundred is all of it and nothing less, zero none of it."""
    if share is None:
        return "·"
    if 0 < share < 1:
        return f"{min(max(100 * share, 0.1), 99.9):.1f}%"
    return f"{share:.0%}"


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _tell_laws(audit: Audit) -> None:
    """Print of each law of trades how many others one brings, and how well it tells dates that it was not fitted on."""
    for line in audit.laws.iter_rows(named=True):
        told = "no law: too few trades to fit on the earlier dates, or none on the later ones"
        if line["events"] is not None:
            told = (
                f"an order brings {line['branching']:.2f} others; the waits of {line['events']:,} later ones lie"
                f" {line['distance']:.3f} from the law (Kolmogorov-Smirnov), p {line['p_value']:.3f}"
            )
        console().print(f"{line['column']} of {line['city']}: {told}", soft_wrap=True)


def _tell_left_out(audit: Audit) -> None:
    """Print what is left out, by city and reason."""
    gone = audit.rows.filter(pl.col("status") == str(Status.EXCLUDED))
    for (reason, names), cities in _grouped(gone).items():
        console().print(f"left out of {', '.join(cities)}: {', '.join(names)}; {reason}", soft_wrap=True)


def _tell_gate(audit: Audit) -> None:
    """Print how the gate stands in each excluded city, and which sets it takes nothing from."""
    gated = audit.rows.filter(pl.col("leaked_minutes").is_not_null())
    # Each set and type of bracket searched the same minutes.
    once = gated.unique(["city", "feature"], keep="first", maintain_order=True)
    for (city,), lines in once.group_by("city", maintain_order=True):
        leaked = lines["leaked_minutes"].sum()
        told = lines.select(pl.col("known_share").max()).item()
        console().print(
            f"the gate of {city}: {leaked:,} values that only the excluded vendor told, over every minute;"
            f" stations told {_share(told)}",
            soft_wrap=True,
        )
    open_sets = [name for name in audit.every_minutes if name not in set(gated["feature_set"])]
    if audit.excluded and open_sets:
        console().print(
            f"the gate takes nothing from {', '.join(open_sets)}: no feature of it reads a dew point, humidity or wind",
            soft_wrap=True,
        )


def _tell_failures(audit: Audit) -> None:
    """Print the verdict, and on standard error what is wrong."""
    if audit.passed:
        console().print("every feature that is used says something, and the gate holds", soft_wrap=True)
    wrong = audit.failures.with_columns(reason=pl.col("status") + ": " + pl.col("reason"))
    for (reason, names), cities in _grouped(wrong).items():
        click.echo(f"wrong in {', '.join(cities)}: {', '.join(names)}; {reason}", err=True)


def _grouped(rows: pl.DataFrame) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """Return the cities that share a reason and the features it is of."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (city, reason), lines in rows.group_by("city", "reason", maintain_order=True):
        names = tuple(dict.fromkeys(lines["feature"]))
        grouped.setdefault((str(reason), names), []).append(str(city))
    return grouped
