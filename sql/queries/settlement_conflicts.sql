-- One row per event whose sources disagree, or whose climate report was corrected later: who said what.
-- grain: city, event_date
-- known: the latest correction
select
    city,
    event_date,
    label_f,
    label_source,
    kalshi_f,
    twc_f,
    first_final_f,
    latest_final_f,
    issuances,
    conflict,
    corrected
from settlement_label
where conflict or corrected
order by city, event_date
