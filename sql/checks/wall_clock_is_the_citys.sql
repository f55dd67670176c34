-- A row is an hour of an event whose dense minutes carry another offset from UTC than the city's civil clock has.
-- mend: kwx lake dense
with hours as (
    select
        city,
        event_date,
        epoch_us(ts_utc) // 3600000000 as utc_hour,
        min(utc_offset_minutes) as low_offset_minutes,
        max(utc_offset_minutes) as high_offset_minutes
    from candles_dense
    group by all
),

clocks as (
    select
        hours.*,
        (
            epoch_us(timezone(cities.zone, make_timestamptz(utc_hour * 3600000000))) - utc_hour * 3600000000
        ) // 60000000 as offset_minutes
    from hours
    join cities using (city)
)

select
    city,
    event_date,
    make_timestamptz(utc_hour * 3600000000) as hour_utc,
    offset_minutes,
    low_offset_minutes,
    high_offset_minutes
from clocks
where offset_minutes <> low_offset_minutes or offset_minutes <> high_offset_minutes
order by city, event_date, hour_utc
