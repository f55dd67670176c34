"""A fitted model: the same to the bit after a journey, the same row by row, and honest about saying nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from kwx.models.elasticnet.fit import fit_rows
from kwx.models.elasticnet.fitted import ELASTICNET, FILE
from kwx.models.elasticnet.search import Found
from kwx.models.elasticnet.solver import Penalty
from warehouse.errors import Refused

FOUND = Found(penalty=Penalty(c=0.3, l1_ratio=0.5), class_weight=None, log_loss=0.5, trials=1, pruned=0)


@pytest.fixture(scope="module")
def fitted(rows, tiny):
    """A model of eight dates."""
    return fit_rows(rows, tiny, FOUND)


def test_it_predicts_the_same_to_the_bit_when_it_is_read_back(fitted, rows):
    """And its files are the same again."""
    again = ELASTICNET.load(fitted.files())

    np.testing.assert_array_equal(again.predict(rows.built), fitted.predict(rows.built))
    assert fitted.files() == again.files()
    assert (fitted.family, fitted.features) == (again.family, again.features)


def test_a_row_means_the_same_wherever_it_stands(fitted, rows):
    """To the bit: in another order, among fewer rows, alone."""
    p = fitted.predict(rows.built)
    order = np.random.default_rng(0).permutation(len(p))

    np.testing.assert_array_equal(fitted.predict(rows.built[order]), p[order])
    np.testing.assert_array_equal(fitted.predict(rows.built[:7]), p[:7])
    assert [fitted.predict(rows.built[at : at + 1])[0] for at in range(5)] == p[:5].tolist()


def test_it_has_learnt(fitted, rows):
    """Its loss on its own rows is below that of the share of yes, and only what says something has a weight."""
    p, share = fitted.predict(rows.built), rows.came.mean()

    loss = -np.log(np.where(rows.came, p, 1 - p)).mean()
    assert loss < -(share * np.log(share) + (1 - share) * np.log(1 - share)) - 0.05
    assert fitted.weights[0] > 0
    assert 0 == fitted.weights[3]
    assert fitted.degenerate() is None


def test_little_known_is_a_probability_too(fitted):
    """Null, NaN, infinite and absurd features give a finite p in 0 … 1; nothing known says the means."""
    odd = [None, float("nan"), float("inf"), -float("inf"), 1e308, -1e308]
    rows = pl.DataFrame({name: pl.Series(odd, dtype=pl.Float64) for name in fitted.features})

    p = fitted.predict(rows)

    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_array_equal(p[:4], 1 / (1 + np.exp(-fitted.intercept)))


def test_a_missing_column_is_named(fitted, rows):
    """With what to do."""
    with pytest.raises(Refused, match="velocity"):
        fitted.predict(rows.built.drop("velocity"))


def test_a_model_that_says_nothing_says_so(fitted, rows, tiny):
    """All coefficients zero, hardly any, or a single class."""
    nothing = fit_rows(rows, tiny, replace(FOUND, penalty=Penalty(c=1e-6, l1_ratio=1.0)))

    assert "no coefficient of 4" in str(nothing.degenerate())
    assert 0 == nothing.nonzero
    assert 1 == len(set(nothing.predict(rows.built).tolist()))
    assert "constant" in str(replace(fitted, weights=np.array([1e-8, 0, 0, 0])).degenerate())
    assert "constant" in str(replace(fitted, weights=np.array([0, 0, 0, 5.0])).degenerate())
    assert "single class" in str(replace(fitted, yes_share=0.0).degenerate())


def _with(**changes):
    return lambda document: {FILE: json.dumps(document | changes).encode()}


@pytest.mark.parametrize(
    "made",
    [
        lambda document: {},
        lambda document: {FILE: b"\x80\x04K\x01."},
        lambda document: {FILE: b"[1]"},
        lambda document: {FILE: json.dumps({"family": "elasticnet"}).encode()},
        _with(family="direction"),
        _with(weights=[1.0]),
        _with(weights=[1.0, 2.0, 3.0, "four"]),
        _with(weights=[1.0, 2.0, 3.0, True]),
        _with(intercept=float("nan")),
        _with(sd=[1.0, 1.0, -1.0, 1.0]),
        _with(yes_share=1.5),
        _with(features=[1, 2, 3, 4]),
        _with(more=1),
    ],
    ids=[f"case {number}" for number in range(13)],
)
def test_what_is_no_elastic_net_is_refused(fitted, made):
    """Foreign, cut, altered: nothing of it is used."""
    document = json.loads(fitted.files()[FILE])

    with pytest.raises(Refused, match="no elastic net"):
        ELASTICNET.load(made(document))
