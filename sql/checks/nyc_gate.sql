-- A row is an event of a city whose Visual Crossing minutes are excluded, with that vendor's dew point, humidity or
-- wind in the panel all the same.
-- mend: the gate is in weather_of_event; look at vc_excluded in the city registry and at the names of the sources
select panel.city, panel.event_date, panel.wx_source, min(panel.ts_utc) as first_utc, count(*) as minutes
from minute_panel_weather as panel
join cities on panel.city = cities.city
where cities.vc_excluded
    and starts_with(panel.wx_source, 'vc')
    and (panel.wx_dew is not null or panel.wx_humidity is not null or panel.wx_wind is not null)
group by panel.city, panel.event_date, panel.wx_source
order by panel.city, panel.event_date, panel.wx_source
