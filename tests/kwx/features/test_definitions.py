"""What features are by definition: the same in every process, another for another formula, unmoved by comments."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import polars as pl
import pytest

from kwx.features import definitions
from kwx.features.book.microstructure import MICROSTRUCTURE
from kwx.features.definitions import bare, code_of, definition_of, panel_definitions, snapshot_definitions
from kwx.features.feature import Feature
from kwx.features.sets import FEATURE_SETS
from kwx.features.tmax.sets import TOD

MID = Feature(name="mid", meaning="the mid", sources=("mid_prob",), value=pl.col("mid_prob"), unit="p")


def test_definitions_are_the_same_in_every_process():
    """Whatever the seed of its hashes."""
    code = (
        "import json; from kwx.features.definitions import panel_definitions, snapshot_definitions;"
        " from kwx.features.sets import feature_set; from kwx.features.book.microstructure import MICROSTRUCTURE;"
        " names = feature_set('elasticnet_rich').names + MICROSTRUCTURE.names;"
        " print(json.dumps([panel_definitions(names), snapshot_definitions(['base_f'])]))"
    )

    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                       env={"PYTHONHASHSEED": seed, "PATH": ""}).stdout
        for seed in ("1", "2")
    ]  # fmt: skip

    assert said[0] == said[1]
    assert len(said[0]) > 10_000


@pytest.mark.parametrize(
    "change",
    [
        {"value": pl.col("mid_prob") * 2},
        {"value": pl.col("mid_prob").clip(0.001, 0.999)},
        {"name": "middle"},
        {"known": "ts_utc: with a lag"},
        {"sources": ("mid_prob", "volume"), "value": pl.col("mid_prob") + 0 * pl.col("volume")},
    ],
    ids=["formula", "clip", "name", "known", "sources"],
)
def test_another_formula_name_source_or_time_is_another_definition(change):
    """What is only told to people is not."""
    assert definition_of(MID) != definition_of(replace(MID, **change))
    assert definition_of(MID) == definition_of(replace(MID, meaning="the middle of both sides", unit=""))


def test_a_name_is_one_feature_in_every_set_that_has_it():
    """Else a name would not tell its definition."""
    every = [one for features in (*FEATURE_SETS.values(), MICROSTRUCTURE) for one in features.features]

    assert len({one.name for one in every}) == len(set(every))


def test_code_counts_where_it_makes_the_columns(monkeypatch, tmp_path):
    """Of book and tape, and of snapshots; not of what the panel holds already."""
    assert "code" not in panel_definitions(["mid", "dew_f"])
    assert {"book/tops.py", "hawkes.py"} <= set(panel_definitions(["mid", "hawkes_buy"])["code"])
    assert "tmax/day_so_far.py" in snapshot_definitions(TOD.sources)["code"]

    (tmp_path / "tmax").mkdir()
    monkeypatch.setattr(definitions, "_HERE", tmp_path)
    seen = []
    for text in ("x = 1\n", "x = 1  # one\n", "x = 2\n"):
        (tmp_path / "tmax/a.py").write_text(text)
        seen.append(code_of.__wrapped__(("tmax",)))
    assert seen[0] == seen[1] != seen[2]


def test_comments_docstrings_and_empty_lines_do_not_count():
    """All else does, a number within a text among it."""
    text = '''"""What it is."""

    
def double(x):  # of anything
    """Return it twice.

    Really.
    """
    return x * 2


UNIT = "# °F"
"""Of degrees."""
'''

    assert 'def double(x):\n    return x * 2\nUNIT = "# °F"' == bare(text)
    assert bare(text) != bare(text.replace("x * 2", "x * 3"))
    assert bare(text) != bare(text.replace('"# °F"', '"# °C"'))
