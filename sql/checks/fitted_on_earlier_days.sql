-- A row is a day whose probabilities came from a model or a fit that had seen that day or a later one.
-- What no fit of the lake is named for cannot be judged and is not shown.
-- mend: fit on days before the event date only, and run that day again
with used as (
    select city, event_date, 'predictions' as table_name, model_id as fit, count(*) as uses
    from predictions
    group by all
    union all
    select city, event_date, 'pmf_minute' as table_name, mc_version as fit, count(*) as uses
    from pmf_minute
    group by all
),

model_fits as (
    select model_id as fit, min(until_date) as until_date
    from model_runs
    group by model_id
),

weather_fits as (
    select city, mc_version as fit, min(until_date) as until_date
    from mc_params
    group by city, mc_version
),

judged as (
    select
        used.city, used.event_date, used.table_name, used.fit, used.uses,
        case used.table_name when 'predictions' then model_fits.until_date else weather_fits.until_date end
            as until_date
    from used
    left join model_fits on used.fit = model_fits.fit
    left join weather_fits on used.fit = weather_fits.fit and used.city = weather_fits.city
)

select city, event_date, table_name, fit, until_date, uses
from judged
where until_date >= event_date
order by city, event_date, table_name, fit
