-- One row per event and stretch of time: the newest issued forecast of the day's high among those known by then.
-- A forecast that becomes known after a newer one already is never comes into force. Of forecasts issued and known at
-- the same instants the last source of the alphabet stands.
-- grain: city, event_date, valid_from_utc
-- known: valid_from_utc, when its forecast became known; valid_until_utc, the end of its time, only then
with highs as (
    select city, event_date, source, issued_utc, known_utc, valid_utc, high_f
    from forecasts
    where high_f is not null
),

ranked as (
    select
        *,
        row_number() over (partition by city, event_date order by issued_utc, known_utc, source, valid_utc) as newness
    from highs
),

seen as (
    select
        *,
        max(newness) over (
            partition by city, event_date order by known_utc range between unbounded preceding and current row
        ) as newest
    from ranked
)

select
    city,
    event_date,
    known_utc as valid_from_utc,
    lead(known_utc) over (partition by city, event_date order by known_utc) as valid_until_utc,
    high_f,
    source,
    issued_utc
from seen
where newness = newest
