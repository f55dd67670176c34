"""Where signals go: `rt_signals` in PostgreSQL, by way of a spool on the disk that outlives both."""
