-- One row per city and hour before the close: how much the market was heard in the pool, and what that depends on.
-- w_mkt is the market's weight as it was used; hazard is the chance of a new maximum within the hour.
-- grain: city, hours_left
-- known: ts_utc of the last minute
select
    minutes.city,
    (epoch_us(markets.close_utc) - epoch_us(minutes.ts_utc)) // 3600000000 as hours_left,
    count(*) as minutes,
    round(avg(minutes.w_mkt), 4) as mean_w_mkt,
    round(min(minutes.w_mkt), 4) as least_w_mkt,
    round(max(minutes.w_mkt), 4) as most_w_mkt,
    round(avg(minutes.hazard_next_60m), 4) as mean_hazard_60m
from pmf_minute as minutes
join markets using (city, event_date, market_ticker)
where minutes.w_mkt is not null and minutes.p_wx is not null and minutes.p_mkt is not null
group by minutes.city, hours_left
order by minutes.city, hours_left desc
