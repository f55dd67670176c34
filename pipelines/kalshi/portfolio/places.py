"""Names as parts of an address: what an id may be, so that none leads elsewhere."""

from __future__ import annotations

import re

from warehouse.errors import Usage

_ID = re.compile(r"[A-Za-z0-9_+=:.-]{1,128}")
_CLIENT_ID = re.compile(r"[A-Za-z0-9_+=:-]{1,64}")


def named(name: str) -> str:
    """Return an id that may stand in a path; refuse any other."""
    if not _ID.fullmatch(name) or set(name) == {"."}:
        raise Usage(f"{name[:64]!r} is no id of the exchange")
    return name


def require_client_order_id(name: str) -> None:
    """Refuse a name that the exchange would not take for an order."""
    if not _CLIENT_ID.fullmatch(name):
        raise Usage(f"{name[:80]!r} is no client order id", hint="at most 64 letters, digits and _+=:-")
