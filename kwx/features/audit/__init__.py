"""The audit of features: what a model of each city sees of a lake, what it does without, and why."""
