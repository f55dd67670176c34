-- A row is a settled event that does not pay exactly one bracket, or pays one that its value lies outside.
-- An event is settled when every market of it has a result.
-- mend: fetch the event's markets again; a strike, a result or the expiration value was misread
with events as (
    select
        city,
        event_date,
        event_ticker,
        count(*) filter (result = 'yes') as winners,
        count(distinct expiration_value_f) as values_named,
        any_value(expiration_value_f) as expiration_value_f,
        any_value(low_f) filter (result = 'yes') as low_f,
        any_value(high_f) filter (result = 'yes') as high_f
    from markets
    group by city, event_date, event_ticker
    having count(*) = count(result)
)

select city, event_date, event_ticker, winners, values_named, expiration_value_f, low_f, high_f
from events
where winners <> 1
    or values_named > 1
    or expiration_value_f < low_f
    or expiration_value_f > high_f
order by city, event_date, event_ticker
