"""Snapshots of a city-day for models of its high: what was known at each instant from the market's open on."""
