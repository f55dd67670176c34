-- One row per run, market and minute in which it did something or wanted to: what it saw, what it did, and how it ended.
-- What was seen stands by name in the map seen, of runs that lived the minute; a backtest has it in the panel instead.
-- style is that of the order which the minute placed, changed or took; between is an order that was taken out between
-- two minutes, at the instant of its decision. settled_yes is joined from how the event ended now, and is NULL until
-- then: nothing of it is stored with the decision.
-- grain: run_id, city, event_date, market_ticker, ts_utc
-- known: ts_utc, but settled_yes when market_paid is
select
    decisions.run_id,
    decisions.city,
    decisions.event_date,
    decisions.market_ticker,
    decisions.ts_utc,
    decisions.strategy,
    decisions.action,
    decisions.gate,
    case
        when decisions.action = 'take' then 'taker'
        when decisions.action in ('place', 'amend', 'exit', 'cancel') then 'maker'
        when decisions.action = 'withdraw' then 'between'
    end as style,
    decisions.score,
    decisions.p_fair,
    decisions.p_wx,
    decisions.p_mkt,
    decisions.p_fused_norm,
    decisions.hazard_next_5m,
    decisions.hazard_next_60m,
    signals.p_model,
    signals.p_blend,
    signals.model_id,
    decisions.bid_ticks,
    decisions.ask_ticks,
    decisions.edge_ticks,
    decisions.want_centi,
    map(signals.features, signals.feature_values) as seen,
    market_paid.settled_yes
from decisions
left join signals using (run_id, city, event_date, market_ticker, ts_utc)
left join market_paid using (city, event_date, market_ticker)
