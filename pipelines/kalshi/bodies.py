"""Bodies of the exchange's answers: read in one go where they are as expected, record by record where they are not.

A field that nobody knows yet is ignored and told once per process. What is no JSON is refused whole, in words.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from warehouse.errors import Refused

logger = logging.getLogger(__name__)

_SHOWN = 2_000
_NOT_SO = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_told: set[str] = set()

A = TypeVar("A")


class Shape(Generic[A]):
    """One kind of answer, read twice at most: minding new fields, so that they are seen, then not minding them."""

    def __init__(self, known: Any, tolerant: Any) -> None:
        self._known: msgspec.json.Decoder[A] = msgspec.json.Decoder(known)
        self._type = msgspec.inspect.type_info(known)
        self._tolerant: msgspec.json.Decoder[A] = msgspec.json.Decoder(tolerant)

    def read(self, body: bytes) -> A | None:
        """Return the answer, or None where one of its fields has another type than it should."""
        try:
            return self._known.decode(body)
        except _NOT_SO:
            pass  # a new field, or damage: the second reading tells
        try:
            answer = self._tolerant.decode(body)
        except _NOT_SO:
            return None
        self._tell_new(body)
        return answer

    def _tell_new(self, body: bytes) -> None:
        try:
            said = msgspec.json.decode(body)
        except _NOT_SO:
            tell_once("a field that cannot be read")
            return
        for field in _unknown_fields(self._type, said, "$"):
            tell_once(field)


def _unknown_fields(expected: Any, said: object, path: str) -> Iterator[str]:
    """Yield the fields that a strict type does not know; of records with the same fields one is looked into."""
    if isinstance(expected, msgspec.inspect.UnionType):
        for one in expected.types:
            yield from _unknown_fields(one, said, path)
    elif isinstance(expected, msgspec.inspect.StructType) and isinstance(said, dict):
        fields = {field.encode_name: field.type for field in expected.fields}
        if expected.forbid_unknown_fields:
            yield from (f"the field `{name}` at `{path}`" for name in said if name not in fields)
        for name in fields.keys() & said.keys():
            yield from _unknown_fields(fields[name], said[name], f"{path}.{name}")
    elif isinstance(expected, msgspec.inspect.ListType) and isinstance(said, list):
        for record in _of_each_shape(said):
            yield from _unknown_fields(expected.item_type, record, f"{path}[...]")
    elif isinstance(expected, msgspec.inspect.DictType) and isinstance(said, dict):
        for value in said.values():
            yield from _unknown_fields(expected.value_type, value, f"{path}[...]")


def _of_each_shape(records: list[Any]) -> Iterator[object]:
    """Yield one of the records that have the same fields, and all that hold lists, for those may be empty."""
    seen: set[tuple[object, ...]] = set()
    for record in records:
        shape = _shape(record)
        if shape is None or shape not in seen:
            yield record
        if shape is not None:
            seen.add(shape)


def _shape(record: object) -> tuple[object, ...] | None:
    if not isinstance(record, dict) or any(isinstance(value, list) for value in record.values()):
        return None
    return tuple((name, *value) if isinstance(value, dict) else name for name, value in record.items())


def tell_once(what: str) -> None:
    """Log that the exchange says something new, once per process."""
    if what not in _told:
        _told.add(what)
        logger.warning("the exchange says something new, which is ignored: %s", what)


def json_of(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a body; refuse a page of HTML, a body that was cut off, and anything else."""
    if body.lstrip()[:1] == b"<":
        raise Refused("the answer is HTML, not JSON")
    try:
        answer = msgspec.json.decode(body)
    except RecursionError:
        raise Refused("the answer is nested too deeply to be one of the exchange") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the answer is not whole JSON: {_plain(error)}") from None
    if not isinstance(answer, dict):
        raise Refused("the answer is JSON, but no object")
    return answer


def shown(body: bytes) -> str:
    """Return the beginning of a body as text: the whole of it lies in the archive."""
    return body[:_SHOWN].decode(errors="replace")


def _plain(error: Exception) -> str:
    # Where exactly a body was cut differs each time, and says nothing: the rule is what counts in the quarantine.
    return "it ends too early" if "truncated" in str(error) else str(error).partition(" (byte ")[0]
