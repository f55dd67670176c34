"""What the quotes of an event say: a price for each bracket, and of all prices together one distribution, p_mkt."""
