"""The rules of the world that the lake describes: cities, tickers, brackets, the climate day, money."""
