-- One row per bracket and full hour of a settled event's own day: the chance that the weather gave it, and whether it paid.
-- colder is the chance of all colder brackets of that event at that hour. hour_of_day counts from the midnight of standard
-- time that opens the climate day, to 24.
-- grain: city, event_date, market_ticker, ts_utc
-- known: ts_utc for the chances; when market_paid is for paid
with hours as (
    select
        minutes.*,
        (epoch_us(minutes.ts_utc) // 60000000 + cities.standard_offset_minutes) // 60
            - epoch_us(minutes.event_date::timestamp) // 3600000000 as hour_of_day
    from pmf_minute as minutes
    join cities using (city)
    where minutes.p_wx is not null and epoch_us(minutes.ts_utc) % 3600000000 = 0
)

select
    hours.city,
    hours.event_date,
    markets.event_ticker,
    hours.market_ticker,
    hours.ts_utc,
    hours.hour_of_day,
    markets.bracket_order,
    hours.p_wx,
    coalesce(
        sum(hours.p_wx) over (
            partition by hours.city, hours.event_date, markets.event_ticker, hours.ts_utc
            order by markets.bracket_order rows between unbounded preceding and 1 preceding
        ),
        0
    ) as colder,
    market_paid.settled_yes as paid
from hours
join markets using (city, event_date, market_ticker)
join market_paid using (city, event_date, market_ticker)
where hours.hour_of_day >= 0 and market_paid.settled_yes is not null
order by hours.city, hours.event_date, hours.ts_utc, markets.bracket_order
