"""Live and shadow: the loop of ticks, what it says of each market, and where that goes."""
