"""The audit of time: days, clocks, trading hours, stamps, and when each row says that it was known."""
