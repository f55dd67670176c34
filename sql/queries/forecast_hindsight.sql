-- One row per city: what a join on issued_utc would have shown of the forecasts of the high before anybody could have it.
-- At each full hour of an event's day and eve at which both are there, the newest forecast known by then is held against
-- the newest one issued by then. early_share is the share of hours at which they are not the same; the errors are means
-- of the distance to the settled high over all hours. The second is the better one, and nobody could have had it.
-- grain: city
-- known: label_known_utc of the latest event
with hours as (
    select weather.city, weather.event_date, weather.ts_utc, label.label_f
    from weather_of_event as weather
    join settlement_label as label using (city, event_date)
    where epoch_us(weather.ts_utc) % 3600000000 = 0
),

issued as (
    select city, event_date, issued_utc, max_by(high_f, source) as high_f
    from forecasts
    where high_f is not null
    group by city, event_date, issued_utc
),

joined as (
    select
        hours.city,
        hours.label_f,
        known.high_f as known_high_f,
        issued.high_f as issued_high_f,
        known.issued_utc <> issued.issued_utc as is_early
    from hours
    asof join forecast_in_force as known
        on hours.city = known.city
        and hours.event_date = known.event_date
        and hours.ts_utc >= known.valid_from_utc
    asof join issued
        on hours.city = issued.city
        and hours.event_date = issued.event_date
        and hours.ts_utc >= issued.issued_utc
)

select
    city,
    count(*) as hours,
    round(avg(is_early::integer), 4) as early_share,
    round(avg(abs(known_high_f - label_f)), 3) as known_error_f,
    round(avg(abs(issued_high_f - label_f)), 3) as issued_error_f
from joined
group by city
order by city
