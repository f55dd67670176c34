-- One row per market, horizon, family asked for and stretch of time through which one fit of a model stands for it.
-- `any` asks for all families. Of a ladder one family speaks at a time: the best placed of those whose fits are heard
-- of every bracket, from the one open end to the other; then `brackets` says how many these are. Where no family is,
-- the best placed fit that is heard of the market stands by itself, and brackets is null; so it is with moves of the
-- mid, horizons 1m and 5m. A fit is placed before another by the first of these: it is promoted; of its line another is
-- promoted; of these two the city's own before that of all cities, and the one of its type of bracket before that of
-- all brackets, as `model_for` of the registry chooses; then the newest data, the last made, the first of the alphabet.
-- A family is placed as its worst placed bracket is. A promotion names fits, not windows: one that was fitted again is
-- promoted once it is itself. It counts from the first whole minute at which the lake had been told, so that what is
-- promoted later changes none before. A change of one bracket begins a new row of every bracket of the event. in_step:
-- all words of a ladder's fits are said at the same minutes. is_midway: the fit was heard already before the row
-- begins.
-- grain: city, event_date, market_ticker, horizon, asked, since_utc
-- known: since_utc; of until_utc nothing but that the fit stands before it
with trained as (
    select run_id, any_value(family) as family, max(until_date) as until_date, max(fitted_utc) as fitted_utc
    from model_runs
    group by run_id
),

heard as materialized (
    select
        prediction_heard.*,
        coalesce(markets.event_ticker, prediction_heard.market_ticker) as event_ticker,
        bracket_order,
        low_f,
        high_f
    from prediction_heard
    left join markets using (city, event_date, market_ticker)
),

fits as (
    select
        city,
        event_date,
        run_id,
        any_value(family) as family,
        any_value(model_id) as model_id,
        any_value(replace(model_id, '_' || wf_window, '')) as line,
        any_value(until_date) as until_date,
        any_value(fitted_utc) as fitted_utc
    from heard
    left join trained using (run_id)
    group by city, event_date, run_id
),

