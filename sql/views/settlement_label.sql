-- One row per event with at least one final report that names a high: the number it settles on, and who said so.
-- The label is the first final value of the best source: kalshi, then twc, cli, cf6, dsm, ghcn. A preliminary report
-- never labels, a correction never moves the label: markets pay what was said first, so a value that its source calls
-- corrected stands behind every uncorrected one, of whatever source. twc_f and first_final_f are the first values of
-- their source, uncorrected where there is one. first_final_f and latest_final_f are of the climate report (cli),
-- issuances counts all of its issuances. conflict: of kalshi, twc and the first final cli two that are there disagree.
-- grain: city, event_date
-- known: label_known_utc for the label, later for what corrections say
with finals as (
    select
        city,
        event_date,
        source,
        issued_utc,
        known_utc,
        high_f,
        is_correction and source <> 'kalshi' as is_correction,
        list_position(['kalshi', 'twc', 'cli', 'cf6', 'dsm', 'ghcn'], source) as place
    from settlements
    where is_final and high_f is not null
),

labels as (
    select city, event_date, high_f, source, known_utc
    from finals
    qualify row_number() over (partition by city, event_date order by is_correction, place, issued_utc) = 1
),

sources as (
    select
        city,
        event_date,
        arg_min(high_f, issued_utc) filter (source = 'kalshi') as kalshi_f,
        first(high_f order by is_correction, issued_utc) filter (source = 'twc') as twc_f,
        first(high_f order by is_correction, issued_utc) filter (source = 'cli') as first_final_f,
        first(issued_utc order by is_correction, issued_utc) filter (source = 'cli') as first_final_utc,
        arg_max(high_f, issued_utc) filter (source = 'cli') as latest_final_f
    from finals
    group by city, event_date
),

reports as (
    select city, event_date, count(*) filter (source = 'cli') as issuances
    from settlements
    group by city, event_date
)

select
    labels.city,
    labels.event_date,
    labels.high_f as label_f,
    labels.source as label_source,
    labels.known_utc as label_known_utc,
    sources.kalshi_f,
    sources.twc_f,
    sources.first_final_f,
    sources.first_final_utc,
    sources.latest_final_f,
    reports.issuances,
    coalesce(sources.kalshi_f <> sources.twc_f, false)
        or coalesce(sources.kalshi_f <> sources.first_final_f, false)
        or coalesce(sources.twc_f <> sources.first_final_f, false) as conflict,
    coalesce(sources.latest_final_f <> sources.first_final_f, false) as corrected
from labels
join sources using (city, event_date)
join reports using (city, event_date)
