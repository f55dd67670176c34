"""What cities are traded with: the same file and layers as training, and limits that contradict each other refused."""

from __future__ import annotations

import json

import pytest

from kwx.config.file import checked, load_config
from kwx.config.trading import OF_THE_ACCOUNT, TradeConfig, TradeFields, trading_of, trading_sha256
from kwx.config.yaml_text import parsed
from kwx.exec.rules import Sizing
from kwx.models.training.asked import elasticnet_recipe
from warehouse.errors import UnknownCity, Usage
from warehouse.market.cities import CITIES
from warehouse.market.fees import FEE_STEP_MICROS


def read(text):
    """Read and check a file that says this."""
    return checked(parsed(text, file="own.yaml"))


def test_the_defaults_are_those_that_the_shipped_file_says():
    """Every field, with its value; file and program say the same."""
    config = load_config().trading("chi")

    assert TradeConfig(city="chicago") == config
    assert {
        "bankroll_dollars": 10_000, "sizing": "ladder", "min_score": 0, "p_low": 0.05, "p_high": 0.95,
        "min_volume_20m_contracts": 0, "maker_thresh_cents": 1.0, "taker_thresh_cents": 2.0, "improve_steps": 0,
        "max_position_contracts": 500, "max_gross_share": 0.5, "max_daily_loss_city_share": 0.05,
        "max_daily_loss_share": 0.10, "reduce_at_share": 0.8, "lot_contracts": 1, "max_order_contracts": 200,
        "max_take_contracts": 100, "max_age_minutes": 60, "reprice_cents": 1, "max_hold_minutes": None,
        "flat_minutes": None, "no_new_minutes": 30, "guard_minutes": 2, "fill_share": 0.25,
        "queue_ahead_contracts": 500, "fee_rounding": "tick", "maker_fee": "published",
    } == config.trade.model_dump()  # fmt: skip
    assert load_config().for_("chicago", "less").risk == config.risk


def test_words_of_the_configuration_are_those_of_the_step_and_of_the_fees():
    """They are said again where neither is imported, and must not drift."""
    sizing, rounding = (TradeFields.model_fields[name].annotation for name in ("sizing", "fee_rounding"))

    assert tuple(Sizing) == sizing.__args__
    assert tuple(FEE_STEP_MICROS) == rounding.__args__
    assert set(OF_THE_ACCOUNT) <= set(TradeFields.model_fields)


LAYERED = """
defaults: {trade: {p_low: 0.1, min_score: 1}, risk: {kelly_alpha: 0.1}, signals: {alpha: 2}}
profiles: {bold: {trade: {min_score: 2, p_high: 0.9}, risk: {kelly_alpha: 0.2}}}
cities:
  chicago:
    trade: {min_score: 3}
    trials: 9
"""


def test_what_is_said_more_closely_wins():
    """Defaults, profile, city, command line; sections are merged key by key, training's keys stay with training."""
    found = read(LAYERED)
    asked = [
        ("nyc", {}), ("nyc", {"profile": "bold"}), ("chicago", {"profile": "bold"}),
        ("chicago", {"said": {"trade": {"min_score": 4}}}),
    ]  # fmt: skip

    assert [1, 2, 3, 4] == [found.trading(city, **more).trade.min_score for city, more in asked]
    bold = found.trading("chicago", profile="bold")
    assert (0.1, 0.9, 0.2, 2.0) == (bold.trade.p_low, bold.trade.p_high, bold.risk.kelly_alpha, bold.signals.alpha)
    assert 9 == found.for_("chicago", "less").trials


