-- One row per city: what one contract of each bracket that had an offer earned, bought at it at noon by the wall clock
-- of its day and held to settlement, before fees. The simplest backtest there is: no strategy that does worse is one.
-- grain: city
-- known: label_known_utc of the latest event
with noon as (
    select city, event_date, market_ticker, ask_prob, settled_yes
    from minute_panel_labeled
    where
        local_date = event_date
        and hour(ts_local) = 12
        and minute(ts_local) = 0
        and ask_prob is not null
        and settled_yes is not null
)

select
    city,
    count(*) as contracts,
    count(distinct event_date) as days,
    round(avg(ask_prob), 4) as paid,
    round(avg(settled_yes::integer), 4) as received,
    round(100 * avg(settled_yes::integer - ask_prob), 2) as gain_cents_each
from noon
group by city
order by city
