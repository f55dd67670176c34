-- One row per settled event, full hour of its own day and kind of weather run: where the high fell in what was said of it.
-- colder is the chance of a high below the settled one, here that of this very degree. Where distributions are right,
-- colder + v · here with v uniform is uniform itself: the probability integral transform of a whole number.
-- hour_of_day counts from the midnight of standard time that opens the climate day, to 24.
-- grain: city, event_date, ts_utc, mc_version
-- known: ts_utc for what was said; label_known_utc for the high
with said as (
    select
        degrees.*,
        label.label_f,
        (epoch_us(degrees.ts_utc) // 60000000 + cities.standard_offset_minutes) // 60
            - epoch_us(degrees.event_date::timestamp) // 3600000000 as hour_of_day,
        label.label_f - degrees.first_f as colder_degrees
    from pmf_degrees as degrees
    join cities using (city)
    join settlement_label as label using (city, event_date)
    where epoch_us(degrees.ts_utc) % 3600000000 = 0
)

select
    city,
    event_date,
    ts_utc,
    mc_version,
    hour_of_day,
    label_f,
    case when colder_degrees > 0 then coalesce(list_sum(p[1:colder_degrees]), 0) else 0 end as colder,
    case when colder_degrees between 0 and len(p) - 1 then p[colder_degrees + 1] else 0 end as here
from said
where hour_of_day >= 0
order by city, event_date, mc_version, ts_utc
