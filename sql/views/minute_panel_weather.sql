-- One row per market and minute: the neighbour panel, and the weather and the forecast known at that minute.
-- The weather's columns are those of weather_of_event. wx_forecast_high_f is the newest issued forecast of the event's
-- high among those known at the minute.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc
select
    panel.city, panel.event_date, panel.event_ticker, panel.market_ticker, panel.ts_utc, panel.ts_local,
    panel.local_date, panel.minutes_since_open, panel.minutes_to_close, panel.strike_type, panel.floor_strike,
    panel.cap_strike, panel.low_f, panel.high_f, panel.bracket_order, panel.bid_prob, panel.ask_prob, panel.mid_prob,
    panel.price_source, panel.last_prob, panel.spread_prob, panel.clv, panel.velocity, panel.acceleration,
    panel.volume, panel.volume_delta, panel.volume_20m, panel.open_interest, panel.quote_age_minutes, panel.complete,
    panel.left_mid_prob, panel.right_mid_prob, panel.left_delta, panel.right_delta, panel.triad_mass, panel.ras,
    weather.wx_source,
    weather.wx_temp_1m,
    weather.wx_temp_5m,
    weather.wx_dew,
    weather.wx_humidity,
    weather.wx_wind,
    weather.wx_run_max_f,
    weather.wx_run_max_lo_f,
    weather.wx_run_max_hi_f,
    weather.wx_stale_minutes,
    forecast.high_f as wx_forecast_high_f,
    forecast.source as wx_forecast_source,
    forecast.issued_utc as wx_forecast_issued_utc
from minute_panel_neighbors as panel
left join weather_of_event as weather using (city, event_date, ts_utc)
left join forecast_in_force as forecast
    on panel.city = forecast.city
    and panel.event_date = forecast.event_date
    and panel.ts_utc >= forecast.valid_from_utc
    and panel.ts_utc < coalesce(forecast.valid_until_utc, 'infinity')
