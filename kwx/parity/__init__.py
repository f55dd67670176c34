"""Lived days held against their replays, decision by decision, and whether they are good enough to go live."""
