"""Strategies by name, one file each: those of `kwx.signals.strategies`, and any file that is named by its path."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import replace
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from kwx.signals import strategies
from kwx.signals.strategy import Strategy
from warehouse.errors import Usage

NAME_IN_FILE = "STRATEGY"


def strategy_names() -> tuple[str, ...]:
    """Return the names that are shipped, in order; nothing is imported for it."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(strategies.__path__)))


def every_strategy() -> tuple[Strategy, ...]:
    """Return the strategies that are shipped."""
    return tuple(strategy(name) for name in strategy_names())


def strategy(word: str) -> Strategy:
    """Return the strategy of a name, or of a file of Python; an unknown name gets the nearest one as a hint."""
    if word.endswith(".py"):
        return _of_file(str(Path(word).resolve()))
    known = strategy_names()
    if word not in known:
        near = difflib.get_close_matches(word, known, n=1)
        listed = f"strategies: {' '.join(known)}, or the path of a file of Python"
        raise Usage(f"there is no strategy {word!r}", hint=f"did you mean {near[0]!r}? {listed}" if near else listed)
    return _held(importlib.import_module(f"{strategies.__name__}.{word}"), where=f"strategy {word}")


@cache
def _of_file(path: str) -> Strategy:
    """Run a file and return the strategy that it holds; one file is run once in a process."""
    file = Path(path)
    if not file.is_file():
        raise Usage(f"there is no file {file}", hint=f"--strategy PATH.py, or one of {' '.join(strategy_names())}")
    spec = spec_from_file_location(f"kwx_strategy_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise Usage(f"{file} cannot be read as Python", hint="name a file that ends in .py")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file raises is the user's to mend, with the file's name beside it
        raise Usage(
            f"{file} does not run: {type(error).__name__}: {error}", hint="run it with python to see where"
        ) from error
    return replace(_held(module, where=path), word=path)


def _held(module: ModuleType, *, where: str) -> Strategy:
    held = getattr(module, NAME_IN_FILE, None)
    if not isinstance(held, Strategy):
        raise Usage(f"{where} holds no strategy", hint=f"its file ends with: {NAME_IN_FILE} = Strategy(name=…, …)")
    return held
