"""What was known of a day at each of its evaluations: reports, forecasts, the running maximum."""
