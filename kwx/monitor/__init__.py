"""The page that is looked at in the morning: money, drift, hazard, freshness, coverage, alerts, models, ladders."""