def test_every_setting_knows_where_it_was_said():
    """Key and line of the file, or the command line."""
    origins = read(LAYERED).resolve_trading("chi", said={"risk": {"kelly_alpha": 0.5}}).origins

    assert "cities.chicago.trade.min_score, line 6" == origins["trade.min_score"]
    assert "defaults.trade.p_low, line 2" == origins["trade.p_low"]
    assert "the command line" == origins["risk.kelly_alpha"]
    assert "trials" not in origins


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("defaults:\n  trade: {p_lo: 0}", "own.yaml:2: defaults.trade.p_lo: there is no key", "did you mean 'p_low'?"),
        ("defaults: {trades: {}}", "defaults.trades: there is no key", "did you mean 'trade'?"),
        ("cities: {nyc: {signals: {alfa: 1}}}", "cities.nyc.signals.alfa: there is no key", "did you mean 'alpha'?"),
        ("defaults: {trade: 3}", "defaults.trade is 3, not a mapping", "bankroll_dollars sizing"),
        ("defaults: {trade: {sizing: full}}", "trade.sizing is 'full'", "ladder | single"),
        ("defaults: {trade: {fee_rounding: dollar}}", "trade.fee_rounding is 'dollar'", "tick | cent"),
        ("defaults: {trade: {maker_fee: none}}", "trade.maker_fee is 'none'", "published | with_maker_fees"),
        ("defaults: {trade: {bankroll_dollars: 0}}", "bankroll_dollars is 0", "above 0 and at most 1000000000"),
        ("defaults: {trade: {p_low: 1.5}}", "trade.p_low is 1.5", "at least 0 and at most 1"),
        ("defaults: {trade: {max_order_contracts: 10001}}", "max_order_contracts is 10001", "at most 10000"),
        ("defaults: {trade: {lot_contracts: 0}}", "lot_contracts is 0", "at least 0.01"),
        ("defaults: {trade: {lot_contracts: 0.015}}", "0.015 is finer than a hundredth", "at least 0.01"),
        ("defaults: {trade: {reprice_cents: 0}}", "reprice_cents is 0", "above 0"),
        ("defaults: {trade: {reprice_cents: 0.125}}", "0.125 is finer than a hundredth", "above 0"),
        ("defaults: {trade: {max_hold_minutes: 0}}", "max_hold_minutes is 0", "at least 1"),
        ("defaults: {trade: {guard_minutes: 61}}", "guard_minutes is 61", "at least 0 and at most 60"),
        ("defaults: {trade: {fill_share: 0}}", "fill_share is 0", "above 0 and at most 1"),
        ("defaults:\n  trade: {p_low: 0.5, p_high: 0.5}", "own.yaml:2: defaults.trade.p_high: p_low 0.5 is not", "ch"),
        ("defaults: {risk: {tau_close_cents: 2}}", "tau_close_cents 2 is above tau_open_cents 1 (austin)", "change"),
        (
            "defaults: {trade: {max_order_contracts: 501}}",
            "max_order_contracts 501 is above max_position_contracts 500", "change",
        ),
        ("defaults: {trade: {lot_contracts: 300}}", "lot_contracts 300 is above max_order_contracts 200", "change"),
        ("defaults: {trade: {lot_contracts: 150}}", "lot_contracts 150 is above max_take_contracts 100", "change"),
        (
            "defaults: {risk: {max_bankroll_pct_city_day_side: 0.3}, trade: {max_gross_share: 0.2}}",
            "max_bankroll_pct_city_day_side 0.3 is above max_gross_share 0.2", "change",
        ),
        (
            "defaults: {trade: {max_daily_loss_city_share: 0.2}}",
            "max_daily_loss_city_share 0.2 is above max_daily_loss_share 0.1", "change",
        ),
        ("defaults: {trade: {flat_minutes: 31}}", "flat_minutes 31 are more than no_new_minutes 30", "change"),
        ("defaults: {trade: {max_gross_share: 0.6}}", "0.6 is above 0.5: 2 event dates are open at once", "change"),
        ("defaults: {risk: {slip_per_leg_cents: 0.125}}", "slip_per_leg_cents 0.125 is finer than a tick", "change"),
        (
            "cities:\n  miami:\n    trade: {lot_contracts: 101}",
            "own.yaml:3: cities.miami.trade.lot_contracts: lot_contracts 101 is above max_take_contracts 100 (miami)",
            "change",
        ),
        ("profiles: {bold: {trade: {p_low: 0.99}}}", "profiles.bold.trade.p_low: p_low 0.99 is not below", "change"),
        ("cities: {nyc: {trade: {bankroll_dollars: 5}}}", "bankroll_dollars is one for all cities", "under defaults"),
        ("brackets: {less: {trade: {p_low: 0}}}", "brackets.less.trade: a city is traded alike", "say trade under"),
        (
            "cities: {nyc: {brackets: {less: {risk: {kelly_alpha: 1}}}}}",
            "cities.nyc.brackets.less.risk: a city is traded alike in all its brackets", "say risk under",
        ),
    ],
)  # fmt: skip
def test_what_says_nothing_sensible_is_refused_by_file_line_key_and_what_it_may_be(text, said, hint):
    """At reading, whichever city it is of."""
    with pytest.raises(Usage) as refused:
        read(text)

    assert said in str(refused.value)
    assert hint in refused.value.hint


