"""A text of the Weather Service cut into its products: WMO heading, AWIPS id, mark of correction, words below.

A heading says day, hour and minute in UTC, never the month: each kind of report finds that in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_HEADING = re.compile(
    r"^(?P<wmo>[A-Z]{4}[0-9]{2}) (?P<office>[A-Z]{4}) (?P<day>[0-9]{2})(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})"
    r"(?: (?P<bbb>[A-Z]{3}))? *$",
    re.MULTILINE,
)
_AWIPS_ID = re.compile(r"\A\s*(?P<pil>[A-Z0-9]{4,6}) *(?:\n|\Z)")
_LOCAL_ISSUE = re.compile(
    r"^ *(?P<clock>[0-9]{3,4}|[0-9]{1,2}:[0-9]{2}) +(?P<half>AM|PM) +(?P<zone>[A-Z]{3,4}) +(?:[A-Z]{3} +)?"
    r"(?P<month>[A-Z]{3})[A-Z]* +(?P<day>[0-9]{1,2}) +(?P<year>[0-9]{4}) *$",
    re.MULTILINE,
)
_ENVELOPE = re.compile(r"[\x01\x03]")
_NO_WORDS = re.compile(r"[\s0-9]*")
_NOT_FOUND = "ERROR: COULD NOT FIND"

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

# What offices call their clock, in hours from UTC.
_ZONE_HOURS = {
    "AST": -4, "ADT": -3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10, "HDT": -9, "SST": -11, "CHST": 10, "GMT": 0, "UTC": 0,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product as it was sent; `words` is what stands below its AWIPS id, only lines that came whole."""

    wmo: str
    office: str
    day: int
    hour: int
    minute: int
    bbb: str
    pil: str
    words: str

    @property
    def is_correction(self) -> bool:
        """Tell whether the heading marks a correction: CCA, CCB and so on."""
        return self.bbb.startswith("CC")

    @property
    def is_resend(self) -> bool:
        """Tell whether the heading marks the same report sent again: RRA, RRB and so on."""
        return self.bbb.startswith("RR")

    def issued_near(self, context_utc: datetime) -> datetime | None:
        """Return the instant of the heading in the month that brings it nearest to a context; None if it has none."""
        return min(self._instants(context_utc), key=lambda one: abs(one - context_utc), default=None)

    def product_id(self, issued_utc: datetime) -> str:
        """Return the archive's name of the product: it sorts by time."""
        parts = (issued_utc.strftime("%Y%m%d%H%M"), self.office, self.wmo, self.pil, self.bbb)
        return "-".join(part for part in parts if part)

    def _instants(self, context_utc: datetime) -> Iterator[datetime]:
        """Yield the instants that the heading can mean in the months around a context."""
        first = context_utc.replace(day=1)
        for month in {(first - timedelta(days=1)).replace(day=1), first, (first + timedelta(days=32)).replace(day=1)}:
            try:
                yield datetime(month.year, month.month, self.day, self.hour, self.minute, tzinfo=UTC)
            except ValueError:
                continue  # that month has no such day, or the day no such minute


def split_products(text: str) -> tuple[list[Product], list[str]]:
    """Return the products of a text in their order, and the pieces of it that have words but no heading.

    Envelopes (control characters), carriage returns and tabs are taken off. A last line without its end was cut off
    and is left out, however complete it looks.
    """
    products: list[Product] = []
    headless: list[str] = []
    for piece in _ENVELOPE.split(_plain(text)):
        headings = list(_HEADING.finditer(piece))
        before = piece[: headings[0].start()] if headings else piece
        if not (_NO_WORDS.fullmatch(before) or before.lstrip().startswith(_NOT_FOUND)):
            headless.append(before.strip())
        ends = [heading.start() for heading in headings[1:]] + [len(piece)] * bool(headings)
        products += [_product(heading, piece[heading.end() : end]) for heading, end in zip(headings, ends, strict=True)]
    return products, headless


def local_issue_utc(words: str) -> datetime | None:
    """Return the instant of the line that says when a report was issued by its office's clock; None without one."""
    line = _LOCAL_ISSUE.search(words)
    if line is None or line["zone"] not in _ZONE_HOURS or line["month"] not in MONTHS:
        return None
    clock = clock_minutes(line["clock"], line["half"])
    if clock is None:
        return None
    try:
        day = datetime(int(line["year"]), MONTHS.index(line["month"]) + 1, int(line["day"]), tzinfo=UTC)
    except ValueError:
        return None
    return day + timedelta(minutes=clock, hours=-_ZONE_HOURS[line["zone"]])


def clock_minutes(clock: str, half: str) -> int | None:
    """Return the minute of the day of 301 PM, 0151 PM or 11:29 PM; None for what no clock shows."""
    digits = clock.replace(":", "").zfill(4)
    hour, minute = int(digits[:-2]), int(digits[-2:])
    if not (1 <= hour <= 12 and minute <= 59):
        return None
    return (hour % 12 + (12 if half == "PM" else 0)) * 60 + minute


def _plain(text: str) -> str:
    return text.replace("\r", "").replace("\x1e", "").expandtabs().upper()


def _product(heading: re.Match[str], below: str) -> Product:
    whole = below[: below.rfind("\n") + 1].removeprefix("\n")
    awips = _AWIPS_ID.match(whole)
    return Product(
        wmo=heading["wmo"],
        office=heading["office"],
        day=int(heading["day"]),
        hour=int(heading["hour"]),
        minute=int(heading["minute"]),
        bbb=heading["bbb"] or "",
        pil=awips["pil"] if awips else "",
        words=whole[awips.end() :] if awips else whole,
    )
