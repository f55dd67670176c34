-- One row per city and hours that were left to the close: how far the market's ladder was from the truth, in the demo world.
-- wrong_share is the part of a ladder that lies on the wrong brackets: half the sum of the distances between the market's
-- shares and the true chances, 0 where they agree and 1 where they have nothing in common. Only whole ladders at full
-- hours count. No view joins the truth, so nothing that decides can read it; this looks back.
-- grain: city, hours_left
-- known: only the demo world ever tells its truth
with ladders as (
    select
        ladder.city,
        ladder.event_ticker,
        ladder.ts_utc,
        (epoch_us(markets.close_utc) - epoch_us(ladder.ts_utc)) // 3600000000 as hours_left,
        sum(abs(ladder.p_mid_norm - truth.p_true)) / 2 as wrong_share
    from event_ladder as ladder
    join markets using (city, event_date, market_ticker)
    join truth_probabilities as truth using (city, event_date, market_ticker, ts_utc)
    where epoch_us(ladder.ts_utc) % 3600000000 = 0 and ladder.brackets = ladder.brackets_priced
    group by ladder.city, ladder.event_ticker, ladder.ts_utc, hours_left
)

select
    city,
    hours_left,
    count(*) as ladders,
    round(avg(wrong_share), 4) as wrong_share,
    round(max(wrong_share), 4) as largest_wrong_share
from ladders
group by city, hours_left
order by city, hours_left desc
