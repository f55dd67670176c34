-- One row per prediction, with the line of models that said it and its probability as it is served: p_calibrated is
-- p_model mended by the stored calibrator in force, else the calibration of the model itself, else null. What is stored
-- was fitted to p_model, so it takes the place of the model's own; where doing nothing was best it is p_model.
-- A line is all windows of one family, city and type of bracket: a model_id without its window. Two fits of one model are
-- told apart by run_id.
-- grain: market_ticker, ts_utc, model_id, run_id
-- known: ts_utc
with trained as (
    select
        run_id,
        any_value(family) as family,
        max(until_date) as until_date,
        max(fitted_utc) as fitted_utc
    from model_runs
    group by run_id
),

said as (
    select
        predictions.*,
        trained.family,
        trained.until_date,
        trained.fitted_utc,
        replace(predictions.model_id, '_' || predictions.wf_window, '') as line,
        least(greatest(predictions.p_model, 1e-6), 1 - 1e-6) as kept
    from predictions
    left join trained using (run_id)
),

mended as (
    select
        said.*,
        held.method,
        held.sharpness,
        case held.method
            when 'temperature' then held.sharpness * (ln(kept) - ln(1 - kept))
            when 'platt' then held.slope * (ln(kept) - ln(1 - kept)) + held.intercept
            when 'beta' then held.a * ln(kept) - held.b * ln(1 - kept) + held.c
        end as log_odds,
        held.x,
        held.y,
        len(list_filter(held.x, lambda corner: corner <= said.p_model)) as corner
    from said
    left join calibrator_in_force as held
        on said.city = held.city
        and said.family = held.family
        and said.horizon = held.horizon
        and said.event_date = held.event_date
)

select
    city,
    event_date,
    market_ticker,
    ts_utc,
    horizon,
    family,
    line,
    model_id,
    run_id,
    wf_window,
    until_date,
    fitted_utc,
    p_model,
    case
        when method is null then p_calibrated
        when method = 'temperature' and sharpness = 1 then p_model
        when method <> 'isotonic' then 1 / (1 + exp(-log_odds))
        when corner = 0 then y[1]
        when corner = len(x) then y[corner]
        else y[corner] + (p_model - x[corner]) * (y[corner + 1] - y[corner]) / (x[corner + 1] - x[corner])
    end as p_calibrated
from mended
