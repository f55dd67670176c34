-- A row is a distribution over whole degrees that is empty, has a hole, is negative or no number somewhere, or does not
-- sum to one.
-- mend: run the hazard of that day again
select city, event_date, ts_utc, mc_version, list_sum(p) as p_sum, list_min(p) as p_min, len(p) - list_count(p) as holes
from pmf_degrees
where not coalesce(
    list_sum(p) between 1 - 1e-6 and 1 + 1e-6 and list_min(p) >= 0 and list_count(p) = len(p), false
)
order by city, event_date, ts_utc, mc_version
