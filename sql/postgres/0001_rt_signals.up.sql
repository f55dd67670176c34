-- One row per market and tick of the live loop: what we believed, what the market said, and what that was worth.
-- A market without a model or without a price has no signal and no row, so the probabilities and the edge are never
-- null. No stake may be the answer (a gate was shut, sizing did not run) and a one-sided book has no spread: these three
-- may be null. The later of two writes of one row wins, by created_at.
create table rt_signals (
    ts_utc timestamptz not null,             -- the tick's instant
    market_ticker varchar(100) not null check (market_ticker <> ''),
    city varchar(50) not null check (city <> ''),
    bracket varchar(20) not null check (bracket <> ''),
    p_model double precision not null check (p_model between 0 and 1),
    p_market double precision not null check (p_market between 0 and 1),
    p_blend double precision not null check (p_blend between 0 and 1),
    -- After fees, of one contract: it pays 100 cents at most, and its loss is its price and its fees.
    edge_cents double precision not null check (edge_cents between -200 and 100),
    -- Shares of the bankroll; below zero on the no side.
    kelly_fraction double precision null check (kelly_fraction between -1 and 1),
    size_fraction double precision null check (size_fraction between -1 and 1),
    spread_cents integer null check (spread_cents >= 0),
    minutes_to_close integer not null check (minutes_to_close >= 0),
    model_id varchar(200) not null check (model_id <> ''),     -- city_bracket_window
    wf_window varchar(100) not null check (wf_window <> ''),   -- the walk-forward window that the model was fitted for
    created_at timestamptz not null default now(),
    primary key (ts_utc, market_ticker)
);

create index rt_signals_by_bracket on rt_signals (city, bracket);
create index rt_signals_by_instant on rt_signals (ts_utc);
create index rt_signals_by_edge on rt_signals (edge_cents);
