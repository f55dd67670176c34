-- One row per bracket of each city's newest event: its ladder at the event's last complete minute, coldest first.
-- p_mid_norm is the mid's share of the mids of the event that are there. It starts from the base panel, not from
-- event_ladder, so that only the minutes shown are worked out.
-- grain: market_ticker
-- known: ts_utc
with newest as (
    select city, max(event_date) as event_date
    from markets
    group by city
),

moments as (
    select panel.city, panel.event_date, max(panel.ts_utc) as ts_utc
    from minute_panel_base as panel
    join newest using (city, event_date)
    where panel.complete
    group by panel.city, panel.event_date
)

select
    panel.market_ticker,
    panel.ts_utc,
    case
        when panel.low_f is null then concat('≤', panel.high_f)
        when panel.high_f is null then concat('≥', panel.low_f)
        when panel.low_f = panel.high_f then panel.low_f::varchar
        else concat(panel.low_f, '–', panel.high_f)
    end as bracket,
    panel.bid_prob,
    panel.ask_prob,
    round(
        panel.mid_prob
        / nullif(sum(panel.mid_prob) over (partition by panel.city, panel.event_date, panel.event_ticker), 0),
        3
    ) as p_mid_norm,
    pmf.p_wx,
    pmf.p_fused_norm
from minute_panel_base as panel
join moments using (city, event_date, ts_utc)
left join pmf_in_force as pmf
    on panel.city = pmf.city
    and panel.event_date = pmf.event_date
    and panel.market_ticker = pmf.market_ticker
    and epoch_us(panel.ts_utc) // 300000000 = pmf.five_minute_step
    and panel.ts_utc >= pmf.valid_from_utc
    and panel.ts_utc < pmf.valid_until_utc
order by panel.city, panel.event_date, panel.event_ticker, panel.bracket_order
