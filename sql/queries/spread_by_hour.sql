-- One row per city and hour of the wall clock: how wide the two-sided quotes are, how often there is one,
-- and how old a quote of either kind is.
-- grain: city, local_hour
-- known: ts_utc of the last minute
select
    city,
    hour(ts_local) as local_hour,
    round(avg(spread_prob), 4) as mean_spread_prob,
    round(median(spread_prob), 4) as median_spread_prob,
    round(avg((spread_prob is not null)::integer), 4) as two_sided_share,
    round(avg(quote_age_minutes), 1) as mean_quote_age_minutes
from minute_panel_base
group by city, local_hour
order by city, local_hour
