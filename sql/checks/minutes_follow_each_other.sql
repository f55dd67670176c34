-- A row is a minute that does not follow from its own quotes and trades and from the minutes before it.
-- mid_half_ticks is bid + offer of a two-sided quote, else twice the last trade, held between bid and offer, else NULL.
-- velocity and acceleration are differences to the minute before, volume_20m_centi sums the last twenty, and the last
-- trade moves only in a minute that has one. Of a crossed quote, which prices_are_prices tells, the mid is not judged.
-- mend: build the dense candles of that event again
with minutes as (
    select
        city,
        event_date,
        market_ticker,
        ts_utc,
        yes_bid_ticks,
        yes_ask_ticks,
        last_price_ticks,
        price_close_ticks,
        price_source,
        mid_half_ticks,
        velocity_half_ticks,
        acceleration_half_ticks,
        volume_centi,
        volume_delta_centi,
        volume_20m_centi,
        yes_bid_ticks > 0 and yes_ask_ticks < 10000 as has_both,
        yes_bid_ticks > yes_ask_ticks as is_crossed,
        lag(mid_half_ticks) over by_minute as mid_before,
        lag(velocity_half_ticks) over by_minute as velocity_before,
        lag(last_price_ticks) over by_minute as last_before,
        lag(volume_centi, 1, 0) over by_minute as volume_before,
        lag(volume_centi, 20, 0) over by_minute as volume_leaving,
        lag(volume_20m_centi, 1, 0) over by_minute as volume_20m_before
    from candles_dense
    window by_minute as (partition by city, event_date, market_ticker order by ts_utc)
),

due as (
    select
        *,
        case
            when has_both then 'mid'
            when last_price_ticks is not null then 'last'
        end as due_source,
        case
            when has_both then yes_bid_ticks + yes_ask_ticks
            when last_price_ticks is not null then 2 * least(greatest(last_price_ticks, yes_bid_ticks), yes_ask_ticks)
        end as due_mid
    from minutes
)

select
    city,
    event_date,
    market_ticker,
    ts_utc,
    due_mid as due_mid_half_ticks,
    mid_half_ticks,
    mid_half_ticks - mid_before as due_velocity_half_ticks,
    velocity_half_ticks,
    velocity_half_ticks - velocity_before as due_acceleration_half_ticks,
    acceleration_half_ticks,
    volume_20m_before + volume_centi - volume_leaving as due_volume_20m_centi,
    volume_20m_centi,
    volume_centi - volume_before as due_volume_delta_centi,
    volume_delta_centi,
    last_before as last_price_before_ticks,
    last_price_ticks
from due
where
    (
        not coalesce(is_crossed, false)
        and (due_mid is distinct from mid_half_ticks or due_source is distinct from price_source)
    )
    or velocity_half_ticks is distinct from mid_half_ticks - mid_before
    or acceleration_half_ticks is distinct from velocity_half_ticks - velocity_before
    or volume_delta_centi <> volume_centi - volume_before
    or volume_20m_centi <> volume_20m_before + volume_centi - volume_leaving
    or (last_price_ticks is distinct from last_before and price_close_ticks is null)
order by city, event_date, market_ticker, ts_utc
