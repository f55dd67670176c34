-- A row is a bracket after which its event pays no whole degree, pays one twice, or counts its brackets wrongly.
-- mend: fetch the event's markets again; a bracket is missing, or its strikes were misread
with ladder as (
    select
        city,
        event_date,
        event_ticker,
        market_ticker,
        bracket_order,
        low_f,
        high_f,
        row_number() over colder as place,
        lag(high_f) over colder as colder_high_f,
        count(*) over (partition by city, event_date, event_ticker) as brackets
    from markets
    window colder as (partition by city, event_date, event_ticker order by bracket_order, market_ticker)
)

select city, event_date, event_ticker, market_ticker, bracket_order, colder_high_f, low_f, high_f
from ladder
where bracket_order <> place
    or (place = 1) <> (low_f is null)
    or (place = brackets) <> (high_f is null)
    or (place > 1 and coalesce(low_f <> colder_high_f + 1, true))
order by city, event_date, event_ticker, bracket_order
