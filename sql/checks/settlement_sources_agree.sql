-- A row is a settled event of which two sources name different highs, in a lake in which that is so too often.
-- Compared are the exchange's own value, TWC and the first final climate report with each other, and, where the exchange
-- names no value, the label with the bracket that it paid. Real sources disagree now and then, about one day in 450, so
-- the events are shown only when they are more than 2 % of all settled ones; the query settlement_conflicts shows them
-- one by one.
-- scope: lake
-- mend: read both reports; if the exchange is right, the climate report was misparsed or is of another station
with paid as (
    select
        markets.city,
        markets.event_date,
        bool_or(label.label_f < markets.low_f or label.label_f > markets.high_f) as is_other
    from markets
    join settlement_label as label using (city, event_date)
    where markets.result = 'yes' and label.label_source <> 'kalshi'
    group by markets.city, markets.event_date
),

judged as (
    select
        label.city,
        label.event_date,
        label.label_f,
        label.label_source,
        label.kalshi_f,
        label.twc_f,
        label.first_final_f,
        label.first_final_utc,
        label.latest_final_f,
        label.conflict or coalesce(paid.is_other, false) as disagree
    from settlement_label as label
    left join paid using (city, event_date)
),

counted as (
    select *, count(*) filter (disagree) over () as events_disagreeing, count(*) over () as events_settled
    from judged
)

select
    city,
    event_date,
    label_f,
    label_source,
    kalshi_f,
    twc_f,
    first_final_f,
    first_final_utc,
    latest_final_f,
    events_disagreeing,
    events_settled
from counted
where disagree and events_disagreeing > 0.02 * events_settled
order by city, event_date
