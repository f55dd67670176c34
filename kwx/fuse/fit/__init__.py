"""Fitting the weight between market and weather to past days, and choosing what may be used."""
