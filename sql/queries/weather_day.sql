-- One row per city and hour of its newest event that has weather: what was known of the day at the full hour.
-- grain: city, event_date, ts_utc
-- known: ts_utc
with newest as (
    select city, max(event_date) as event_date
    from obs_1m
    semi join markets using (city, event_date)
    where temp_f is not null
    group by city
)

select
    weather.city,
    weather.event_date,
    weather.ts_utc,
    weather.wx_temp_1m,
    weather.wx_dew,
    weather.wx_wind,
    weather.wx_run_max_f,
    weather.wx_run_max_lo_f,
    weather.wx_run_max_hi_f,
    weather.wx_stale_minutes,
    forecast.high_f as forecast_high_f
from weather_of_event as weather
join newest using (city, event_date)
left join forecast_in_force as forecast
    on weather.city = forecast.city
    and weather.event_date = forecast.event_date
    and weather.ts_utc >= forecast.valid_from_utc
    and weather.ts_utc < coalesce(forecast.valid_until_utc, 'infinity')
where epoch_us(weather.ts_utc) % 3600000000 = 0 and not weather.is_eve
order by weather.city, weather.ts_utc
