"""The minutes of past or present days as the arrays of a step: events, axes, quotes, prints, sizes, columns."""
