"""What is done when a day is over: steps from ingest to report, one night at a time, each journalled and told."""
