"""How good a forecast was: scores, calibration tests and comparisons, over arrays and nothing else."""
