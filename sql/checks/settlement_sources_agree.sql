-- A row is an event that the exchange settled on another number than the first final climate report named.
-- mend: read both reports; if the exchange is right, the climate report was misparsed or is of another station
select city, event_date, label_f, kalshi_f, first_final_f, first_final_utc, latest_final_f
from settlement_label
where kalshi_f <> first_final_f
order by city, event_date
