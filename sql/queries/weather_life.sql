-- One row per event and ten minutes while it trades: the weather, the forecast and the hazards known by then.
-- The hazards are the chances of a new maximum within 5 and 60 minutes; NULL where no weather was run.
-- grain: city, event_date, ts_utc
-- known: ts_utc
with trading as (
    select city, event_date, min(open_utc) as open_utc, max(close_utc) as close_utc
    from markets
    group by city, event_date
),

hazards as (
    select
        city,
        event_date,
        valid_from_utc,
        valid_until_utc,
        five_minute_step,
        any_value(hazard_next_5m) as hazard_next_5m,
        any_value(hazard_next_60m) as hazard_next_60m
    from pmf_in_force
    group by city, event_date, five_minute_step, valid_from_utc, valid_until_utc
)

select
    weather.city,
    weather.event_date,
    weather.ts_utc,
    weather.is_eve,
    weather.wx_temp_1m as temp_f,
    weather.wx_run_max_lo_f as run_max_lo_f,
    weather.wx_run_max_hi_f as run_max_hi_f,
    weather.wx_stale_minutes as stale_minutes,
    forecast.high_f as forecast_high_f,
    hazards.hazard_next_5m,
    hazards.hazard_next_60m
from weather_of_event as weather
join trading
    on weather.city = trading.city
    and weather.event_date = trading.event_date
    and weather.ts_utc between trading.open_utc and trading.close_utc
left join forecast_in_force as forecast
    on weather.city = forecast.city
    and weather.event_date = forecast.event_date
    and weather.ts_utc >= forecast.valid_from_utc
    and weather.ts_utc < coalesce(forecast.valid_until_utc, 'infinity')
left join hazards
    on weather.city = hazards.city
    and weather.event_date = hazards.event_date
    and epoch_us(weather.ts_utc) // 300000000 = hazards.five_minute_step
    and weather.ts_utc >= hazards.valid_from_utc
    and weather.ts_utc < hazards.valid_until_utc
where epoch_us(weather.ts_utc) % 600000000 = 0
order by weather.city, weather.event_date, weather.ts_utc
