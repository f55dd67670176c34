"""The bodies of commands: JSON read field by field, and turned down in the exchange's words where it does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from pipelines.demo.session import SECOND_US
from pipelines.demo.venue.orders import Amended, Wanted
from pipelines.demo.venue.refusals import TurnedDown, invalid_order, invalid_size
from pipelines.demo.venue.words import SelfTrade, Side, TimeInForce
from pipelines.demo.wire.answers import Ask
from warehouse.errors import Unparsable
from warehouse.market.money import CENTI_PER_CONTRACT, count_centi, price_ticks

_NAME = re.compile(r"[A-Za-z0-9_+=:-]{1,64}")
_SIDES = {"bid": Side.BID, "ask": Side.ASK}

Word = TypeVar("Word", bound=StrEnum)


def body_of(ask: Ask) -> Mapping[str, Any]:
    """Return the object that a command says; nothing said is an empty one."""
    try:
        said = json.loads(ask.body or b"{}")
    except ValueError:
        raise TurnedDown("invalid_json", "the body is no JSON") from None
    if not isinstance(said, dict):
        raise TurnedDown("invalid_json", "the body is no object")
    return said


def items_of(ask: Ask) -> list[Mapping[str, Any]]:
    """Return the orders of a batch."""
    items = body_of(ask).get("orders")
    if not isinstance(items, list) or not items or any(not isinstance(item, dict) for item in items):
        raise TurnedDown("invalid_parameters", "orders must be a list of orders")
    return items


def wanted_of(said: Mapping[str, Any], *, skew: timedelta) -> Wanted:
    """Read a new order."""
    for name in ("ticker", "side", "count", "price", "time_in_force", "self_trade_prevention_type"):
        if name not in said:
            raise invalid_order(f"{name} is required")
    _require_here(said)
    expires_us = _expires_us(said, skew=skew)
    return Wanted(
        ticker=text_of(said, "ticker"),
        side=_side(said),
        ticks=_ticks(said),
        centi=count_of(said, "count"),
        client_order_id=_name(said, "client_order_id") or "",
        time_in_force=_word(said, "time_in_force", TimeInForce),
        self_trade=_word(said, "self_trade_prevention_type", SelfTrade),
        expires_us=expires_us or None,
        post_only=_flag(said, "post_only"),
        reduce_only=_flag(said, "reduce_only"),
        cancel_on_pause=_flag(said, "cancel_order_on_pause"),
        group_id=text_of(said, "order_group_id") or None,
    )


def amended_of(said: Mapping[str, Any], *, skew: timedelta) -> Amended:
    """Read a change of an order."""
    for name in ("ticker", "side", "count", "price"):
        if name not in said:
            raise invalid_order(f"{name} is required")
    _require_here(said)
    return Amended(
        ticker=text_of(said, "ticker"),
        side=_side(said),
        ticks=_ticks(said),
        centi=count_of(said, "count"),
        client_order_id=_name(said, "client_order_id"),
        new_client_order_id=_name(said, "updated_client_order_id"),
        expires_us=_expires_us(said, skew=skew),
    )


def text_of(said: Mapping[str, Any], name: str) -> str:
    """Read a word; one that is not there is empty."""
    value = said.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid_order(f"{name} must be a string")
    return value


def count_of(said: Mapping[str, Any], name: str) -> int:
    """Read a count, in hundredths; only what is reduced to may be nothing."""
    text = text_of(said, name)
    try:
        centi = count_centi(text)
    except Unparsable:
        raise invalid_size(f"{name} must be a number of at most two decimals in a string") from None
    if centi < (0 if name == "reduce_to" else 1):
        raise invalid_size(f"{name} must be positive")
    return centi


def limit_of(said: Mapping[str, Any]) -> int:
    """Read the limit of a group, which is a whole number or a count."""
    whole = said.get("contracts_limit")
    if isinstance(whole, int) and not isinstance(whole, bool):
        return whole * CENTI_PER_CONTRACT
    if "contracts_limit_fp" in said:
        return count_of(said, "contracts_limit_fp")
    raise TurnedDown("invalid_parameters", "contracts_limit is required")


def _side(said: Mapping[str, Any]) -> Side:
    side = _SIDES.get(text_of(said, "side"))
    if side is None:
        raise invalid_order("side must be bid or ask")
    return side


def _ticks(said: Mapping[str, Any]) -> int:
    try:
        return price_ticks(text_of(said, "price"))
    except Unparsable:
        raise invalid_order("price must be a dollar amount in a string") from None


def _word(said: Mapping[str, Any], name: str, words: type[Word]) -> Word:
    try:
        return words(text_of(said, name))
    except ValueError:
        raise invalid_order(f"{name} must be one of {', '.join(words)}") from None


def _name(said: Mapping[str, Any], name: str) -> str | None:
    if said.get(name) is None:
        return None
    text = text_of(said, name)
    if _NAME.fullmatch(text) is None:
        raise invalid_order(f"{name} must be 1-64 of letters, digits and _+=:-")
    return text


def _flag(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool | None):
        raise invalid_order(f"{name} must be true or false")
    return bool(value)


def _expires_us(said: Mapping[str, Any], *, skew: timedelta) -> int | None:
    """Read an end, in seconds by the exchange's own clock; 0 says none."""
    value = said.get("expiration_time")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise invalid_order("expiration_time must be unix seconds")
    return value * SECOND_US - skew // timedelta(microseconds=1) if value else 0


def _require_here(said: Mapping[str, Any]) -> None:
    """Refuse what is meant for another account or another shard."""
    if said.get("subaccount") not in (None, 0):
        raise TurnedDown("forbidden", "the key is restricted to subaccount 0", status=403)
    if said.get("exchange_index") not in (None, 0, -1):
        raise TurnedDown("not_found", "the market is not on this shard", status=404)
