"""Tables of what we think: weather parameters, distributions, predictions, fitted models."""

from __future__ import annotations

import polars as pl

from warehouse.lake.tables.contract import Column, Layout, Rule, Table
from warehouse.lake.tables.day_laws import market_of_day, traded_near_day
from warehouse.lake.tables.words import (
    MARKET_TICKER,
    MC_VERSION,
    MINUTE_UTC,
    degrees,
    flag,
    instant,
    number,
    probability,
    temperature,
    text,
    whole,
)

_SINCE = Column(name="since_date", dtype=pl.Date(), meaning="first event date of the data that were fitted")
_UNTIL = Column(name="until_date", dtype=pl.Date(), meaning="last event date of the data that were fitted")
_FITTED = instant("fitted_utc", "when the fit was made")
_SNAPSHOT = whole("snapshot", "the lake snapshot that was fitted", low=0)
SETTLEMENT_HORIZON = "day"
"""What predicts or was fitted to the settlement; the other horizons are of the next minutes."""
HORIZONS = (SETTLEMENT_HORIZON, "1m", "5m")
POOLS = ("log_linear", "linear", "beta")
_HORIZON = text("horizon", "what is predicted: the settlement, or the move of the next minutes", one_of=HORIZONS)
_FIT_USED = instant("params_fitted_utc", "the fit in mc_params that was used; null where none was", null=True)
_PARAMETERS = text("parameters_json", "the fitted numbers, as JSON")
_METRICS = text("metrics_json", "scores with their counts and intervals, as JSON")


def _numbers(name: str, meaning: str, *, unit: str = "") -> Column:
    return Column(name=name, dtype=pl.List(pl.Float64), meaning=meaning, unit=unit)


def _labels(name: str, meaning: str) -> Column:
    return Column(name=name, dtype=pl.List(pl.String), meaning=meaning)


MC_PARAMS = Table(
    name="mc_params",
    original="wx.mc_params",
    meaning="one fit of the law of one city's air, measured from one baseline",
    known="fitted_utc; usable for event dates after until_date only",
    grain=("city", "fitted_utc", "baseline"),
    layout=Layout.CITY,
    columns=(
        _FITTED,
        MC_VERSION,
        text("baseline", "what the residual is measured from", one_of=("template", "timeline", "hold_last")),
        text("forecast_source", "whose forecasts the timeline is made of", null=True),
        number("rho", "persistence of the residual from step to step", low=-1, high=1),
        _labels("sigma_labels", "names of the buckets: time of day, or lead/time of day"),
        _numbers("sigma_f", "innovation per step, by bucket", unit="°F"),
        _labels("template_labels", "names of the typical days: all, or the month"),
        _numbers("template_f", "the typical days on the grid, 289 steps each, one after the other", unit="°F"),
        number("level_half_life_minutes", "how fast the day's level forgets; 0 is the last report alone", low=0),
        _labels("day_bias_labels", "names of the lead buckets of the day bias; none before any report"),
        _numbers("day_bias_f", "mean of the day bias, by lead", unit="°F"),
        _numbers("day_bias_share", "share of the day's level so far that it keeps, by lead"),
        _numbers("day_bias_sd_f", "spread of the day bias from day to day, by lead", unit="°F"),
        number(
            "tail_dof", "degrees of freedom of the day bias's Student law; null is the normal law", low=1, null=True
        ),
        number("station_offset_f", "official maximum minus the maximum of the five-minute grid", unit="°F"),
        _labels("record_labels", "how a running maximum was told: group, exact, whole_c"),
        _numbers("record_p", "P(official maximum so far is 0 … 4 °F above it), for each of them", unit="probability"),
        whole("grid_minutes", "step of the grid", unit="min", low=1),
        _SINCE,
        _UNTIL,
        whole("days", "event dates fitted", low=1),
        _SNAPSHOT,
        text("diagnostics_json", "quality of the fit, as JSON"),
    ),
)

PMF_DEGREES = Table(
    name="pmf_degrees",
    meaning="one distribution of one day's high over whole °F, as of one instant",
    known="ts_utc: made of what was known then",
    grain=("city", "event_date", "ts_utc", "mc_version"),
    columns=(
        MINUTE_UTC,
        MC_VERSION,
        degrees("first_f", "the degree of the first probability"),
        Column(
            name="p", dtype=pl.List(pl.Float64), meaning="probability of first_f, first_f + 1, …", unit="probability"
        ),
        _FIT_USED,
        text("quality", "baseline used and why, and what stood in for what was missing", null=True),
        text("inputs_sha256", "hash of all it was made of: reports, forecasts, law, engine", null=True),
    ),
)

_WEATHER_OF = Rule(
    law="p_wx has its wx_utc, which is not after ts_utc",
    holds=(pl.col("p_wx").is_null() == pl.col("wx_utc").is_null())
    & (pl.col("wx_utc").is_null() | (pl.col("wx_utc") <= pl.col("ts_utc"))),
)

