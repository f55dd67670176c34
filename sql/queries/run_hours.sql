-- One row per run, event, hour before the close and style of order: what its fills came to, held to settlement.
-- net_dollars is what the brackets paid less price and fee, a sale the other way round; after_15m_dollars is what the same
-- contracts had gained at the mid a quarter of an hour after the fill, before fees, of the fills whose book was two-sided
-- then. Events that are not settled are left out.
-- grain: run_id, city, event_date, hours_left, style
-- known: when market_paid is
with signed as (
    select
        fills.run_id,
        fills.city,
        fills.event_date,
        fills.style,
        (epoch_us(markets.close_utc) - epoch_us(fills.ts_utc)) // 3600000000 as hours_left,
        fills.count_centi,
        fills.fee_micros,
        if(fills.side = 'buy', 1, -1) * fills.count_centi as signed_centi,
        10000 * market_paid.settled_yes::integer - fills.price_ticks as paid_over_ticks,
        fills.mid_15m_half_ticks - 2 * fills.price_ticks as after_15m_half_ticks
    from fills
    join markets using (city, event_date, market_ticker)
    join market_paid using (city, event_date, market_ticker)
    where market_paid.settled_yes is not null
)

select
    run_id,
    city,
    event_date,
    hours_left,
    style,
    count(*) as fills,
    sum(count_centi)::bigint / 100 as contracts,
    sum(fee_micros)::bigint / 1e6 as fees_dollars,
    sum(signed_centi * paid_over_ticks - fee_micros)::bigint / 1e6 as net_dollars,
    (sum(signed_centi * after_15m_half_ticks) / 2)::double / 1e6 as after_15m_dollars
from signed
group by run_id, city, event_date, hours_left, style
order by run_id, city, event_date, hours_left desc, style
