"""What a strategy is: the panel of a city turned into columns, declared with what it reads.

A panel's columns are known at their row's minute (the views promise it); an expression may look at them, and back over
the minutes of its market with the windows of `kwx.signals.trailing`. `kwx.signals.blind` tells whether one looks ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from kwx.config.signal_fields import SignalFields
from kwx.signals.settings import SignalSettings
from warehouse.errors import Refused

ONE_ROW = 1
"""What looks at its own row alone looks back on so many minutes."""

KEYS = ("city", "event_date", "market_ticker", "ts_utc")
COLUMNS = ("p_fair", "p_gate", "score", "urgent")
TERMS_MISSING = "terms_missing"
"""Beside the named terms: those that are not known in a row, parted by a blank."""

_ALWAYS_THERE = frozenset({*KEYS, "event_ticker", "market", "moment"})
_PROBABILITIES = ("p_fair", "p_gate")
GATE_BY_DEFAULT = "p_fused_norm"
_BY_DEFAULT = "is read by p_gate where `Columns` says no other: p_gate=pl.lit(None) lets every probability pass"


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """The expressions of one strategy under some settings.

    p_fair: what the bracket is held to be worth, null is no opinion. p_gate: what must lie inside the range that is
    traded, null passes; where none is given it is the fused probability, and p_fair where nothing is fused.
    score: how much is wanted, and above 0 to buy. urgent: worth the spread even below the taker's
    threshold; without it |score| decides, see the setting urgent_score. terms: what all of this is made of, for people
    to read. windows: what several of them look back on. Windows are computed first and terms next, so that what is read
    twice is made once: each may read by name what comes before it.
    """

    p_fair: pl.Expr
    score: pl.Expr
    p_gate: pl.Expr | None = None
    urgent: pl.Expr | None = None
    terms: Mapping[str, pl.Expr] = field(default_factory=dict)
    windows: Mapping[str, pl.Expr] = field(default_factory=dict)

    @property
    def gate(self) -> pl.Expr:
        """What must lie inside the range that is traded: a limit holds also on a lake where nothing is fused."""
        return pl.coalesce(pl.col(GATE_BY_DEFAULT), self.p_fair) if self.p_gate is None else self.p_gate

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the panel that are read, in order."""
        made = [self.p_fair, self.score, self.gate, *([] if self.urgent is None else [self.urgent])]
        of_terms = _roots(self.terms.values()) - set(self.windows)
        of_columns = _roots(made) - set(self.windows) - set(self.terms)
        return tuple(sorted((_roots(self.windows.values()) | of_terms | of_columns) - _ALWAYS_THERE))


@dataclass(frozen=True, kw_only=True, eq=False)
class Strategy:
    """One way to price brackets.

    reads: the columns of the panel that `build` may read under any settings. family: whose predictions stand in the
    panel's columns p_model and p_calibrated; None is what is promoted, of all families. word: how the command line asks
    for it, its name or a path; it travels to other processes by that. needs: how the lake comes to hold what it reads.
    looks_back: at how many minutes of a market a row looks, its own among them; what is decided minute by minute holds
    so many of them.
    """

    name: str
    meaning: str
    reads: tuple[str, ...]
    build: Callable[[SignalSettings], Columns]
    family: Callable[[SignalSettings], str | None] = lambda settings: None
    needs: str = ""
    word: str = ""
    looks_back: Callable[[SignalSettings], int] = lambda settings: longest_window(settings.fields)

    def __reduce__(self) -> tuple[Callable[[str], Strategy], tuple[str]]:
        """Travel by name: what builds the expressions is a function of a file."""
        from kwx.signals.registry import strategy

        return strategy, (self.word or self.name,)

    @property
    def is_foreign(self) -> bool:
        """Whether it comes from a file of its own, and no test of ours has seen it."""
        return bool(self.word)

    @property
    def source(self) -> bytes:
        """The text of a strategy that a file of the user's holds, nothing for those that are shipped."""
        return Path(self.word).read_bytes() if self.word.endswith(".py") else b""

    def columns(self, settings: SignalSettings) -> Columns:
        """Return the expressions under some settings; refuse what reads more than is declared."""
        built = self.build(settings)
        if hidden := sorted(set(built.sources) - set(self.reads)):
            by_default = f"; {GATE_BY_DEFAULT} {_BY_DEFAULT}" if GATE_BY_DEFAULT in hidden else ""
            raise Refused(
                f"strategy {self.name} reads {', '.join(hidden)}, which it does not declare",
                hint=f"name every column that it reads in `reads`{by_default}",
            )
        return built

    def evaluate(self, panel: pl.DataFrame, settings: SignalSettings, *, terms: bool = False) -> pl.DataFrame:
        """Return the columns of each row of a signal panel, in its order, with the terms where they are asked for."""
        built = self.columns(settings)
        urgent = _is_urgent(built.score, settings.fields.urgent_score) if built.urgent is None else built.urgent
        numbers = {"p_fair": built.p_fair, "p_gate": built.gate, "score": built.score}
        numbers |= {name: pl.col(name) for name in built.terms} if terms else {}
        columns = {name: one.cast(pl.Float64).fill_nan(None) for name, one in numbers.items()}
        columns["urgent"] = urgent.cast(pl.Boolean).fill_null(value=False)
        rows = panel.lazy().with_columns(**built.windows).with_columns(**built.terms)
        made = rows.select(*KEYS, **columns).collect(engine="in-memory")  # keeps the order of rows
        self._require_probabilities(made)
        wanted = made.select(*KEYS, *COLUMNS, *(built.terms if terms else ()))
        return wanted.with_columns(_missing(tuple(built.terms))) if terms else wanted

    def _require_probabilities(self, made: pl.DataFrame) -> None:
        for name in _PROBABILITIES:
            if not made.select(pl.col(name).is_between(0, 1).all()).item():
                row = made.filter(~pl.col(name).is_between(0, 1)).row(0, named=True)
                raise Refused(
                    f"strategy {self.name}: {name} is {row[name]:g} for {row['market_ticker']} at {row['ts_utc']}",
                    hint="a probability lies within 0 … 1, or is null: clip it where it is made",
                )


def longest_window(fields: SignalFields) -> int:
    """Return the longest of the trailing windows that the settings name."""
    return max(fields.ras_minutes, fields.velocity_minutes, fields.flow_minutes)


def _roots(expressions: Iterable[pl.Expr]) -> set[str]:
    return {name for one in expressions for name in one.meta.root_names()}


def _is_urgent(score: pl.Expr, least: float | None) -> pl.Expr:
    return pl.lit(value=False) if least is None else score.abs() >= least


def _missing(terms: tuple[str, ...]) -> pl.Expr:
    told = [pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in terms]
    nothing = pl.lit("")
    return (pl.concat_str(told, separator=" ", ignore_nulls=True) if told else nothing).alias(TERMS_MISSING)
