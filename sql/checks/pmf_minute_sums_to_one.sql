-- A row is an event and an instant at which the probabilities are not a whole ladder: a bracket has no row, a
-- probability is given for some brackets only, or those of all brackets do not sum to one.
-- p_wx, p_mkt and p_fused_norm are each given for every bracket of the event or for none.
-- mend: run the hazard and the fusion of that day again; the brackets may have changed since
with events as (
    select city, event_date, event_ticker, count(*) as brackets
    from markets
    group by city, event_date, event_ticker
),

ladders as (
    select
        pmf.city,
        pmf.event_date,
        markets.event_ticker,
        pmf.ts_utc,
        count(*) as rows_there,
        count(pmf.p_wx) as wx_there,
        count(pmf.p_mkt) as mkt_there,
        count(pmf.p_fused_norm) as fused_there,
        sum(pmf.p_wx) as p_wx_sum,
        sum(pmf.p_mkt) as p_mkt_sum,
        sum(pmf.p_fused_norm) as p_fused_norm_sum
    from pmf_minute as pmf
    join markets using (city, event_date, market_ticker)
    group by pmf.city, pmf.event_date, markets.event_ticker, pmf.ts_utc
)

select
    ladders.city,
    ladders.event_date,
    ladders.event_ticker,
    ladders.ts_utc,
    events.brackets,
    rows_there,
    wx_there,
    mkt_there,
    fused_there,
    p_wx_sum,
    p_mkt_sum,
    p_fused_norm_sum
from ladders
join events using (city, event_date, event_ticker)
where
    rows_there <> brackets
    or wx_there not in (0, brackets)
    or mkt_there not in (0, brackets)
    or fused_there not in (0, brackets)
    or abs(p_wx_sum - 1) > 1e-6
    or abs(p_mkt_sum - 1) > 1e-6
    or abs(p_fused_norm_sum - 1) > 1e-6
order by ladders.city, ladders.event_date, ladders.ts_utc
