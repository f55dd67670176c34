-- One row per market and minute: the full panel, and how the event ended. For training and scoring, never for features.
-- settled_yes is whether the settled high lies inside the bracket; it and the label are NULL until a final report.
-- grain: city, event_date, market_ticker, ts_utc
-- known: label_known_utc for label_f, label_source and settled_yes; ts_utc for every other column
select
    panel.city, panel.event_date, panel.event_ticker, panel.market_ticker, panel.ts_utc, panel.ts_local,
    panel.local_date, panel.minutes_since_open, panel.minutes_to_close, panel.strike_type, panel.floor_strike,
    panel.cap_strike, panel.low_f, panel.high_f, panel.bracket_order, panel.bid_prob, panel.ask_prob, panel.mid_prob,
    panel.price_source, panel.last_prob, panel.spread_prob, panel.clv, panel.velocity, panel.acceleration,
    panel.volume, panel.volume_delta, panel.volume_20m, panel.open_interest, panel.quote_age_minutes, panel.complete,
    panel.left_mid_prob, panel.right_mid_prob, panel.left_delta, panel.right_delta, panel.triad_mass, panel.ras,
    panel.wx_source, panel.wx_temp_1m, panel.wx_temp_5m, panel.wx_dew, panel.wx_humidity, panel.wx_wind,
    panel.wx_run_max_f, panel.wx_run_max_lo_f, panel.wx_run_max_hi_f, panel.wx_stale_minutes,
    panel.wx_forecast_high_f, panel.wx_forecast_source, panel.wx_forecast_issued_utc, panel.p_wx, panel.p_mkt,
    panel.p_fused, panel.p_fused_norm, panel.hazard_next_5m, panel.hazard_next_60m, panel.m_run_temp_f,
    panel.mc_version, panel.pmf_age_minutes, panel.p_model, panel.p_calibrated, panel.p_served,
    panel.model_id, panel.wf_window,
    label.label_f,
    label.label_source,
    label.label_known_utc,
    label.label_f >= coalesce(panel.low_f, label.label_f) and label.label_f <= coalesce(panel.high_f, label.label_f)
        as settled_yes
from minute_panel_full as panel
left join settlement_label as label using (city, event_date)
