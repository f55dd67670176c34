"""The report of a night: as JSON for machines, and as a page and a text for people; published together."""