def test_a_city_may_say_what_is_its_own_beside_the_account():
    """Limits of a city differ; what there is one of does not."""
    found = read("defaults: {trade: {bankroll_dollars: 500}}\ncities: {nyc: {trade: {max_position_contracts: 250}}}")

    configs = trading_of(found, CITIES)
    assert tuple(CITIES) == tuple(configs)
    assert {500.0} == {config.trade.bankroll_dollars for config in configs.values()}
    assert {"nyc"} == {key for key, config in configs.items() if config.trade.max_position_contracts == 250}


def test_what_is_said_on_the_command_line_is_checked_alike():
    """And named as such; keys of training are none of trading."""
    found = load_config()

    with pytest.raises(Usage, match=r"the command line: trade\.p_low is 2"):
        found.trading("nyc", said={"trade": {"p_low": 2}})
    with pytest.raises(Usage, match=r"the command line: trade\.p_lo: there is no key"):
        found.trading("nyc", said={"trade": {"p_lo": 0.1}})
    with pytest.raises(
        Usage, match=r"the command line: trade\.lot_contracts and .*default\.yaml:\d+: defaults\.trade\.max_"
    ):
        found.trading("nyc", said={"trade": {"lot_contracts": 500}})
    with pytest.raises(Usage, match=r"the command line: trade\.p_low and trade\.p_high: p_low 0\.9 is not below"):
        found.trading("nyc", said={"trade": {"p_low": 0.9, "p_high": 0.1}})
    with pytest.raises(Usage, match="the command line: trials: there is no key"):
        found.trading("nyc", said={"trials": 9})
    with pytest.raises(Usage, match=r"no profile in .* 'pilots'"):
        found.trading("nyc", profile="pilots")
    with pytest.raises(UnknownCity):
        found.trading("atlantis")


def test_one_hash_tells_whether_anything_differs():
    """Not the order of cities, not where a value was said; any value of any city, and which cities they are."""
    plain, said = load_config(), read("defaults: {trade: {p_low: 0.05}}")
    other = read("cities: {nyc: {signals: {alpha: 1.5}}}")

    told = trading_sha256(trading_of(plain, ("nyc", "miami")))
    assert 64 == len(told)
    assert told == trading_sha256(trading_of(said, ("miami", "nyc")))
    assert told != trading_sha256(trading_of(other, ("miami", "nyc")))
    assert told != trading_sha256(trading_of(plain, ("miami",)))


def test_a_configuration_is_plain_values_and_back():
    """What a run keeps of it is JSON, and says the same."""
    config = load_config().trading("nyc")

    assert config == TradeConfig.model_validate_json(json.dumps(config.model_dump(mode="json")))


def test_a_threshold_of_trading_fits_no_model_anew():
    """What a window was asked, which decides whether it is fitted again, knows nothing of trading."""
    plain = load_config().for_("chicago", "between")
    text = "defaults: {trade: {maker_thresh_cents: 3}, signals: {alpha: 3}, risk: {kelly_alpha: 0.5}}"
    changed = read(text).for_("chicago", "between")

    assert elasticnet_recipe(plain).config() == elasticnet_recipe(changed).config()
