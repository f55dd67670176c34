-- One row per market, horizon, family asked for and minute from which a prediction stands. `any` asks for all families.
-- Every line of models speaks until its next word, and for a day at most. At every minute at which one of them speaks, the
-- first of these stands: the line whose window is promoted; a line of which another window is promoted; the line that
-- was fitted on the newest data; the first of the alphabet. What stands on though others spoke is told again, with the
-- minute at which it was said. A promotion counts from when it was told to the lake, so that what is promoted later
-- changes no minute before; within a line the same order holds for windows that overlap.
-- grain: city, event_date, market_ticker, horizon, asked, ts_utc
-- known: ts_utc
with spoken as not materialized (
    select *, unnest(case when family is null then ['any'] else ['any', family] end) as asked
    from prediction_calibrated
),

ranked as not materialized (
    select
        spoken.*,
        row_number() over (
            partition by spoken.city, spoken.event_date, market_ticker, horizon, asked, spoken.line, ts_utc
            order by coalesce(list_contains(windows, wf_window), false) desc, until_date desc nulls last, model_id
        ) as place
    from spoken
    asof left join promotions on spoken.line = promotions.line and spoken.ts_utc >= promotions.since_utc
),

minutes as not materialized (
    select distinct city, event_date, market_ticker, horizon, asked, ts_utc from spoken
),

lines as not materialized (
    select distinct city, event_date, market_ticker, horizon, asked, line from spoken
),

standing as (
    select
        minutes.*,
        lines.line,
        last_value(
            case when ranked.place = 1 then struct_pack(
                said_utc := ranked.ts_utc, family := ranked.family, model_id := ranked.model_id,
                run_id := ranked.run_id, wf_window := ranked.wf_window, until_date := ranked.until_date,
                p_model := ranked.p_model, p_calibrated := ranked.p_calibrated
            ) end ignore nulls
        ) over (
            partition by minutes.city, minutes.event_date, minutes.market_ticker, minutes.horizon, minutes.asked, lines.line
            order by minutes.ts_utc
        ) as word
    from minutes
    join lines using (city, event_date, market_ticker, horizon, asked)
    left join ranked
        on ranked.place = 1
        and minutes.city = ranked.city
        and minutes.event_date = ranked.event_date
        and minutes.market_ticker = ranked.market_ticker
        and minutes.horizon = ranked.horizon
        and minutes.asked = ranked.asked
        and minutes.ts_utc = ranked.ts_utc
        and lines.line = ranked.line
),

placed as (
    select
        standing.*,
        row_number() over (
            partition by standing.city, standing.event_date, market_ticker, horizon, asked, ts_utc
            order by
                coalesce(list_contains(windows, word.wf_window), false) desc,
                coalesce(len(windows) > 0, false) desc,
                word.until_date desc nulls last,
                word.model_id
        ) as place
    from standing
    asof left join promotions on standing.line = promotions.line and standing.ts_utc >= promotions.since_utc
    where word is not null and epoch_us(ts_utc) - epoch_us(word.said_utc) < 86400000000
)

select
    city,
    event_date,
    market_ticker,
    horizon,
    asked,
    ts_utc,
    word.said_utc as said_utc,
    word.family as family,
    word.model_id as model_id,
    word.run_id as run_id,
    word.wf_window as wf_window,
    word.p_model as p_model,
    word.p_calibrated as p_calibrated
from placed
where place = 1
