"""Audits of a lake as it lies on disk: its clocks, what it covers, and whether anything in it looks ahead."""
