-- One row per city, family, horizon and event date of predictions for which a calibrator of `kwx calibrate` may serve:
-- its numbers. Of several the one with the newest data stands, the last made of these. One that was fitted on events up
-- to a date serves from the second day after it on, when the last label that it saw was known; so it serves also events
-- that came before it was made, as every backfill does, but none that it had seen. The numbers of other methods are null.
-- grain: city, family, horizon, event_date
-- known: before the first market of event_date opens
with trained as (
    select run_id, any_value(family) as family from model_runs group by run_id
),

spoken as (
    select distinct predictions.city, trained.family, predictions.horizon, predictions.event_date
    from predictions
    join trained using (run_id)
),

ranked as (
    select
        spoken.*,
        calibrators.method,
        calibrators.until_date,
        calibrators.fitted_utc,
        calibrators.parameters_json::json as said,
        row_number() over (
            partition by spoken.city, spoken.family, spoken.horizon, spoken.event_date
            order by calibrators.until_date desc, calibrators.fitted_utc desc
        ) as place
    from spoken
    join calibrators
        on spoken.city = calibrators.city
        and spoken.family = calibrators.model_type
        and spoken.horizon = calibrators.horizon
        and calibrators.until_date + 2 <= spoken.event_date
)

select
    city,
    family,
    horizon,
    event_date,
    method,
    until_date,
    fitted_utc,
    (said ->> '$.sharpness')::double as sharpness,
    (said ->> '$.slope')::double as slope,
    (said ->> '$.intercept')::double as intercept,
    (said ->> '$.a')::double as a,
    (said ->> '$.b')::double as b,
    (said ->> '$.c')::double as c,
    (said -> '$.x')::double[] as x,
    (said -> '$.y')::double[] as y
from ranked
where place = 1
