"""Station bulletins of guidance as text (NBS, NBE, NBX, LAV, MAV, MET, MEX): one block a station, hours across.

Columns are found by where the hours stand, fields have fixed widths and run together. Reading knows no cities.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pipelines.weather.products import Product
from warehouse.errors import Refused, Unparsable

_HEADING = re.compile(
    r" *+(?P<station>[A-Z0-9_]{3,8}) ++(?P<guidance>[A-Z0-9.]++(?: ++[A-Z0-9.]++)*?) ++GUIDANCE ++"
    r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4}) ++(?P<hour>[0-9]{2})(?P<minute>[0-9]{2}) ++UTC *+"
)
_BLOCK_MARK = "GUIDANCE"
_MODEL_WORDS = (
    ("NBS", "NBS"), ("NBE", "NBE"), ("NBX", "NBX"), ("GFS LAMP", "LAV"), ("GFSX MOS", "MEX"), ("GFS MOS", "GFS"),
    ("NAM MOS", "NAM"), ("ETA MOS", "ETA"),
)  # fmt: skip
_WIDE_MODELS = ("NBE", "NBX", "MEX")  # four columns a field, with bars between the days
_HOUR = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?[0-9]{1,3}")
_EXTREMES = ("TXN", "N/X", "X/N")
_FORECAST_HOURS = range(1, 300)
_LONGEST_STEP_HOURS = 12
_CLOCKS_AGREE = timedelta(hours=6)
_HOURS_A_DAY = 24

MISSING_MARKS = (999, -99)
"""What guidance writes where it has nothing."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a run says of one instant: the temperature, the high or low of the half day that ends, and its spread."""

    valid_utc: datetime
    temp_f: float | None
    extreme_f: float | None
    extreme_sd_f: float | None


@dataclass(frozen=True, kw_only=True)
class Bulletin:
    """One station's block of one run."""

    station: str
    model: str
    issued_utc: datetime
    columns: tuple[Column, ...]


def read_bulletins(product: Product) -> tuple[list[Bulletin], list[tuple[str, str]]]:
    """Return the blocks of a product, any station's, and those that cannot be read, each with its reason."""
    lines = product.words.splitlines()
    begins = [place for place, line in enumerate(lines) if _BLOCK_MARK in line]
    if not begins:
        raise Refused("no block of guidance in it")
    bulletins: list[Bulletin] = []
    unread: list[tuple[str, str]] = []
    for begin, end in pairwise([*begins, len(lines)]):
        try:
            bulletins.append(_bulletin(lines[begin:end], product))
        except Refused as error:
            unread.append(("\n".join(lines[begin:end]), str(error)))
    return bulletins, unread


def _bulletin(lines: Sequence[str], product: Product) -> Bulletin:
    heading = _HEADING.fullmatch(lines[0])
    if heading is None:
        raise Unparsable(f"the heading says no station and run: {lines[0].strip()!r}")
    model = next((model for word, model in _MODEL_WORDS if word in heading["guidance"]), None)
    if model is None:
        raise Refused(f"no reader for {heading['guidance']!r} guidance")
    run_utc = _run_utc(heading, product)
    rows = {line[:3]: line for line in reversed(lines[1:]) if line[:3].strip()}  # of repeated rows the first counts
    ends, hours = _hours(rows, run_utc)
    width = 4 if model in _WIDE_MODELS else 3
    temps, extremes, spreads = (_numbers(rows, names, ends, width) for names in (("TMP",), _EXTREMES, ("XND",)))
    return Bulletin(
        station=heading["station"],
        model=model,
        # LAMP writes half past; the archive names the run by the full hour, and so do we.
        issued_utc=run_utc.replace(minute=0),
        columns=tuple(
            Column(valid_utc=valid, temp_f=temp, extreme_f=extreme, extreme_sd_f=spread)
            for valid, temp, extreme, spread in zip(hours, temps, extremes, spreads, strict=True)
        ),
    )


def _run_utc(heading: re.Match[str], product: Product) -> datetime:
    numbers = [int(heading[name]) for name in ("year", "month", "day", "hour", "minute")]
    try:
        run_utc = datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        raise Unparsable(f"the run {heading[0].strip()!r} is no instant") from None
    sent_utc = product.issued_near(run_utc)
    if sent_utc is None or abs(sent_utc - run_utc) > _CLOCKS_AGREE:
        raise Unparsable(f"the run {run_utc:%Y-%m-%d %H:%M}Z contradicts its heading of day {product.day:02}")
    return run_utc


def _hours(rows: dict[str, str], run_utc: datetime) -> tuple[list[int], list[datetime]]:
    """Return where each column ends, and the instant it speaks of; refuse hours that contradict each other."""
    clock = rows.get("UTC") or rows.get("HR ")
    if "FHR" in rows:
        found = list(_HOUR.finditer(rows["FHR"], 3))
        ahead = [int(hour[0]) for hour in found]
        if clock is not None:
            _require_same_hours(ahead, [int(hour[0]) for hour in _HOUR.finditer(clock, 3)], run_utc)
    elif clock is not None:
        found = list(_HOUR.finditer(clock, 3))
        ahead = _ahead([int(hour[0]) for hour in found], run_utc)
    else:
        raise Unparsable("no row of hours")
    if not ahead or any(hour not in _FORECAST_HOURS for hour in ahead) or ahead != sorted(set(ahead)):
        raise Unparsable(f"the hours ahead do not rise from the run: {ahead[:5]}")
    on_the_hour = run_utc.replace(minute=0)
    return [hour.end() for hour in found], [on_the_hour + timedelta(hours=hour) for hour in ahead]


def _require_same_hours(ahead: Sequence[int], clock: Sequence[int], run_utc: datetime) -> None:
    if [(run_utc.hour + hour) % _HOURS_A_DAY for hour in ahead] != list(clock):
        raise Unparsable(f"the hours ahead {list(ahead[:5])} are not the hours of the day {list(clock[:5])}")


def _ahead(clock: Sequence[int], run_utc: datetime) -> list[int]:
    """Return hours of the day as hours ahead of the run: each is the next such hour after the one before it."""
    ahead: list[int] = []
    before = 0
    for hour in clock:
        step = (hour - run_utc.hour - before) % _HOURS_A_DAY or _HOURS_A_DAY
        if hour not in range(_HOURS_A_DAY) or step > _LONGEST_STEP_HOURS:
            raise Unparsable(f"hour {hour:02} does not follow the one before it")
        before += step
        ahead.append(before)
    return ahead


def _numbers(rows: dict[str, str], names: Sequence[str], ends: Sequence[int], width: int) -> list[float | None]:
    line = next((rows[name] for name in names if name in rows), "")
    return [_number(line[max(end - width, 3) : end], names[0]) for end in ends]


def _number(field: str, name: str) -> float | None:
    word = field.replace("|", " ").strip()
    if not word:
        return None
    if not _NUMBER.fullmatch(word):
        raise Unparsable(f"{name} {word!r} is no number")
    value = int(word)
    return None if value in MISSING_MARKS else float(value)