told as (
    select
        line,
        run_ids,
        city,
        make_timestamptz((epoch_us(promotions.since_utc) + 59999999) // 60000000 * 60000000) as since_utc,
        row_number() over (partition by line order by promotions.since_utc) as place
    from promotions
),

spans as (
    select
        line,
        run_ids,
        if(city = 'all', 1, 0) as of_all,
        since_utc,
        lead(since_utc, 1, 'infinity'::timestamptz) over (partition by line order by place) as until_utc
    from told
    union all
    select line, [], 0, '-infinity'::timestamptz, min(since_utc) from told group by line
),

runged as (
    select
        fits.*,
        coalesce(spans.since_utc, '-infinity'::timestamptz) as since_utc,
        coalesce(spans.until_utc, 'infinity'::timestamptz) as until_utc,
        case
            when list_contains(spans.run_ids, fits.run_id) then of_all
            when len(spans.run_ids) > 0 then 2 + of_all
            else 4
        end as rung
    from fits
    left join spans on fits.line = spans.line and spans.since_utc < spans.until_utc
),

placed as (
    select
        city,
        event_date,
        run_id,
        family,
        coalesce(family, line) as kin,
        since_utc,
        until_utc,
        row_number() over (
            partition by city, event_date
            order by
                rung, rung < 4 and ends_with(line, '_all'),
                until_date desc nulls last, fitted_utc desc nulls last, model_id, run_id, since_utc
        ) as place
    from runged
),

turns as (
    select city, event_date, event_ticker, horizon, since_utc as ts_utc from heard
    union
    select city, event_date, event_ticker, horizon, until_utc from heard
    union
    select heard.city, heard.event_date, event_ticker, horizon, placed.since_utc
    from heard
    join placed using (city, event_date, run_id)
    where placed.since_utc > heard.since_utc and placed.since_utc < heard.until_utc
),

stretches as (
    select
        *,
        lead(ts_utc) over (partition by city, event_date, event_ticker, horizon order by ts_utc) as next_utc
    from turns
),

living as (
    select
        heard.city,
        heard.event_date,
        heard.event_ticker,
        heard.horizon,
        ts_utc,
        next_utc,
        market_ticker,
        bracket_order,
        low_f,
        high_f,
        heard.run_id,
        kin,
        place,
        said_at,
        ts_utc > heard.since_utc as is_midway,
        unnest(case when family is null then ['any'] else ['any', family] end) as asked
    from stretches
    join heard
        on stretches.city = heard.city
        and stretches.event_date = heard.event_date
        and stretches.event_ticker = heard.event_ticker
        and stretches.horizon = heard.horizon
        and ts_utc >= heard.since_utc
        and ts_utc < heard.until_utc
    join placed
        on heard.city = placed.city
        and heard.event_date = placed.event_date
        and heard.run_id = placed.run_id
        and ts_utc >= placed.since_utc
        and ts_utc < placed.until_utc
),

of_kin as (
    select
        city, event_date, event_ticker, horizon, asked, ts_utc, next_utc, market_ticker, kin,
        any_value(bracket_order) as bracket_order,
        any_value(low_f) as low_f,
        any_value(high_f) as high_f,
        min(place) as place,
        arg_min(run_id, place) as run_id,
        arg_min(said_at, place) as said_at,
        arg_min(is_midway, place) as is_midway
    from living
    group by city, event_date, event_ticker, horizon, asked, ts_utc, next_utc, market_ticker, kin
),

ladders as (
    select
        city, event_date, event_ticker, horizon, asked, ts_utc, kin,
        max(place) as place,
        count(*) as brackets,
        min(said_at) = max(said_at) as in_step
    from of_kin
    where horizon = 'day'
    group by city, event_date, event_ticker, horizon, asked, ts_utc, kin
    having
        bool_or(low_f is null) and bool_or(high_f is null)
        and count(distinct bracket_order) = count(*)
        and max(bracket_order) - min(bracket_order) + 1 = count(*)
),

speaking as (
    select
        city, event_date, event_ticker, horizon, asked, ts_utc,
        arg_min(kin, place) as kin,
        arg_min(brackets, place) as brackets,
        arg_min(in_step, place) as in_step
    from ladders
    group by city, event_date, event_ticker, horizon, asked, ts_utc
),

chosen as (
    select
        city, event_date, event_ticker, horizon, asked, ts_utc, next_utc, market_ticker,
        arg_min(run_id, (of_kin.kin is distinct from speaking.kin, place)) as run_id,
        arg_min(is_midway, (of_kin.kin is distinct from speaking.kin, place)) as is_midway,
        any_value(brackets) filter (of_kin.kin = speaking.kin) as brackets,
        coalesce(any_value(in_step) filter (of_kin.kin = speaking.kin), true) as in_step
    from of_kin
    left join speaking using (city, event_date, event_ticker, horizon, asked, ts_utc)
    group by city, event_date, event_ticker, horizon, asked, ts_utc, next_utc, market_ticker
),

changed as (
    select
        *,
        lag(next_utc) over steps is distinct from ts_utc
        or lag(run_id) over steps is distinct from run_id
        or lag(brackets) over steps is distinct from brackets as changes
    from chosen
    window steps as (partition by city, event_date, horizon, asked, market_ticker order by ts_utc)
),

marked as (
    select
        *,
        bool_or(changes) over (partition by city, event_date, event_ticker, horizon, asked, ts_utc) as begins
    from changed
),

numbered as (
    select
        *,
        count(*) filter (begins) over (
            partition by city, event_date, horizon, asked, market_ticker order by ts_utc
        ) as stretch
    from marked
)

select
    city,
    event_date,
    event_ticker,
    market_ticker,
    horizon,
    asked,
    any_value(run_id) as run_id,
    any_value(brackets) as brackets,
    bool_and(in_step) as in_step,
    arg_min(is_midway, ts_utc) as is_midway,
    min(ts_utc) as since_utc,
    max(next_utc) as until_utc
from numbered
group by city, event_date, event_ticker, market_ticker, horizon, asked, stretch
-- True of every group; see prediction_heard.
having count(*) > 0
