-- A row is a market that ended otherwise than the exchange's own settlement says: it paid and its bracket does not hold
-- the value, it did not pay and does, or it names another value.
-- Where the exchange names no value, settlement_sources_agree holds its payments against the other sources.
-- mend: fetch the event's markets and settlement again; a result, a strike or a value was misread
select
    markets.city,
    markets.event_date,
    markets.market_ticker,
    markets.low_f,
    markets.high_f,
    markets.result,
    markets.expiration_value_f,
    label.kalshi_f
from markets
join settlement_label as label using (city, event_date)
where
    markets.expiration_value_f <> label.kalshi_f
    or (markets.result = 'yes') <> (
        label.kalshi_f >= coalesce(markets.low_f, label.kalshi_f)
        and label.kalshi_f <= coalesce(markets.high_f, label.kalshi_f)
    )
order by markets.city, markets.event_date, markets.market_ticker
