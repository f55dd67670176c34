-- A row is a day whose probabilities came from a fit that had seen that day or a later one, or that is not in the lake.
-- Rows name their fit: pmf_minute and pmf_degrees the fitted_utc in mc_params of their city, pmf_minute also the
-- fitted_utc in fusion_params, predictions the run in model_runs, both of their city or of all. A row that names none
-- used none. A fit may be made later than the minute it is used for, as in every backfill; it may not have seen the day. Weights of fusion_params must be accepted, and may not
-- have seen the eve either, on which the day's markets trade.
-- mend: fit on days before the event date only, and run that day again
with used as (
    select city, event_date, 'pmf_minute' as table_name, params_fitted_utc::varchar as fit, count(*) as uses
    from pmf_minute
    where params_fitted_utc is not null
    group by all
    union all
    select city, event_date, 'pmf_minute, fused' as table_name, fusion_fitted_utc::varchar as fit, count(*) as uses
    from pmf_minute
    where fusion_fitted_utc is not null
    group by all
    union all
    select city, event_date, 'pmf_degrees' as table_name, params_fitted_utc::varchar as fit, count(*) as uses
    from pmf_degrees
    where params_fitted_utc is not null
    group by all
    union all
    select city, event_date, 'predictions' as table_name, run_id as fit, count(*) as uses
    from predictions
    where run_id <> ''
    group by all
),

fits as (
    select city, 'pmf_minute' as table_name, fitted_utc::varchar as fit, until_date from mc_params
    union all
    select city, 'pmf_degrees' as table_name, fitted_utc::varchar as fit, until_date from mc_params
    union all
    select city, 'pmf_minute, fused' as table_name, fitted_utc::varchar as fit, until_date + 1 as until_date
    from fusion_params
    where accepted
    union all
    select cities.city, 'pmf_minute, fused' as table_name, fits.fitted_utc::varchar as fit, fits.until_date + 1
    from fusion_params as fits
    cross join cities
    where fits.city = 'all' and fits.accepted
    union all
    select city, 'predictions' as table_name, run_id as fit, until_date from model_runs
    union all
    select cities.city, 'predictions' as table_name, runs.run_id as fit, runs.until_date
    from model_runs as runs
    cross join cities
    where runs.city = 'all'
)

select
    used.city,
    used.event_date,
    used.table_name,
    used.fit,
    max(fits.until_date) as until_date,
    any_value(used.uses) as uses,
    case when count(fits.fit) = 0 then 'not in the lake' else 'had seen the day' end as reason
from used
left join fits using (city, table_name, fit)
group by used.city, used.event_date, used.table_name, used.fit
having coalesce(max(fits.until_date) >= used.event_date, true)
order by used.city, used.event_date, used.table_name, used.fit
