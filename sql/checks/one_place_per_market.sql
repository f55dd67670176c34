-- A row is a market whose rows lie under more than one city and event date, or that no listing tells of.
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
    select distinct 'decisions', market_ticker, city, event_date from decisions
    union all
    select distinct 'orders', market_ticker, city, event_date from orders
    union all
    select distinct 'fills', market_ticker, city, event_date from fills
)

select
    market_ticker,
    list_sort(list(distinct concat(city, ' ', event_date))) as places,
    list_sort(list(distinct table_name)) as tables,
    case when count(distinct (city, event_date)) > 1 then 'in several places' else 'not listed' end as reason
from places
group by market_ticker
having count(distinct (city, event_date)) > 1 or count(*) filter (table_name = 'markets') = 0
order by market_ticker
