-- A row is a final report that was issued before its climate day was over: it cannot know the day's high.
-- mend: fetch that report again; it is a preliminary one, or its date was misread
select
    settlements.city,
    settlements.event_date,
    settlements.source,
    settlements.issued_utc,
    make_timestamptz(
        epoch_us(settlements.event_date::timestamp) + 86400000000 - cities.standard_offset_minutes::bigint * 60000000
    ) as day_end_utc,
    settlements.high_f
from settlements
join cities using (city)
where settlements.is_final and settlements.issued_utc < day_end_utc
order by settlements.city, settlements.event_date, settlements.issued_utc
