"""Runs by name: what was asked, and the lake's copy of what came of it."""
