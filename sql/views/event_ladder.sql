-- One row per bracket and minute: the whole ladder of an event as prices and as probabilities.
-- p_mid_norm is the mid's share of mid_sum, the sum of the mids of the event at that minute (above 1 the ladder is
-- overpriced). cum_prob is the share of this bracket and all colder ones: the market's chance of a high no warmer.
-- A bracket without a mid counts for nothing, which makes the shares of the others too large: brackets says how many
-- brackets have a row at that minute, brackets_priced how many have a mid. The shares are those of a whole ladder only
-- where the two are equal.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc
with ladder as (
    select
        city, event_date, event_ticker, market_ticker, ts_utc, bracket_order, low_f, high_f, bid_prob, ask_prob,
        mid_prob, p_wx, p_fused_norm,
        sum(mid_prob) over (partition by city, event_date, event_ticker, ts_utc) as mid_sum,
        sum(mid_prob) over (
            partition by city, event_date, event_ticker, ts_utc order by bracket_order
        ) as mid_so_far,
        count(*) over (partition by city, event_date, event_ticker, ts_utc) as brackets,
        count(mid_prob) over (partition by city, event_date, event_ticker, ts_utc) as brackets_priced
    from minute_panel_full
)

select
    city,
    event_date,
    event_ticker,
    market_ticker,
    ts_utc,
    bracket_order,
    case
        when low_f is null then concat('≤', high_f)
        when high_f is null then concat('≥', low_f)
        when low_f = high_f then low_f::varchar
        else concat(low_f, '–', high_f)
    end as bracket,
    bid_prob,
    ask_prob,
    mid_prob,
    mid_prob / nullif(mid_sum, 0) as p_mid_norm,
    mid_sum,
    brackets,
    brackets_priced,
    p_wx,
    p_fused_norm,
    mid_so_far / nullif(mid_sum, 0) as cum_prob
from ladder
