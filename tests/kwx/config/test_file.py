"""The configuration file: every pair trains from one file; what makes no sense is refused by file, line and key."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kwx.config.fields import Calibration, RiskParams, SearchSpace, TrainConfig
from kwx.config.file import BRACKETS, DEFAULT_FILE, checked, load_config
from kwx.config.refusals import allowed
from kwx.config.signal_fields import SignalFields
from kwx.config.trading import TradeConfig, TradeFields
from kwx.config.yaml_text import parsed
from kwx.features.panel import STRIKE_TYPES
from kwx.features.sets import FEATURE_SETS
from warehouse.errors import BadDateRange, UnknownCity, Usage
from warehouse.market.cities import CITIES

ROOT = Path(__file__).parents[3]


def read(text):
    """Read and check a file that says this."""
    return checked(parsed(text, file="own.yaml"))


def test_the_defaults_are_those_of_the_original():
    """Every field, with its value; the shipped file says the same as the program."""
    config = TrainConfig(city="chicago", bracket="between")
    plain = config.model_dump()

    assert {
        "city": "chicago", "bracket": "between", "feature_set": "elasticnet_rich", "every_minutes": 5,
        "train_days": 90, "test_days": 7, "step_days": 7, "start_date": None, "end_date": None,
        "penalties": ("elasticnet",), "trials": 40, "cv_splits": 4,
        "search_space": {
            "C_min": 0.001, "C_max": 1000.0, "l1_ratio_min": 0.0, "l1_ratio_max": 1.0,
            "class_weight": (None, "balanced"),
        },
        "calibration": {
            "method_large": "isotonic", "method_small": "sigmoid", "threshold": 1000, "share": 0.2, "guard": True,
        },
        "blend_weight": 0.7,
        "risk": {
            "kelly_alpha": 0.25, "max_spread_cents": 3, "tau_open_cents": 1.0, "tau_close_cents": 0.5,
            "slip_per_leg_cents": 1.0, "max_bankroll_pct_city_day_side": 0.1,
        },
        "use_vc_minutes": True, "excluded_vc_cities": ("nyc",), "seed": 42,
        "pilot_dir": None, "pilot_windows": None, "pilot_total_test_rows": None,
    } == plain  # fmt: skip
    assert config == load_config().for_("chicago", "between")


def test_the_shipped_file_says_every_setting_once():
    """A reader of the file sees all that can be set."""
    said = yaml.safe_load(DEFAULT_FILE.read_text())["defaults"]

    assert (set(TrainConfig.model_fields) | set(TradeConfig.model_fields)) - {"city", "bracket"} == set(said)
    for name, section in (
        ("search_space", SearchSpace), ("calibration", Calibration), ("risk", RiskParams), ("trade", TradeFields),
        ("signals", SignalFields),
    ):  # fmt: skip
        assert set(section.model_fields) == set(said[name])


def test_every_city_and_type_of_bracket_trains_from_the_shipped_file():
    """Seven cities and three types, under every profile, without a copy for each pair."""
    found = load_config()

    pairs = list(found.pairs())
    assert len(CITIES) * 3 == len(set(pairs)) == 21
    assert ("pilot", "production") == found.profiles
    assert {42} == {found.for_(*pair, profile="pilot").train_days for pair in pairs}
    assert {60} == {found.for_(*pair, profile="production").trials for pair in pairs}
    assert pairs == [(found.for_(*pair).city, found.for_(*pair).bracket) for pair in pairs]


def test_words_of_the_configuration_are_those_of_features():
    """They are said again where features are not imported, and must not drift."""
    assert STRIKE_TYPES == BRACKETS
    field = TrainConfig.model_fields["feature_set"]
    assert set(allowed(field).split(" | ")) <= set(FEATURE_SETS)


LAYERED = """
defaults: {trials: 1, seed: 1, search_space: {C_min: 1e-3, C_max: 10}}
profiles: {fast: {trials: 2, seed: 2}}
cities:
  chicago:
    trials: 3
    search_space: {C_max: 20}
    brackets:
      less: {trials: 5, search_space: {C_min: 0.5}}
brackets:
  less: {trials: 4}
  greater: {trials: 4}
