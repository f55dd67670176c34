-- A row is a forecast that the panel shows at a minute before it was known, or that is not in the lake.
-- mend: look at forecast_in_force; the panel must join on known_utc, never on issued_utc
with shown as (
    select city, event_date, wx_forecast_source as source, wx_forecast_issued_utc as issued_utc,
        min(ts_utc) as first_shown_utc
    from minute_panel_weather
    where wx_forecast_high_f is not null
    group by all
),

known as (
    select city, event_date, source, issued_utc, min(known_utc) as known_utc
    from forecasts
    where high_f is not null
    group by all
)

select shown.city, shown.event_date, shown.source, shown.issued_utc, shown.first_shown_utc, known.known_utc
from shown
left join known using (city, event_date, source, issued_utc)
where coalesce(known.known_utc > shown.first_shown_utc, true)
order by shown.city, shown.event_date, shown.first_shown_utc
