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
    "updated": (),
}
"""Which status a filter by time may stand beside; beside none it always may."""

_BOUNDS: Mapping[str, tuple[str, str]] = {
    "min_updated_ts": ("min", "updated"),
    **{f"{side}_{family}_ts": (side, family) for side in ("min", "max") for family in ("created", "close", "settled")},
}
"""The filters by time, each with its side and its family; any other name is not known, and ignored."""


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
    bounds = {name: number(ask, name) for name in _BOUNDS if ask.one(name)}
    families = {_BOUNDS[name][1] for name in bounds}
    if len(families) > 1:
        raise bad_request("only one family of timestamp filters may be supplied")
    for family in families:
        if ask.one("status") not in ("", *_FAMILIES[family]):
            raise bad_request(f"{family} timestamp filters are not compatible with status {ask.one('status')}")
    if "updated" in families:
        _require_nothing_beside_updates(ask)
    return lambda listed: (
        has_status(listed.status) and all(_keeps(*_BOUNDS[name], bound, listed) for name, bound in bounds.items())
    )


def _require_nothing_beside_updates(ask: Ask) -> None:
    """Let a filter by updates stand beside the leaving out of combinations only, and beside a series only with that."""
    is_without_combinations = ask.one("mve_filter") == "exclude"
    beside = [name for name in ("event_ticker", "tickers") if ask.one(name)]
    beside += [name for name in ("series_ticker",) if ask.one(name) and not is_without_combinations]
    beside += [name for name in ("mve_filter",) if ask.one(name) and not is_without_combinations]
    if beside:
        raise bad_request(f"min_updated_ts is not compatible with {', '.join(beside)}")


def _keeps(side: str, family: str, bound_s: int, listed: Listed) -> bool:
    stamps: Mapping[str, datetime | None] = {
        "created": listed.created_utc,
        "updated": listed.created_utc,
        "close": listed.close_utc,
        "settled": listed.settled_utc,
    }
    at = stamps[family]
    if at is None:
        return False
    return at.timestamp() >= bound_s if side == "min" else at.timestamp() <= bound_s


def _left(cursor: str) -> int:
    try:
        word, _, count = base64.urlsafe_b64decode(cursor).decode().partition(" ")
        if word == "left":
            return int(count)
    except (binascii.Error, ValueError):
        pass
    raise bad_request("invalid cursor")
