"""What the columns mean that views make: those that no table stores. The others mean what their table says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_PROBABILITY = "probability"
_CONTRACTS = "contracts"


class Said(NamedTuple):
    """What a column means, in words, and its unit where its name does not say it."""

    meaning: str
    unit: str = ""


_PRICES = {
    "bid_prob": Said("best bid for yes; null is an empty side"),
    "ask_prob": Said("best offer of yes; null is an empty side"),
    "mid_prob": Said("mid of a two-sided quote, else the last trade held within the quote, else null"),
    "last_prob": Said("last trade known at all"),
    "spread_prob": Said("offer minus bid; null where the quote is not two-sided"),
    "clv": Said("where the minute's last trade lies between its lowest (0) and its highest (1)", "share"),
    "velocity": Said("mid minus the mid of the minute before", "probability a minute"),
    "acceleration": Said("velocity minus the velocity of the minute before", "probability a minute²"),
    "volume": Said("contracts whose trades became known in the minute", _CONTRACTS),
    "volume_delta": Said("volume minus that of the minute before", _CONTRACTS),
    "volume_20m": Said("contracts of the last 20 minutes", _CONTRACTS),
    "open_interest": Said("contracts open, last known", _CONTRACTS),
    "ts_local": Said("ts_utc on the city's civil wall clock", "local time"),
    "local_date": Said("the date on that wall clock; not the day that settles", "local date"),
}

_LADDER = {
    "bracket": Said("the bracket as people write it: ≤50, 51–52, ≥59", "°F"),
    "p_mid_norm": Said("the mid's share of mid_sum"),
    "mid_sum": Said("sum of the event's mids at the minute; above 1 the ladder is overpriced", _PROBABILITY),
    "brackets": Said("brackets of the event that have a row at the minute"),
    "brackets_priced": Said("those of them that have a mid"),
    "cum_prob": Said("share of this bracket and all colder ones"),
    "left_mid_prob": Said("mid of the bracket one band colder; null for the coldest"),
    "right_mid_prob": Said("mid of the bracket one band warmer; null for the warmest"),
    "left_delta": Said("own mid minus the colder neighbour's", _PROBABILITY),
    "right_delta": Said("own mid minus the warmer neighbour's", _PROBABILITY),
    "triad_mass": Said("own mid plus those of the neighbours that have one", _PROBABILITY),
    "ras": Said("own acceleration minus the mean of the neighbours' that have one", "probability a minute²"),
}

_WEATHER = {
    "is_eve": Said("the minute lies on the day before the event's climate day"),
    "wx_source": Said("who told the report"),
    "wx_temp_1m": Said("last air temperature known at the minute", "°F"),
    "wx_temp_5m": Said("air temperature of the last five-minute step that had ended", "°F"),
    "wx_dew": Said("dew point known then; null where the vendor's is excluded (NYC)", "°F"),
    "wx_humidity": Said("relative humidity known then; null where the vendor's is excluded (NYC)", "%"),
    "wx_wind": Said("wind speed known then; null where the vendor's is excluded (NYC)", "mph"),
    "wx_run_max_f": Said("highest temperature of the event's day reported so far; null on the eve"),
    "wx_run_max_lo_f": Said("lowest whole degree that this maximum can mean"),
    "wx_run_max_hi_f": Said("highest whole degree that this maximum can mean"),
    "wx_stale_minutes": Said("age of the report"),
    "wx_forecast_high_f": Said("newest issued forecast of the event's high among those known then"),
    "wx_forecast_source": Said("whose forecast that is"),
    "wx_forecast_issued_utc": Said("when it was issued"),
    "observed_max_f": Said("running maximum at the closing midnight"),
    "observed_max_lo_f": Said("lowest whole degree that it can mean"),
    "observed_max_hi_f": Said("highest whole degree that it can mean"),
    "reports": Said("reports of the station known by then, without the vendor's repeats"),
    "first_max_utc": Said("instant of the first report that names the maximum"),
}

_SETTLEMENT = {
    "label_f": Said("the high that counts: the first final value of the best source"),
    "label_source": Said("who said it"),
    "label_known_utc": Said("when it could be known"),
    "settled_yes": Said("the bracket pays; null until that is known"),
    "kalshi_f": Said("the exchange's own settled value"),
    "twc_f": Said("first final value of The Weather Company"),
    "first_final_f": Said("first final value of the climate report"),
    "first_final_utc": Said("when that was issued"),
    "latest_final_f": Said("latest final value of the climate report"),
    "issuances": Said("issuances of the climate report in all"),
    "conflict": Said("of kalshi, twc and the first final report two disagree"),
    "corrected": Said("the latest final value is not the first"),
}

_IN_FORCE = {
    "valid_from_utc": Said("from when on the row is in force: when what it tells became known"),
    "valid_until_utc": Said("until when, exclusive; known only then"),
    "until_utc": Said("until when, exclusive; known only then"),
    "five_minute_step": Said("number of the five-minute step of the clock since 1970", "5 min"),
    "pmf_age_minutes": Said("age of the evaluation that the probabilities are of"),
    "p_served": Said("what is used: p_calibrated, else p_model, over its sum where one family speaks of the ladder"),
    "said_utc": Said("the minute at which the model said it"),
    "said_at": Said("hash of the minutes of the model's words; equal where two spoke at the same ones"),
    "asked": Said("the family asked for; any is all of them"),
    "in_step": Said("all words of the ladder's fits are said at the same minutes"),
    "is_midway": Said("the fit was heard already before the row begins"),
    "sharpness": Said("of the temperature method: factor of the log odds"),
    "slope": Said("of Platt's method: factor of the log odds"),
    "intercept": Said("of Platt's method: what is added to them"),
    "a": Said("of the beta method: factor of log p"),
    "b": Said("of the beta method: factor of -log(1 - p)"),
    "c": Said("of the beta method: what is added"),
    "x": Said("of the isotonic method: corners of the curve, what was said", _PROBABILITY),
    "y": Said("of the isotonic method: what is made of each", _PROBABILITY),
}

_RUNS = {
    "seen": Said("what was seen, by name, in runs that lived the minute; of a backtest it is in the panel"),
    "maker_fills": Said("fills of orders that rested"),
    "taker_fills": Said("fills of orders that took"),
    "maker_centi": Said("contracts of the first"),
    "taker_centi": Said("contracts of the second"),
    "outlay_micros": Said("what the bought side cost: the price of yes, or what is left of it to a dollar for a sale"),
    "net_micros": Said("gain after fees with positions held to settlement; null until it is known who is paid"),
    "fees_micros": Said("fees charged"),
    "minutes": Said("minutes of brackets for which the gate stood", "min"),
}

DERIVED: Mapping[str, Said] = {**_PRICES, **_LADDER, **_WEATHER, **_SETTLEMENT, **_IN_FORCE, **_RUNS}

_MINUTE = Said("the inclusive end of the minute that the row describes")
_HORIZON = Said("what is predicted: the settlement (day), or the next move of the mid (1m, 5m)")
_TRAINED = Said("the training run of the model, in model_runs")

# Where a name means another thing than in the other views, or more tables than one that the view reads have it.
DERIVED_IN: Mapping[tuple[str, str], Said] = {
    ("calibrator_in_force", "horizon"): _HORIZON,
    ("decision_outcomes", "p_fair"): Said("the probability it acted on"),
    ("decision_outcomes", "style"): Said(
        "whether the order of the minute rests or crosses: maker, taker; between, taken out between two minutes"
    ),
    ("decision_outcomes", "ts_utc"): Said(
        "the inclusive end of the minute; when it was decided, where that was between two minutes", "UTC"
    ),
    ("forecast_in_force", "high_f"): Said("forecast high of the event's day"),
    ("minute_panel_weather", "high_f"): Said("highest degree that pays; null is an open end", "whole °F"),
    ("minute_panel_weather", "ts_utc"): _MINUTE,
    ("prediction_calibrated", "horizon"): _HORIZON,
    ("prediction_calibrated", "line"): Said("family, city and bracket of the model: a model_id without its window"),
    ("prediction_calibrated", "run_id"): _TRAINED,
    ("prediction_chosen", "brackets"): Said("brackets of the ladder of which one family is heard; null where none is"),
    ("prediction_chosen", "horizon"): _HORIZON,
    ("prediction_chosen", "run_id"): _TRAINED,
    ("prediction_chosen", "since_utc"): Said("from when on the fit stands"),
    ("prediction_heard", "since_utc"): Said("from when on the fit is heard"),
    ("prediction_served", "run_id"): _TRAINED,
    ("run_gates", "gate"): Said("what stopped it; none counts the minutes in which nothing did"),
}
