-- One row per market, horizon, family asked for and minute from which a prediction stands. `any` asks for all families.
-- Every fit of a model speaks until its next word, and for a day at most. At every minute at which one of them speaks or
-- falls silent, the first of these that are still heard stands: the promoted fit; a fit of a line of which another is
-- promoted; of these two the city's own before that of all cities, and the one of its type of bracket before that of all
-- brackets, as `model_for` of the registry chooses; then the one that was fitted on the newest data, the one made last, the
-- first of the alphabet. What stands on though others spoke or fell silent is told again, with the minute at which it was
-- said. A promotion names fits, not windows: one that was fitted again speaks as promoted once it is promoted itself. It
-- counts from when it was told to the lake, so that what is promoted later changes no minute before.
-- Where all who speak of a market speak, the best is chosen from their words; only elsewhere is looked up what stood.
-- grain: city, event_date, market_ticker, horizon, asked, ts_utc
-- known: ts_utc
with fits as (
    select
        city,
        event_date,
        run_id,
        any_value(family) as family,
        any_value(model_id) as model_id,
        any_value(line) as line,
        any_value(wf_window) as wf_window,
        max(until_date) as until_date,
        max(fitted_utc) as fitted_utc
    from prediction_calibrated
    group by city, event_date, run_id
),

spans as (
    select
        line,
        run_ids,
        if(city = 'all', 1, 0) as of_all,
        since_utc,
        lead(since_utc, 1, 'infinity'::timestamptz) over (partition by line order by since_utc) as until_utc
    from promotions
    union all
    select line, [], 0, '-infinity'::timestamptz, min(since_utc) from promotions group by line
),

ranked as (
    select
        fits.*,
        coalesce(spans.since_utc, '-infinity'::timestamptz) as since_utc,
        coalesce(spans.until_utc, 'infinity'::timestamptz) as until_utc,
        case
            when list_contains(spans.run_ids, fits.run_id) then of_all
            when len(spans.run_ids) > 0 then 2 + of_all
            else 4
        end as rung,
        row_number() over (
            partition by fits.city, fits.event_date
            order by
                rung, rung < 4 and ends_with(fits.line, '_all'),
                until_date desc nulls last, fitted_utc desc nulls last, model_id, run_id, spans.since_utc
        ) as place
    from fits
    left join spans on fits.line = spans.line
),

placed as (
    select
        city,
        event_date,
        run_id,
        since_utc,
        until_utc,
        place,
        unnest(case when family is null then ['any'] else ['any', family] end) as asked
    from ranked
),

asks as (
    select distinct city, event_date, run_id, asked from placed
),

days as (
    select
        city, event_date, market_ticker, horizon, run_id,
        min(ts_utc) as first_utc,
        max(ts_utc) as last_utc
    from predictions
    group by city, event_date, market_ticker, horizon, run_id, epoch_us(ts_utc) // 86400000000
),

falls as (
    select
        city, event_date, market_ticker, horizon, run_id,
        make_timestamptz(epoch_us(last_utc) + 86400000000) as ts_utc
    from days
    qualify
        coalesce(
            lead(first_utc) over (
                partition by city, event_date, market_ticker, horizon, run_id order by first_utc
            ) > make_timestamptz(epoch_us(last_utc) + 86400000000),
            true
        )
),

speakers as (
    select distinct city, event_date, market_ticker, horizon, asked, run_id
    from days
    join asks using (city, event_date, run_id)
),

minutes as (
    select city, event_date, market_ticker, horizon, asked, ts_utc, count(*) as words
    from predictions
    join asks using (city, event_date, run_id)
    group by city, event_date, market_ticker, horizon, asked, ts_utc
    union all
    select city, event_date, market_ticker, horizon, asked, ts_utc, 0 as words
    from falls
    join asks using (city, event_date, run_id)
),

uneven as (
    select distinct city, event_date, market_ticker, horizon, asked, ts_utc
    from minutes
    join (
        select city, event_date, market_ticker, horizon, asked, count(*) as speakers
        from speakers
        group by city, event_date, market_ticker, horizon, asked
    ) using (city, event_date, market_ticker, horizon, asked)
    where words < speakers
),

living as (
    select
        city, event_date, market_ticker, horizon, run_id, asks.asked,
        ts_utc, ts_utc as said_utc, p_model, p_calibrated
    from prediction_calibrated
    join asks using (city, event_date, run_id)
    union all
    select
        pairs.city, pairs.event_date, pairs.market_ticker, pairs.horizon, pairs.run_id, pairs.asked,
        pairs.ts_utc, words.ts_utc as said_utc, words.p_model, words.p_calibrated
    from (select * from uneven join speakers using (city, event_date, market_ticker, horizon, asked)) as pairs
    asof join prediction_calibrated as words
        on pairs.city = words.city
        and pairs.event_date = words.event_date
        and pairs.market_ticker = words.market_ticker
        and pairs.horizon = words.horizon
        and pairs.run_id = words.run_id
        and pairs.ts_utc >= words.ts_utc
    where epoch_us(pairs.ts_utc) - epoch_us(words.ts_utc) < 86400000000
),

best as (
    select
        living.city, living.event_date, market_ticker, horizon, living.asked, ts_utc,
        arg_min(
            struct_pack(
                said_utc := said_utc, run_id := living.run_id, p_model := p_model, p_calibrated := p_calibrated
            ),
            place
        ) as word
    from living
    join placed
        on living.city = placed.city
        and living.event_date = placed.event_date
        and living.run_id = placed.run_id
        and living.asked = placed.asked
        and living.ts_utc >= placed.since_utc
        and living.ts_utc < placed.until_utc
    group by living.city, living.event_date, market_ticker, horizon, living.asked, ts_utc
)

select
    best.city,
    best.event_date,
    market_ticker,
    horizon,
    asked,
    ts_utc,
    word.said_utc as said_utc,
    family,
    model_id,
    fits.run_id,
    wf_window,
    word.p_model as p_model,
    word.p_calibrated as p_calibrated
from best
join fits
    on best.city = fits.city
    and best.event_date = fits.event_date
    and word.run_id = fits.run_id
