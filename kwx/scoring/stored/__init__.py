"""Scores of what the lake holds: stored probabilities against what settled, sliced as people ask."""
