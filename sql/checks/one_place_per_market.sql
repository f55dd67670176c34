-- A row is a market whose rows lie under more than one city and event date, or that the listing does not tell of.
-- A tape can be older than any listing of its event: then it may stand alone, and nothing may be derived from it.
-- mend: rebuild the stray partition; where the listing is missing, ingest the markets of that city and date
with places as (
    select distinct 'markets' as table_name, market_ticker, city, event_date from markets
    union all
    select distinct 'candles_1m', market_ticker, city, event_date from candles_1m
    union all
    select distinct 'candles_dense', market_ticker, city, event_date from candles_dense
    union all
    select distinct 'trades', market_ticker, city, event_date from trades
    union all
    select distinct 'books', market_ticker, city, event_date from books
    union all
    select distinct 'pmf_minute', market_ticker, city, event_date from pmf_minute
    union all
    select distinct 'predictions', market_ticker, city, event_date from predictions
    union all
    select distinct 'signals', market_ticker, city, event_date from signals
    union all
    select distinct 'decisions', market_ticker, city, event_date from decisions
    union all
    select distinct 'orders', market_ticker, city, event_date from orders
    union all
    select distinct 'fills', market_ticker, city, event_date from fills
),

markets_seen as (
    select
        market_ticker,
        any_value(city) as city,
        any_value(event_date) as event_date,
        list_sort(list(distinct concat(city, ' ', event_date))) as places,
        list_sort(list(distinct table_name)) as tables,
        count(*) filter (table_name = 'markets') > 0 as is_listed,
        count(*) filter (table_name not in ('trades', 'candles_1m', 'books')) = 0 as is_tape_alone
    from places
    group by market_ticker
),

listed_events as (
    select distinct city, event_date, true as event_is_listed from markets
)

select
    market_ticker,
    places,
    tables,
    case when len(places) > 1 then 'in several places' else 'not listed' end as reason
from markets_seen
left join listed_events using (city, event_date)
where len(places) > 1 or (not is_listed and (event_is_listed or not is_tape_alone))
order by market_ticker
