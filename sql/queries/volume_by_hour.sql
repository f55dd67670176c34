-- One row per city and hour of the wall clock: the contracts traded, and the share of minutes in which anything did.
-- grain: city, local_hour
-- known: ts_utc of the last minute
select
    city,
    hour(ts_local) as local_hour,
    sum(volume) as contracts,
    round(avg((volume > 0)::integer), 4) as trading_share,
    count(distinct event_date) as events
from minute_panel_base
group by city, local_hour
order by city, local_hour
