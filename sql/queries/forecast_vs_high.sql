-- One row per city, source and lead in hours, six to a step: how far forecasts of the high were from the settled one.
-- The lead runs from the instant at which the forecast was known to the closing midnight. A positive bias is too warm.
-- grain: city, source, lead_hours
-- known: label_known_utc of the latest event
with errors as (
    select
        forecasts.city,
        forecasts.source,
        (epoch_us(forecasts.valid_utc) - epoch_us(forecasts.known_utc)) // 21600000000 * 6 as lead_hours,
        forecasts.high_f - label.label_f as error_f
    from forecasts
    join settlement_label as label using (city, event_date)
    where forecasts.high_f is not null
)

select
    city,
    source,
    lead_hours,
    count(*) as forecasts,
    round(avg(error_f), 2) as bias_f,
    round(avg(abs(error_f)), 2) as mean_abs_error_f
from errors
group by city, source, lead_hours
order by city, source, lead_hours
