"""The wish behind a kept run: its settings as a configuration again, so that it can be asked anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kwx.backtest.run import Wish
from kwx.config.file import Configuration, checked
from kwx.config.trading import OF_THE_ACCOUNT
from kwx.config.yaml_text import Document
from kwx.exec.rules import Fill
from kwx.exec.runs.kept import Kept
from kwx.signals.registry import strategy, strategy_names
from warehouse.errors import Usage

_SECTIONS = ("risk", "signals")


def wish_of_run(kept: Kept, beside: Wish) -> Wish:
    """Return the wish of a kept run, not to be kept again; a strategy of one's own file is taken from `beside`."""
    row, said = kept.row, str(kept.row["strategy"])
    since, until = kept.dates
    return replace(
        beside, strategy=_strategy(said, beside.strategy), fill=Fill(row["fill_model"]), cities=kept.cities,
        since=since, until=until, configuration=configuration_of(kept), profile=None, said={}, seed=int(row["seed"]),
        keep=False, with_sensitivity=False,
    )  # fmt: skip


def configuration_of(kept: Kept) -> Configuration:
    """Return the settings that a run was made with, as if a file had said them city by city."""
    said = kept.config
    account = next(iter(said.values()))["trade"]
    defaults = {"trade": {key: account[key] for key in sorted(OF_THE_ACCOUNT)}}
    cities = {key: _of_city(own) for key, own in said.items()}
    values = {"defaults": defaults, "cities": cities}
    return checked(Document(file=f"the settings of run {kept.run_id}", values=values, lines={}))


def _of_city(own: Mapping[str, Any]) -> dict[str, Any]:
    trade = {key: value for key, value in own["trade"].items() if key not in OF_THE_ACCOUNT}
    shares = {bracket: {"blend_weight": share} for bracket, share in own["model_share"].items()}
    return {**{name: own[name] for name in _SECTIONS}, "trade": trade, "brackets": shares}


def _strategy(name: str, word: str) -> str:
    if name in strategy_names():
        return name
    if word.endswith(".py") and strategy(word).name == name:
        return word
    raise Usage(f"the run traded by {name}, a file of your own", hint="say where it is: --strategy PATH.py")
