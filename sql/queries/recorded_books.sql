-- One row per event date whose order books were recorded: how much was received of them, and how whole it is.
-- A gap is a place where messages were missed; the next snapshot heals it. messages_a_second is over the time between the
-- first and the last message of the date.
-- grain: city, event_date
-- known: last_utc
with messages as (
    select
        city,
        event_date,
        count(distinct market_ticker) as markets,
        count(*) as messages,
        count(*) filter (kind = 'snapshot') as snapshots,
        count(*) filter (kind = 'gap') as gaps,
        min(known_utc) as first_utc,
        max(known_utc) as last_utc
    from books
    group by city, event_date
),

tape as (
    select city, event_date, count(*) as trades, sum(count_centi)::bigint / 100 as contracts
    from trades
    where not is_block
    group by city, event_date
)

select
    messages.city,
    messages.event_date,
    messages.markets,
    messages.messages,
    messages.snapshots,
    messages.gaps,
    coalesce(tape.trades, 0) as trades,
    coalesce(tape.contracts, 0) as contracts,
    round(
        messages.messages / nullif((epoch_us(messages.last_utc) - epoch_us(messages.first_utc)) / 1e6, 0), 3
    ) as messages_a_second,
    messages.first_utc,
    messages.last_utc
from messages
left join tape using (city, event_date)
order by messages.city, messages.event_date
