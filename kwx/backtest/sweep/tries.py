"""Sets of settings as the step takes them: those of one kind together, many at once through the same minutes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kwx.backtest.run import Wish
from kwx.backtest.sweep.asked import Question, Trial
from kwx.backtest.sweep.axis import FILL
from kwx.config.said import SaidIn
from kwx.config.trading import TradeConfig, trading_of
from kwx.exec.params import Params
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.settings import params_of
from warehouse.errors import Usage
from warehouse.market.cities import CITIES, city

OF_THE_BARS = frozenset({"trade.guard_minutes", "trade.fee_rounding", "trade.maker_fee"})
"""Settings that change what is read of the lake, as all of `signals` do: each of their values is a pass of its own."""

LANES_AT_ONCE = 40_000
"""So many brackets of sets are stepped at once, about: what is carried of them stays in the caches of one core."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Try:
    """One set that can be tried: its place in the question, its rules, and its settings city by city."""

    place: int
    trial: Trial
    rules: Rules
    configs: Mapping[str, TradeConfig]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pass:
    """All tries that read the lake alike; wish: how it is read."""

    wish: Wish
    tries: tuple[Try, ...]

    def kinds(self) -> Iterator[tuple[Rules, list[Try]]]:
        """Yield the tries of each kind of rules: a step is compiled for each."""
        for rules in dict.fromkeys(one.rules for one in self.tries):
            yield rules, [one for one in self.tries if one.rules == rules]


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A set whose settings contradict each other, and in which way."""

    place: int
    why: str


def tries_of(wish: Wish, question: Question) -> tuple[list[Try], list[Skipped]]:
    """Return the sets that can be tried, and those that contradict themselves; refuse where that is all of them."""
    keys = tuple(dict.fromkeys(city(word).key for word in wish.cities)) or tuple(CITIES)
    tries, skipped = list[Try](), list[Skipped]()
    for place, trial in enumerate(question.trials):
        beside = SaidIn(question.file, trial.said)
        try:
            configs = trading_of(wish.configuration, keys, profile=wish.profile, said=wish.said, beside=beside)
        except Usage as error:
            skipped.append(Skipped(place=place, why=str(error)))
            continue
        rules = Rules(fill=Fill(trial.settings.get(FILL, wish.fill)), sizing=Sizing(configs[keys[0]].trade.sizing))
        tries.append(Try(place=place, trial=trial, rules=rules, configs=configs))
    if not tries:
        raise Usage(f"every one of {len(skipped)} sets contradicts itself: {skipped[0].why}", hint="change the sweep")
    return tries, skipped


def passes_of(wish: Wish, tries: Iterable[Try]) -> list[Pass]:
    """Return the passes over the lake that some tries need: one, unless settings of what is read differ."""
    groups: dict[str, list[Try]] = {}
    for one in tries:
        groups.setdefault(repr(_read_by(one.trial)), []).append(one)
    return [Pass(wish=_reading(wish, own), tries=tuple(own)) for own in groups.values()]


def chunks(tries: Sequence[Try], *, lanes_of_one: int) -> Iterator[tuple[Try, ...]]:
    """Cut tries into chunks that are stepped at once, all of one length but the last, as even as can be."""
    most = max(1, LANES_AT_ONCE // lanes_of_one)
    length = -(-len(tries) // -(-len(tries) // most))
    for first in range(0, len(tries), length):
        yield tuple(tries[first : first + length])


def stacked(tries: Sequence[Try], cities: Sequence[str], *, length: int) -> Params:
    """Return the parameters of some tries along a leading axis of a length, the last one again where they are fewer."""
    each = [params_of(one.configs, cities) for one in tries]
    each += [each[-1]] * (length - len(each))
    return Params(*(_leaf(leaves) for leaves in zip(*each, strict=True)))


def merged(said: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with others laid over them, section by section."""
    sections = {*said, *beside}
    return {section: {**said.get(section, {}), **beside.get(section, {})} for section in sections}


def _leaf(leaves: Sequence[Any]) -> Any:
    """Stack one parameter: a number of each set, or one of each of its cities where any set tells them apart."""
    arrays = [np.asarray(leaf) for leaf in leaves]
    return np.stack(np.broadcast_arrays(*arrays))


def _read_by(trial: Trial) -> dict[str, Any]:
    return {key: value for key, value in trial.settings.items() if key in OF_THE_BARS or key.startswith("signals.")}


def _reading(wish: Wish, tries: Sequence[Try]) -> Wish:
    """Return the wish by which the lake is read for tries."""
    return replace(wish, said=merged(wish.said, tries[0].trial.said), with_sensitivity=False, keep=False)
