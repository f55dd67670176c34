-- One row per market, horizon, family asked for and minute from which a prediction stands: every word of the fit that
-- `prediction_chosen` names, and where that one did not speak as its time began, its last word before, told again with
-- the minute at which it was said. A word stands until the market's next row, and for a day from said_utc at most.
-- p_served is what is used: p_calibrated, else p_model, over its sum on the ladder of the event where one family speaks
-- of all of it. So a ladder sums to one, also where each bracket has a model or a calibrator of its own. What stands of
-- a bracket is told again where another bracket of its ladder has a new word, which moves its share. By itself, and as
-- it was said, stands a bracket of a ladder of which no family is heard as a whole, and a move of the mid. Sums are of
-- whole numbers of 2^-59, so that no order of brackets moves a bit.
-- grain: city, event_date, market_ticker, horizon, asked, ts_utc
-- known: ts_utc
with chosen as materialized (
    select * from prediction_chosen
),

words as not materialized (
    select
        said.ts_utc as said_utc,
        said.family,
        said.model_id,
        said.wf_window,
        said.p_model,
        said.p_calibrated,
        chosen.*
    from prediction_calibrated as said
    join chosen using (city, event_date, market_ticker, horizon, run_id)
    where said.ts_utc >= chosen.since_utc and said.ts_utc < chosen.until_utc
),

begun as not materialized (
    select
        city, event_date, event_ticker, market_ticker, horizon, asked, run_id, brackets, in_step, until_utc,
        since_utc as ts_utc,
        max(said.ts_utc) as said_utc,
        any_value(family) as family,
        any_value(model_id) as model_id,
        any_value(wf_window) as wf_window,
        arg_max(p_model, said.ts_utc) as p_model,
        arg_max(struct_pack(p := p_calibrated), said.ts_utc).p as p_calibrated
    from prediction_calibrated as said
    join (select * from chosen where is_midway) as late using (city, event_date, market_ticker, horizon, run_id)
    where said.ts_utc <= late.since_utc
    group by
        city, event_date, event_ticker, market_ticker, horizon, asked, run_id, brackets, in_step, since_utc, until_utc
    having max(said.ts_utc) < since_utc
),

out_of_step as materialized (
    select * exclude (since_utc, is_midway), said_utc as ts_utc from words where not in_step
    union all by name
    select * from begun where not in_step
),

silent as (
    select moments.*, ladders.market_ticker
    from (
        select distinct city, event_date, event_ticker, horizon, asked, ts_utc from out_of_step
    ) as moments
    join (
        select distinct city, event_date, event_ticker, horizon, asked, market_ticker from out_of_step
    ) as ladders using (city, event_date, event_ticker, horizon, asked)
    anti join out_of_step using (city, event_date, event_ticker, horizon, asked, market_ticker, ts_utc)
),

told as not materialized (
    select * exclude (since_utc, is_midway), said_utc as ts_utc from words
    union all by name
    select * from begun
    union all by name
    select out_of_step.* replace (silent.ts_utc as ts_utc)
    from silent
    asof join out_of_step
        on silent.city = out_of_step.city
        and silent.event_date = out_of_step.event_date
        and silent.event_ticker = out_of_step.event_ticker
        and silent.horizon = out_of_step.horizon
        and silent.asked = out_of_step.asked
        and silent.market_ticker = out_of_step.market_ticker
        and silent.ts_utc >= out_of_step.ts_utc
    where silent.ts_utc < out_of_step.until_utc
),

summed as (
    select
        *,
        coalesce(p_calibrated, p_model) as p_said,
        sum(floor(coalesce(p_calibrated, p_model) * 576460752303423488)::bigint) over (
            partition by city, event_date, event_ticker, horizon, asked, ts_utc
        )::double / 576460752303423488 as total
    from told
)

select
    city,
    event_date,
    market_ticker,
    horizon,
    asked,
    ts_utc,
    said_utc,
    family,
    model_id,
    run_id,
    wf_window,
    p_model,
    p_calibrated,
    case when brackets is not null and total > 0 then p_said / total else p_said end as p_served
from summed
