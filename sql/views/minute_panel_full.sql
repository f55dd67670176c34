-- One row per market and minute: the weather panel, our probabilities and the models' predictions known at that minute.
-- pmf_minute is evaluated every few minutes and carried forward; pmf_age_minutes says how old the row is. Of several
-- models the promoted one stands, else the one with the newest data: `prediction_served` says which, and what p_served
-- is: p_calibrated, else p_model, made to sum to one where one model speaks of the whole ladder. Its words are laid out
-- by step of five minutes, a column for each minute of it: one row a step by construction, so that a question that
-- names no column of theirs does not read them at all.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc; nothing here depends on anything known later
with panel as (
    select
        *,
        epoch_us(ts_utc) // 300000000 as five_minute_step,
        epoch_us(ts_utc) // 60000000 % 5 as minute_of_step
    from minute_panel_weather
),

predicted as (
    select
        city,
        event_date,
        market_ticker,
        five_minute_step,
        any_value(p_model) filter (first_minute <= 0 and last_minute >= 0) as p_model_0,
        any_value(p_model) filter (first_minute <= 1 and last_minute >= 1) as p_model_1,
        any_value(p_model) filter (first_minute <= 2 and last_minute >= 2) as p_model_2,
        any_value(p_model) filter (first_minute <= 3 and last_minute >= 3) as p_model_3,
        any_value(p_model) filter (first_minute <= 4 and last_minute >= 4) as p_model_4,
        any_value(p_calibrated) filter (first_minute <= 0 and last_minute >= 0) as p_calibrated_0,
        any_value(p_calibrated) filter (first_minute <= 1 and last_minute >= 1) as p_calibrated_1,
        any_value(p_calibrated) filter (first_minute <= 2 and last_minute >= 2) as p_calibrated_2,
        any_value(p_calibrated) filter (first_minute <= 3 and last_minute >= 3) as p_calibrated_3,
        any_value(p_calibrated) filter (first_minute <= 4 and last_minute >= 4) as p_calibrated_4,
        any_value(p_served) filter (first_minute <= 0 and last_minute >= 0) as p_served_0,
        any_value(p_served) filter (first_minute <= 1 and last_minute >= 1) as p_served_1,
        any_value(p_served) filter (first_minute <= 2 and last_minute >= 2) as p_served_2,
        any_value(p_served) filter (first_minute <= 3 and last_minute >= 3) as p_served_3,
        any_value(p_served) filter (first_minute <= 4 and last_minute >= 4) as p_served_4,
        any_value(model_id) filter (first_minute <= 0 and last_minute >= 0) as model_id_0,
        any_value(model_id) filter (first_minute <= 1 and last_minute >= 1) as model_id_1,
        any_value(model_id) filter (first_minute <= 2 and last_minute >= 2) as model_id_2,
        any_value(model_id) filter (first_minute <= 3 and last_minute >= 3) as model_id_3,
        any_value(model_id) filter (first_minute <= 4 and last_minute >= 4) as model_id_4,
        any_value(wf_window) filter (first_minute <= 0 and last_minute >= 0) as wf_window_0,
        any_value(wf_window) filter (first_minute <= 1 and last_minute >= 1) as wf_window_1,
        any_value(wf_window) filter (first_minute <= 2 and last_minute >= 2) as wf_window_2,
        any_value(wf_window) filter (first_minute <= 3 and last_minute >= 3) as wf_window_3,
        any_value(wf_window) filter (first_minute <= 4 and last_minute >= 4) as wf_window_4
    from (
        select
            *,
            (epoch_us(valid_from_utc) + 59999999) // 60000000 - five_minute_step * 5 as first_minute,
            (epoch_us(valid_until_utc) - 1) // 60000000 - five_minute_step * 5 as last_minute
        from prediction_in_force
    )
    group by city, event_date, market_ticker, five_minute_step
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
    case minute_of_step
        when 0 then predicted.p_model_0
        when 1 then predicted.p_model_1
        when 2 then predicted.p_model_2
        when 3 then predicted.p_model_3
        else predicted.p_model_4
    end as p_model,
    case minute_of_step
        when 0 then predicted.p_calibrated_0
        when 1 then predicted.p_calibrated_1
        when 2 then predicted.p_calibrated_2
        when 3 then predicted.p_calibrated_3
        else predicted.p_calibrated_4
    end as p_calibrated,
    case minute_of_step
        when 0 then predicted.p_served_0
        when 1 then predicted.p_served_1
        when 2 then predicted.p_served_2
        when 3 then predicted.p_served_3
        else predicted.p_served_4
    end as p_served,
    case minute_of_step
        when 0 then predicted.model_id_0
        when 1 then predicted.model_id_1
        when 2 then predicted.model_id_2
        when 3 then predicted.model_id_3
        else predicted.model_id_4
    end as model_id,
    case minute_of_step
        when 0 then predicted.wf_window_0
        when 1 then predicted.wf_window_1
        when 2 then predicted.wf_window_2
        when 3 then predicted.wf_window_3
        else predicted.wf_window_4
    end as wf_window
from panel
left join pmf_in_force as pmf
    on panel.city = pmf.city
    and panel.event_date = pmf.event_date
    and panel.market_ticker = pmf.market_ticker
    and panel.five_minute_step = pmf.five_minute_step
    and panel.ts_utc >= pmf.valid_from_utc
    and panel.ts_utc < pmf.valid_until_utc
left join predicted
    on panel.city = predicted.city
    and panel.event_date = predicted.event_date
    and panel.market_ticker = predicted.market_ticker
    and panel.five_minute_step = predicted.five_minute_step
