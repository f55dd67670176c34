-- One row per market, evaluation of pmf_minute and five-minute step of the clock in which it is the newest one.
-- An evaluation stands from its minute until the market's next, and for a day at most: that another comes later still is
-- not known then. It is repeated for every step it touches, so that a minute finds it by equality on the step and two
-- comparisons.
-- grain: city, event_date, market_ticker, five_minute_step, valid_from_utc
-- known: valid_from_utc
with lives as (
    select
        *,
        least(
            lead(ts_utc) over (partition by city, event_date, market_ticker order by ts_utc),
            make_timestamptz(epoch_us(ts_utc) + 86400000000)
        ) as valid_until_utc
    from pmf_minute
)

select
    city,
    event_date,
    market_ticker,
    unnest(range(epoch_us(ts_utc) // 300000000, (epoch_us(valid_until_utc) - 1) // 300000000 + 1)) as five_minute_step,
    ts_utc as valid_from_utc,
    valid_until_utc,
    p_wx,
    p_mkt,
    p_fused,
    p_fused_norm,
    hazard_next_5m,
    hazard_next_60m,
    m_run_temp_f,
    mc_version
from lives
