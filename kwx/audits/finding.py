"""What an audit found wrong: which law is broken, where, how often, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import polars as pl

FINDINGS = {
    "part": pl.String(),
    "city": pl.String(),
    "since": pl.Date(),
    "until": pl.Date(),
    "what": pl.String(),
    "found": pl.Int64(),
    "example": pl.String(),
    "repair": pl.String(),
}
"""The columns of findings as a table."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One law that is broken in a stretch of event dates of a city.

    part: of the audit. found: how many rows, days or columns. example: the first of them, in words. repair: what to
    type; a second command follows behind a semicolon.
    """

    part: str
    city: str
    since: date | None
    until: date | None
    what: str
    found: int
    repair: str
    example: str = ""

    @property
    def where(self) -> str:
        """The city and the dates as a person reads them."""
        if self.since is None:
            return self.city
        return f"{self.city} {self.since}" + ("" if self.until == self.since else f" … {self.until}")


def findings_frame(findings: Iterable[Finding]) -> pl.DataFrame:
    """Return findings as a table."""
    return pl.DataFrame([asdict(one) for one in findings], schema=FINDINGS, orient="row")


def in_order(findings: Iterable[Finding], parts: Sequence[str]) -> tuple[Finding, ...]:
    """Return findings part by part, each by city and date."""
    return tuple(
        sorted(findings, key=lambda one: (parts.index(one.part), one.city, one.since or date.min, one.what))
    )  # fmt: skip