PMF_MINUTE = Table(
    name="pmf_minute",
    original="pmf.minute",
    meaning="one market's probabilities by weather, by market and by both, as of one instant",
    known="ts_utc: made of what was known then",
    grain=("market_ticker", "ts_utc"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        MARKET_TICKER,
        MINUTE_UTC,
        probability("p_wx", "by the weather alone", null=True),
        probability("p_mkt", "by the market's quotes, renormalised over the event", null=True),
        probability("p_fused", "by both, before renormalising", null=True),
        probability("p_fused_norm", "by both; sums to one over the event", null=True),
        probability("hazard_next_5m", "a new maximum within five minutes", null=True),
        probability("hazard_next_60m", "a new maximum within the hour", null=True),
        temperature("m_run_temp_f", "running maximum at wx_utc", null=True),
        degrees("m_run_lo_f", "lowest whole degree that the running maximum can mean", null=True),
        degrees("m_run_hi_f", "highest whole degree that the running maximum can mean", null=True),
        probability("w_mkt", "the market's weight in p_fused", null=True),
        text("mc_version", "engine, grid and paths of the weather simulation; null without weather", null=True),
        instant("wx_utc", "the evaluation that p_wx is of: ts_utc, or the newest one before it", null=True),
        _FIT_USED,
        text("quality", "baseline used and why, and what stood in for what was missing", null=True),
        text("mkt_quality", "what p_mkt was made of, or why there is none", null=True),
        text("fused_quality", "what was pooled, or why nothing was", null=True),
        instant("fusion_fitted_utc", "the fit in fusion_params that was used; null where none was", null=True),
        text("fusion_sha256", "hash of all it was fused of: quotes, weather, weights; null where not fused", null=True),
    ),
    rules=(_WEATHER_OF,),
)

PREDICTIONS = Table(
    name="predictions",
    meaning="one model's probability for one market and minute",
    known="ts_utc: the model was fitted on earlier days and saw only what was known then",
    grain=("market_ticker", "ts_utc", "model_id", "run_id"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        MARKET_TICKER,
        MINUTE_UTC,
        text("model_id", "city, bracket and window of the model"),
        text("run_id", "the training run of the model, in model_runs"),
        text("horizon", "what p_model speaks of: the settlement, or the next move of the mid", one_of=HORIZONS),
        probability("p_model", "the model's own probability"),
        probability("p_calibrated", "after calibration", null=True),
        text("wf_window", "walk-forward window of the model, win_YYYYMMDD_YYYYMMDD"),
    ),
)

MODEL_RUNS = Table(
    name="model_runs",
    meaning="one training run of one model",
    known="fitted_utc; usable for event dates after until_date only",
    grain=("city", "run_id"),
    layout=Layout.CITY,
    columns=(
        text("run_id", "the training run"),
        text("family", "the kind of model"),
        text("model_id", "city, bracket and window of the model"),
        _HORIZON,
        _FITTED,
        _SINCE,
        _UNTIL,
        _SNAPSHOT,
        text("config_sha256", "hash of the configuration"),
        Column(name="seed", dtype=pl.Int64(), meaning="the seed of the run"),
        _PARAMETERS,
        _METRICS,
    ),
)

PROMOTIONS = Table(
    name="promotions",
    meaning="which fits of one line of models are promoted, from an instant until the line's next row",
    known="since_utc: when the lake was told",
    grain=("city", "line", "since_utc"),
    layout=Layout.CITY,
    columns=(
        text("line", "family, city and bracket of the models: a model_id without its window"),
        instant("since_utc", "from when on it counts"),
        _labels("windows", "the promoted windows, in order; none: the line is no longer used"),
        _labels("run_ids", "the promoted fit of each of these windows, in model_runs"),
        whole("state", "number of the promoted state in the registry; 0 where nothing is promoted any more", low=0),
    ),
)

CALIBRATORS = Table(
    name="calibrators",
    meaning="one fitted calibrator of one model's probabilities",
    known="fitted_utc; usable for event dates after until_date only",
    grain=("city", "horizon", "model_type", "fitted_utc"),
    layout=Layout.CITY,
    columns=(
        _HORIZON,
        text("model_type", "the family it calibrates"),
        text("method", "how the probabilities are mended", one_of=("platt", "isotonic", "beta", "temperature")),
        _FITTED,
        _SINCE,
        _UNTIL,
        _PARAMETERS,
        _METRICS,
    ),
)

FUSION_PARAMS = Table(
    name="fusion_params",
    meaning="one fit of the weight between market and weather; city all is the fit of all cities together",
    known="fitted_utc; usable for event dates after until_date only",
    grain=("city", "horizon", "fitted_utc"),
    layout=Layout.CITY,
    columns=(
        text(
            "horizon", "what the weights were fitted to: the settlement, or the market minutes later", one_of=HORIZONS
        ),
        _FITTED,
        text("pool", "how the two are pooled", one_of=POOLS),
        text("method", "how the numbers were found; said is by hand", one_of=("grid", "optuna", "gradient", "said")),
        number("alpha_0", "constant of the market's weight"),
        number("alpha_volume", "slope of that weight on log(1 + contracts of the event in the last 20 minutes)"),
        number("alpha_hazard", "slope of that weight on the 60-minute hazard"),
        number("alpha_volatility", "slope of that weight on the volatility, cents a minute"),
        number("beta_a", "first exponent of the beta transform; 1 is none", low=0),
        number("beta_b", "second exponent of the beta transform; 1 is none", low=0),
        text("price", "what a two-sided quote is worth in p_mkt", one_of=("mid", "micro")),
        text("overround", "how the overround is taken out of p_mkt", one_of=("plain", "power", "additive")),
        flag("accepted", "fit for use: the best of its run, and on held-out days not beaten by the market"),
        _SINCE,
        _UNTIL,
        whole("days", "event dates of the city's own data", low=0),
        _SNAPSHOT,
        _METRICS,
    ),
)

TRUTH_PROBABILITIES = Table(
    name="truth_probabilities",
    meaning="demo world only: what each market was truly worth, each minute; never joined by a view",
    known="never: it is the answer",
    grain=("market_ticker", "ts_utc"),
    day_laws=(market_of_day, traded_near_day("ts_utc")),
    columns=(
        MARKET_TICKER,
        MINUTE_UTC,
        probability("p_true", "exact probability given the whole state of the world at ts_utc"),
        probability("p_belief", "what the market makers believed"),
    ),
)
