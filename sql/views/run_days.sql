-- One row per run, city and event date of which it has a fill: what the day came to.
-- net_micros holds positions to settlement: a fill that bought gains what its bracket pays less its price, one that sold
-- the other way round, both less the fee; it is NULL until market_paid tells who is paid. Contracts, fees and outlay
-- (what the bought side cost: the price of yes, or what is left of it to a dollar for a sale) do not wait for it.
-- grain: run_id, city, event_date
-- known: when market_paid is for net_micros, the last ts_utc of the day's fills for the rest
with signed as (
    select
        fills.run_id,
        fills.city,
        fills.event_date,
        fills.style,
        fills.count_centi,
        fills.fee_micros,
        fills.count_centi * if(fills.side = 'buy', fills.price_ticks, 10000 - fills.price_ticks) as outlay_micros,
        if(fills.side = 'buy', 1, -1) * fills.count_centi
            * (
                10000 * market_paid.settled_yes::integer
                - fills.price_ticks
            )
            - fills.fee_micros as net_micros
    from fills
    join market_paid using (city, event_date, market_ticker)
)

select
    run_id,
    city,
    event_date,
    count(*) filter (style = 'maker') as maker_fills,
    count(*) filter (style = 'taker') as taker_fills,
    (coalesce(sum(count_centi) filter (style = 'maker'), 0))::bigint as maker_centi,
    (coalesce(sum(count_centi) filter (style = 'taker'), 0))::bigint as taker_centi,
    sum(fee_micros)::bigint as fees_micros,
    sum(outlay_micros)::bigint as outlay_micros,
    sum(net_micros)::bigint as net_micros
from signed
group by run_id, city, event_date
