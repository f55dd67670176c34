"""Strategies are found by name, or in a file of one's own; they travel to other processes."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context

import polars as pl
import pytest

from kwx.signals import strategies
from kwx.signals.read import signals_of
from kwx.signals.registry import every_strategy, strategy, strategy_names
from warehouse.errors import Refused, Usage

SHIPPED = ("accel", "elasticnet", "fused", "hybrid", "market")
DAY = date(2026, 11, 1)
HALF = strategies.__doc__[strategies.__doc__.index("    import") : strategies.__doc__.index("It may read")]


@pytest.fixture
def half(tmp_path):
    """The strategy that the documentation shows, in a file of its own."""
    path = tmp_path / "half.py"
    path.write_text("\n".join(line.removeprefix("    ") for line in HALF.splitlines()))
    return path


def test_every_shipped_strategy_is_found_by_its_name():
    """A file, a name, a sentence."""
    assert SHIPPED == strategy_names()
    for one in every_strategy():
        assert strategy(one.name) is one
        assert one.meaning


@pytest.mark.parametrize(("word", "hint"), [("fusd", "did you mean 'fused'?"), ("xyz", "strategies: accel elasticnet")])
def test_an_unknown_name_gets_the_nearest(word, hint):
    """Or all of them."""
    with pytest.raises(Usage, match=word) as refused:
        strategy(word)

    assert refused.value.hint.startswith(hint)


def test_a_file_with_a_strategy_is_enough(half, snapshot):
    """The documented example runs on a lake under its path."""
    said = signals_of(snapshot, str(half), city="chicago", since=DAY, until=DAY, terms=True)
    by_market = signals_of(snapshot, "market", city="chicago", since=DAY, until=DAY, terms=True)

    known = said.filter(pl.col("p_fair").is_not_null())
    assert said.height == by_market.height
    assert 5_000 < known.height
    mid = by_market["mid_prob"].filter(said["p_fair"].is_not_null())
    assert ((known["p_wx"] + mid) / 2).equals(known["p_fair"].rename("p_wx"))


def asked_elsewhere(one):
    """Return what a strategy is called in another process."""
    return one.name, one.word


@pytest.mark.parametrize("shipped", [True, False])
def test_a_strategy_travels_to_another_process(half, shipped):
    """By its name, or by the path of its file."""
    one = strategy("accel") if shipped else strategy(str(half))
    assert pickle.loads(pickle.dumps(one)) is one

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert (one.name, one.word) == pool.submit(asked_elsewhere, one).result()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1", "holds no strategy"),
        ("import nothing_of_that_name", "does not run: ModuleNotFoundError"),
        ("1 +", "does not run: SyntaxError"),
    ],
)
def test_a_file_that_is_no_strategy_is_refused_by_its_name(tmp_path, text, why):
    """With what is wrong with it."""
    path = tmp_path / "broken.py"
    path.write_text(text)

    with pytest.raises(Usage, match=why) as refused:
        strategy(str(path))

    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """With its path."""
    with pytest.raises(Usage, match="there is no file"):
        strategy(str(tmp_path / "none.py"))


def test_a_strategy_reads_only_what_it_declares(half, snapshot):
    """A column that is read and not declared is named."""
    half.write_text(half.read_text().replace('reads=("p_wx", ', "reads=("))

    with pytest.raises(Refused, match="reads p_wx"):
        signals_of(snapshot, str(half), city="chicago", since=DAY, until=DAY)


def test_a_file_that_looks_ahead_is_refused_when_it_is_run(half, snapshot):
    """The next minute's mid is not known yet."""
    half.write_text(half.read_text().replace('pl.col("mid_prob")) / 2', 'pl.col("mid_prob").shift(-1)) / 2'))

    with pytest.raises(Refused, match="half looks ahead: p_fair, score"):
        signals_of(snapshot, str(half), city="chicago", since=DAY, until=DAY)


def test_a_probability_outside_of_its_bounds_is_refused(half, snapshot):
    """With the market and the minute."""
    half.write_text(half.read_text().replace(") / 2", ") * 2"))

    with pytest.raises(Refused, match=r"p_fair is .* for KXHIGHCHI-26NOV01"):
        signals_of(snapshot, str(half), city="chicago", since=DAY, until=DAY)
