-- One row per market: whether it is paid, once that can be told.
-- The exchange's own result decides wherever exactly one bracket of the event has a yes, even against the label; for
-- every other event the label of the day does, by the inclusive bounds of the bracket. It is NULL while neither is there.
-- grain: city, event_date, market_ticker
-- known: after the close: settled_utc of the bracket that the exchange paid, else label_known_utc
with decided as (
    select
        city,
        event_date,
        count(*) filter (result = 'yes') = 1 as by_result
    from markets
    group by city, event_date
)

select
    markets.city,
    markets.event_date,
    markets.market_ticker,
    markets.strike_type,
    if(
        decided.by_result,
        coalesce(markets.result = 'yes', false),
        label.label_f >= coalesce(markets.low_f, label.label_f)
            and label.label_f <= coalesce(markets.high_f, label.label_f)
    ) as settled_yes
from markets
join decided using (city, event_date)
left join settlement_label as label using (city, event_date)
