"""Strategies: the minute panel turned into columns; what is done with them is said in `kwx.exec`."""
