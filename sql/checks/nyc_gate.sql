-- A row is an event of a city whose Visual Crossing minutes are excluded that shows a dew point, humidity or wind which
-- none of the other sources told, in the panel or in weather_of_event.
-- mend: the gate is in weather_of_event; look at vc_excluded in the city registry and at the names of the sources
with shown as (
    select 'weather_of_event' as view_name, city, event_date, wx_source, ts_utc, wx_dew, wx_humidity, wx_wind
    from weather_of_event
    union all
    select 'minute_panel_weather' as view_name, city, event_date, wx_source, ts_utc, wx_dew, wx_humidity, wx_wind
    from minute_panel_weather
)

select
    shown.view_name,
    shown.city,
    shown.event_date,
    shown.wx_source,
    min(shown.ts_utc) as first_utc,
    count(*) as minutes
from shown
join cities on shown.city = cities.city
where cities.vc_excluded
    and coalesce(shown.wx_source, '') not in ('metar', 'hfmetar', 'asos1min')
    and coalesce(shown.wx_dew, shown.wx_humidity, shown.wx_wind) is not null
group by shown.view_name, shown.city, shown.event_date, shown.wx_source
order by shown.view_name, shown.city, shown.event_date, shown.wx_source
