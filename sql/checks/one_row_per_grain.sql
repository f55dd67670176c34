-- A row is a key of a table that stands there more than once, in one file or in several.
-- mend: rebuild the partition of that key; if two partitions hold it, one of them was put under the wrong city or date
-- scope: table
with keys as (
    select 'markets' as table_name, market_ticker as key, null as at_utc, count(*) as copies
    from markets group by market_ticker
    union all
    select 'fee_changes', concat_ws(' ', city, ticker, change_id), null, count(*)
    from fee_changes group by city, ticker, change_id
    union all
    select 'candles_1m', market_ticker, ts_utc, count(*) from candles_1m group by market_ticker, ts_utc
    union all
    select 'candles_dense', market_ticker, ts_utc, count(*) from candles_dense group by market_ticker, ts_utc
    union all
    select 'trades', trade_id, null, count(*) from trades group by trade_id
    union all
    select 'books', concat_ws(' ', market_ticker, sid, seq), null, count(*)
    from books group by market_ticker, sid, seq
    union all
    select 'obs', concat_ws(' ', city, source), ts_utc, count(*) from obs group by city, source, ts_utc
    union all
    select 'obs_1m', city, ts_utc, count(*) from obs_1m group by city, ts_utc
    union all
    select 'obs_5m', city, ts_utc, count(*) from obs_5m group by city, ts_utc
    union all
    select 'forecasts', concat_ws(' ', city, source, issued_utc), valid_utc, count(*)
    from forecasts group by city, source, issued_utc, valid_utc
    union all
    select 'settlements', concat_ws(' ', city, event_date, source), issued_utc, count(*)
    from settlements group by city, event_date, source, issued_utc
    union all
    select 'mc_params', concat_ws(' ', city, baseline), fitted_utc, count(*)
    from mc_params group by city, baseline, fitted_utc
    union all
    select 'pmf_degrees', concat_ws(' ', city, event_date, mc_version), ts_utc, count(*)
    from pmf_degrees group by city, event_date, mc_version, ts_utc
    union all
    select 'pmf_minute', market_ticker, ts_utc, count(*) from pmf_minute group by market_ticker, ts_utc
    union all
    select 'predictions', concat_ws(' ', market_ticker, model_id, run_id), ts_utc, count(*)
    from predictions group by market_ticker, model_id, run_id, ts_utc
    union all
    select 'model_runs', concat_ws(' ', city, run_id), null, count(*) from model_runs group by city, run_id
    union all
    select 'promotions', concat_ws(' ', city, line), since_utc, count(*) from promotions group by city, line, since_utc
    union all
    select 'calibrators', concat_ws(' ', city, horizon, model_type), fitted_utc, count(*)
    from calibrators group by city, horizon, model_type, fitted_utc
    union all
    select 'fusion_params', concat_ws(' ', city, horizon), fitted_utc, count(*)
    from fusion_params group by city, horizon, fitted_utc
    union all
    select 'runs', concat_ws(' ', city, run_id), null, count(*) from runs group by city, run_id
    union all
    select 'signals', concat_ws(' ', run_id, market_ticker), ts_utc, count(*)
    from signals group by run_id, market_ticker, ts_utc
    union all
    select 'decisions', concat_ws(' ', run_id, market_ticker), ts_utc, count(*)
    from decisions group by run_id, market_ticker, ts_utc
    union all
    select 'orders', concat_ws(' ', run_id, order_id), null, count(*) from orders group by run_id, order_id
    union all
    select 'fills', concat_ws(' ', run_id, fill_id), null, count(*) from fills group by run_id, fill_id
    union all
    select 'equity', concat_ws(' ', run_id, city, event_date), ts_utc, count(*)
    from equity group by run_id, city, event_date, ts_utc
)

select table_name, key, at_utc, copies
from keys
where copies > 1
order by table_name, key, at_utc
