-- One row per market and minute: the weather panel, our probabilities and the models' predictions known at that minute.
-- pmf_minute is evaluated every few minutes and carried forward; pmf_age_minutes says how old the row is. Of several
-- models the prediction made last stands, and of those made at one minute the first model_id of the alphabet.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc; nothing here depends on anything known later
with panel as (
    select *, epoch_us(ts_utc) // 300000000 as five_minute_step
    from minute_panel_weather
)

select
    panel.city, panel.event_date, panel.event_ticker, panel.market_ticker, panel.ts_utc, panel.ts_local,
    panel.local_date, panel.minutes_since_open, panel.minutes_to_close, panel.strike_type, panel.floor_strike,
    panel.cap_strike, panel.low_f, panel.high_f, panel.bracket_order, panel.bid_prob, panel.ask_prob, panel.mid_prob,
    panel.price_source, panel.last_prob, panel.spread_prob, panel.clv, panel.velocity, panel.acceleration,
    panel.volume, panel.volume_delta, panel.volume_20m, panel.open_interest, panel.quote_age_minutes, panel.complete,
    panel.left_mid_prob, panel.right_mid_prob, panel.left_delta, panel.right_delta, panel.triad_mass, panel.ras,
    panel.wx_source, panel.wx_temp_1m, panel.wx_temp_5m, panel.wx_dew, panel.wx_humidity, panel.wx_wind,
    panel.wx_run_max_f, panel.wx_run_max_lo_f, panel.wx_run_max_hi_f, panel.wx_stale_minutes,
    panel.wx_forecast_high_f, panel.wx_forecast_source, panel.wx_forecast_issued_utc,
    pmf.p_wx,
    pmf.p_mkt,
    pmf.p_fused,
    pmf.p_fused_norm,
    pmf.hazard_next_5m,
    pmf.hazard_next_60m,
    pmf.m_run_temp_f,
    pmf.mc_version,
    ((epoch_us(panel.ts_utc) - epoch_us(pmf.valid_from_utc)) // 60000000)::integer as pmf_age_minutes,
    predicted.p_model,
    predicted.p_calibrated,
    predicted.model_id,
    predicted.wf_window
from panel
left join pmf_in_force as pmf
    on panel.city = pmf.city
    and panel.event_date = pmf.event_date
    and panel.market_ticker = pmf.market_ticker
    and panel.five_minute_step = pmf.five_minute_step
    and panel.ts_utc >= pmf.valid_from_utc
    and panel.ts_utc < pmf.valid_until_utc
left join prediction_in_force as predicted
    on panel.city = predicted.city
    and panel.event_date = predicted.event_date
    and panel.market_ticker = predicted.market_ticker
    and panel.five_minute_step = predicted.five_minute_step
    and panel.ts_utc >= predicted.valid_from_utc
    and panel.ts_utc < predicted.valid_until_utc
