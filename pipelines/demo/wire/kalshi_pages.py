"""What all lists of the exchange share: errors, numbers in queries, pages with cursors, and the filters of markets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from pipelines.demo.wire.answers import Answer, Ask, Rejected, as_json
from pipelines.demo.wire.kalshi_listings import STATUS_WORDS, Listed

Item = TypeVar("Item")

_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "created": ("unopened", "open"),
    "close": ("closed",),
    "settled": ("settled",),
}
"""Which status a filter by time may stand beside; beside none it always may."""


def refused(status: int, code: str, details: str) -> Rejected:
    """Return the exchange's wrapped error."""
    return Rejected(
        as_json({"error": {"code": code, "message": code.replace("_", " "), "details": details}}, status=status)
    )


def not_found(what: str) -> Rejected:
    """Return the error for something that this tier does not have."""
    return refused(404, "not_found", f"{what} not found")


def bad_request(details: str) -> Rejected:
    """Return the error for a question that cannot be meant."""
    return refused(400, "bad_request", details)


def number(ask: Ask, name: str, default: int | None = None) -> int:
    """Read a whole number of a query; without a default it is required."""
    said = ask.one(name)
    if said == "" and default is not None:
        return default
    try:
        return int(said)
    except ValueError:
        raise bad_request(f"{name} must be an integer") from None


def page(items: Sequence[Item], ask: Ask, *, usual: int, most: int) -> tuple[Sequence[Item], str]:
    """Return one page and the cursor of the next, which counts what is left: new items in front do no harm."""
    limit = number(ask, "limit", usual)
    if not 1 <= limit <= most:
        raise bad_request(f"limit must be between 1 and {most}")
    cursor = ask.one("cursor")
    left = _left(cursor) if cursor else len(items)
    first = max(0, len(items) - left)
    chosen = items[first : first + limit]
    left = len(items) - first - len(chosen)
    return chosen, base64.urlsafe_b64encode(f"left {left}".encode()).decode() if left else ""


def listing(name: str, items: Sequence[object], cursor: str) -> Answer:
    """Return one page of a list."""
    return as_json({name: list(items), "cursor": cursor})


def status_filter(ask: Ask) -> Callable[[str], bool]:
    """Return which statuses a filter word lets through; only one word is allowed, and an unknown one finds nothing."""
    word = ask.one("status")
    if "," in word:
        raise bad_request("only one status filter may be supplied")
    return lambda status: not word or status in STATUS_WORDS.get(word, ())


def market_filter(ask: Ask) -> Callable[[Listed], bool]:
    """Return the filter of a list of markets; families of times exclude each other and are tied to a status."""
    has_status = status_filter(ask)
    said = {name: value for name in ask.query if name.endswith("_ts") and (value := ask.one(name))}
    families = {name.split("_")[1] for name in said}
    if len(families) > 1:
        raise bad_request("only one family of timestamp filters may be supplied")
    for family in families:
        if ask.one("status") not in ("", *_FAMILIES.get(family, ())):
            raise bad_request(f"{family} timestamp filters are not compatible with status {ask.one('status')}")
    bounds = {name: number(ask, name) for name in said}
    return lambda listed: (
        has_status(listed.status) and all(_keeps(name, bound, listed) for name, bound in bounds.items())
    )


def _keeps(name: str, bound_s: int, listed: Listed) -> bool:
    side, family, _ = name.split("_")
    stamps: Mapping[str, datetime | None] = {
        "created": listed.created_utc,
        "updated": listed.created_utc,
        "close": listed.close_utc,
        "settled": listed.settled_utc,
    }
    at = stamps.get(family)
    if at is None:
        return family not in stamps
    return at.timestamp() >= bound_s if side == "min" else at.timestamp() <= bound_s


def _left(cursor: str) -> int:
    try:
        word, _, count = base64.urlsafe_b64decode(cursor).decode().partition(" ")
        if word == "left":
            return int(count)
    except (binascii.Error, ValueError):
        pass
    raise bad_request("invalid cursor")
