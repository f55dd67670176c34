-- One row per market and minute: the base panel, and the brackets one degree band colder (left) and warmer (right).
-- left_delta and right_delta are the own mid minus the neighbour's. triad_mass is the own mid plus those of the
-- neighbours that have one. ras is the own acceleration minus the mean of the neighbours' that have one.
-- What the coldest bracket has no left of, and the warmest no right of, is NULL.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc
with beside as (
    select
        city, event_date, event_ticker, market_ticker, ts_utc, ts_local, local_date, minutes_since_open,
        minutes_to_close, strike_type, floor_strike, cap_strike, low_f, high_f, bracket_order, bid_prob, ask_prob,
        mid_prob, price_source, last_prob, spread_prob, clv, velocity, acceleration, volume, volume_delta, volume_20m,
        open_interest, quote_age_minutes, complete,
        lag(bracket_order) over by_bracket = bracket_order - 1 as has_left,
        lead(bracket_order) over by_bracket = bracket_order + 1 as has_right,
        lag(mid_prob) over by_bracket as mid_before,
        lead(mid_prob) over by_bracket as mid_after,
        lag(acceleration) over by_bracket as acceleration_before,
        lead(acceleration) over by_bracket as acceleration_after
    from minute_panel_base
    window by_bracket as (partition by city, event_date, event_ticker, ts_utc order by bracket_order)
),

neighbors as (
    select
        *,
        case when has_left then mid_before end as left_mid_prob,
        case when has_right then mid_after end as right_mid_prob,
        case when has_left then acceleration_before end as left_acceleration,
        case when has_right then acceleration_after end as right_acceleration
    from beside
)

select
    city, event_date, event_ticker, market_ticker, ts_utc, ts_local, local_date, minutes_since_open,
    minutes_to_close, strike_type, floor_strike, cap_strike, low_f, high_f, bracket_order, bid_prob, ask_prob,
    mid_prob, price_source, last_prob, spread_prob, clv, velocity, acceleration, volume, volume_delta, volume_20m,
    open_interest, quote_age_minutes, complete,
    left_mid_prob,
    right_mid_prob,
    mid_prob - left_mid_prob as left_delta,
    mid_prob - right_mid_prob as right_delta,
    mid_prob + coalesce(left_mid_prob, 0) + coalesce(right_mid_prob, 0) as triad_mass,
    acceleration
        - coalesce((left_acceleration + right_acceleration) / 2, left_acceleration, right_acceleration) as ras
from neighbors
