"""What a sweep says of one setting: values one by one, or a range that is stepped through or drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from kwx.config.refusals import allowed, field_of, require_known_keys
from kwx.config.trading import TradeConfig
from kwx.config.yaml_text import Document, KeyPath
from kwx.exec.rules import MODELS
from warehouse.errors import Usage

FILL = "fill"
"""Not a setting of the file but the model of fills; it is swept like one."""

_CITY = "city"
_RANGE = ("from", "to", "steps", "scale")
_SCALES = ("linear", "log")
_DIGITS = 6
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The values of one setting: `choices`, or all numbers of a range where nothing but drawing can find one."""

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False

    @classmethod
    def of(cls, key: str, said: Any, document: Document, *, where: KeyPath) -> Axis:
        """Read what a sweep says under a key; refuse keys that trading has not, and values that they may not have."""
        require_setting(key, document, where=where)
        if isinstance(said, Mapping):
            return _range(key, said, document, where)
        values = tuple(said) if isinstance(said, list) else (said,)
        if not values:
            raise Usage(f"{document.where(where)}: there is no value", hint=f"{key}: [1, 2]")
        for value in values:
            _require_fits(key, value, document, where)
        return cls(key=key, choices=tuple(dict.fromkeys(values)))

    def draw(self, rng: np.random.Generator) -> Any:
        """Return a value at random, each choice or each number of the range being as likely as any other."""
        if self.choices:
            return self.choices[int(rng.integers(len(self.choices)))]
        return _nearest(self.key, _between(self.low, self.high, float(rng.random()), is_log=self.is_log))


def require_setting(key: str, document: Document, *, where: KeyPath) -> None:
    """Refuse a key that is no setting of trading, naming the nearest one."""
    if key == FILL:
        return
    sections = {name: field.annotation for name, field in TradeConfig.model_fields.items()}
    if key == _CITY:
        raise Usage(f"{document.where(where)}: {key} is no setting", hint="--city KEY says what is traded")
    if key in sections:
        inside = " ".join(getattr(sections[key], "model_fields", ()))
        raise Usage(f"{document.where(where)}: {key} is a whole section", hint=f"name one of its keys: {inside}")
    *above, name = key.split(".")
    said: Any = {name: None}
    for section in reversed(above):
        said = {section: said}
    require_known_keys(said, TradeConfig.model_fields, where=lambda path: document.where(where))


def _range(key: str, said: Mapping[str, Any], document: Document, where: KeyPath) -> Axis:
    told = document.where(where)
    if strange := [name for name in said if name not in _RANGE]:
        raise Usage(f"{told}: a range has no {strange[0]!r}", hint="{from: 1, to: 4, steps: 4, scale: linear | log}")
    low, high, steps, scale = _parts(said)
    if not _is_number(low) or not _is_number(high) or low >= high:
        raise Usage(f"{told}: a range goes from a number to a higher one", hint="{from: 1, to: 4, steps: 4}")
    if scale not in (None, *_SCALES) or (scale == "log" and low <= 0):
        raise Usage(f"{told}: the scale is {scale!r}", hint="linear, or log where the range begins above 0")
    if steps is not None and not (isinstance(steps, int) and steps >= 2):
        raise Usage(f"{told}: steps is {steps!r}", hint="how many values there are, both ends among them: 2 or more")
    for bound in (low, high):
        _require_fits(key, bound, document, where)
    axis = Axis(key=key, low=float(low), high=float(high), is_log=scale == "log")
    return axis if steps is None else Axis(key=key, choices=tuple(dict.fromkeys(_stepped(axis, steps))))


def _parts(said: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(said.get(name) for name in _RANGE)


def _stepped(axis: Axis, steps: int) -> Iterator[Any]:
    for step in range(steps):
        yield _nearest(axis.key, _between(axis.low, axis.high, step / (steps - 1), is_log=axis.is_log))


def _between(low: float, high: float, share: float, *, is_log: bool) -> float:
    return low * (high / low) ** share if is_log else low + share * (high - low)


def _nearest(key: str, number: float) -> Any:
    """Return a number as its setting may have it: of six digits, else of hundredths, else whole."""
    fine = float(f"{number:.{_DIGITS}g}")
    return next((value for value in (fine, round(number, 2), round(number)) if _fits(key, value)), fine)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require_fits(key: str, value: Any, document: Document, where: KeyPath) -> None:
    if not _fits(key, value):
        raise Usage(f"{document.where(where)} is {value!r}", hint=f"{key} may be {_told(key)}")


def _fits(key: str, value: Any) -> bool:
    if key == FILL:
        return value in MODELS
    field = _field(key)
    kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    try:
        TypeAdapter(kind, config=_STRICT).validate_python(value)
    except ValidationError:
        return False
    return True


def _told(key: str) -> str:
    return " | ".join(MODELS) if key == FILL else allowed(_field(key))


def _field(key: str) -> FieldInfo:
    field = field_of(TradeConfig, tuple(key.split(".")))
    if field is None:
        raise KeyError(key)
    return field
