-- One row per tenth of the mid, taken once an hour in the last day of trading: how often brackets at that price did pay.
-- Neighbouring minutes say the same again, so only two-sided quotes at full hours count; gap is what happened minus what was paid.
-- grain: decile
-- known: label_known_utc of the latest event
with hourly as (
    select mid_prob, settled_yes::integer as paid, least(floor(mid_prob * 10)::integer, 9) as decile
    from minute_panel_labeled
    where price_source = 'mid'
        and settled_yes is not null
        and epoch_us(ts_utc) % 3600000000 = 0
        and minutes_to_close < 1440
)

select
    decile,
    count(*) as quotes,
    round(avg(mid_prob), 4) as mean_mid,
    round(avg(paid), 4) as paid_share,
    round(avg(paid) - avg(mid_prob), 4) as gap
from hourly
group by decile
order by decile
