"""Fitting the laws of a city's air to its past days."""