"""


def test_what_is_said_more_closely_wins():
    """Defaults, profile, city, type of bracket, both; sections are merged key by key; the command line comes last."""
    found = read(LAYERED)
    asked = [
        ("nyc", "between", {}), ("nyc", "between", {"profile": "fast"}), ("chicago", "between", {"profile": "fast"}),
        ("chicago", "greater", {}), ("chicago", "less", {}), ("chicago", "less", {"said": {"trials": 6}}),
    ]  # fmt: skip

    assert [1, 2, 3, 4, 5, 6] == [found.for_(city, bracket, **more).trials for city, bracket, more in asked]
    assert 2 == found.for_("chicago", "between", profile="fast").seed
    space = found.for_("chicago", "less").search_space
    assert (0.5, 20.0, 1.0) == (space.C_min, space.C_max, space.l1_ratio_max)
    assert 0.001 == found.for_("nyc", "less").search_space.C_min


def test_every_setting_knows_where_it_was_said():
    """Key and line of the file, or the command line."""
    origins = read(LAYERED).resolve("chi", "less", said={"search_space": {"l1_ratio_max": 0.5}}).origins

    assert "cities.chicago.brackets.less.trials, line 9" == origins["trials"]
    assert "defaults.seed, line 2" == origins["seed"]
    assert "cities.chicago.search_space.C_max, line 7" == origins["search_space.C_max"]
    assert "the command line" == origins["search_space.l1_ratio_max"]


def test_the_order_of_layers_in_the_file_means_nothing():
    """Sections may stand in any order."""
    turned = "\n".join(reversed(LAYERED.strip().split("\n", 2)[:2])) + "\n" + LAYERED.strip().split("\n", 2)[2]

    assert read(LAYERED).for_("chicago", "less") == read(turned).for_("chicago", "less")


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("defaults:\n  trails: 5", "own.yaml:2: defaults.trails: there is no key 'trails'", "did you mean 'trials'?"),
        ("default: {}", "own.yaml:1: default: there is no key 'default'", "did you mean 'defaults'?"),
        ("defaults: {risk: {kelly: 1}}", "defaults.risk.kelly: there is no key", "did you mean 'kelly_alpha'?"),
        ("cities: {nyc: {search_space: {c_max: 3}}}", "cities.nyc.search_space.c_max", "did you mean 'C_max'?"),
        ("defaults: {city: nyc}", "defaults.city: there is no key 'city'", "known: feature_set"),
        ("cities: {chicgo: {}}", "own.yaml:1: cities.chicgo: there is no city", "did you mean 'chicago'?"),
        ("cities: {chi: {}}", "cities.chi: there is no city", "did you mean 'chicago'?"),
        ("brackets: {under: {}}", "brackets.under: there is no key", "known: between greater less"),
        ("defaults: {trials: 0}", "own.yaml:1: defaults.trials is 0", "trials may be a whole number at least 1"),
        ("defaults: {trials: '5'}", "defaults.trials is '5'", "a whole number at least 1"),
        ("defaults: {trials: 5.0}", "defaults.trials is 5.0", "a whole number at least 1"),
        ("defaults: {trials: true}", "defaults.trials is True", "a whole number at least 1"),
        ("defaults: {trials: null}", "defaults.trials is None", "a whole number at least 1"),
        ("defaults: {cv_splits: 1}", "defaults.cv_splits is 1", "at least 2"),
        ("defaults: {train_days: 3}", "cv_splits 4 are more than the train_days 3", "change one"),
        ("defaults: {use_vc_minutes: 1}", "defaults.use_vc_minutes is 1", "true or false"),
        ("defaults: {blend_weight: 1.5}", "defaults.blend_weight is 1.5", "at least 0 and at most 1"),
        ("defaults: {blend_weight: .nan}", "defaults.blend_weight is nan", "at least 0 and at most 1"),
        ("defaults: {search_space: {C_min: 0}}", "search_space.C_min is 0", "a number above 0"),
        ("defaults: {search_space: {C_max: .inf}}", "search_space.C_max is inf", "a number above 0"),
        ("defaults: {search_space: {C_min: 9, C_max: 1}}", "C_min 9 is above C_max 1", "change one"),
        ("defaults: {search_space: {l1_ratio_max: 1.1}}", "l1_ratio_max is 1.1", "at most 1"),
        ("defaults: {search_space: {class_weight: [heavy]}}", "class_weight is 'heavy'", "balanced | null"),
        ("defaults: {search_space: {class_weight: []}}", "class_weight is []", "with 1 entry or more"),
        ("defaults: {search_space: 3}", "own.yaml:1: defaults.search_space is 3, not a mapping", "C_min C_max"),
        ("defaults: {calibration: {threshold: 99}}", "calibration.threshold is 99", "at least 100"),
        ("defaults: {calibration: {share: 1}}", "calibration.share is 1", "above 0 and below 1"),
        ("defaults: {calibration: {method_small: ols}}", "method_small is 'ols'", "isotonic | sigmoid"),
        ("defaults: {risk: {kelly_alpha: 0}}", "risk.kelly_alpha is 0", "above 0 and at most 1"),
        ("defaults: {risk: {max_bankroll_pct_city_day_side: 10}}", "is 10", "above 0 and at most 1"),
        ("defaults: {feature_set: rich}", "feature_set is 'rich'", "baseline | ridge_conservative | elasticnet_rich"),
        ("defaults: {penalties: [l3]}", "penalties is 'l3'", "l1 | l2 | elasticnet"),
        ("defaults: {penalties: [l1, l1]}", "names one of them twice", "l1 | l2 | elasticnet"),
        ("defaults: {excluded_vc_cities: [nyk]}", "'nyk' is no city: did you mean 'nyc'?", "list of text"),
        ("defaults: {excluded_vc_cities: [ny]}", "'ny' is an alias; write nyc", "list of text"),
        (
            "defaults: {excluded_vc_cities: []}", "nyc is excluded by the registry of cities",
            "a list of text: keys of cities (austin chicago denver los_angeles miami nyc philadelphia), nyc always",
        ),
        ("defaults: {start_date: 2026-01-02 10:00:00}", "start_date is datetime", "a date as 2026-11-01 | null"),
        ("defaults: {start_date: '2026-01-02'}", "start_date is '2026-01-02'", "a date as 2026-11-01 | null"),
        ("defaults: {pilot_windows: -1}", "pilot_windows is -1", "at least 0"),
        ("brackets:\n  less:\n    seed: -3", "own.yaml:3: brackets.less.seed is -3 (austin/less)", "at least 0"),
        ("profiles: {fast: {trials: 0}}", "profiles.fast.trials is 0", "at least 1"),
        ("cities:\n  nyc:\n    brackets: {less: {seed: -1}}", "yaml:3: cities.nyc.brackets.less.seed is -1", "at"),
        ("a: [", "own.yaml:1: this is not YAML", "bracket"),
        ("defaults: {start_date: 2026-13-02}", "this is not YAML: month", "look"),
        ("defaults: {seed: 1}\ndefaults: {}", "own.yaml:2: defaults is said twice, first on line 1", "remove one"),
        ("defaults:\n  risk:\n    kelly_alpha: 1\n    kelly_alpha: 1", "yaml:4: defaults.risk.kelly_alpha is", "one"),
        ("1: {}", "own.yaml:1: the key 1 is no word", "quotes"),
        ("- a", "own.yaml: the file is no mapping", "defaults:"),
        ("defaults: !!python/object/apply:os.getcwd []", "own.yaml:1: this is not YAML", "look"),
    ],
)  # fmt: skip
def test_what_says_nothing_sensible_is_refused_by_file_line_key_and_what_it_may_be(text, said, hint):
    """At reading, whichever pair it is of."""
    with pytest.raises(Usage) as refused:
        read(text)

    assert said in str(refused.value)
    assert hint in refused.value.hint
    assert 2 == refused.value.exit_code


def test_a_range_that_ends_before_it_begins_is_one_also_across_layers():
    """The city says the start, the defaults the end."""
    text = "defaults: {end_date: 2026-01-31}\ncities: {miami: {start_date: 2026-02-01}}"

    with pytest.raises(BadDateRange, match=r"end_date 2026-01-31 comes before start_date 2026-02-01 \(miami/between\)"):
        read(text)
    config = read(text.replace("02-01", "01-31")).for_("miami", "less")
    assert date(2026, 1, 31) == config.start_date == config.end_date


def test_what_is_said_on_the_command_line_is_checked_alike():
    """And named as such."""
    found = load_config()

    with pytest.raises(Usage, match="the command line: trials is 0"):
        found.for_("nyc", "less", said={"trials": 0})
    with pytest.raises(Usage, match="the command line: trails: there is no key"):
        found.for_("nyc", "less", said={"trails": 9})


def test_what_is_asked_for_must_be_there(tmp_path):
    """Cities, types of bracket, profiles, the file itself."""
    found = load_config()
    with pytest.raises(UnknownCity):
        found.for_("atlantis", "less")
    with pytest.raises(Usage, match="no type of bracket 'under'"):
        found.for_("nyc", "under")
    with pytest.raises(Usage, match=r"no profile in .* 'pilots'") as refused:
        found.for_("nyc", "less", profile="pilots")
    assert "did you mean 'pilot'?" in refused.value.hint
    with pytest.raises(Usage, match=r"gone\.yaml cannot be read: No such file"):
        load_config(tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes("defaults: {pilot_dir: Zürich}".encode("latin-1"))
    with pytest.raises(Usage, match="not text in UTF-8"):
        load_config(tmp_path / "latin.yaml")
    assert "chicago" == found.for_("chi", "less").city


@settings(max_examples=25, deadline=None)
@given(value=st.floats(min_value=1e-12, max_value=1e12))
def test_a_number_is_read_as_it_is_written(value):
    """With an exponent and without a dot too, which YAML takes for text."""
    config = read(f"defaults: {{search_space: {{C_min: {value!r}, C_max: 1e13}}}}").for_("nyc", "less")

    assert value == config.search_space.C_min
    assert 1e13 == config.search_space.C_max


def test_a_configuration_is_plain_values_and_back():
    """What a card keeps of it is JSON, and says the same."""
    config = load_config().for_("nyc", "greater")

    assert config == TrainConfig.model_validate_json(config.model_dump_json())


@pytest.mark.slow
def test_the_wheel_ships_the_file(tmp_path):
    """An installed kwx trains from it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    zipfile.ZipFile(next(tmp_path.iterdir())).extractall(tmp_path / "site")
    code = "from kwx.config.file import load_config; print(load_config().for_('nyc', 'less').train_days)"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )  # fmt: skip

    assert "90\n" == done.stdout, done.stderr
