"""Acceptance: what a person reads before models are used, made from what is stored and from nothing else."""
