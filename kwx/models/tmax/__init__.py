"""Models of a day's high, counted from the highest report so far; cut into the brackets of any event."""
