"""Answers that list all changes of fees, of one series or of every event: what is missing in them was taken back.

A list is whole where the question named the series, or where its pages were read from the first to the last without a
gap. One with a record that cannot be read, or that is no list, proves nothing of what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.kalshi.fees import EVENT, SERIES, FeeBook, key_of
from pipelines.payload import Payload

FEES_KIND = "kalshi_fee_changes"

_OF_SERIES, _OF_EVENTS = "series_fee_change_arr", "event_fee_changes"


class FeeRolls:
    """Follows such answers in the order of their receipt, and closes a roll in the book wherever a list was whole."""

    def __init__(self, book: FeeBook) -> None:
        self._book = book
        self._listed: set[tuple[str, str]] = set()
        self._next_page = 0

    def read(self, payload: Payload, answer: Mapping[str, Any], *, is_whole: bool) -> None:
        """Take one answer in, of which every record was read or not."""
        listed = answer.get(_OF_SERIES, answer.get(_OF_EVENTS))
        if not is_whole or not isinstance(listed, list):
            self._next_page = 0
        elif _OF_SERIES in answer and (series := payload.asked.get("series_ticker")):
            self._book.close_roll(SERIES, series, set(_keys(SERIES, listed)), payload.received_utc)
        elif _OF_EVENTS in answer:
            self._read_page(payload, listed, is_last=not answer.get("cursor"))

    def _read_page(self, payload: Payload, listed: list[Mapping[str, Any]], *, is_last: bool) -> None:
        if payload.page == 1:
            self._listed, self._next_page = set(), 1
        if not payload.page or payload.page != self._next_page:
            self._next_page = 0
            return
        self._listed.update(_keys(EVENT, listed))
        self._next_page += 1
        if is_last:
            self._book.close_roll(EVENT, "", self._listed, payload.received_utc)
            self._next_page = 0


def _keys(scope: str, listed: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    return (key_of(scope, record) for record in listed)
